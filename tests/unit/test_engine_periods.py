"""Periods: programs of months, outputs and columns with a period of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population, engine
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import compile
from pejax.testing import toy_population, toy_system

INFANT, CHILD, GRANTED = 140.0, 120.0, 150.0
"""Toyland's allowance of a month: below six, above, and below six from July 2025 on."""


@pytest.fixture(scope="module")
def people() -> Population:
    return toy_population()


def values(outputs, people, period=2025):
    program = compile(toy_system(), outputs, period, people)
    return {k: np.asarray(v, float) for k, v in program(program.parameters, people).items()}


def allowance(people, infant=INFANT):
    age = np.asarray(people.column("age"))
    return np.where(age < 6, infant, CHILD) * (age < 18)


def with_person(people, **columns):
    return people.with_columns({"person": columns})


def every(people, value):
    return np.full(people.count("person"), float(value))


# ---- outputs


def test_a_program_of_a_month(people):
    found = values(["child_allowance"], people, "2025-06")["child_allowance"]
    np.testing.assert_array_equal(found, allowance(people))
    found = values(["child_allowance"], people, "2025-07")["child_allowance"]
    np.testing.assert_array_equal(found, allowance(people, GRANTED))


def test_outputs_of_months_beside_the_year(people):
    months = [f"child_allowance[2025-{month:02d}]" for month in range(1, 13)]
    found = values([*months, "child_allowance", "income_tax"], people)
    np.testing.assert_array_equal(found[months[5]], allowance(people))
    np.testing.assert_array_equal(found[months[6]], allowance(people, GRANTED))
    np.testing.assert_allclose(sum(found[m] for m in months), found["child_allowance"])


def test_a_month_of_a_yearly_variable_is_its_twelfth(people):
    found = values(["income_tax", "income_tax[2025-03]"], people)
    np.testing.assert_allclose(found["income_tax[2025-03]"], found["income_tax"] / 12, rtol=1e-6)
    alone = values(["income_tax"], people, "2025-03")
    np.testing.assert_allclose(alone["income_tax"], found["income_tax[2025-03]"], rtol=1e-6)


def test_a_year_from_october_on(people):
    found = values(["child_allowance"], people, "year:2024-10")["child_allowance"]
    np.testing.assert_array_equal(found, 9 * allowance(people) + 3 * allowance(people, GRANTED))


def test_what_holds_for_all_time(people):
    system = engine.build_system(
        "small",
        entities=("person", "household"),
        parameters={},
        inputs=[engine.input_variable("disabled", entity="person", kind="bool", period="eternity")],
        rules=[_able],
    )
    persons = {"person_id": [0, 1], "household_id": [0, 0], "disabled": [True, False]}
    people = Population.from_frames({"person": pd.DataFrame(persons)}, weights=None)
    program = compile(system, ["able"], "eternity", people)
    assert program(program.parameters, people)["able"].tolist() == [False, True]


@engine.rule(name="able", entity="person", kind="bool", period="eternity")
def _able(disabled):
    """Whoever is not disabled."""
    return ~disabled


def test_the_law_of_a_month_is_that_of_its_year(people):
    program = compile(toy_system(), ["child_allowance", "income_tax"], "2025-08", people)
    assert program.parameters["child.monthly[1].amount"] == CHILD
    reformed = program.parameters.with_reform({"child.monthly[0].amount": 200, "tax.rate": 0})
    found = program(reformed, people)
    np.testing.assert_array_equal(found["child_allowance"], allowance(people, 200))
    base = program(program.parameters, people)
    assert (np.asarray(found["income_tax"]) <= np.asarray(base["income_tax"])).all()
    assert np.asarray(found["income_tax"]).sum() < np.asarray(base["income_tax"]).sum()


# ---- columns


def test_a_column_of_one_month(people):
    given = with_person(people, **{"child_allowance[2025-03]": every(people, 1_000)})
    found = values(["child_allowance", "child_allowance[2025-03]"], given)
    usual = values(["child_allowance"], people)["child_allowance"]
    np.testing.assert_array_equal(found["child_allowance[2025-03]"], every(people, 1_000))
    np.testing.assert_allclose(found["child_allowance"], usual - allowance(people) + 1_000)


def test_a_year_is_spread_over_the_months_that_are_not_given(people):
    columns = {
        "child_allowance": every(people, 1_200),
        "child_allowance[2025-01]": every(people, 210),
    }
    given = with_person(people, **columns)
    found = values(
        ["child_allowance[2025-01]", "child_allowance[2025-02]", "child_allowance"], given
    )
    np.testing.assert_allclose(found["child_allowance[2025-01]"], every(people, 210))
    np.testing.assert_allclose(found["child_allowance[2025-02]"], every(people, 90))
    np.testing.assert_allclose(found["child_allowance"], every(people, 1_200))


def test_a_column_of_another_year(people):
    """Rents rise with their index where the next year's is not given."""
    outputs = ["housing_benefit"]
    rent = np.asarray(people.column("rent"))
    same = people.with_columns({"household": {"rent[2026]": rent * 1.03}})
    np.testing.assert_allclose(
        values(outputs, same)["housing_benefit"],
        values(outputs, people)["housing_benefit"],
        rtol=1e-6,
    )
    none = people.with_columns({"household": {"rent[2026]": np.zeros_like(rent)}})
    assert not values(outputs, none)["housing_benefit"].any()


def test_a_column_of_the_program_s_own_period(people):
    frames = people.to_frames()
    frames["person"] = frames["person"].rename(columns={"savings": "savings[2025]"})
    bare = Population.from_frames(frames)
    np.testing.assert_array_equal(
        values(["income_tax"], bare)["income_tax"], values(["income_tax"], people)["income_tax"]
    )


def test_derivatives_in_a_column_of_one_month(people):
    given = with_person(people, **{"child_allowance[2025-03]": every(people, 1_000)})
    program = compile(toy_system(), ["child_allowance"], 2025, given)

    def total(values):
        moved = with_person(given, **{"child_allowance[2025-03]": values})
        return jnp.sum(program(program.parameters, moved)["child_allowance"])

    slope = jax.grad(total)(jnp.full(people.count("person"), 1_000.0))
    np.testing.assert_array_equal(slope, np.ones(people.count("person")))


def test_programs_with_periods_are_saved(people, tmp_path):
    given = with_person(people, **{"child_allowance[2025-03]": every(people, 1_000)})
    program = compile(toy_system(), ["child_allowance[2025-03]"], "2025-03", given)
    program.save(tmp_path / "month.pejax")
    again = engine.load(tmp_path / "month.pejax")
    found = again(again.parameters, given)["child_allowance[2025-03]"]
    np.testing.assert_array_equal(found, every(people, 1_000))
    with pytest.raises(BadInputError, match=r"compiled for a column 'child_allowance\[2025-03\]'"):
        again(again.parameters, people)


# ---- refused


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"earnings[2025-01]": 1},
            r"is of 2025-01, but earnings has values by year.*earnings\[2025\]",
        ),
        (
            {"earnings[2025]": 1},
            r"column person.earnings: the values of earnings for 2025 are given",
        ),
        ({"earnings[soon]": 1}, r"column person.earnings\[soon\]: 'soon' is no period"),
        ({"earnings[25]": 1}, r"the year of '25' is outside 1900 to 2200"),
        ({"disabled[2025]": 1}, "the values of disabled for eternity are given by other columns"),
    ],
)
def test_columns_whose_periods_do_not_fit(people, columns, problem):
    given = with_person(people, **{name: every(people, v) for name, v in columns.items()})
    with pytest.raises(BadInputError, match=problem):
        compile(toy_system(), ["income_tax", "care_supplement"], 2025, given)


def test_all_months_and_the_year_are_too_much(people):
    months = {f"child_allowance[2025-{m:02d}]": every(people, 1) for m in range(1, 13)}
    given = with_person(people, child_allowance=every(people, 12), **months)
    with pytest.raises(BadInputError, match=r"for 2025 are given by other columns. Drop it"):
        compile(toy_system(), ["child_allowance"], 2025, given)


def test_names_with_periods_that_no_rule_knows(people):
    given = with_person(people, **{"ernings[2025]": every(people, 1)})
    with pytest.raises(UnknownNameError, match=r"person.ernings.*did you mean earnings"):
        compile(toy_system(), ["income_tax"], 2025, given)
    with pytest.raises(UnknownNameError, match=r"'incme_tax'.*Nearest: income_tax"):
        compile(toy_system(), ["incme_tax[2025]"], 2025, people)
    with pytest.raises(BadInputError, match=r"output 'income_tax\[never\]': 'never' is no period"):
        compile(toy_system(), ["income_tax[never]"], 2025, people)


def test_a_column_of_another_period_is_not_ignored(people):
    program = compile(toy_system(), ["income_tax"], 2025, people)
    given = with_person(people, **{"earnings[2024]": every(people, 1)})
    with pytest.raises(
        BadInputError, match=r"person.earnings\[2024\] is a variable that the program"
    ):
        program(program.parameters, given)
