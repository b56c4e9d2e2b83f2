"""Branches, other rules and other times of the law: what a formula may ask of its simulation."""

import dataclasses
import enum
import types
from typing import Any

import numpy as np
import pytest
from _engine_world import INCOME, people, run, system_of

from pejax._validate import BadInputError
from pejax.engine import CircularRule, StructuralReformError, UntraceableRule, compile, rule


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


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


# ---- a branch under other rules


@rule(entity="person")
def levy(income, params):
    return params.rate * income


def _under_another_rate(rate, *rules, law):
    """A system whose formulas may exchange it for one with another rate."""
    other = system_of(*rules, law={"rate": rate})
    own = dataclasses.replace(system_of(*rules, law=law), of_source=lambda source: other)
    return compile(own, ["change"], 2025, people())


def test_a_branch_under_other_rules_is_no_reform_s():
    @rule(entity="person")
    def change(person, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        other = branch.calculate("levy", period)
        return person("levy", period) - other

    program = _under_another_rate(0.1, levy, change, law={"rate": 0.5})
    reformed = program.parameters.with_reform({"rate": {"2025": 0.6}})
    np.testing.assert_allclose(program(program.parameters, people())["change"], 0.4 * INCOME)
    np.testing.assert_allclose(program(reformed, people())["change"], 0.5 * INCOME, rtol=1e-6)
    with pytest.raises(BadInputError, match="covers only part of 0000-01-01 to 2024-12-31"):
        program.parameters.with_reform({"rate": {"2017": 0.6}})


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"2025": 0.6}, 0.5),
        ({"2018-01-01": 0.6}, 0.5),
        ({"2005": 0.6}, 0.0),
        ({"2010-01-01.2017-12-31": 0.2}, 0.3),
        (0.6, 0.0),
        ({"2017-01-01": 0.6}, None),
    ],
)
def test_rules_of_another_year_follow_a_reform_of_that_year(dates, expected):
    """The other rules are a copy of those of some day from 2010 to 2017."""

    @rule(entity="person")
    def change(person, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        other = branch.calculate("levy", period)
        return person("levy", period) - other

    law = {"rate": {2010: 0.1, 2018: 0.5}}
    program = _under_another_rate(0.1, levy, change, law=law)
    if expected is None:
        with pytest.raises(BadInputError, match="covers only part of 2010-01-01 to 2017-12-31"):
            program.parameters.with_reform({"rate": dates})
        return
    reformed = program.parameters.with_reform({"rate": dates})
    found = program(reformed, people())["change"]
    np.testing.assert_allclose(found, expected * INCOME, rtol=1e-6)


def test_rules_that_keep_a_value_beyond_a_change_are_their_own():
    """The rate is the same in both, but under the other rules no later one replaces it."""

    @rule(entity="person")
    def change(person, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        other = branch.calculate("levy", period)
        return person("levy", period) + 10 * other

    law = {"rate": {2010: 0.5, 2026: 0.7}}
    program = _under_another_rate(0.5, levy, change, law=law)
    reformed = program.parameters.with_reform({"rate": {"2025": 0.6}})
    np.testing.assert_allclose(program(reformed, people())["change"], 5.6 * INCOME, rtol=1e-6)


def test_below_a_branch_under_other_rules_the_rules_are_the_other():
    @rule(entity="person")
    def change(person, income, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        nested = branch.get_branch("richer")
        nested.set_input("income", period, income * 10)
        return nested.calculate("levy", period) + branch.calculate("levy", period)

    program = _under_another_rate(0.1, levy, change, law={"rate": 0.5})
    found = program(program.parameters, people())["change"]
    np.testing.assert_allclose(found, 1.1 * INCOME, rtol=1e-6)


def test_other_rules_are_for_branches():
    @rule(entity="person")
    def change(person, income):
        person.simulation.tax_benefit_system = types.SimpleNamespace(source="of another year")
        return income

    with pytest.raises(UntraceableRule, match="other rules outside of a branch"):
        _under_another_rate(0.1, levy, change, law={"rate": 0.5})


def test_formulas_may_compare_with_the_law_before_a_reform():
    @rule(entity="person")
    def change(person, period):
        before = person.simulation.baseline
        if before is None:
            return person("levy", period)
        return person("levy", period) - before.populations["person"]("levy", period)

    system = system_of(levy, change, law={"rate": {2020: 0.5}})
    for rules, expected in ((system, 0.5), (system.with_reform({"rate": {"2025": 0.8}}), 0.3)):
        program = compile(rules, ["change"], 2025, people())
        found = program(program.parameters, people())["change"]
        np.testing.assert_allclose(found, expected * INCOME, rtol=1e-5)
    further = program.parameters.with_reform({"rate": {"2025-01-01.2025-12-31": 0.9}})
    np.testing.assert_allclose(program(further, people())["change"], 0.4 * INCOME, rtol=1e-5)


# ---- a parameter with its dates


def test_a_series_is_its_value_at_a_period():
    @rule(entity="person")
    def change(income, period, parameters):
        rate = parameters.tax.rate
        return income * (rate(period) - rate(period.last_year))

    law = {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("change", change, law=law), INCOME / 4, rtol=1e-6)
    reformed = run("change", change, law=law, reform={"tax.rate": {"2025": 1.0}})
    np.testing.assert_allclose(reformed, 0.75 * INCOME, rtol=1e-6)
    both = run("change", change, law=law, reform={"tax.rate": {"2024": 0.75, "2025": 1.0}})
    np.testing.assert_allclose(both, INCOME / 4, rtol=1e-6)


def test_the_values_of_a_series_are_newest_first():
    @rule(entity="person")
    def newest(income, parameters):
        entries = parameters.tax.rate.values_list
        assert [e.instant_str for e in entries] == ["2025-01-01", "2022-07-01", "2020-01-01"]
        return income * 0 + entries[0].value + 10 * entries[-1].value

    law = {"tax": {"rate": {2020: 0.25, "2022-07-01": 0.3, 2025: 0.5}}}
    np.testing.assert_allclose(run("newest", newest, law=law), 3.0)


def _last_rate_below(limit):
    @rule(entity="person")
    def levy(income, period, parameters):
        series = parameters.tax.rate
        copy = series.clone()
        copy.values_list = [e for e in copy.values_list if e.value < limit]
        return income * (copy(period) + 10 * series(period))

    return levy


@pytest.mark.parametrize(("limit", "expected"), [(0.4, 5.25), (9.0, 5.5)])
def test_an_edited_series_is_written_into_the_law(limit, expected):
    """The last rate below a limit: which one it is, is decided by the dates of the law."""
    levy, law = _last_rate_below(limit), {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("levy", levy, law=law), expected * INCOME, rtol=1e-6)
    reform = {"tax.rate": {"2025": 0.3}}
    with pytest.raises(StructuralReformError, match=r"tax\.rate is .* decides the shape"):
        run("levy", levy, law=law, reform=reform)
    program = compile(system_of(levy, law=law).with_reform(reform), ["levy"], 2025, people())
    np.testing.assert_allclose(program(program.parameters, people())["levy"], 3.3 * INCOME)


def test_a_copy_of_an_edited_series_is_edited():
    @rule(entity="person")
    def levy(income, period, parameters):
        series = parameters.tax.rate.clone()
        series.values_list = series.values_list[1:]
        return income * series.clone()(period)

    law = {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("levy", levy, law=law), INCOME / 4)


def test_a_table_indexed_by_one_name_in_every_row():
    @rule(entity="household")
    def limit(household, rent, params):
        names = np.array(["SOUTH"] * household.count, dtype=object)
        small, large = list[Any](Size)
        size = np.select([rent > 150], [large], small)
        return rent * 0 + params.limit[names] + params.by_size[size][names]

    law = {
        "limit": {"NORTH": 1.0, "SOUTH": 2.0},
        "by_size": {"SMALL": {"SOUTH": 10.0, "NORTH": 0.0}, "LARGE": {"SOUTH": 20.0, "NORTH": 0.0}},
    }
    np.testing.assert_allclose(run("limit", limit, law=law), [12, 22])


def test_a_table_indexed_by_several_names_of_a_plain_array_is_refused():
    @rule(entity="household")
    def limit(rent, params):
        return rent * 0 + params.limit[np.array(["SOUTH", "NORTH"], dtype=object)]

    with pytest.raises(UntraceableRule, match="limit indexed by a plain array"):
        run("limit", limit, law={"limit": {"NORTH": 1.0, "SOUTH": 2.0}})
