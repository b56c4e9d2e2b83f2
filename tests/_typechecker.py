"""What checks annotations in the tests: beartype, for which an int is a float, as in PEP 484.

Calls that the package makes itself are checked. What a test hands in stands for what a user does,
of any kind, and is the package's own to take or to refuse.
"""

import functools
import importlib.util
import sys
from collections.abc import Collection
from pathlib import Path

from beartype import BeartypeConf, beartype

_strictly = beartype(conf=BeartypeConf(is_pep484_tower=True))
_BETWEEN = ("jax", "jaxtyping", "beartype", "equinox", "functools", __name__)
_DOORS = ("pejax.core._formerly",)
"""Modules that hand on what somebody else calls with."""


def checked_modules(but: Collection[str] = ()) -> list[str]:
    """Every module of the package by name, but some, or all of a room."""
    (folder,) = importlib.util.find_spec("pejax").submodule_search_locations
    root = Path(folder)
    files = (path.relative_to(root.parent) for path in sorted(root.rglob("*.py")))
    names = [".".join(path.with_suffix("").parts) for path in files if path.stem[:2] != "__"]
    left = {one: {n for n in names if f"{n}.".startswith(f"{one}.")} for one in but}
    assert all(left.values()), f"one of these is no module: {sorted(but)}"
    return [name for name in names if not any(name in some for some in left.values())]


def checked(function):
    """The function, checked where the package calls it; itself, if it says no types."""
    if not getattr(function, "__annotations__", True):
        return function
    strict = _strictly(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        return (strict if _is_of_the_package() else function)(*args, **kwargs)

    return call


def _is_of_the_package() -> bool:
    frame = sys._getframe(2)
    while frame is not None and _is_between(_module(frame)):
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename.startswith("<doctest"):
        return False
    return _module(frame).partition(".")[0] == "pejax"


def _is_between(module: str) -> bool:
    return module.partition(".")[0] in _BETWEEN or module in _DOORS


def _module(frame) -> str:
    return frame.f_globals.get("__name__", "")
