"""Whose a function, a class or a module is: a library's, which has a version, or the user's."""

from __future__ import annotations

import functools
import os
import platform
import sys
import types
from importlib import metadata
from pathlib import Path

_FOLDERS = {"site-packages", "dist-packages"}
"""Where installers put libraries; a package that is developed lies elsewhere."""

_STANDARD = Path(os.__file__).parent


def release(value: object) -> str | None:
    """The library that a function, class or module belongs to, with its version; None for the
    user's own.

    >>> release(dict).startswith("Python"), release(release).startswith("pejax")
    (True, True)
    """
    is_module = isinstance(value, types.ModuleType)
    name = value.__name__ if is_module else getattr(value, "__module__", None)
    return _release((name if isinstance(name, str) else "builtins").partition(".")[0])


@functools.cache
def _release(top: str) -> str | None:
    module = sys.modules.get(top)
    place = Path("" if module is None else _place(module))
    if top in sys.stdlib_module_names and (place == Path() or place.is_relative_to(_STANDARD)):
        return f"Python {platform.python_version()}"
    if top == __name__.partition(".")[0]:
        return f"{top} {metadata.version(top)}"
    version = getattr(module, "__version__", None)
    if top == "__main__" or not _FOLDERS & set(place.parts):
        return None
    try:
        return f"{top} {version if isinstance(version, str) else metadata.version(top)}"
    except metadata.PackageNotFoundError:
        return None


def _place(module: object) -> str:
    """The file of a module, or the folder of a package that has none."""
    return getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
