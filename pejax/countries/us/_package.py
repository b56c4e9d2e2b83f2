"""The installed country package: its name, and its figures for calibrations."""

import datetime
import importlib.util
from collections.abc import Mapping

from ...core._arguments import as_whole
from ...core._validate import BadInputError
from .._yaml import ParameterFiles, dated, in_force, start_of
from ._figures import RESIDENTS
from ._residents import THOUSANDS

PACKAGE, EXTRA = "policyengine_us", "us"
CALIBRATION = "calibration"


def calibration_files() -> ParameterFiles:
    """The figures that the package ships, of which nothing is imported."""
    return ParameterFiles.of(PACKAGE, CALIBRATION, EXTRA)


def population_total(year: int) -> float:
    """Residents of the United States: the figure in force at the year's start in policyengine-us,
    or, where that is not installed, the same source's own.

    Reference: CBO, The Demographic Outlook: 2025 to 2055 (as cited in the parameter file).

    Raises:
        BadInputError: the year lies before the first figure.

    >>> 330e6 < population_total(2025) < 360e6
    True
    """
    year = as_whole("year")(year)
    figures, start = _residents(), start_of(year)
    if start < min(figures):
        raise BadInputError(
            f"there is no population figure for {year}; the first is for {min(figures).year}."
            " Choose a later year, or pass person_total=..."
        )
    return in_force(figures, start)


def _residents() -> Mapping[datetime.date, float]:
    if importlib.util.find_spec(PACKAGE) is not None:
        return dated(calibration_files().node(RESIDENTS))
    return {start_of(year): 1_000.0 * thousands for year, thousands in THOUSANDS.items()}
