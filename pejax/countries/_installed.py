"""Files inside installed packages, found without importing the packages."""

import importlib.util
from pathlib import Path

from ..core._arguments import as_path, as_text, shown
from ..core._validate import BadInputError, missing_extra


def installed_file(package: str, relative: str, extra: str = "us") -> Path:
    """The path of a file that an installed package ships; the package is not imported.

    Args:
        package: a top-level package, e.g. `taxcalc`.
        relative: the file's path inside it, with forward slashes.
        extra: the extra of pejax that brings the package.

    Raises:
        MissingExtraError: the package is not installed; the message is the `pip install`.
        BadInputError: the package is there but its version ships no such file.

    >>> installed_file("jax", "version.py").name
    'version.py'
    """
    folder, inside = installed_folder(package, extra), as_path(relative, "relative")
    if inside.is_absolute() or ".." in inside.parts:
        raise BadInputError(f"relative is {relative!r}. Give a path inside of the package.")
    path = folder / inside
    if not path.exists():
        raise BadInputError(
            f"The installed {package} has no file {relative}. Install the version that pejax was"
            f' written for: pip install "pejax[{extra}]"'
        )
    return path


def installed_folder(package: str, extra: str = "us") -> Path:
    """The folder of an installed top-level package; see `installed_file`.

    >>> installed_folder("taxcalc").name
    'taxcalc'
    """
    as_text(extra, "extra")
    if not as_text(package, "package").isidentifier():
        raise BadInputError(f"package is {shown(package)}. Give the name of a top-level package.")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(package, extra)
    return Path(spec.submodule_search_locations[0])
