"""The United States: the CPS, the states, and the figures that calibrations aim at."""

from ._aging import growth_factors as growth_factors
from ._cps import (
    cps_mapping as cps_mapping,
    load_cps as load_cps,
    load_cps_with_report as load_cps_with_report,
)
from ._facts import FACTS as FACTS
from ._package import population_total as population_total
