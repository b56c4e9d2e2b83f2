"""Formulas that ask who gives what and open branches: gone over for each kind of case."""

import pytest
from _conform_cases import CASES, alone, answers

from pejax.engine import rule


@rule(entity="person")
def doubled(income, rent):
    return 2 * income + rent


def gives(simulation, name):
    return name in simulation.input_variables


def with_income(person, period, income):
    branch = person.simulation.get_branch("other")
    branch.set_input("income", period, income)
    return branch


def of_no_matter(person, income, period):
    """It drops nothing: the branch is new."""
    known = person.simulation.get_array("rent", period) is not None
    branch = with_income(person, period, income + 1)
    kept = {key for key in branch._user_input_keys if known}
    return branch.calculate("doubled", period) + 0 * len(kept)


def of_matter_to_the_result(person, income, period):
    branch = with_income(person, period, income + 1)
    more = 100 if gives(person.simulation, "rent") else 7
    return branch.calculate("doubled", period) * more


def asked_on_the_branch(person, income, period):
    branch = with_income(person, period, income + 1)
    many = len(branch.get_holder("rent").get_known_periods())
    return branch.calculate("doubled", period) + 10 * many


def of_what_was_computed(person, income, period):
    simulation = person.simulation
    before = simulation.get_array("gift", period)
    branch = with_income(person, period, income + 1)
    return branch.calculate("doubled", period) + (0 if before is None else before)


def closed_again(person, income, period):
    branch = with_income(person, period, income + 1)
    found = branch.calculate("doubled", period) + 5 * gives(person.simulation, "gift")
    del person.simulation.branches["other"]
    return found


def in_one_of_two(person, income, period):
    one = with_income(person, period, income + 1)
    two = one.get_branch("within")
    two.set_input("gift", period, income)
    return two.calculate("doubled", period) + 3 * gives(two, "rent")


def twice(person, income, period):
    """The second time the branch is there."""
    return closed_again(person, income, period) + asked_on_the_branch(person, income, period)


SETTLED = (
    of_no_matter,
    of_matter_to_the_result,
    asked_on_the_branch,
    of_what_was_computed,
    closed_again,
    in_one_of_two,
    twice,
)


def another_input(person, income, period):
    more = 1 if gives(person.simulation, "rent") else 2
    return with_income(person, period, income + more).calculate("doubled", period)


def another_variable(person, income, period):
    branch = with_income(person, period, income + 1)
    return branch.calculate("rent" if gives(person.simulation, "rent") else "doubled", period)


def another_branch(person, income, period):
    name = "one" if gives(person.simulation, "gift") else "two"
    branch = person.simulation.get_branch(name)
    branch.set_input("income", period, income + len(branch.branch_name))
    return branch.calculate("doubled", period)


def one_more_change(person, income, period):
    branch = with_income(person, period, income + 1)
    if gives(person.simulation, "rent"):
        branch.set_input("rent", period, 50 * income)
    return branch.calculate("doubled", period)


def dropped(person, income, period):
    branch = with_income(person, period, income + 1)
    many = branch.drop_computed_arrays() if gives(person.simulation, "rent") else 0
    return branch.calculate("doubled", period) + 0 * many


def deleted(person, income, period):
    branch = with_income(person, period, income + 1)
    if not gives(person.simulation, "gift"):
        branch.delete_arrays("rent")
    return branch.calculate("doubled", period)


def that_expects_errors(person, income, period):
    """What it asks otherwise is no error that it could pass over."""
    branch = with_income(person, period, income + 1)
    try:
        more = branch.calculate("rent", period) if gives(person.simulation, "rent") else 0
    except Exception:
        more = 5
    return branch.calculate("doubled", period) + more


def that_expects_errors_of_some(person, income, period):
    branch = with_income(person, period, income + 1)
    try:
        if not gives(person.simulation, "rent"):
            branch.calculate("rent", period)
    except Exception:
        pass
    return branch.calculate("doubled", period)


def of_a_branch_that_was_there(person, income, period):
    person("doubled_there", period)
    branch = person.simulation.branches["there"]
    branch.set_input("gift", period, income)
    return branch.calculate("gift", period) + gives(person.simulation, "rent")


@rule(entity="person")
def doubled_there(person, income, period):
    return person.simulation.get_branch("there").calculate("doubled", period)


UNSETTLED = (
    another_input,
    another_variable,
    another_branch,
    one_more_change,
    dropped,
    deleted,
    that_expects_errors,
    that_expects_errors_of_some,
    of_a_branch_that_was_there,
)


def ruled(formula):
    return [doubled, doubled_there, rule(entity="person", name="answer")(formula)]


@pytest.mark.parametrize("formula", SETTLED, ids=lambda f: f.__name__)
def test_all_cases_have_in_one_trace_what_each_has_alone(formula):
    together, outcome = answers(ruled(formula), "answer", CASES)
    assert outcome.unsettled == {"answer": frozenset()}
    assert together == alone(ruled(formula), "answer")


@pytest.mark.parametrize("formula", UNSETTLED, ids=lambda f: f.__name__)
def test_what_a_case_would_have_done_otherwise_is_unsettled(formula):
    _, outcome = answers(ruled(formula), "answer", CASES)
    assert outcome.unsettled["answer"]


@pytest.mark.parametrize("formula", [another_input, dropped, deleted], ids=lambda f: f.__name__)
def test_what_reads_the_same_branch_is_unsettled_too(formula):
    """A formula that asks nothing itself, but reads the branch that the other one has left."""

    @rule(entity="person")
    def reader(person, answer, period):
        return answer * 0 + person.simulation.branches["other"].calculate("doubled", period)

    _, outcome = answers([*ruled(formula), reader], "reader", CASES)
    assert outcome.unsettled["reader"]


def test_one_in_the_other():
    """What a formula leaves that runs within another one is the other one's business too."""

    @rule(entity="person")
    def outer(person, income, period):
        branch = person.simulation.get_branch("outer")
        branch.set_input("gift", period, income)
        found = branch.calculate("answer", period) + 9 * gives(person.simulation, "gift")
        return found + person("answer", period)

    for formula in (*SETTLED, *UNSETTLED[:4]):
        rules = [*ruled(formula), outer]
        together, outcome = answers(rules, "outer", CASES)
        assert together == alone(rules, "outer") or outcome.unsettled["outer"], formula
