"""Growth of incomes and prices between years, from the table that Tax-Calculator ships."""

import csv

from ...core._arguments import as_whole
from ...core._validate import BadInputError, unknown
from .._installed import installed_file


def growth_factors(first: int, last: int) -> dict[str, float]:
    r"""What a dollar of each kind in year `first` has become in year `last`.

    The table holds yearly factors; the growth is their product,
    :math:`\prod_{t=\mathrm{first}+1}^{\mathrm{last}} f_t`.

    Raises:
        BadInputError: the table does not reach one of the years, or `last` lies before `first`.

    >>> round(growth_factors(2023, 2025)["AWAGE"], 2)
    1.09
    """
    first, last = as_whole("first")(first), as_whole("last")(last)
    with installed_file("taxcalc", "growfactors.csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row.pop("YEAR")): row for row in csv.DictReader(file)}
    if not min(rows) <= first <= last <= max(rows):
        raise BadInputError(
            f"Cannot age dollars from {first} to {last}: the growth factors of the installed"
            f" taxcalc run from {min(rows)} to {max(rows)}, forwards. Choose a year between"
            f" {max(first, min(rows))} and {max(rows)}."
        )
    growth = dict.fromkeys(rows[first], 1.0)
    for year in range(first + 1, last + 1):
        for name, factor in rows[year].items():
            growth[name] *= float(factor)
    return growth


def growth_factor(name: str, growth: dict[str, float]) -> float:
    """One factor of `growth_factors`, or an error that names its neighbours."""
    if name not in growth:
        raise unknown("growth factor", name, growth)
    return growth[name]
