"""Rules written natively: edges by argument name, and what is refused when a system is built."""

import enum

import jax
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax._validate import BadInputError, UnknownNameError
from pejax.engine import (
    CircularRule,
    UntraceableRule,
    Variable,
    build_system,
    compile,
    input_variable,
    rule,
)
from pejax.testing import toy_population, toy_program, toy_system

ENTITIES = ("person", "tax_unit", "household")
INCOME = input_variable("income", entity="person")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def people(**columns) -> Population:
    """Two households; the first has the tax units {0, 1} and {2}."""
    held = {"income": [10.0, 20.0, 30.0, 40.0], **columns}
    person = {"person_id": range(4), "household_id": [0, 0, 0, 1], "tax_unit_id": [0, 0, 1, 2]}
    by_entity = {"person": person, "tax_unit": {"tax_unit_id": [0, 1, 2]}}
    by_entity["household"] = {"household_id": [0, 1], "household_weight": [1.0, 2.0]}
    rows = {4: "person", 3: "tax_unit", 2: "household"}
    for name, values in held.items():
        by_entity[rows[len(values)]][name] = values
    return Population.from_frames({e: pd.DataFrame(c) for e, c in by_entity.items()})


def system(*rules, inputs=(INCOME,), law=None):
    return build_system(
        "test", entities=ENTITIES, parameters=law or {"rate": 0.5}, rules=rules, inputs=inputs
    )


def run(name, *rules, inputs=(INCOME,), law=None, **columns):
    population = people(**columns)
    program = compile(system(*rules, inputs=inputs, law=law), [name], 2025, population)
    return np.asarray(program(program.parameters, population)[name])


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


# ---- what is refused


def test_an_unknown_argument_names_its_neighbours():
    @rule(entity="person")
    def tax(incom, params):
        return incom

    with pytest.raises(UnknownNameError, match=r"tax takes 'incom'.*Nearest: income"):
        system(tax)


def test_an_unknown_entity_names_its_neighbours():
    @rule(entity="persn")
    def tax(income):
        return income

    with pytest.raises(UnknownNameError, match=r"tax is on 'persn'.*Nearest: person"):
        system(tax)


def test_an_unknown_condition_or_part_or_index():
    @rule(entity="person", defined_for="is_adlt")
    def tax(income):
        return income

    with pytest.raises(UnknownNameError, match="tax is defined for 'is_adlt'"):
        system(tax)
    with pytest.raises(UnknownNameError, match=r"total adds 'incme'.*Nearest: income"):
        system(Variable("total", "person", adds=["incme"]))
    with pytest.raises(UnknownNameError, match=r"no parameter 'index\.x'"):
        system(inputs=[input_variable("rent", entity="person", uprating="index.x")])


def test_two_variables_of_one_name():
    @rule(entity="person", name="income")
    def other(params):
        return params.rate

    with pytest.raises(BadInputError, match="income is defined 2 times"):
        system(other)


def test_two_rules_for_the_same_days():
    @rule(entity="person", name="tax", stop="2025-06-30")
    def early(income):
        return income

    @rule(entity="person", name="tax", start="2025-01-01")
    def late(income):
        return income

    with pytest.raises(BadInputError, match="two rules of tax hold on 2025-01-01"):
        system(early, late)


def test_categories_have_no_sum():
    colour = input_variable("colour", entity="person", vocabulary=Colour)

    @rule(entity="household")
    def amount(colour):
        return colour

    with pytest.raises(BadInputError, match="a category of each person, which has no sum"):
        system(amount, inputs=[colour])


def test_names_that_arguments_need():
    for name in ("params", "period", "household"):
        with pytest.raises(BadInputError, match=f"cannot be called '{name}'"):
            system(inputs=[input_variable(name, entity="person")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "number"}, "kind 'number'; choose one of float"),
        ({"period": "week"}, "period 'week'; choose one of month"),
        ({"kind": "enum"}, "vocabulary=TheEnumClass"),
        ({"kind": "float", "vocabulary": Colour}, "only an enum, has vocabulary"),
    ],
)
def test_options_that_do_not_exist(options, message):
    with pytest.raises(BadInputError, match=message):
        input_variable("x", entity="person", **options)


def test_only_functions_with_named_arguments_are_rules():
    with pytest.raises(BadInputError, match="not int"):
        rule(entity="person", name="x")(3)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match=r"\*parts names nothing"):

        @rule(entity="person")
        def total(*parts):
            return sum(parts)


def test_a_system_has_persons_and_a_group():
    with pytest.raises(BadInputError, match="at least two entities"):
        build_system("x", entities=["person"], parameters={}, rules=[])


def test_groups_that_are_not_part_of_each_other():
    entities = ("person", "family", "tax_unit", "household")

    @rule(entity="family")
    def claims(claim):
        return claim

    claim = input_variable("claim", entity="tax_unit")
    rules = build_system("x", entities=entities, parameters={}, rules=[claims], inputs=[claim])
    frame = pd.DataFrame({f"{e}_id": [0, 1] for e in entities})
    population = Population.from_frames({"person": frame}, weights=None)
    with pytest.raises(UntraceableRule, match="claim is on tax_unit, which is neither part"):
        compile(rules, ["claims"], 2025, population)


def test_a_circular_rule_names_its_chain():
    @rule(entity="person")
    def gross(net):
        return net / 2

    @rule(entity="person")
    def tax(gross):
        return gross

    @rule(entity="person")
    def net(tax):
        return tax

    @rule(entity="person")
    def start(gross):
        return gross

    with pytest.raises(CircularRule, match=r"itself: gross -> net -> tax -> gross\. Give"):
        run("start", start, gross, tax, net)


def test_a_column_cuts_the_circle():
    @rule(entity="person")
    def gross(net):
        return net * 2

    @rule(entity="person")
    def net(gross):
        return gross / 2

    given = {"net": [1.0, 2.0, 3.0, 4.0]}
    np.testing.assert_allclose(run("gross", gross, net, **given), [2, 4, 6, 8])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda income: np.linalg.norm(income, ord=1), "numpy.norm"),
        (lambda income: income[-1], "rows of an array by their number"),
        (lambda income: income[1:], "rows of an array by their number"),
        (lambda income: [x + 1 for x in income], "a Python loop over the rows"),
        (lambda income: income if income > 3 else 0, "bool.. of a whole array"),
        (lambda income: np.mean(income) + 1, "a mean over rows"),
        (lambda income: np.asarray(income, dtype=float).tolist(), "tolist"),
        (lambda income, params: params.rat * income, "rat has no value"),
    ],
)
def test_what_cannot_be_traced_is_named(body, message):
    body.__name__ = "odd"
    with pytest.raises(UntraceableRule, match=f"(?s)odd.*{message}"):
        run("odd", rule(entity="person")(body))


def test_rules_are_differentiable_in_the_law():
    @rule(entity="person")
    def tax(income, params):
        return params.rate * income

    population = people()
    program = compile(system(tax), ["tax"], 2025, population)
    slope = jax.grad(lambda law: program(law, population)["tax"].sum())(program.parameters)
    assert float(slope["rate"]) == 100.0
