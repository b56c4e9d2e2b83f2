"""Toyland: a fictional country that uses everything a rule can use, once."""

from __future__ import annotations

import enum
import functools
from typing import Any

import numpy as np

from ..engine import System, Variable, build_system, input_variable, rule

LAW = {
    "tax": {
        "rate": {
            "values": {2020: 0.2},
            "label": "Income tax rate",
            "unit": "/1",
            "reference": "Toyland Income Tax Act, section 1",
        },
        "allowance": {2020: 8_000, 2026: 9_000},
        "surtax": {
            "brackets": [
                {"threshold": 40_000, "rate": 0.1},
                {"threshold": 90_000, "rate": {2020: 0.25}},
            ]
        },
    },
    "child": {
        "age_limit": 18,
        "monthly": {
            "type": "single_amount",
            "brackets": [
                {"threshold": 0, "amount": {2020: 140, "2025-07-01": 150}},
                {"threshold": 6, "amount": 120},
            ],
        },
        "phase_out": {"start": 45_000, "rate": 0.05},
    },
    "care": {"supplement": 900},
    "winter": {"in_force": True, "limit": 18_000, "grant": 400},
    "housing": {"share": 0.5, "limit": {"NORTH": 3_000, "SOUTH": 4_200, "ISLES": 5_000}},
    "band": {"middle": 25_000, "high": 80_000},
    "index": {"rents": {2025: 100.0, 2026: 103.0}},
    "income": {"sources": ["earnings", "savings"]},
}
"""Toyland's numbers, as `build_system` takes them."""

OUTPUTS = ("income_tax", "child_benefit", "net_income")


class Region(enum.Enum):
    """Where a household lives.

    >>> len(Region)
    3
    """

    NORTH = "North"
    SOUTH = "South"
    ISLES = "The Isles"


class Band(enum.Enum):
    """How a tax unit's income compares.

    >>> [band.name for band in Band][0]
    'LOW'
    """

    LOW = "Low"
    MIDDLE = "Middle"
    HIGH = "High"


INPUTS = (
    input_variable("age", entity="person", kind="int"),
    input_variable("earnings", entity="person"),
    input_variable("savings", entity="person"),
    input_variable("disabled", entity="person", kind="bool", period="eternity"),
    input_variable("region", entity="household", vocabulary=Region),
    input_variable("rent", entity="household", uprating="index.rents"),
)

INCOME = Variable("income", "person", adds="income.sources", dtype="float64")

NET_INCOME = Variable(
    "net_income",
    "household",
    adds=("income", "child_benefit", "care_supplement", "winter_grant", "housing_benefit"),
    subtracts=("income_tax",),
    dtype="float64",
)


@rule(entity="person", kind="bool")
def is_child(age, params):
    """Whether a person is below the age limit."""
    return age < params.child.age_limit


@rule(entity="person", period="month", defined_for="is_child")
def child_allowance(age, params):
    """The allowance of one child in one month, by the child's age."""
    return params.child.monthly.calc(age)


@rule(entity="tax_unit")
def taxable_income(income, params):
    """Income above the allowance."""
    return np.maximum(income - params.tax.allowance, 0)


@rule(entity="tax_unit")
def income_tax(taxable_income, income, params):
    """A flat rate on taxable income, and a surtax on high income."""
    return params.tax.rate * taxable_income + params.tax.surtax.calc(income)


@rule(entity="tax_unit", kind="bool")
def has_children(is_child):
    """Whether a child belongs to the unit."""
    return is_child > 0


@rule(entity="tax_unit", defined_for="has_children")
def child_benefit(child_allowance, income, params):
    """The year's allowances, less a share of the income above the start of the phase-out."""
    phase_out = params.child.phase_out
    reduction = phase_out.rate * np.maximum(income - phase_out.start, 0)
    return np.maximum(child_allowance - reduction, 0)


@rule(entity="tax_unit")
def care_supplement(tax_unit, disabled, params):
    """An amount for each disabled person; skipped as a whole where there is none."""
    if not disabled.any():
        return np.zeros(tax_unit.count)
    return params.care.supplement * disabled


@rule(entity="tax_unit", vocabulary=Band)
def income_band(income, params):
    """The band of the unit's income."""
    bands: list[Any] = list(Band)
    below = [income < params.band.middle, income < params.band.high]
    return np.select(below, bands[:2], bands[2])


@rule(entity="household")
def winter_grant(income, params):
    """A fixed grant below an income limit: a cliff."""
    if not params.winter.in_force:
        return 0
    return np.where(income < params.winter.limit, params.winter.grant, 0)


@rule(entity="household", kind="bool")
def is_tenant(rent):
    """Whether the household pays rent."""
    return rent > 0


@rule(entity="household", defined_for="is_tenant")
def housing_benefit(household, region, period, params):
    """A share of the rent expected for the next year, up to the region's limit."""
    expected = household("rent", period.next_year)
    return np.minimum(params.housing.share * expected, params.housing.limit[region])


RULES = (
    INCOME,
    is_child,
    child_allowance,
    taxable_income,
    income_tax,
    has_children,
    child_benefit,
    care_supplement,
    income_band,
    winter_grant,
    is_tenant,
    housing_benefit,
    NET_INCOME,
)


@functools.cache
def toy_system() -> System:
    """Toyland's rules: income tax with a surtax, benefits with a phase-out, a cliff and limits.

    >>> toy_system().variable("income_tax").entity
    'tax_unit'
    """
    return build_system(
        "toyland",
        entities=("person", "tax_unit", "household"),
        parameters=LAW,
        rules=RULES,
        inputs=INPUTS,
    )
