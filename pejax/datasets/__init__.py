"""Populations ready to use, read from files that installed packages ship."""

from ..countries._installed import (
    installed_file as installed_file,
    installed_folder as installed_folder,
)
from ..countries.us import (
    cps_mapping as cps_mapping,
    growth_factors as growth_factors,
    load_cps as load_cps,
    load_cps_with_report as load_cps_with_report,
    population_total as population_total,
)
