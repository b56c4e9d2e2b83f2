"""Situations with months, years and axes: policyengine-us' own simulation says the same."""

import warnings

import numpy as np
import pytest

from pejax import Population, engine

pytestmark = [pytest.mark.oracle, pytest.mark.us]

MEMBERS = ["you", "child"]
GROUPS = {
    "spm_units": {"spm": {"members": MEMBERS}},
    "tax_units": {"tax": {"members": MEMBERS}},
    "families": {"family": {"members": MEMBERS}},
    "marital_units": {"first": {"members": ["you"]}, "second": {"members": ["child"]}},
    "households": {"home": {"members": MEMBERS, "state_name": {"2025": "CA"}}},
}
PEOPLE = {
    "you": {"age": {"2025": 34}, "employment_income": {"2025": 18_000}},
    "child": {"age": {"2025": 7}, "employment_income": {"2025": None}},
}
SITUATIONS = {
    "a year": {"people": PEOPLE, **GROUPS},
    "rent of some months": {
        "people": {
            **PEOPLE,
            "you": {
                **PEOPLE["you"],
                "rent": {"2025": 9_600},
            },
        },
        **GROUPS,
        "spm_units": {
            "spm": {
                "members": MEMBERS,
                "housing_cost": {"2025": 9_600},
                "snap_earned_income": {"2025-02": 700, "2025-03": 0},
                "snap_emergency_allotment": {"2025": 0},
            }
        },
    },
    "a benefit of one month": {
        "people": PEOPLE,
        **GROUPS,
        "spm_units": {"spm": {"members": MEMBERS, "snap": {"2025-01": 123, "2025": 1_200}}},
    },
    "last year's income": {
        "people": {
            **PEOPLE,
            "you": {"age": {"2025": 34}, "employment_income": {"2024": 30_000, "2025": 18_000}},
        },
        **GROUPS,
    },
    "carried over from last year": {
        "people": {"you": {"age": {"2025": 34}, "employment_income": {"2024": 30_000}}},
        "households": {"home": {"members": ["you"], "state_name": {"2025": "NY"}}},
    },
    "axes": {
        "people": PEOPLE,
        **GROUPS,
        "axes": [
            [{"name": "employment_income", "min": 0, "max": 60_000, "count": 4, "period": "2025"}],
            [{"name": "age", "min": 16, "max": 66, "count": 3, "period": "2025", "index": 1}],
        ],
    },
}
ASKED = {
    "snap": ("2025", "2025-01", "2025-02", "2025-10"),
    "ssi": ("2025", "2025-06"),
    "income_tax": ("2025", "2025-04"),
    "snap_earned_income": ("2025-01", "2025-02", "2025-03"),
    "employment_income": ("2025", "2024"),
    "age": ("2025",),
}


def by_source(situation, asked):
    from policyengine_us import Simulation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulation = Simulation(situation=situation)
        return {
            f"{name}[{when}]": np.asarray(simulation.calculate(name, when))
            for name, periods in asked.items()
            for when in periods
        }


@pytest.mark.parametrize("case", SITUATIONS)
def test_as_the_source_says(country, case):
    theirs = by_source(SITUATIONS[case], ASKED)
    people = Population.from_situation(SITUATIONS[case], country, 2025)
    program = engine.compile(country, list(theirs), 2025, people)
    run = program.interpreter(None, people)
    for output in program.outputs:
        mine = np.asarray(run(output.node), float)
        np.testing.assert_allclose(mine, theirs[output.name], rtol=2e-6, err_msg=output.name)


@pytest.mark.parametrize("period", ["2025-03", "year:2024-10"])
def test_a_population_of_another_period(country, period):
    """The source's own simulation of the same columns."""
    people = Population.from_situation(SITUATIONS["a year"], country, 2025)
    outputs = ["snap", "ssi", "income_tax", "employment_income"]
    program = engine.compile(country, outputs, period, people)
    simulation = engine.importer.source_simulation(country, people, period)
    run = program.interpreter(None, people)
    for output in program.outputs:
        with np.errstate(all="ignore"):
            theirs = np.asarray(simulation.calculate(output.name, period))
        mine = np.asarray(run(output.node), float)
        np.testing.assert_allclose(mine, theirs, rtol=2e-6, err_msg=output.name)
