"""What checks annotations in the tests: beartype, for which an int is a float, as in PEP 484.

Calls that the package makes itself are checked. What a test hands in stands for what a user does,
of any kind, and is the package's own to take or to refuse.
"""

import functools
import sys

from beartype import BeartypeConf, beartype

_strictly = beartype(conf=BeartypeConf(is_pep484_tower=True))
_BETWEEN = ("jax", "jaxtyping", "beartype", "equinox", "functools", __name__)


def checked(function):
    """The function, checked where the package calls it."""
    strict = _strictly(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        return (strict if _is_of_the_package() else function)(*args, **kwargs)

    return call


def _is_of_the_package() -> bool:
    frame = sys._getframe(2)
    while frame is not None and _room(frame) in _BETWEEN:
        frame = frame.f_back
    return frame is not None and _room(frame) == "pejax"


def _room(frame) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
