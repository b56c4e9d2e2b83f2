"""The US law on populations of odd sizes and of single states."""

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.engine import compile, import_country

pytestmark = [pytest.mark.us, pytest.mark.slow]

SINGLE_STATES = ("combined_sales_tax_rate", "snap_utility_region", "state_group")


@pytest.fixture(scope="module")
def country():
    return import_country("policyengine_us")


def parents(households: int) -> Population:
    """Texas households of a parent with resources of 4,001 and a disabled child."""
    rows = np.arange(2 * households)
    child = rows % 2 == 1
    person = {
        "person_id": rows,
        **{f"{g}_id": rows // 2 for g in ("household", "tax_unit", "spm_unit", "family")},
        "marital_unit_id": rows,
        "age": np.where(child, 8, 35),
        "is_ssi_disabled": child,
        "own_children_in_household": np.where(child, 0, 1),
        "is_tax_unit_head": ~child,
        "is_tax_unit_dependent": child,
        "ssi_countable_resources": np.where(child, 0.0, 4_001.0),
    }
    household = {"household_id": np.arange(households), "state_fips": 48}
    frames = {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    return Population.from_frames(frames, weights=None)


@pytest.mark.parametrize("households", [60, 120, 128])
def test_pools_of_deemed_resources_owe_nothing_to_the_number_of_rows(country, households):
    name, population = "ssi_resources_deemed_from_ineligible_parent", parents(households)
    program = compile(country, [name], 2025, population)
    found = np.asarray(program(program.parameters, population)[name])
    np.testing.assert_array_equal(found, np.tile([0.0, 2_001.0], households))
    other = program(program.parameters, parents(37))[name]
    np.testing.assert_array_equal(other, np.tile([0.0, 2_001.0], 37))


def test_a_program_of_all_states_runs_on_the_people_of_one(country):
    states = [2, 6, 36, 48]
    everybody = _one_each(states)
    program = compile(country, list(SINGLE_STATES), 2025, everybody)
    for state in states:
        here = _one_each([state] * 3)
        found = program(program.parameters, here)
        own = compile(country, list(SINGLE_STATES), 2025, here)
        for name, values in own(own.parameters, here).items():
            np.testing.assert_array_equal(found[name], values)


def _one_each(states) -> Population:
    rows = np.arange(len(states))
    groups = ("household", "tax_unit", "spm_unit", "family", "marital_unit")
    person = {"person_id": rows, **{f"{g}_id": rows for g in groups}, "age": 40}
    household = {"household_id": rows, "state_fips": states}
    frames = {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    return Population.from_frames(frames, weights=None)


COUPLES = (
    "medicaid_optional_senior_or_disabled_countable_income",
    "medicaid_optional_senior_or_disabled_income_limit",
    "is_optional_senior_or_disabled_income_eligible",
    "is_medicaid_eligible",
)


def test_couples_of_many_states_keep_their_own_limit(country):
    """Large enough that states run on their own rows: the limit of couples is not that of nobody,
    and what compiles agrees with numpy for everybody."""
    from pejax import datasets

    frames = datasets.load_cps(period=2025, households=1_500).to_frames()
    population = Population.from_frames(_copied(frames, [6, 48, 36, 12, 42]))
    program = compile(country, list(COUPLES), 2025, population)
    found = program(program.parameters, population)
    interpreter = program.interpreter(program.parameters, population)
    for output in program.outputs:
        values = np.asarray(found[output.name]).astype(float)
        np.testing.assert_allclose(values, interpreter(output.node).astype(float), rtol=1e-5)
    unit = np.asarray(population.links["marital_unit"])
    couple = np.bincount(unit)[unit] == 2
    limit = np.asarray(found[COUPLES[1]])
    assert couple.sum() > 7_000 and (limit[couple] > limit[~couple].min()).all()
    assert np.isclose(limit[couple], 29_187).any()
    (check,) = program.report.checks
    assert check.rounded == ()


def _copied(frames, states):
    parts = {entity: [] for entity in frames}
    for k, state in enumerate(states):
        for entity, frame in frames.items():
            new = frame.copy()
            for column in [c for c in new.columns if str(c).endswith("_id")]:
                new[column] = new[column].rank(method="dense").astype(int) + k * 10_000
            if entity == "household":
                new["state_fips"] = state
            parts[entity].append(new)
    return {entity: pd.concat(each, ignore_index=True) for entity, each in parts.items()}
