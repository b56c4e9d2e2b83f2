"""Decisions that a program holds for other people than those of whom they were taken: only where
the formula gives those the same on both ways."""

import enum

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.engine import (
    GuardMovedError,
    ReformWarning,
    build_system,
    compile,
    input_variable,
    rule,
)
from pejax.engine.tracing._decisions import AT_MOST, OF_SOME


class Tenure(enum.Enum):
    OWNED = "owned"
    RENTED = "rented"


INPUTS = [
    input_variable("income", entity="person"),
    input_variable("age", entity="person", kind="int"),
    input_variable("is_blind", entity="person", kind="bool"),
    input_variable(
        "tenure", entity="household", kind="enum", vocabulary=Tenure, default=Tenure.OWNED
    ),
    input_variable("state", entity="household", kind="int"),
]
CA, NY, TX = 6, 36, 48


def people(states=(CA, NY, TX), members=4, income=None) -> Population:
    """A household in every state, of one person less each time."""
    sizes = [max(1, members - i) for i in range(len(states))]
    home = np.repeat(np.arange(len(states)), sizes)
    person = {
        "person_id": np.arange(len(home)),
        "household_id": home,
        "income": 10.0 * np.arange(1, len(home) + 1) if income is None else income,
        "age": np.resize([30, 31, 7, 8], len(home)),
        "is_blind": False,
    }
    household = {
        "household_id": np.arange(len(states)),
        "household_weight": 1.0,
        "state": list(states),
        "tenure": "OWNED",
    }
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


LAW = {"here": 5.0, "there": 5.0, "rich": 250_000.0}


def program_of(formula, population=None, *others):
    made = rule(entity="household", name="asked")(formula)
    rules = build_system(
        "states", entities=("person", "household"), parameters=LAW, rules=[made, *others],
        inputs=INPUTS,
    )  # fmt: skip
    return compile(rules, ["asked"], 2025, people() if population is None else population)


def value(program, population):
    return np.asarray(program(program.parameters, population)["asked"]).tolist()


def kinds(program):
    return [decision.kind for decision in program.decisions]


# ---- whether anybody in a state is so


def everybody_gets_it(state):
    if (state == CA).any():
        return 100.0 + 0 * state
    return 0.0 * state


def nobody_gets_it(state):
    if (state != CA).all():
        return 100.0 + 0 * state
    return 0.0 * state


def only_there(state):
    if (state == CA).any():
        return np.where(state == CA, 100.0, 0.0)
    return 0.0 * state


def only_not_there(state):
    amount = np.where(state == CA, 0.0, 7.0)
    if (state != CA).all():
        return 7.0 + 0 * state
    return amount


def almost_only_there(household, state):
    poor = household.sum(household.members("income", 2025)) < 0
    if (state == CA).any():
        return np.where((state == CA) | poor, 100.0, 0.0)
    return 0.0 * state


def by_a_law_that_may_differ(state, params):
    if (state == CA).any():
        return np.where(state == CA, 100.0, params.there)
    return params.here + 0.0 * state


def test_a_branch_that_a_reform_may_make_matter_is_decided_anew():
    program = program_of(by_a_law_that_may_differ)
    assert kinds(program) == ["bool"]


@pytest.mark.parametrize("formula", [everybody_gets_it, nobody_gets_it, almost_only_there])
def test_a_branch_that_matters_elsewhere_is_decided_anew(formula):
    program = program_of(formula)
    assert kinds(program) == ["bool"]
    assert value(program, people((CA, TX))) == [value(program, people())[i] for i in (0, 2)]
    with pytest.raises(GuardMovedError, match=r"asked took a Python decision \(bool"):
        program(program.parameters, people((NY, TX)))
    own = program.respecialise(program.parameters, people((NY, TX)))
    assert value(own, people((NY, TX))) == ([100.0] * 2 if formula is nobody_gets_it else [0.0] * 2)


@pytest.mark.parametrize(
    ("formula", "expected"), [(only_there, [0.0, 0.0]), (only_not_there, [7.0, 7.0])]
)
def test_a_branch_that_does_not_matter_elsewhere_is_held(formula, expected):
    program = program_of(formula)
    assert kinds(program) == [OF_SOME]
    assert value(program, people((NY, TX))) == expected


# ---- who else decides, of whom nobody is there


def the_old(household, params):
    return household.any(household.members("age", 2025) >= 65)


def the_blind(household, params):
    return household.any(household.members("is_blind", 2025))


def tenants(household, params):
    return household("tenure", 2025) == Tenure.RENTED


def those_of_one_age(household, params):
    return household.any(household.members("age", 2025) == 97)


def the_rich(household, params):
    return household.any(household.members("income", 2025) > 1e6)


def the_rich_by_law(household, params):
    return household.sum(household.members("income", 2025)) > params.rich


def the_rich_of_a_month(household, params):
    return household.any(household.members("income", 2025) / 12 > params.rich)


def a_bracket(household, params):
    place = np.searchsorted(np.array([1e4, 5e5, 7e6]), household.members("income", 2025))
    return household.any(place == 2)


WHO = [
    the_old,
    the_blind,
    tenants,
    those_of_one_age,
    the_rich,
    the_rich_by_law,
    the_rich_of_a_month,
    a_bracket,
]


@pytest.mark.parametrize("who", WHO)
def test_a_branch_that_matters_to_whom_nobody_is_is_decided_anew(who):
    def given_to_some(household, state, params):
        if (state == CA).any():
            return np.where((state == CA) | who(household, params), 100.0, 0.0)
        return 0.0 * state

    assert kinds(program_of(given_to_some)) == ["bool"]


@pytest.mark.parametrize("who", WHO)
def test_a_branch_that_matters_to_some_of_its_state_is_held(who):
    def given_to_some(household, state, params):
        if (state == CA).any():
            return np.where((state == CA) & who(household, params), 100.0, 0.0)
        return 0.0 * state

    assert kinds(program_of(given_to_some)) == [OF_SOME]


def test_a_state_that_the_program_has_not_seen_is_decided_anew():
    program = program_of(only_there)
    with pytest.raises(GuardMovedError):
        program(program.parameters, people((1, 2)))


def test_what_is_computed_on_trial_leaves_nothing_behind():
    @rule(entity="household")
    def other(state):
        if (state == 1).any():
            return 1.0 * state
        return 2.0 * state

    def asks_for_another(state, household, period):
        if (state == CA).any():
            return np.where(state == CA, 100.0, 0.0)
        return 0.0 * household("other", period)

    program = program_of(asks_for_another, None, other)
    assert [decision.variable for decision in program.decisions] == ["asked"]
    assert "other" not in program.known


def asks_on(state):
    """What it asks then, nobody has answered."""
    if (state == CA).any():
        return np.where(state == CA, 1.0, 0.0)
    if (state == NY).any():
        return 0.0 * state
    return 100.0 + 0 * state


def only_both_matter(state):
    if (state == CA).any() or (state == NY).any():
        return np.where(state == CA, 1.0, 0.0)
    return 100.0 + 0 * state


def both_matter_together(state):
    here, there = bool((state == CA).any()), bool((state == NY).any())
    amount = np.where(state == CA, 1.0, 0.0) + np.where(state == NY, 2.0, 0.0)
    return amount if here or there else 100.0 + amount


@pytest.mark.parametrize("formula", [asks_on, only_both_matter, both_matter_together])
def test_decisions_that_matter_only_together_are_decided_anew(formula):
    program = program_of(formula)
    with pytest.raises(GuardMovedError):
        program(program.parameters, people((TX,)))
    own = program.respecialise(program.parameters, people((TX,)))
    assert value(own, people((TX,))) == [100.0]


def test_several_decisions_that_do_not_matter_are_held_together():
    def each_its_own(state):
        amount = 5.0 + 0 * state
        for place in (CA, NY, TX):
            if (state == place).any():
                amount = np.where(state == place, 1.0 * place, amount)
        return amount

    program = program_of(each_its_own, people((CA, NY, TX, 1)))
    assert kinds(program) == [OF_SOME] * 3
    assert value(program, people((1, TX))) == [5.0, 48.0]
    assert value(program, people((1,))) == [5.0]


def test_two_formulas_that_ask_the_same_hold_it_together_or_not_at_all():
    @rule(entity="household")
    def other(state):
        return (100.0 if (state == CA).any() else 0.0) + 0 * state

    def asks_too(state, other):
        return (np.where(state == CA, 100.0, 0.0) if (state == CA).any() else 0.0 * state) + other

    program = program_of(asks_too, None, other)
    with pytest.raises(GuardMovedError):
        program(program.parameters, people((NY, TX)))


# ---- how many members the largest group has


def visits(household, income):
    total = 0.0
    for place in range(int(household.nb_persons().max())):
        total = total + household.value_nth_person(place, household.members("income", 2025))
    return total


def counts_visits(household):
    rounds = 0
    for _ in range(int(household.nb_persons().max())):
        rounds += 1
    return household.nb_persons() * 0.0 + rounds


def last_place(household):
    last = 0
    for place in range(int(household.members_position.max()) + 1):
        last = place
    return household.nb_persons() * 0.0 + last


def member_of_the_last_place(household, period):
    many = range(int(household.nb_persons().max()))
    return household.value_nth_person(many[-1], household.members("income", period), default=-1.0)


def share_of_visits(household, period):
    found = [
        household.value_nth_person(place, household.members("income", period))
        for place in range(int(household.nb_persons().max()))
    ]
    return sum(found) / len(found)


def least_with_nobody_as_zero(household, period):
    least = np.inf + household.nb_persons() * 0.0
    for place in range(int(household.nb_persons().max())):
        visited = household.value_nth_person(place, household.members("income", period))
        least = np.minimum(least, visited)
    return least


def largest_with_nobody_as_zero(household, period):
    """Incomes of the population are above zero; others may not be."""
    largest = -np.inf + household.nb_persons() * 0.0
    for place in range(int(household.nb_persons().max())):
        visited = household.value_nth_person(place, household.members("income", period))
        largest = np.maximum(largest, visited)
    return largest


def test_visits_that_find_nobody_hold_for_smaller_groups():
    program = program_of(visits)
    assert kinds(program) == [AT_MOST]
    assert value(program, people(members=2)) == [30.0, 30.0, 40.0]
    with pytest.raises(GuardMovedError, match="asked"):
        program(program.parameters, people(members=5))


@pytest.mark.parametrize(
    "formula",
    [
        counts_visits,
        last_place,
        member_of_the_last_place,
        share_of_visits,
        least_with_nobody_as_zero,
        largest_with_nobody_as_zero,
    ],
)
def test_a_count_that_is_more_than_a_bound_is_decided_anew(formula):
    program = program_of(formula)
    assert kinds(program) == ["int"]
    smaller = people(members=2)
    with pytest.raises(GuardMovedError, match="asked"):
        program(program.parameters, smaller)
    own = program.respecialise(program.parameters, smaller)
    again = program_of(formula, smaller)
    assert value(own, smaller) == value(again, smaller)
    assert value(own, people((CA, NY), members=2)) == value(again, smaller)[:2]


BY_INCOME = {"brackets": [{"threshold": 0, "rate": 0.1}, {"threshold": 20, "rate": {2020: 0.2}}]}
READ = {
    "a number": lambda params, x, tenure: params.there * (x > 0),
    "a scale": lambda params, x, tenure: params.scale.calc(x),
    "a table": lambda params, x, tenure: x * params.table[tenure],
    "a truth": lambda params, x, tenure: x + params.holds,
}


@pytest.mark.parametrize("read", READ.values(), ids=READ)
def test_what_only_a_trial_has_read_is_read_again_by_who_comes_next(read):
    """A trial leaves no note of what it read: a value that were remembered would be a number of the
    program that no reform reaches."""

    def asked(household, period, tenure, params):
        total = 0.0
        for place in range(int(household.nb_persons().max())):
            visited = household.value_nth_person(place, household.members("income", period))
            total = total + (read(params, visited, tenure) if place >= 4 else visited)
        return total

    def later(household, tenure, params):
        return read(params, household.nb_persons() * 8.0, tenure)

    law = {**LAW, "scale": BY_INCOME, "table": {"OWNED": 3.0, "RENTED": 4.0}, "holds": True}
    rules = build_system(
        "states", entities=("person", "household"), parameters=law, inputs=INPUTS,
        rules=[rule(entity="household", name=f.__name__)(f) for f in (asked, later)],
    )  # fmt: skip
    first, alone = (compile(rules, o, 2025, people()) for o in (["asked", "later"], ["later"]))
    assert set(first.parameters.paths()) == set(alone.parameters.paths())
    assert first.index.static == alone.index.static
    assert value_of(first, "later") == value_of(alone, "later")
    for path in first.parameters.paths():
        more = 1.1 * float(first.parameters[path]) + 0.01
        moved = [p.parameters.with_reform({path: more}) for p in (first, alone)]
        assert value_of(first, "later", moved[0]) == value_of(alone, "later", moved[1])


def value_of(program, name, parameters=None):
    given = program.parameters if parameters is None else parameters
    return np.asarray(program(given, people())[name]).tolist()


def test_a_number_of_other_rules_that_a_trial_has_read_stays_that_number():
    """Two numbers of the law before a reform have one name until both are read."""

    def before(household, day):
        return household.simulation.baseline.tax_benefit_system.parameters(day).dated

    def asked(household, period):
        total = 0.0
        for place in range(int(household.nb_persons().max())):
            visited = household.value_nth_person(place, household.members("income", period))
            total = total + (before(household, "2025-01-01") * visited if place >= 4 else visited)
        return total

    def later(household):
        nothing = household.nb_persons() * 0.0
        return nothing + before(household, "2025-07-01") * 1000 + before(household, "2025-01-01")

    law = {"dated": {"2020-01-01": 0.1, "2025-01-01": 0.5, "2025-07-01": 0.7}}
    rules = build_system(
        "states", entities=("person", "household"), parameters=law, inputs=INPUTS,
        rules=[rule(entity="household", name=f.__name__)(f) for f in (asked, later)],
    ).with_reform({"dated": {"2025-01-01": 9.0}})  # fmt: skip
    with pytest.warns(ReformWarning, match="change nothing"):
        program = compile(rules, ["asked", "later"], 2025, people())
    np.testing.assert_allclose(value_of(program, "later"), 700.5)
