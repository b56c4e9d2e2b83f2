"""Toyland's law written a second time, by hand and row by row, with nothing of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.population._population import Population

NUMBERS: dict[str, float] = {
    "tax.rate": 0.2,
    "tax.allowance": 8_000,
    "tax.surtax[0].threshold": 40_000,
    "tax.surtax[0].rate": 0.1,
    "tax.surtax[1].threshold": 90_000,
    "tax.surtax[1].rate": 0.25,
    "child.age_limit": 18,
    "child.monthly[0].amount": 145,
    "child.monthly[1].threshold": 6,
    "child.monthly[1].amount": 120,
    "child.phase_out.start": 45_000,
    "child.phase_out.rate": 0.05,
    "care.supplement": 900,
    "winter.limit": 18_000,
    "winter.grant": 400,
    "index.rents": 100,
    "housing.share": 0.5,
    "housing.limit.NORTH": 3_000,
    "housing.limit.SOUTH": 4_200,
    "housing.limit.ISLES": 5_000,
    "band.middle": 25_000,
    "band.high": 80_000,
}
"""The law of 2025; the child allowance is the mean of the two halves of the year."""

_RENTS_OF_NEXT_YEAR = 103.0


def toy_oracle(
    population: Population, reform: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Every variable of Toyland for 2025 in float64, in the population's row order.

    Args:
        reform: values that replace those of `NUMBERS`.

    >>> from pejax.testing import toy_population
    >>> toy_oracle(toy_population())["income_tax"].shape
    (6,)
    """
    law = {**NUMBERS, **(reform or {})}
    tables = population.to_tables()
    people = _records(population, tables, "person")
    units = [_tax_unit(law, members) for members in _members(tables.links["tax_unit"], people)]
    given = _records(population, tables, "household")
    links = tables.links["household"]
    unit_home = dict(zip(tables.links["tax_unit"], links, strict=True))
    inside = [[u for i, u in enumerate(units) if unit_home[i] == h] for h in range(len(given))]
    occupied = zip(given, _members(links, people), inside, strict=True)
    homes = [_household(law, *household) for household in occupied]
    persons = [_person(law, p) for p in people]
    entities = (persons, units, homes)
    return {n: np.array([row[n] for row in rows]) for rows in entities for n in rows[0]}


def _records(population: Population, tables: Any, entity: str) -> list[dict[str, Any]]:
    texts = tables.vocabularies
    columns = {
        name: population.labels(name, entity) if (entity, name) in texts else values
        for name, values in tables.columns[entity].items()
    }
    return [
        {n: v[i] if v.dtype == object else v[i].item() for n, v in columns.items()}
        for i in range(tables.count(entity))
    ]


def _members(link: np.ndarray, people: list[dict]) -> list[list[dict]]:
    groups: list[list[dict]] = [[] for _ in range(link.max() + 1)]
    for group, person in zip(link, people, strict=True):
        groups[group].append(person)
    return groups


def _income(person: Mapping[str, Any]) -> float:
    return person["earnings"] + person["savings"]


def _person(law: Mapping[str, float], person: Mapping[str, Any]) -> dict[str, Any]:
    age = person["age"]
    child = age < law["child.age_limit"]
    bracket = 0 if age < law["child.monthly[1].threshold"] else 1
    return {
        "income": _income(person),
        "is_child": child,
        "child_allowance": 12 * law[f"child.monthly[{bracket}].amount"] if child else 0.0,
    }


def _tax_unit(law: Mapping[str, float], members: list[dict]) -> dict[str, Any]:
    income = sum(_income(m) for m in members)
    taxable = max(income - law["tax.allowance"], 0.0)
    low, high = law["tax.surtax[0].threshold"], law["tax.surtax[1].threshold"]
    surtax = 0.0
    if income > low:
        surtax += law["tax.surtax[0].rate"] * (min(income, high) - low)
    if income > high:
        surtax += law["tax.surtax[1].rate"] * (income - high)
    children = [_person(law, m) for m in members]
    allowance = sum(c["child_allowance"] for c in children)
    excess = max(income - law["child.phase_out.start"], 0.0)
    benefit = max(allowance - law["child.phase_out.rate"] * excess, 0.0)
    bands = [income >= law["band.middle"], income >= law["band.high"]]
    return {
        "taxable_income": taxable,
        "income_tax": law["tax.rate"] * taxable + surtax,
        "has_children": any(c["is_child"] for c in children),
        "child_benefit": benefit,
        "care_supplement": law["care.supplement"] * sum(m["disabled"] for m in members),
        "income_band": sum(bands),
    }


def _household(
    law: Mapping[str, float], home: Mapping[str, Any], members: list[dict], units: list[dict]
) -> dict[str, Any]:
    income = sum(_income(m) for m in members)
    winter = law["winter.grant"] if income < law["winter.limit"] else 0.0
    rent = home["rent"] * _RENTS_OF_NEXT_YEAR / law["index.rents"]
    limit = law[f"housing.limit.{home['region']}"]
    housing = min(law["housing.share"] * rent, limit) if rent > 0 else 0.0
    benefits = sum(u["child_benefit"] + u["care_supplement"] for u in units)
    tax = sum(u["income_tax"] for u in units)
    return {
        "winter_grant": winter,
        "is_tenant": home["rent"] > 0,
        "housing_benefit": housing,
        "net_income": income + benefits + winter + housing - tax,
    }
