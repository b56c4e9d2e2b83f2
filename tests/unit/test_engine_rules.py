"""Rules written natively: edges by argument name."""

import jax
import numpy as np
import pytest
from _engine_rules import INCOME, Colour, people, run, system

from pejax.core._validate import UnknownNameError
from pejax.engine import (
    Variable,
    compile,
    input_variable,
    rule,
)
from pejax.testing import toy_population, toy_program, toy_system

# ---- what an argument brings


def test_values_of_the_same_entity():
    @rule(entity="person")
    def tax(income, params):
        return params.rate * income

    np.testing.assert_allclose(run("tax", tax), [5, 10, 15, 20])


def test_persons_are_summed_to_their_group():
    @rule(entity="tax_unit")
    def total(income):
        return income

    np.testing.assert_allclose(run("total", total), [30, 30, 40])


def test_flags_are_counted():
    @rule(entity="person", kind="bool")
    def rich(income):
        return income > 15

    @rule(entity="household")
    def rich_people(rich):
        return rich

    np.testing.assert_allclose(run("rich_people", rich, rich_people), [2, 1])


def test_a_group_s_value_is_given_to_each_person():
    bonus = input_variable("bonus", entity="household")

    @rule(entity="person")
    def share(bonus, income):
        return bonus + income

    found = run("share", share, inputs=[INCOME, bonus], bonus=[100.0, 200.0])
    np.testing.assert_allclose(found, [110, 120, 130, 240])


def test_a_larger_group_s_value_is_given_to_each_smaller_one():
    bonus = input_variable("bonus", entity="household")

    @rule(entity="tax_unit")
    def share(bonus):
        return bonus

    found = run("share", share, inputs=[INCOME, bonus], bonus=[100.0, 200.0])
    np.testing.assert_allclose(found, [100, 100, 200])


def test_a_smaller_group_counts_once_in_a_larger_one():
    claim = input_variable("claim", entity="tax_unit")

    @rule(entity="household")
    def claims(claim):
        return claim

    found = run("claims", claims, inputs=[INCOME, claim], claim=[1.0, 2.0, 4.0])
    np.testing.assert_allclose(found, [3, 4])


def test_categories_go_down_the_groups():
    colour = input_variable("colour", entity="household", vocabulary=Colour)

    @rule(entity="tax_unit")
    def amount(colour, params):
        return params.amount[colour]

    law = {"amount": {"RED": 1.5, "BLUE": 2.5}}
    found = run("amount", amount, inputs=[INCOME, colour], law=law, colour=["BLUE", "RED"])
    np.testing.assert_allclose(found, [2.5, 2.5, 1.5])


def test_entities_periods_and_the_undated_law():
    @rule(entity="tax_unit")
    def largest(tax_unit, person, period, parameters):
        before = parameters(period.last_year).rate
        return before * tax_unit.max(person("income", period))

    law = {"rate": {2020: 2.0, 2025: 3.0}}
    np.testing.assert_allclose(run("largest", largest, law=law), [40, 60, 80])


def test_an_argument_with_a_default_that_names_nothing_keeps_it():
    @rule(entity="person")
    def tax(income, half=0.5):
        return half * income

    np.testing.assert_allclose(run("tax", tax), [5, 10, 15, 20])


def test_months_add_up_to_a_year_and_years_are_divided():
    @rule(entity="person", period="month")
    def monthly(income, params):
        return income + params.amount

    @rule(entity="person")
    def yearly(monthly):
        return monthly

    law = {"amount": {2025: 1.0, "2025-10-01": 3.0}}
    found = run("yearly", monthly, yearly, law=law)
    np.testing.assert_allclose(found, np.array([10, 20, 30, 40]) + 9 * 1 + 3 * 3)


def test_ages_are_the_same_in_every_month():
    age = input_variable("age", entity="person", kind="int")

    @rule(entity="person", kind="bool", period="month")
    def adult(age):
        return age >= 18

    found = run("adult", adult, inputs=[INCOME, age], age=[18, 17, 40, 3])
    np.testing.assert_array_equal(found, [True, False, True, False])


def test_rules_of_one_name_hold_between_their_dates():
    @rule(entity="person", name="tax", stop="2024-12-31")
    def tax_before(income):
        return 0.1 * income

    @rule(entity="person", name="tax", start="2025-01-01")
    def tax_since(income):
        return 0.2 * income

    rules = system(tax_before, tax_since)
    for year, rate in ((2024, 0.1), (2025, 0.2)):
        program = compile(rules, ["tax"], year, people())
        found = program(program.parameters, people())["tax"]
        np.testing.assert_allclose(found, rate * np.array([10, 20, 30, 40]), rtol=1e-6)


def test_sums_of_variables_and_of_the_law_s_lists():
    both = Variable("both", "household", adds=("income", "bonus", "rate"), subtracts=["income"])
    listed = Variable("listed", "household", adds="sources")
    inputs = [INCOME, input_variable("bonus", entity="household")]
    law = {"rate": 0.5, "sources": ["income", "bonus"]}
    given = {"inputs": inputs, "law": law, "bonus": [1.0, 2.0]}
    np.testing.assert_allclose(run("both", both, **given), [1.5, 2.5])
    np.testing.assert_allclose(run("listed", listed, **given), [61, 42])


def test_a_rule_is_still_its_function():
    @rule(entity="person")
    def tax(income, params):
        """Tax on income.

        More about it.
        """
        return params["rate"] * np.maximum(income - 5, 0)

    assert tax(12.0, {"rate": 0.5}) == 3.5
    assert (tax.name, tax.kind, tax.label) == ("tax", "float", "Tax on income")


def _helper(income):
    """Numpy calls that do not dispatch: creation, lists of arrays, Python's own extremes."""
    both = np.array([np.zeros(len(income)), income])
    return np.maximum.reduce([max(income, 15.0), both.sum(axis=0)])


def test_numpy_and_python_in_helpers():
    @rule(entity="person")
    def tax(income):
        return min(_helper(income), 35.0)

    np.testing.assert_allclose(run("tax", tax), [15, 20, 30, 35])


def test_a_text_rule():
    @rule(entity="person", kind="str")
    def word(income):
        return np.where(income > 15, "much", "little")

    population = people()
    program = compile(system(word), ["word"], 2025, population)
    codes = np.asarray(program(program.parameters, population)["word"])
    words = program.vocabulary("word")
    assert [words[c] for c in codes] == ["little", "much", "much", "much"]


# ---- reforms


def test_a_structural_reform_is_written_into_the_law():
    reformed = toy_system().with_reform({"winter.in_force": {"2025": False}})
    population = toy_population()
    program = compile(reformed, ["winter_grant"], 2025, population)
    assert not np.asarray(program(program.parameters, population)["winter_grant"]).any()
    assert reformed.version != toy_system().version


def test_a_reform_in_the_law_equals_a_reform_of_the_parameters():
    reform = {"tax.rate": 0.3, "child.monthly[1].amount": 200}
    population = toy_population()
    program = toy_program()
    written = compile(toy_system().with_reform(reform), ["net_income"], 2025, population)
    np.testing.assert_allclose(
        written(written.parameters, population)["net_income"],
        program(program.parameters.with_reform(reform), population)["net_income"],
        rtol=1e-6,
    )


def test_a_reform_of_part_of_the_year_can_be_written_into_the_law():
    reform = {"child.monthly[1].amount": {"2025-04-01.2025-04-30": 0}}
    population = toy_population()
    program = compile(toy_system().with_reform(reform), ["child_allowance"], 2025, population)
    found = np.asarray(program(program.parameters, population)["child_allowance"])
    age = np.asarray(population.column("age"))
    np.testing.assert_allclose(found[(age >= 6) & (age < 18)], 11 * 120)


def test_a_reform_of_an_unknown_path_is_refused():
    with pytest.raises(UnknownNameError, match=r"tax\.rate"):
        toy_system().with_reform({"tax.rte": 0.3})


# ---- versions: a cache keyed on one never serves other rules


def test_the_version_follows_the_content():
    def build(factor, law, default=0.0):
        @rule(entity="person", default=default)
        def tax(income, params):
            return factor * params.rate * income

        return system(tax, law=law).version

    assert build(2, {"rate": 0.5}) == build(2, {"rate": 0.5})
    assert build(2, {"rate": 0.5}) != build(3, {"rate": 0.5})
    assert build(2, {"rate": 0.5}) != build(2, {"rate": 0.6})
    assert build(2, {"rate": 0.5}) != build(2, {"rate": 0.5}, default=1.0)


def test_rules_are_differentiable_in_the_law():
    @rule(entity="person")
    def tax(income, params):
        return params.rate * income

    population = people()
    program = compile(system(tax), ["tax"], 2025, population)
    slope = jax.grad(lambda law: program(law, population)["tax"].sum())(program.parameters)
    assert float(slope["rate"]) == 100.0
