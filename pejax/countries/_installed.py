"""Files inside installed packages, found without importing the packages."""

import importlib.util
from pathlib import Path

from ..core._validate import BadInputError, missing_extra, require

_POPULATION = "parameters/calibration/gov/census/populations/total.yaml"


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
    path = installed_folder(package, extra) / relative
    if not path.exists():
        raise BadInputError(
            f"The installed {package} has no file {relative}. Install the version that pejax was"
            f' written for: pip install "pejax[{extra}]"'
        )
    return path


def installed_folder(package: str, extra: str = "us") -> Path:
    """The folder of an installed top-level package; see `installed_file`."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra(package, extra)
    return Path(spec.submodule_search_locations[0])


def population_total(year: int) -> float:
    """Residents of the United States, the figure in force in policyengine-us at the year's start.

    Reference: CBO, The Demographic Outlook: 2025 to 2055 (as cited in the parameter file).

    Raises:
        BadInputError: the year lies before the first figure.
    """
    yaml = require("yaml", "us")
    path = installed_file("policyengine_us", _POPULATION)
    values = yaml.safe_load(path.read_text(encoding="utf-8"))["values"]
    figures = {int(str(date)[:4]): float(figure) for date, figure in values.items()}
    in_force = [known for known in figures if known <= year]
    if not in_force:
        raise BadInputError(
            f"policyengine-us has no population figure for {year}; its first is for {min(figures)}."
            " Choose a later year, or pass person_total=..."
        )
    return figures[max(in_force)]
