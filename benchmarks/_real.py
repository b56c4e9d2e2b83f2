"""A real calibration: CPS households in the districts of their state, and what was published there.

Columns are Tax-Calculator's law of 2021 on its own CPS file; targets are income tax statistics by
district, state and nation (IRS), ages (Census ACS) and SNAP (USDA, ACS), read from a folder of
long tables. Which published figure is which column is said once, in the names that both sides give
it: family, filing status and band.
"""

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

YEAR = 2021
BANDS = (-np.inf, 1, 1e4, 2.5e4, 5e4, 7.5e4, 1e5, 2e5, 5e5, 1e6, np.inf)
TOP = (5e5, np.inf)  # of the districts, whose last two bands are one
AGES = range(18)  # five years each, the last one open
COUNTS = (
    "returns",
    "elderly returns",
    "people on returns",
    "age",
    "snap households",
    "snap people",
    "eitc returns",
    "business returns",
)
UNIT_COLUMNS = (
    *("s006", "fips", "MARS", "XTOT", "age_head", "age_spouse"),
    *("nu06", "nu13", "nu18", "n1820", "n21"),
    *("c00100", "e00200", "e00300", "e00600", "e00650", "e00900", "e01700", "e02300", "e02400"),
    *("eitc", "iitax", "snap_ben"),
)
"""Tax-Calculator's names: weight, state, marital status, people, ages, incomes, taxes, benefits."""
STATUSES = {"all": "all", "fs=single": "single", "fs=joint": "joint", "fs=hoh": "head"}
FLOOR_PEOPLE, FLOOR_DOLLARS = 1e3, 1e6
IMPORTANCE = {"district": 1.0, "state": 4.0, "nation": 64.0}
"""Squares of the level weights 1, 2 and 8: importance multiplies squared errors."""


class Households(NamedTuple):
    """One row a household of the CPS: its columns, its state and its weight."""

    values: "pd.DataFrame"
    state: np.ndarray
    base: np.ndarray


class Clones(NamedTuple):
    """Households placed in districts of their state."""

    household: np.ndarray
    geo_id: np.ndarray
    base: np.ndarray


def households(seed: int = 0) -> Households:
    """The CPS under the law of 2021, summed to households."""
    import pandas as pd

    units, home, state = _tax_units()
    rng = np.random.default_rng(seed)
    columns = {**_income(units, rng), **_ages(units, rng), **_others(units)}
    number = len(state)
    values = pd.DataFrame(
        {name: np.bincount(home, column, number) for name, column in columns.items()}
    )
    on_snap = values["snap benefits"] > 0
    values["snap households"] = on_snap.astype(float)
    persons = values[[f"age.{5 * age}" for age in AGES]].sum(axis=1)
    values["snap people"] = on_snap * persons
    base = np.bincount(home, units["s006"], number) / np.bincount(home, minlength=number)
    return Households(values, state, base)


def _tax_units() -> tuple[Mapping[str, np.ndarray], np.ndarray, np.ndarray]:
    """Tax units of the year, the household of each, and the state of each household."""
    import pandas as pd
    import taxcalc

    records = taxcalc.Records.cps_constructor()
    raw = pd.read_csv(Path(taxcalc.__file__).parent / "cps.csv.gz", usecols=["FLPDYR", "h_seq"])
    _, home = np.unique(raw["FLPDYR"] * 1_000_000 + raw["h_seq"], return_inverse=True)
    calculator = taxcalc.Calculator(policy=taxcalc.Policy(), records=records, verbose=False)
    calculator.advance_to_year(YEAR)
    calculator.calc_all()
    units = {name: np.asarray(calculator.array(name), float) for name in UNIT_COLUMNS}
    state = np.zeros(home.max() + 1, int)
    state[home] = units["fips"].astype(int)
    return units, home, state


def band_name(lower: float, upper: float) -> str:
    return f"{lower:g} to {upper:g}"


def _bands() -> list[tuple[float, float]]:
    return [*itertools.pairwise(BANDS), TOP]


def _income(units: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns, incomes and people by band of adjusted gross income, of those who file."""
    agi, married, head = units["c00100"], units["MARS"] == 2, units["MARS"] == 4
    deduction = np.select([married, head], [25_100, 18_800], 12_550)
    obliged = (agi >= deduction) | (units["e00200"] > 3_000) | (units["e00900"] != 0)
    files = obliged | (rng.random(len(agi)) < 0.15)
    statuses = {"all": True, "single": units["MARS"] == 1, "joint": married, "head": head}
    old = (units["age_head"] >= 65) | (married & (units["age_spouse"] >= 65))
    found = {}
    for lower, upper in _bands():
        inside = files & (agi >= lower) & (agi < upper)
        band = band_name(lower, upper)
        for status, has in statuses.items():
            found[f"returns.{status}.{band}"] = inside & has
        found[f"agi.{band}"] = inside * agi
        found[f"wages.{band}"] = inside * units["e00200"]
        found[f"elderly returns.{band}"] = inside & old
        found[f"people on returns.{band}"] = inside * units["XTOT"]
    totals = {
        "eitc": units["eitc"],
        "eitc returns": units["eitc"] > 0,
        "unemployment compensation": units["e02300"],
        "pensions": units["e01700"],
        "taxable social security": 0.85 * units["e02400"] * (agi > 25_000),
        "business income": units["e00900"],
        "business returns": units["e00900"] != 0,
        "income tax": np.maximum(units["iitax"], 0),
        "interest": units["e00300"],
        "dividends": units["e00600"],
        "qualified dividends": units["e00650"],
    }
    return {**found, **{name: files * values for name, values in totals.items()}}


def _others(units: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"snap benefits": units["snap_ben"]}


def _ages(units: Mapping[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Persons by age in fives; the file counts dependents in spans, drawn evenly within them."""
    counts = np.zeros((len(units["MARS"]), len(AGES)))

    def add(people: np.ndarray, ages: np.ndarray) -> None:
        np.add.at(counts, (people, np.minimum(ages.astype(int) // 5, AGES[-1])), 1)

    def spread(number: np.ndarray, youngest: int, oldest: int) -> None:
        people = np.repeat(np.arange(len(counts)), np.maximum(number, 0).astype(int))
        add(people, rng.integers(youngest, oldest, len(people)))

    head, spouse = units["age_head"], units["age_spouse"]
    couple = (units["MARS"] == 2) & (spouse > 0)
    add(np.arange(len(counts)), head)
    add(np.flatnonzero(couple), spouse[couple])
    young = {name: np.maximum(units[name], 0) for name in ("nu06", "nu13", "nu18")}
    spread(young["nu06"], 0, 6)
    spread(young["nu13"] - young["nu06"], 6, 13)
    spread(young["nu18"] - np.maximum(young["nu13"], young["nu06"]) - (head < 18), 13, 18)

    def among(low: int, high: float) -> np.ndarray:
        own = (head >= low) & (head < high)
        return own.astype(int) + (couple & (spouse >= low) & (spouse < high))

    spread(units["n1820"] - among(18, 21), 18, 21)
    grown = np.maximum(units["n21"] - among(21, np.inf), 0)
    spread(grown * (rng.random(len(counts)) < 0.75), 21, 30)
    return {f"age.{5 * age}": counts[:, age] for age in AGES}


def targets(folder: Path) -> "pd.DataFrame":
    """The published figures whose column the file has: level, place, column and value."""
    import pandas as pd

    rows = pd.concat(
        [*_income_tax(folder), *_published_ages(folder), *_snap(folder)], ignore_index=True
    )
    rows = rows[["geo_level", "geo_id", "variable", "value"]]
    family = rows["variable"].str.partition(".")[0]
    floor = np.where(family.isin(COUNTS), FLOOR_PEOPLE, FLOOR_DOLLARS)
    return rows.assign(
        group=family,
        scale=np.maximum(rows["value"].abs(), floor),
        weight=rows["geo_level"].map(IMPORTANCE),
    )


def with_wide_bands(table: "pd.DataFrame") -> "pd.DataFrame":
    """States' and the nation's figures of the districts' last band, which is two of theirs.

    They are for the sums that districts must add up to and are not fitted themselves.
    """
    import pandas as pd

    parts = [band_name(5e5, 1e6), band_name(1e6, np.inf)]
    families = ["agi", "wages", *(f"returns.{status}" for status in STATUSES.values())]
    coarse = table[table["geo_level"] != "district"]
    found = []
    for family in families:
        both = coarse[coarse["variable"].isin([f"{family}.{part}" for part in parts])]
        wide = both.groupby(["geo_level", "geo_id"], as_index=False).agg(
            value=("value", "sum"), group=("group", "first"), scale=("scale", "sum")
        )
        found.append(wide.assign(variable=f"{family}.{band_name(*TOP)}", weight=0.0))
    return pd.concat([table, *found], ignore_index=True)


def _read(folder: Path, name: str) -> "pd.DataFrame":
    import pandas as pd

    table = pd.read_csv(folder / name, dtype={"geo_id": str, "period": str})
    return table.rename(columns={"level": "geo_level"})


def _named(table: "pd.DataFrame", names: Iterable[str]) -> "pd.DataFrame":
    return table.assign(variable=list(names))


def _income_tax(folder: Path) -> Iterable["pd.DataFrame"]:
    """Statistics of income: by band, and totals of states and the nation."""
    import pandas as pd

    both = pd.concat(
        [_read(folder, "us_soi_district_2021.csv.gz"), _read(folder, "us_soi_state_2021.csv")]
    )
    districts = both["geo_id"][both["geo_level"] == "district"]
    here = both["geo_id"].isin({*districts, *districts.str[:2], "US"})
    banded = np.isfinite(both["lower"]) | np.isfinite(both["upper"])
    by_band = both[here & banded & ~_counts_of(both)]
    by_band = _named(by_band, [_band_column(row) for row in by_band.itertuples()])
    yield by_band[by_band["variable"] != ""]
    whole = both[here & ~banded & (both["geo_level"] != "district")]
    totals = {
        ("eitc", "amount"): "eitc",
        ("eitc", "count"): "eitc returns",
        ("unemployment_compensation", "amount"): "unemployment compensation",
        ("taxable_pensions", "amount"): "pensions",
        ("taxable_social_security", "amount"): "taxable social security",
        ("business_net_income", "amount"): "business income",
        ("business_net_income", "count"): "business returns",
        ("income_tax_after_credits", "amount"): "income tax",
    }
    keys = zip(whole["variable"], whole["measure"], strict=True)
    whole = _named(whole, [totals.get(key, "") for key in keys])
    yield whole[whole["variable"] != ""]
    yield _capital_income(folder)


def _counts_of(table: "pd.DataFrame") -> "pd.Series":
    """Rows that count the returns with some income; what is wanted of incomes is their amount."""
    incomes = table["variable"].isin(("adjusted_gross_income", "employment_income"))
    return incomes & (table["measure"] == "count")


def _band_column(row) -> str:
    """The column of a figure by band, or nothing for families that are not modelled."""
    band = band_name(row.lower, row.upper)
    if row.variable == "tax_returns":
        elderly = row.subgroup == "any_taxpayer_65plus"
        status = STATUSES.get(row.subgroup)
        return (
            f"elderly returns.{band}" if elderly else f"returns.{status}.{band}" if status else ""
        )
    families = {
        "adjusted_gross_income": "agi",
        "employment_income": "wages",
        "individuals_on_returns": "people on returns",
    }
    family = families.get(row.variable)
    return f"{family}.{band}" if family else ""


def _capital_income(folder: Path) -> "pd.DataFrame":
    names = {
        "taxable_interest_income": "interest",
        "ordinary_dividends": "dividends",
        "qualified_dividends": "qualified dividends",
    }
    table = _read(folder, "us_soi_national.csv")
    chosen = table[
        (table["period"] == str(YEAR))
        & table["variable"].isin(names)
        & (table["measure"] == "amount")
        & (table["subgroup"] == "all;full_population_row")
    ].drop_duplicates("variable")
    return _named(chosen, chosen["variable"].map(names))


def _published_ages(folder: Path) -> Iterable["pd.DataFrame"]:
    """Ages by district, scaled to the population of the year, and their sum for the nation."""
    import pandas as pd

    table = _read(folder, "us_acs_age_district118_2023.csv")
    other = _read(folder, "us_acs_age_sex_2024.csv")
    capital = other[
        (other["geo_id"] == "11")
        & (other["subgroup"] == "all")
        & ~((other["lower"] == 0) & np.isinf(other["upper"]))
    ].assign(geo_level="district", geo_id="1100")
    table = pd.concat([table, capital])
    population = district_population(folder)
    factor = population / table.groupby("geo_id")["value"].sum()
    table = _named(table, [f"age.{5 * int(lower // 5)}" for lower in table["lower"]])
    table = table.assign(value=table["value"] * table["geo_id"].map(factor))
    yield table
    national = table.groupby("variable", as_index=False)["value"].sum()
    yield national.assign(geo_level="nation", geo_id="US")


def district_population(folder: Path) -> "pd.Series":
    """Residents by district."""
    table = _read(folder, "us_soi_district_2021.csv.gz")
    return table[table["variable"] == "population"].set_index("geo_id")["value"]


def _snap(folder: Path) -> Iterable["pd.DataFrame"]:
    """Households on SNAP by district; households, people and benefits by state and nation."""
    table = _read(folder, "us_acs_snap_households_district_2024.csv")
    table = table[table["variable"] == "households_receiving_snap"].copy()
    known = set(district_population(folder).index)
    # One district to a state is 00 in these targets and may be 01 or 98 in the newer table.
    table["geo_id"] = [g if g in known else g[:2] + "00" for g in table["geo_id"]]
    table = table[table["geo_id"].isin(known)]
    yield table.assign(variable="snap households")
    names = {
        "snap_households": "snap households",
        "snap_persons": "snap people",
        "snap_benefits": "snap benefits",
    }
    table = _read(folder, "us_snap_state.csv")
    states = {place[:2] for place in known}
    table = table[(table["period"] == "FY2022") & table["geo_id"].isin(states)]
    table = _named(table, table["variable"].map(names))
    yield table
    national = table.groupby("variable", as_index=False)["value"].sum()
    yield national.assign(geo_level="nation", geo_id="US")


def clones(people: Households, folder: Path, draws: int = 40, seed: int = 0) -> Clones:
    """Every household in districts of its state, drawn by their population, once in each at most.

    Base weights are first scaled to the residents of each state; a household's is divided among
    its clones as its draws fell.
    """
    population = district_population(folder).sort_index()
    rng = np.random.default_rng(seed)
    persons = people.values[[f"age.{5 * age}" for age in AGES]].sum(axis=1).to_numpy()
    found = []
    for state in np.unique(people.state):
        here = np.flatnonzero(people.state == state)
        residents = population[population.index.str.startswith(f"{state:02d}")]
        base = people.base[here] * residents.sum() / (people.base[here] @ persons[here])
        drawn = rng.multinomial(draws, residents / residents.sum(), len(here))
        row, district = np.nonzero(drawn)
        share = base[row] * drawn[row, district] / draws
        found.append((here[row], residents.index.to_numpy()[district], share))
    return Clones(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
