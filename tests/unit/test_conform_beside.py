"""Cases whose formulas mix the rows of persons and groups, as numpy lets each case alone do."""

import pytest
from _engine_rules import system

from pejax.conform import Case, Runner
from pejax.engine import input_variable, rule

ENTITIES = {"person": "people", "tax_unit": "tax_units", "household": "households"}
INPUTS = (
    input_variable("income", entity="person"),
    input_variable("rent", entity="household"),
)


@rule(entity="person")
def share(person, household, period):
    """The rent of the household as it stands, not the one of each person."""
    return person("income", period) + household("rent", period)


@rule(entity="household")
def paid(household, period):
    """The members' incomes as they stand, where a sum is meant."""
    return household("rent", period) * 2 - household.members("income", period)


@rule(entity="household")
def largest(household, period):
    return household.sum(household.members("income", period) * household("rent", period))


@rule(entity="household")
def summed(household, period):
    """A household's own amount where the members' are meant, which the engine refuses."""
    return household.sum(household("rent", period))


RULES = system(share, paid, largest, summed, inputs=INPUTS)


def case(key, homes, rents, expected):
    """Persons by household, each with ten times its place as income."""
    people = [f"p{i}" for i in range(sum(homes))]
    left = iter(people)
    households = {
        f"h{i}": {"members": [next(left) for _ in range(size)], "rent": rent}
        for i, (size, rent) in enumerate(zip(homes, rents, strict=True))
    }
    given = {
        "people": {name: {"income": 10 * i} for i, name in enumerate(people)},
        "tax_units": {"t": {"members": people}},
        "households": households,
    }
    return Case(key, period="2025", given=given, expected=expected)


ONE = case("one person", [1], [7], {"share": [7], "paid": [14], "largest": [0]})
SEVERAL = case("several in a household", [3], [5], {"share": [5, 15, 25], "largest": [150]})
TWO = case("as many as households", [1, 1], [3, 4], {"share": [3, 14], "paid": [6, -2]})
UNLIKE = case("neither one nor as many", [2, 1], [3, 4], {"share": [0, 0, 0]})
SUMMED = case("a sum of the household's own", [3], [5], {"summed": [15]})
LONGER = case("too many for a household", [3], [5], {"paid": [0]})


def verdicts(*cases):
    return Runner(lambda case: RULES, ENTITIES).run(cases)


@pytest.mark.parametrize("together", [[ONE], [SEVERAL], [TWO], [ONE, SEVERAL, TWO]], ids=len)
def test_rows_stand_beside_each_other_as_in_each_case_alone(together):
    assert [(v.status, v.reason) for v in verdicts(*together)] == [("passed", "")] * len(together)


def test_what_numpy_refuses_is_refused():
    for one in (UNLIKE, LONGER, SUMMED):
        (verdict,) = verdicts(one)
        assert verdict.status == "refused" and "broadcast" in verdict.reason


def test_a_case_that_is_refused_takes_no_other_with_it():
    found = verdicts(ONE, UNLIKE, SEVERAL, LONGER, TWO)
    assert [v.status for v in found] == ["passed", "refused", "passed", "refused", "passed"]


def test_a_population_is_not_a_case():
    """A program is for many households: there numpy would refuse, and so does compile."""
    from _engine_rules import people

    from pejax.engine import UntraceableRule, compile

    with pytest.raises(UntraceableRule, match="share"):
        compile(RULES, ["share"], 2025, people(rent=[1.0, 2.0]))
