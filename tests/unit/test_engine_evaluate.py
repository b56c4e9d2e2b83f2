"""Evaluation: periods, conditions, branches, values carried over, circles and spirals."""

import enum

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import (
    UntraceableRule,
    Variable,
    build_system,
    compile,
    input_variable,
    rule,
)

INCOME = np.array([10.0, 20.0, 30.0, 40.0])


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


def people(person=None, household=None) -> Population:
    frames = {
        "person": pd.DataFrame(
            {
                "person_id": range(4),
                "household_id": [0, 1, 1, 1],
                "income": INCOME,
                **(person or {}),
            }
        ),
        "household": pd.DataFrame(
            {"household_id": [0, 1], "household_weight": 1.0, **(household or {})}
        ),
    }
    return Population.from_frames(frames)


def run(name, *rules, inputs=(), law=None, population=None):
    system = build_system(
        "test",
        entities=("person", "household"),
        parameters=law or {},
        rules=rules,
        inputs=[input_variable("income", entity="person"), *inputs],
    )
    population = population or people()
    program = compile(system, [name], 2025, population)
    return np.asarray(program(program.parameters, population)[name])


# ---- conditions


def test_where_it_is_not_defined_a_variable_has_its_default():
    @rule(entity="person", kind="bool")
    def rich(income):
        return income > 15

    @rule(entity="person", defined_for="rich", default=-1.0)
    def tax(income):
        return income / 10

    np.testing.assert_allclose(run("tax", rich, tax), [-1, 2, 3, 4])


def test_a_condition_on_another_entity():
    @rule(entity="household", kind="bool")
    def large(household):
        return household.nb_persons() > 2

    @rule(entity="person", defined_for="large")
    def tax(income):
        return income

    np.testing.assert_allclose(run("tax", large, tax), [0, 20, 30, 40])


def test_a_category_where_it_is_not_defined():
    @rule(entity="person", kind="bool")
    def rich(income):
        return income > 15

    @rule(entity="person", defined_for="rich", vocabulary=Size)
    def size(income):
        return np.where(income > 0, Size.LARGE, Size.SMALL)

    np.testing.assert_array_equal(run("size", rich, size), [0, 1, 1, 1])


# ---- periods


def test_a_monthly_input_of_a_year_is_spread_over_its_months():
    rent = input_variable("rent", entity="household", period="month")

    @rule(entity="household", period="month")
    def third_of_rent(rent):
        return rent / 3

    population = people(household={"rent": [1200.0, 3600.0]})
    found = run("third_of_rent", third_of_rent, inputs=[rent], population=population)
    np.testing.assert_allclose(found, [400, 1200], rtol=1e-6)


def test_a_monthly_flag_of_a_year_holds_in_every_month():
    owner = input_variable("owner", entity="household", kind="bool", period="month")

    @rule(entity="household")
    def ownership(owner):
        return owner

    population = people(household={"owner": [True, False]})
    found = run("ownership", ownership, inputs=[owner], population=population)
    np.testing.assert_array_equal(found, [1, 0])


def test_a_stock_is_its_last_month():
    wealth = Variable("wealth", "person", period="month", stock=True, dtype="float64")

    @rule(entity="person")
    def total(wealth):
        return wealth

    population = people(person={"wealth": INCOME})
    np.testing.assert_allclose(run("total", total, wealth, population=population), INCOME)


def test_an_eternal_value_is_the_same_in_every_period():
    born = input_variable("born_abroad", entity="person", kind="bool", period="eternity")

    @rule(entity="person", period="month")
    def stipend(born_abroad):
        return 10 * born_abroad

    @rule(entity="person")
    def yearly(stipend):
        return stipend

    population = people(person={"born_abroad": [True, False, True, False]})
    found = run("yearly", stipend, yearly, inputs=[born], population=population)
    np.testing.assert_allclose(found, [120, 0, 120, 0])


def test_months_that_are_equal_are_computed_once():
    @rule(entity="person", period="month")
    def monthly(income, params):
        return params.rate * income

    @rule(entity="person")
    def yearly(monthly):
        return monthly

    def program(law):
        system = build_system(
            "test",
            entities=("person", "household"),
            parameters=law,
            rules=[monthly, yearly],
            inputs=[input_variable("income", entity="person")],
        )
        return compile(system, ["yearly"], 2025, people())

    same = program({"rate": 0.5})
    once = program({"rate": {2025: 0.5, "2025-12-01": 0.6}})
    assert same.report.counts["nodes"] < once.report.counts["nodes"] < 2 * 12
    np.testing.assert_allclose(same(same.parameters, people())["yearly"], INCOME / 2, rtol=1e-6)
    expected = (11 * 0.5 + 0.6) / 12 * INCOME
    np.testing.assert_allclose(once(once.parameters, people())["yearly"], expected, rtol=1e-6)


# ---- values of other years


def test_an_input_is_carried_to_later_years():
    @rule(entity="person")
    def next_income(person, period):
        return person("income", period.next_year)

    np.testing.assert_allclose(run("next_income", next_income), INCOME)


def test_an_input_is_not_carried_to_earlier_years():
    @rule(entity="person")
    def last_income(person, period):
        return person("income", period.last_year)

    np.testing.assert_allclose(run("last_income", last_income), 0)


def test_an_uprated_input_follows_its_index():
    rent = input_variable("rent", entity="household", uprating="index")

    @rule(entity="household")
    def rents(household, period):
        now, later = period, period.next_year
        return household("rent", later) + 0 * household("rent", now)

    population = people(household={"rent": [100.0, 200.0]})
    law = {"index": {2025: 50.0, 2026: 60.0}}
    found = run("rents", rents, inputs=[rent], law=law, population=population)
    np.testing.assert_allclose(found, [120, 240], rtol=1e-6)


def test_a_formula_may_read_the_law_of_another_year():
    @rule(entity="person")
    def change(income, period, parameters):
        rates = [parameters(p).rate for p in (period.last_year, period, period.next_year)]
        return income * (rates[1] - rates[0]) + rates[2] - rates[2]

    law = {"rate": {2020: 0.1, 2025: 0.3, 2026: 0.9}}
    np.testing.assert_allclose(run("change", change, law=law), 0.2 * INCOME, rtol=1e-6)


def test_the_last_day_of_the_year_is_in_the_year():
    """A reform of the year reaches a value that a formula reads on 31 December."""

    @rule(entity="person")
    def tax(income, period, parameters):
        return income * parameters(f"{period.start.year}-12-31").rate

    system = build_system(
        "test",
        entities=("person", "household"),
        parameters={"rate": 0.1},
        rules=[tax],
        inputs=[input_variable("income", entity="person")],
    )
    program = compile(system, ["tax"], 2025, people())
    found = program(program.parameters.with_reform({"rate": 0.5}), people())["tax"]
    np.testing.assert_allclose(found, INCOME / 2, rtol=1e-6)


def test_a_spiral_ends_in_the_default():
    """A rule that needs itself a year earlier, without end, stops after some years."""

    @rule(entity="person")
    def wealth(person, period, income):
        return income * 0 + person("wealth", period.last_year) + 1

    np.testing.assert_allclose(run("wealth", wealth), 10)


# ---- branches


def test_a_branch_overrides_inputs_and_leaves_the_rest_alone():
    @rule(entity="person")
    def tax(income):
        return income**2

    @rule(entity="person")
    def pension(income):
        return income * 0 + 7

    @rule(entity="person")
    def marginal(person, tax, income, period):
        branch = person.simulation.get_branch("richer")
        branch.set_input("income", period, income + 1)
        richer = branch.calculate("tax", period)
        assert branch.calculate("pension", period) is not None
        assert person.simulation.calculate("tax", period).node is tax.node
        return richer - tax

    found = run("marginal", tax, pension, marginal)
    np.testing.assert_allclose(found, 2 * INCOME + 1)


def test_what_an_override_does_not_touch_is_shared():
    @rule(entity="person")
    def pension(age):
        return age * 2

    @rule(entity="person")
    def shared(person, period, income):
        branch = person.simulation.get_branch("other")
        branch.set_input("income", period, income * 0)
        inside = branch.calculate("pension", period)
        outside = person("pension", period)
        return np.where(income > 0, inside.node is outside.node, 0)

    age = input_variable("age", entity="person", kind="int")
    population = people(person={"age": [1, 2, 3, 4]})
    found = run("shared", pension, shared, inputs=[age], population=population)
    np.testing.assert_array_equal(found, 1)


def test_a_branch_of_a_branch():
    @rule(entity="person")
    def tax(income, bonus):
        return income + 100 * bonus

    @rule(entity="person")
    def both(person, period, income):
        first = person.simulation.get_branch("first")
        first.set_input("income", period, income * 0)
        second = first.get_branch("second")
        second.set_input("bonus", period, income * 0 + 2)
        values = [s.calculate("tax", period) for s in (second, first, person.simulation)]
        return values[0] * 1e6 + values[1] * 1e3 + values[2]

    bonus = input_variable("bonus", entity="person")
    population = people(person={"bonus": np.ones(4)})
    found = run("both", tax, both, inputs=[bonus], population=population)
    np.testing.assert_allclose(found, 200e6 + 100e3 + INCOME + 100, rtol=1e-6)


def test_an_input_deleted_on_a_branch_is_computed():
    @rule(entity="person")
    def tax(income):
        return income / 2

    @rule(entity="person")
    def ratio(person, period, tax):
        branch = person.simulation.get_branch("computed")
        branch.delete_arrays("tax", period)
        return tax / branch.calculate("tax", period)

    population = people(person={"tax": INCOME * 2})
    np.testing.assert_allclose(run("ratio", tax, ratio, population=population), 4)


# ---- inputs


def test_a_variable_without_formula_or_column_has_its_default():
    bonus = input_variable("bonus", entity="person", default=3.0)

    @rule(entity="person")
    def total(income, bonus):
        return income + bonus

    np.testing.assert_allclose(run("total", total, inputs=[bonus]), INCOME + 3)


def test_a_column_stands_for_its_formula_and_the_report_says_so():
    @rule(entity="person")
    def tax(income):
        return income / 2

    @rule(entity="person")
    def net(income, tax):
        return income - tax

    system = build_system(
        "test",
        entities=("person", "household"),
        parameters={},
        rules=[tax, net],
        inputs=[input_variable("income", entity="person")],
    )
    population = people(person={"tax": np.ones(4)})
    program = compile(system, ["net"], 2025, population)
    np.testing.assert_allclose(program(program.parameters, population)["net"], INCOME - 1)
    status = {v.variable: v.status for v in program.report}
    assert status == {"income": "given", "net": "traced", "tax": "hoisted"}


def test_a_column_on_the_wrong_entity_is_refused():
    @rule(entity="person")
    def tax(income, bonus):
        return income + bonus

    bonus = input_variable("bonus", entity="household")
    population = people(person={"bonus": np.ones(4)})
    with pytest.raises(BadInputError, match=r"'bonus' is on person.*move it to the household"):
        run("tax", tax, inputs=[bonus], population=population)


def test_a_name_that_an_enum_lacks_is_refused():
    size = input_variable("size", entity="household", vocabulary=Size)

    @rule(entity="household")
    def tax(size):
        return size == Size.SMALL

    population = people(household={"size": ["SMALL", "HUGE"]})
    with pytest.raises(BadInputError, match=r"household\.size holds 'HUGE'.*SMALL, LARGE"):
        run("tax", tax, inputs=[size], population=population)


def test_an_output_that_does_not_exist_names_its_neighbours():
    @rule(entity="person")
    def income_tax(income):
        return income

    with pytest.raises(UnknownNameError, match=r"'incme_tax'.*Nearest: income_tax"):
        run("incme_tax", income_tax)


def test_every_formula_that_cannot_be_traced_is_named():
    @rule(entity="person")
    def first(income):
        return np.fft.fft(income)

    @rule(entity="person")
    def second(income):
        return income[2]

    total = Variable("total", "person", adds=["first", "second"])
    with pytest.raises(UntraceableRule, match=r"(?s)first.*fft.*second.*by their number"):
        run("total", first, second, total)


def test_tables_as_long_as_a_shadow_population_are_traced_with_another():
    """The first shadow has 101 persons: as many as a literal, or a hundred ages and a gap."""

    @rule(entity="person")
    def factor(income, params):
        points = np.arange(101.0)
        return np.interp(income, points, 3 * points) + params.by_age[income.astype(int)]

    law = {"by_age": {str(age): float(age) for age in range(100)}}
    np.testing.assert_allclose(run("factor", factor, law=law), 4 * INCOME)


def test_padding_is_never_counted():
    """Reductions over everybody see real rows only; the toy populations are padded to buckets."""

    @rule(entity="person")
    def totals(income):
        some = income > 15
        counts = [
            np.sum(np.ones_like(income)),  # 4
            np.sum(income),  # 100
            np.max(-income),  # -10
            np.min(income),  # 10
            income[some].sum(),  # 90
            np.sum([income, income]),  # 200
            np.cumsum(income)[0],  # 10
            np.bincount(np.zeros_like(income, dtype=int), minlength=2)[0],  # 4
            np.all(income > 5) * 1.0,  # 1
        ]
        return income * 0 + sum(counts)

    expected = 4 + 100 - 10 + 10 + 90 + 200 + 10 + 4 + 1
    np.testing.assert_allclose(run("totals", totals), expected)
    padded = people().pad_to({"person": 64, "household": 16})
    np.testing.assert_allclose(run("totals", totals, population=padded), expected)
