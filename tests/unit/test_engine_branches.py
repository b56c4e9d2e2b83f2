"""Branches, other rules and other times of the law: what a formula may ask of its simulation."""

import numpy as np
import pytest
from _engine_world import INCOME, run

from pejax.engine import CircularRule, UntraceableRule, rule

# ---- branches


def test_a_branch_may_need_what_its_parent_awaits():
    """The tax of somebody who does not itemise is part of the choice that is being made."""

    @rule(entity="person", kind="bool")
    def itemises(person, period):
        simulation = person.simulation
        taxes = []
        for choice in (True, False):
            branch = simulation.get_branch(f"itemises {choice}")
            branch.set_input("itemises", period, np.full(person.count, choice))
            taxes.append(branch.calculate("tax", period))
        return taxes[0] < taxes[1]

    @rule(entity="person")
    def tax(income, itemises):
        return np.where(itemises, 12.0, income / 2)

    np.testing.assert_array_equal(run("itemises", itemises, tax), INCOME / 2 > 12)
    np.testing.assert_allclose(run("tax", itemises, tax), np.minimum(12, INCOME / 2))


def test_a_value_that_needs_its_own_branch_s_awaited_value():
    @rule(entity="person")
    def tax(person, income, period):
        simulation = person.simulation
        if simulation.branch_name == "halved":
            return income / 10
        branch = simulation.get_branch("halved")
        branch.set_input("income", period, income / 2)
        return income / 10 + branch.calculate("tax", period)

    np.testing.assert_allclose(run("tax", tax), INCOME * 0.15)


def test_a_circle_within_a_branch_is_named():
    @rule(entity="person")
    def first(second):
        return second + 1

    @rule(entity="person")
    def second(first):
        return first + 1

    @rule(entity="person")
    def total(person, income, period):
        branch = person.simulation.get_branch("other")
        branch.set_input("income", period, income)
        return branch.calculate("first", period)

    with pytest.raises(CircularRule, match="first -> second -> first"):
        run("total", first, second, total)


def test_a_branch_that_asks_itself_is_a_circle():
    @rule(entity="person")
    def tax(person, income, period):
        branch = person.simulation.get_branch("other")
        branch.set_input("income", period, income)
        return branch.calculate("tax", period)

    with pytest.raises(CircularRule, match=r"tax for 2025 needs itself: tax -> tax"):
        run("tax", tax)


@rule(entity="person")
def credit(income):
    return income / 5


@rule(entity="person")
def tax(income, credit, age):
    return income / 2 - credit + 0 * age


@rule(entity="person")
def pension(age):
    return age * 2.0


def test_a_variable_is_switched_off_on_a_branch_with_its_own_rules():
    @rule(entity="person")
    def value_of_credit(person, tax, period):
        branch = person.simulation.get_branch("without", clone_system=True)
        branch.tax_benefit_system.neutralize_variable("credit")
        branch.delete_arrays("tax")
        without = branch.calculate("tax", period)
        assert branch.calculate("pension", period).node is person("pension", period).node
        return without - tax + branch.calculate("credit", period)

    np.testing.assert_allclose(
        run("value_of_credit", credit, tax, pension, value_of_credit), INCOME / 5, rtol=1e-6
    )


def test_what_was_computed_before_stays_until_something_else_is_set():
    @rule(entity="person")
    def value_of_credit(person, income, period):
        branch = person.simulation.get_branch("without", clone_system=True)
        branch.set_input("income", period, income * 2)
        before = branch.calculate("tax", period)
        branch.tax_benefit_system.neutralize_variable("credit")
        nested = branch.get_branch("nested")
        nested.set_input("age", period, 99)
        return 1e3 * (nested.calculate("tax", period) - before) + branch.calculate("tax", period)

    found = run("value_of_credit", credit, tax, value_of_credit)
    np.testing.assert_allclose(found, 1e3 * (0.4 * INCOME) + 0.6 * INCOME, rtol=1e-6)


def test_an_input_is_switched_off():
    @rule(entity="person")
    def rest(person, tax, period):
        branch = person.simulation.get_branch("nothing", clone_system=True)
        branch.tax_benefit_system.neutralize_variable("income")
        for name in ("tax", "credit"):
            branch.delete_arrays(name)
        return tax - branch.calculate("tax", period) + person("income", period)

    np.testing.assert_allclose(run("rest", credit, tax, rest), 1.3 * INCOME, rtol=1e-6)


def test_shared_rules_switch_nothing_off():
    @rule(entity="person")
    def rest(person, period):
        branch = person.simulation.get_branch("nothing")
        branch.tax_benefit_system.neutralize_variable("credit")
        return branch.calculate("tax", period)

    with pytest.raises(UntraceableRule, match="outside of a branch with its own rules"):
        run("rest", credit, tax, rest)


def test_what_is_deleted_on_a_branch_is_computed_there_only():
    @rule(entity="person")
    def difference(person, income, period):
        first = person.simulation.get_branch("first")
        first.set_input("credit", period, income)
        given = first.calculate("tax", period)
        second = first.get_branch("second")
        second.delete_arrays("credit")
        assert second.calculate("tax", period).node is given.node  # it was computed before
        second.delete_arrays("tax")
        second.set_input("age", period, 40)  # forgets what was computed from it, if it is there
        computed = second.calculate("tax", period)
        assert first.calculate("tax", period).node is given.node
        return 1e3 * given + computed

    expected = 1e3 * (INCOME / 2 - INCOME) + INCOME / 2 - INCOME / 5
    np.testing.assert_allclose(run("difference", credit, tax, difference), expected, rtol=1e-5)


def test_a_period_is_deleted_and_the_others_stay():
    @rule(entity="person")
    def difference(person, income, period):
        branch = person.simulation.get_branch("first")
        later = period.next_year
        branch.set_input("income", later, income * 7)
        branch.set_input("income", period, income * 5)
        branch.get_holder("income").delete_arrays(later)
        assert branch.get_holder("income").get_known_periods() == [period]
        return branch.calculate("income", period) + person("income", period)

    np.testing.assert_allclose(run("difference", difference), 6 * INCOME)


def test_nested_branches_share_what_no_override_touches():
    @rule(entity="person")
    def total(person, income, period):
        first = person.simulation.get_branch("first")
        first.set_input("income", period, income + 1)
        second = first.get_branch("second")
        second.set_input("age", period, 50)
        of_first = first.calculate("credit", period)
        assert second.calculate("credit", period).node is of_first.node
        assert first.calculate("pension", period).node is person("pension", period).node
        assert second.calculate("pension", period).node is not person("pension", period).node
        assert second.get_branch("second") is second
        assert first.get_branch("second") is second
        return of_first + second.calculate("pension", period)

    found = run("total", credit, pension, total)
    np.testing.assert_allclose(found, (INCOME + 1) / 5 + 100, rtol=1e-6)


def test_a_branch_keeps_the_inputs_it_was_made_with():
    """What its parent is given later is its parent's alone; neither sees the other's values."""

    @rule(entity="person")
    def total(person, income, period):
        first = person.simulation.get_branch("first")
        second = first.get_branch("second")
        first.set_input("income", period, income * 10)
        of_second = second.calculate("credit", period)
        return 1e3 * of_second + first.calculate("credit", period)

    found = run("total", credit, total)
    np.testing.assert_allclose(found, 1e3 * INCOME / 5 + 2 * INCOME, rtol=1e-6)


def test_a_value_that_asks_for_its_branch_is_that_branch_s():
    @rule(entity="person")
    def credit(person, income):
        return income if person.simulation.branch_name == "other" else income * 0

    @rule(entity="person")
    def total(person, period):
        other = person.simulation.get_branch("other")
        return other.calculate("credit", period) + 1e3 * person("credit", period)

    np.testing.assert_allclose(run("total", credit, total), INCOME)


ASKED = {
    "keys": lambda simulation, period: any(k[0] == "rent" for k in simulation._user_input_keys),
    "periods": lambda simulation, period: period in simulation.known_periods("rent"),
    "stored": lambda simulation, period: simulation.get_array("rent", period) is not None,
    "branches": lambda simulation, period: simulation.get_branch("bare") is not simulation,
}


@pytest.mark.parametrize("first", ["parent", "branch"])
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_value_that_asks_for_its_inputs_is_that_branch_s(asked, first):
    @rule(entity="person")
    def credit(person, income, period):
        return income if asked(person.simulation, period) else income * 0

    @rule(entity="person")
    def total(person, period):
        bare = person.simulation.get_branch("bare")
        bare.delete_arrays("rent")
        order = [person.simulation, bare][:: 1 if first == "parent" else -1]
        found = {s.branch_name == "bare": s.calculate("credit", period) for s in order}
        return found[False] + 1e3 * found[True]

    np.testing.assert_allclose(run("total", credit, total), INCOME)


def test_the_list_of_inputs_is_that_of_the_beginning():
    """It is made when a simulation is built, and a branch has its parent's."""

    @rule(entity="person")
    def total(person, income, period):
        branch = person.simulation.get_branch("other")
        branch.delete_arrays("rent")
        branch.set_input("credit", period, income)
        known = branch.input_variables
        return income * ("rent" in known) + 1e3 * ("credit" in known)

    credit = rule(entity="person", name="credit")(lambda income: income)
    np.testing.assert_allclose(run("total", credit, total), INCOME)
