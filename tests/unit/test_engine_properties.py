"""What holds for any population and any reform."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.testing import NUMBERS, random_population, toy_oracle, toy_population, toy_program

EVERYTHING = tuple(toy_oracle(toy_population()))
RATES = [p for p in NUMBERS if p.endswith(("rate", "share"))]
AMOUNTS = [p for p in NUMBERS if p.endswith((".amount", "grant", "supplement", "allowance"))]
FEW = settings(max_examples=12, deadline=None)

# Every size of population compiles; a handful of populations meets many laws.
people_of = {n: [random_population(jax.random.key(k), n) for k in range(3)] for n in (1, 6)}
populations = st.sampled_from([*people_of[1], *people_of[6]])
reforms = st.fixed_dictionaries(
    {},
    optional={
        **{p: st.floats(0, 0.9) for p in RATES},
        **{p: st.integers(0, 20_000) for p in AMOUNTS},
        "winter.limit": st.integers(0, 100_000),
        "child.age_limit": st.integers(0, 25),
        "housing.limit.SOUTH": st.integers(0, 9_000),
    },
)


@pytest.fixture(scope="module")
def program():
    return toy_program(EVERYTHING, _with_a_disabled_person(random_population(jax.random.key(0), 9)))


def _with_a_disabled_person(people):
    """Toyland skips a supplement that nobody gets: that decision is taken for good."""
    disabled = np.array(people.column("disabled"))
    disabled[0] = True
    return people.with_columns("person", disabled=disabled)


def _values(program, people, reform=None):
    law = program.parameters.with_reform(reform or {})
    return {name: np.asarray(v) for name, v in program(law, people).items()}


@FEW
@given(people=populations, reform=reforms)
def test_any_people_under_any_law_equal_the_oracle(program, people, reform):
    people = _with_a_disabled_person(people)
    found, expected = _values(program, people, reform), toy_oracle(people, reform)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=0.1, err_msg=name)


@FEW
@given(people=st.sampled_from([people_of[1][0], people_of[6][0]]), reform=reforms)
def test_no_derivative_is_lost(program, people, reform):
    people = _with_a_disabled_person(people)
    law = program.parameters.with_reform(reform)

    def total(p):
        return sum(v.sum() for v in program(p, people).values())

    assert bool(np.isfinite(jax.grad(total)(law).values).all())


@FEW
@given(people=populations, rows=st.sampled_from([80, 160]))
def test_padding_is_invisible(program, people, rows):
    people = _with_a_disabled_person(people)
    padded = people.pad_to({"person": rows, "household": 24, "tax_unit": 40})
    assert padded.is_padded
    found, expected = _values(program, padded), _values(program, people)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@FEW
@given(people=st.sampled_from(people_of[6]), chosen=st.sets(st.integers(0, 5)))
def test_households_do_not_meet(program, people, chosen):
    """A household's results do not depend on which others are there."""
    people = _with_a_disabled_person(people)
    home = int(people.household_of("person")[0])  # the one with a disabled person stays
    kept = sorted({home, *chosen})
    some = people.select(kept).pad_to({"person": 80, "household": 24, "tax_unit": 40})
    found, expected = _values(program, some), _values(program, people)
    for name in ("net_income", "winter_grant", "housing_benefit"):
        np.testing.assert_allclose(found[name], expected[name][kept], rtol=1e-6, atol=0.01)


@FEW
@given(people=populations, share=st.floats(0.1, 10.0))
def test_tax_is_homogeneous_in_money(program, people, share):
    """Incomes and thresholds times a number: tax times that number."""
    people = _with_a_disabled_person(people)
    richer = people.with_columns(
        "person",
        earnings=np.asarray(people.column("earnings")) * share,
        savings=np.asarray(people.column("savings")) * share,
    )
    money = ["tax.allowance", "tax.surtax[0].threshold", "tax.surtax[1].threshold"]
    reform = {path: NUMBERS[path] * share for path in money}
    found = _values(program, richer, reform)["income_tax"]
    expected = _values(program, people)["income_tax"] * share
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.1)


@FEW
@given(reform=reforms)
def test_reforms_commute(program, reform):
    """Edits of different numbers can be made one after the other, in any order."""
    law = program.parameters
    together = law.with_reform(reform).values
    for order in (list(reform), list(reversed(reform))):
        apart = law
        for path in order:
            apart = apart.with_reform({path: reform[path]})
        np.testing.assert_array_equal(apart.values, together)
