"""Populations ready to use, read from files that installed packages ship."""

from ..countries._installed import (
    installed_file as installed_file,
    installed_folder as installed_folder,
    population_total as population_total,
)
from ..countries.us._aging import growth_factors as growth_factors
from ..countries.us._cps import (
    cps_mapping as cps_mapping,
    load_cps as load_cps,
    load_cps_with_report as load_cps_with_report,
)
