"""The CPS file that Tax-Calculator ships, as a population of persons in households."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core._arguments import as_number, as_switch, as_whole
from ...core._formerly import formerly
from ...core._validate import BadInputError
from ...core.population._checks import check
from ...core.population._population import Population
from ...core.population._tables import Tables
from .._installed import installed_file
from . import _ages as ages
from ._aging import growth_factor, growth_factors
from ._cps_columns import (
    FACTS,
    FILE_YEAR,
    LEFT_OUT,
    MONEY,
    REPORTED,
    Money,
    field_labels,
    fields,
)
from ._hash import uniform
from ._package import population_total

if TYPE_CHECKING:
    import pandas as pd

Units = dict[str, np.ndarray]
_MEMBERS = 100  # person ids are RECID * _MEMBERS + rank; no unit has so many


def load_cps_with_report(
    *,
    period: int,
    households: int | None = None,
    seed: int = 0,
    person_total: float | None = None,
    reported: bool = False,
) -> "tuple[Population, pd.DataFrame]":
    """`load_cps`, and a table of what was imputed, clipped or set aside, with reasons.

    >>> people, report = load_cps_with_report(period=2025, households=20)
    >>> people.schema.counts["household"], len(report) > 0
    (20, True)
    """
    households = None if households is None else as_whole("households")(households)
    period, seed = as_whole("period")(period), as_whole("seed")(seed)
    reported = as_switch("reported")(reported)
    growth = growth_factors(FILE_YEAR, period)
    persons = population_total(period) if person_total is None else _total(person_total)
    units = _sample(_read(), households, seed)
    people = _People.of(units, seed)
    money = (*MONEY, *REPORTED) if reported else MONEY
    tables = _tables(units, people, money, growth, persons)
    check(tables)
    return Population.from_tables(tables), _report(units, people)


@formerly(
    places=("households", "period", "seed", "person_total"),
    defaults={"period": 2025},
    names={"year": "period"},
    flags={"return_report": load_cps_with_report},
)
def load_cps(
    *,
    period: int,
    households: int | None = None,
    seed: int = 0,
    person_total: float | None = None,
    reported: bool = False,
) -> Population:
    """Real US households: the public CPS file inside the installed `taxcalc`, aged to a year.

    Persons, tax units, SPM units, families, marital units and households, whose columns carry the
    names of policyengine-us input variables (`cps_mapping` lists them). Dollars are aged with
    Tax-Calculator's growth factors; weights are scaled so that persons sum to `population_total`.
    `docs/data.md` tells what the file lacks.

    Args:
        period: the year of the dollars and of the population figure.
        households: how many to draw, each alike likely; a smaller sample is part of a larger one
            of the same seed. `None` takes all 200,576.
        seed: ages within a band and the sample are functions of (seed, record).
        person_total: persons that the weights shall represent, instead of `population_total`.
        reported: also fill what policyengine-us would compute from the law of every state, with
            what the file reports instead: state and local taxes that are deducted, and child care
            after subsidies. Federal income tax is then federal law alone.

    Raises:
        MissingExtraError: `taxcalc` is not installed.
        BadInputError: a year or a number of households that the files do not reach.

    >>> load_cps(period=2025, households=20).schema.counts["household"]
    20
    """
    population, _ = load_cps_with_report(
        period=period,
        households=households,
        seed=seed,
        person_total=person_total,
        reported=reported,
    )
    return population


def cps_mapping() -> "pd.DataFrame":
    """A row for every column that `load_cps` fills: its fields, their labels and the growth factor.

    Those that `reported=True` adds come last; after them fields that are left behind, with the
    reason in `label` and no column.

    >>> "employment_income_before_lsr" in set(cps_mapping()["column"])
    True
    """
    import pandas as pd

    labels = field_labels()

    def row(column: str | None, entity: str, named: tuple[str, ...], growth: str = "") -> dict:
        label = "; ".join(labels.get(name, "") for name in named)
        return {
            "column": column,
            "entity": entity,
            "fields": " ".join(named),
            "label": label,
            "growth": growth,
        }

    household = ("state_fips", "household_weight")
    rows = [row(c, "household" if c in household else "person", f) for c, f in FACTS.items()]
    rows += [row(m.column, m.entity, m.fields, m.growth) for m in (*MONEY, *REPORTED)]
    rows += [row(None, "", (name,)) | {"label": why} for name, why in LEFT_OUT.items()]
    return pd.DataFrame(rows)


@dataclasses.dataclass(frozen=True)
class _People:
    """Who lives in each tax unit: the head, the spouse, then dependants from the youngest band.

    Attributes:
        unit: tax unit row of each person.
        head, spouse, dependant: person rows of each kind.
        married: tax unit rows with a spouse, in the order of `spouse`.
        age: of each person.
        student: of each dependant.
        record: id of each person.
        bands: how dependants were placed.
    """

    unit: np.ndarray
    head: np.ndarray
    spouse: np.ndarray
    dependant: np.ndarray
    married: np.ndarray
    age: np.ndarray
    student: np.ndarray
    record: np.ndarray
    bands: ages.AgeBands

    @classmethod
    def of(cls, units: Units, seed: int) -> "_People":
        joint = units["MARS"] == 2
        size = np.maximum(units["XTOT"], 1 + joint)
        unit = np.repeat(np.arange(len(size)), size)
        head = np.cumsum(size) - size
        rank = np.arange(len(unit)) - head[unit]
        married = np.flatnonzero(joint)
        spouse = head[married] + 1
        dependant = np.flatnonzero(rank > joint[unit])
        record = units["RECID"][unit] * _MEMBERS + rank
        bands = ages.age_bands(units, size - 1 - joint)
        band = ages.band_of_dependants(bands)
        age = np.zeros(len(unit), dtype=np.int32)
        age[head] = units["age_head"]
        age[spouse] = _spouse_ages(units)[married]
        age[dependant] = ages.draw_ages(band, record[dependant], seed)
        student = ages.students(bands, units, band)
        return cls(unit, head, spouse, dependant, married, age, student, record, bands)

    def count(self) -> int:
        return len(self.unit)


def _read() -> Units:
    """The fields needed, unit by unit in the order of their households."""
    import pandas as pd

    table = pd.read_csv(installed_file("taxcalc", "cps.csv.gz"), usecols=fields())
    table = table.sort_values(["FLPDYR", "h_seq", "RECID"])
    return {str(name): table[name].to_numpy() for name in table.columns}


def _total(persons: Any) -> float:
    found = as_number("person_total")(persons)
    if found <= 0:
        raise BadInputError(f"person_total is {found:g}; give a number above 0.")
    return found


def _household_ids(units: Units) -> np.ndarray:
    """The survey's year and household number in one integer of 32 bits."""
    return units["FLPDYR"].astype(np.int64) * 100_000 + units["h_seq"]


def _sample(units: Units, households: int | None, seed: int) -> Units:
    if households is None:
        return units
    ids, of_unit = np.unique(_household_ids(units), return_inverse=True)
    if not 1 <= households <= len(ids):
        raise BadInputError(
            f"The file has {len(ids)} households; {households} were asked for. Ask for 1 to"
            f" {len(ids)}, or for None to have all."
        )
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(uniform(seed, ids, "sample"))[:households]] = True
    return {name: values[chosen[of_unit]] for name, values in units.items()}


def _spouse_ages(units: Units) -> np.ndarray:
    """A spouse who is away from the household has age 0 in the file and gets the head's."""
    return np.where(units["age_spouse"] == 0, units["age_head"], units["age_spouse"])


def _tables(
    units: Units,
    people: _People,
    money: Sequence[Money],
    growth: dict[str, float],
    persons: float,
) -> Tables:
    household_ids, household_of_unit = np.unique(_household_ids(units), return_inverse=True)
    family_keys = household_of_unit * _MEMBERS + units["ffpos"]
    family_of_unit = np.unique(family_keys, return_inverse=True)[1]
    household = household_of_unit[people.unit]
    links = {
        "household": household,
        "tax_unit": people.unit,
        "spm_unit": household,
        "family": family_of_unit[people.unit],
        "marital_unit": _marital_units(people),
    }
    ids = {
        "person": people.record,
        "household": household_ids,
        "tax_unit": units["RECID"],
        "spm_unit": household_ids,
        "family": np.arange(family_of_unit.max() + 1) + 1,
        "marital_unit": np.delete(people.record, people.spouse),
    }
    columns: dict[str, dict[str, np.ndarray]] = {entity: {} for entity in ids}
    columns["person"] = _facts(units, people)
    first_unit = np.unique(household_of_unit, return_index=True)[1]
    columns["household"]["state_fips"] = units["fips"][first_unit].astype(np.int32)
    for item in money:
        columns[item.entity][item.column] = _aged(item, units, people, household, growth)
    origin = {(e, name): "derived" for e, held in columns.items() for name in held}
    origin |= {(item.entity, item.column): "aged" for item in money}
    origin |= {("person", "age"): "drawn", ("household", "state_fips"): "given"}
    return Tables(
        person="person",
        household="household",
        groups=tuple(links),
        columns=columns,
        links=links,
        ids={entity: values.astype(np.int32) for entity, values in ids.items()},
        weights=_weights(units, household_of_unit, household, persons),
        origin=origin,
    )


def _marital_units(people: _People) -> np.ndarray:
    """Head and spouse together, everybody else alone."""
    opens = np.ones(people.count(), dtype=bool)
    opens[people.spouse] = False
    return np.cumsum(opens) - 1


def _facts(units: Units, people: _People) -> dict[str, np.ndarray]:
    """The person columns that are not money."""

    def flags(rows: np.ndarray, values: Any = True) -> np.ndarray:
        column = np.zeros(people.count(), dtype=bool)
        column[rows] = values
        return column

    blind = flags(people.head, units["blind_head"] == 1)
    blind[people.spouse] = units["blind_spouse"][people.married] == 1
    return {
        "age": people.age,
        "is_tax_unit_head": flags(people.head),
        "is_tax_unit_spouse": flags(people.spouse),
        "is_tax_unit_dependent": flags(people.dependant),
        "is_blind": blind,
        "is_separated": flags(people.head, units["MARS"] == 3),
        "is_full_time_college_student": flags(people.dependant, people.student),
        "claimed_as_dependent_on_another_return": flags(people.head, units["DSI"] == 1),
    }


def _aged(
    item: Money,
    units: Units,
    people: _People,
    household: np.ndarray,
    growth: dict[str, float],
) -> np.ndarray:
    """One dollar column in the target year's dollars."""
    own = units[item.fields[0]].astype(float)
    if item.minus is not None:
        own = np.maximum(own - units[item.minus], 0)
    amount = np.zeros(people.count())
    amount[people.head] = own
    if item.split:
        amount[people.spouse] = units[item.fields[1]][people.married]
    if item.entity == "tax_unit":
        amount = own
    if item.entity == "spm_unit":
        amount = np.bincount(household, amount)
    gain = growth_factor(item.growth, growth)
    loss = gain if item.losses is None else growth_factor(item.losses, growth)
    return amount * np.where(amount < 0, loss, gain)


def _weights(
    units: Units, household_of_unit: np.ndarray, household: np.ndarray, persons: float
) -> np.ndarray:
    """The largest weight among a household's units, scaled so that persons sum to the figure.

    `s006` is in hundredths.
    """
    weights = np.zeros(household_of_unit.max() + 1)
    np.maximum.at(weights, household_of_unit, units["s006"] / 100)
    return weights * (persons / weights[household].sum())


def _report(units: Units, people: _People) -> "pd.DataFrame":
    import pandas as pd

    away = int(((units["MARS"] == 2) & (units["age_spouse"] == 0)).sum())
    adults = people.age[np.r_[people.head, people.spouse]]
    dividends = int((units["e00600"] < units["e00650"]).sum())
    pensions = int((units["e01500"] < units["e01700"]).sum())
    bands = people.bands
    rows = [
        ("age", "drawn", len(people.dependant), "the file counts dependants by age band only"),
        ("age", "imputed", away, "a spouse of age 0 gets the head's age"),
        ("age", "imputed", bands.unplaced, "an exemption in no age band; drawn from 21 to 23"),
        ("age", "clipped", bands.clipped, "a negative count of dependants in a band"),
        ("age", "dropped", bands.surplus, "more dependants in the bands than exemptions"),
        ("age", "top-coded", int((adults >= 80).sum()), "80 stands for 80 to 84, 85 for more"),
        (
            "is_full_time_college_student",
            "imputed",
            int(people.student.sum()),
            "grown dependants whom the file counts as qualifying children",
        ),
        ("non_qualified_dividend_income", "clipped", dividends, "qualified exceed all dividends"),
        ("tax_exempt_private_pension_income", "clipped", pensions, "taxable exceed all pensions"),
    ]
    return pd.DataFrame(rows, columns=["column", "action", "rows", "reason"])
