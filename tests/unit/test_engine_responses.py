"""What formulas of behavioural responses ask: the rules before a reform, on their own branch."""

import dataclasses

import numpy as np
import pytest
from _engine_world import INCOME, people, system_of

from pejax.engine import UntraceableRule, compile, rule

pytestmark = pytest.mark.filterwarnings("ignore:.*the reform:UserWarning")

LAW = {"tax": {"rate": {2020: 0.5}}, "response": {"size": {2020: 0.0}}}
REFORM = {"tax.rate": {"2025": 0.8}, "response.size": {"2025": 2.0}}


@rule(entity="person")
def levy(income, parameters, period):
    return parameters(period).tax.rate * income


@rule(entity="person")
def bonus(income):
    return 3 * income


@rule(entity="person")
def net(person, period):
    return person("income", period) + person("bonus", period) - person("levy", period)


def _answer(formula, reform=REFORM, *more):
    answer = rule(entity="person", name="answer")(formula)
    system = system_of(levy, bonus, net, answer, *more, law=LAW)
    system = system.with_reform(reform) if reform else system
    program = compile(system, ["answer"], 2025, people())
    return np.asarray(program(program.parameters, people())["answer"])


def _before(simulation, name="before"):
    branch = simulation.get_branch(name)
    branch.tax_benefit_system = (simulation.baseline or simulation).tax_benefit_system
    branch.drop_computed_arrays()
    return branch


def test_a_branch_may_have_the_rules_before_the_reform():
    def change(person, period):
        own = person("net", period)
        return own - _before(person.simulation).calculate("net", period)

    np.testing.assert_allclose(_answer(change), -0.3 * INCOME, rtol=1e-5)
    np.testing.assert_allclose(_answer(change, None), 0 * INCOME)


def test_what_was_computed_before_the_rules_were_exchanged_stays_until_it_is_dropped():
    def change(person, period):
        own = person("net", period)
        branch = person.simulation.get_branch("before")
        branch.tax_benefit_system = person.simulation.baseline.tax_benefit_system
        shared = branch.calculate("net", period)
        branch.drop_computed_arrays()
        return (own - shared) + 10 * (own - branch.calculate("net", period))

    np.testing.assert_allclose(_answer(change), -3.0 * INCOME, rtol=1e-5)


def test_a_variable_is_switched_off_under_a_branch_s_own_rules_alone():
    def change(person, period):
        simulation = person.simulation
        before, under = _before(simulation), simulation.get_branch("reform", clone_system=True)
        for branch in (before, under):
            branch.tax_benefit_system.neutralize_variable("bonus")
        without = before.calculate("net", period) + 10 * under.calculate("net", period)
        return without + 100 * person("bonus", period)

    expected = (1 - 0.5) + 10 * (1 - 0.8) + 100 * 3
    np.testing.assert_allclose(_answer(change), expected * INCOME, rtol=1e-5)


def test_what_is_switched_off_goes_with_a_copy_of_the_rules():
    def change(person, period):
        first = person.simulation.get_branch("first", clone_system=True)
        first.tax_benefit_system.neutralize_variable("bonus")
        second = person.simulation.get_branch("second")
        second.tax_benefit_system = first.tax_benefit_system
        return second.calculate("net", period)

    np.testing.assert_allclose(_answer(change), 0.2 * INCOME, rtol=1e-5)


def test_a_part_of_the_law_may_be_another_law_s():
    def change(person, parameters, period):
        before = _before(person.simulation)
        rules = before.tax_benefit_system
        rules.parameters.response = person.simulation.tax_benefit_system.parameters.response
        size = rules.parameters(period).response.size
        return size * before.calculate("levy", period)

    np.testing.assert_allclose(_answer(change), 2 * 0.5 * INCOME, rtol=1e-5)


def test_the_law_that_others_read_is_not_set():
    def change(person, income):
        before, now = _before(person.simulation), person.simulation.tax_benefit_system
        now.parameters.response = before.tax_benefit_system.parameters.response
        return income

    with pytest.raises(UntraceableRule, match="response of the law set"):
        _answer(change)


@pytest.mark.parametrize("part", ["tax", "rate", "a number"])
def test_another_part_of_a_law_is_not_put_in_its_place(part):
    def change(person, income):
        simulation = person.simulation
        law = simulation.tax_benefit_system.parameters
        given = {"tax": law.tax, "rate": law.tax.rate, "a number": 3.0}[part]
        _before(simulation).tax_benefit_system.parameters.response = given
        return income

    with pytest.raises(UntraceableRule, match="response of the law set"):
        _answer(change)


def test_switches_of_another_law_s_part_are_that_law_s():
    def change(person, period):
        before = _before(person.simulation)
        rules, now = before.tax_benefit_system, person.simulation.tax_benefit_system
        kept = before.calculate("net", period)
        rules.parameters.off = now.parameters.off
        before.drop_computed_arrays()
        return kept + 10 * before.calculate("net", period)

    answer = rule(entity="person", name="answer")(change)
    law = {**LAW, "off": {"bonus": {2020: False}}}
    system = system_of(levy, bonus, net, answer, law=law)
    system = dataclasses.replace(system, abolitions="off")
    system = system.with_reform({"off.bonus": {"2025": True}})
    program = compile(system, ["answer"], 2025, people())
    found = np.asarray(program(program.parameters, people())["answer"])
    np.testing.assert_allclose(found, ((1 + 3 - 0.5) + 10 * (1 - 0.5)) * INCOME, rtol=1e-5)


def test_a_branch_without_a_baseline_and_those_below_it_have_none():
    def change(person, income):
        branch = _before(person.simulation)
        branch.baseline = None
        below = branch.get_branch("below")
        known = [s.baseline is not None for s in (person.simulation, branch, below)]
        return income * 0 + sum(2**i * k for i, k in enumerate(known))

    np.testing.assert_allclose(_answer(change), 1.0)


@pytest.mark.parametrize("to", ["a value", "the root"])
def test_no_other_baseline_is_set(to):
    def change(person, income):
        simulation = person.simulation
        branch = simulation if to == "the root" else simulation.get_branch("other")
        branch.baseline = None if to == "the root" else simulation
        return income

    with pytest.raises(UntraceableRule, match="another baseline"):
        _answer(change)


def test_a_guard_that_a_formula_leaves_is_there_on_branches_that_are_opened_then():
    @rule(entity="person")
    def response(person, period, income):
        simulation = person.simulation
        if hasattr(simulation, "_running") and simulation._running:
            return 0 * income
        simulation._running = True
        try:
            return simulation.get_branch("measured").calculate("response_there", period) + income
        finally:
            simulation._running = False

    @rule(entity="person")
    def response_there(person, period, income):
        return person("twice", period) + income

    @rule(entity="person")
    def twice(person, income):
        return income * (100 if getattr(person.simulation, "_running", False) else 1)

    def change(person, period):
        return person("response", period)

    found = _answer(change, REFORM, response, response_there, twice)
    np.testing.assert_allclose(found, 102 * INCOME, rtol=1e-6)


def test_a_table_that_a_formula_leaves_is_a_branch_s_own():
    def change(person, income):
        simulation = person.simulation
        simulation._measured = {"a": 1}
        branch = simulation.get_branch("other")
        branch._measured["b"] = 2
        return income * 0 + 10 * len(simulation._measured) + len(branch._measured)

    np.testing.assert_allclose(_answer(change), 12.0)


# ---- functions of a country that handle its engine's objects


@pytest.fixture
def stand_ins():
    from pejax.core._countries import country_of

    known = country_of("policyengine_us")
    assert known is not None
    return {place.partition(":")[2]: made for place, made in known.stand_ins.items()}


def test_a_country_s_own_objects_go_to_its_own_functions(stand_ins):
    calls = []
    for made in stand_ins.values():
        made(lambda *given: calls.append(given))("its own object")
    assert calls[0] == ("its own object",) and calls[1] == ("its own object", None)


def test_a_branch_under_other_rules_drops_what_it_shares(stand_ins):
    copy = stand_ins["clone_spm_system"](None)
    drop = stand_ins["drop_inherited_values"](None)

    def change(person, period):
        own = person("net", period)
        branch = person.simulation.get_branch("before")
        drop(branch)  # under the same rules it has nothing to drop
        branch.tax_benefit_system = copy(person.simulation.baseline.tax_benefit_system)
        shared = branch.calculate("net", period)
        drop(branch, ["net"])
        without_net = branch.calculate("net", period)
        drop(branch)
        anew = branch.calculate("net", period)
        return (own - shared) + 10 * (own - without_net) + 100 * (own - anew)

    np.testing.assert_allclose(_answer(change), -30.0 * INCOME, rtol=1e-5)
