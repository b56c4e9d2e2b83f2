"""What formulas of other countries ask: scales that they make, options by name, spans of time."""

import dataclasses
import enum

import numpy as np
import pytest
from _engine_rules import people, run, system

from pejax.core._validate import BadInputError
from pejax.engine import GuardMovedError, UntraceableRule, compile, input_variable, rule
from pejax.engine.graph._ir import Graph
from pejax.engine.rules._calendar import Instant, Period, unfit
from pejax.engine.tracing._array import Traced, Untraceable
from pejax.engine.tracing._scale_traced import MadeScale

INCOME = np.array([10.0, 20.0, 30.0, 40.0])


# ---- scales that a formula makes


def made(income, *brackets, factor=None):
    scale = MadeScale(income.graph, name="levy")
    for threshold, rate in brackets:
        scale.add_bracket(threshold, rate)
    return scale if factor is None else scale.multiply_thresholds(factor)


def levied(*brackets):
    return sum(rate * np.maximum(INCOME - low, 0) for low, rate in brackets)


def test_a_scale_is_made_bracket_by_bracket():
    @rule(entity="person")
    def answer(income, params):
        return made(income, (0, 0.1), (1, 0.1 + params.rate), factor=15).calc(income)

    steps = levied((0, 0.1), (15, 0.5))  # what is added to the rate below
    np.testing.assert_allclose(run("answer", answer), steps, rtol=1e-6)


def test_brackets_stand_in_order_and_add_up():
    @rule(entity="person")
    def answer(income):
        return made(income, (25, 0.3), (0, 0.1), (25, 0.2)).multiply_rates(2).calc(income)

    np.testing.assert_allclose(run("answer", answer), levied((0, 0.2), (25, 0.8)), rtol=1e-6)


def test_a_scale_that_a_reform_turns_round_is_refused():
    @rule(entity="person")
    def answer(income, params):
        return made(income, (0, 0.1), (params.rate * 40, 0.2), (30, 0.5)).calc(income)

    program = compile(system(answer), ["answer"], 2025, people())
    reformed = program.parameters.with_reform({"rate": 1.0})
    with pytest.raises(GuardMovedError, match="the scale levy, which it makes, are out of order"):
        program(reformed, people())


def test_scales_that_are_refused():
    graph = Graph({"person": 101})
    rows = Traced(graph.input("x", np.ones(101)))
    with pytest.raises(Untraceable, match="thresholds differ by row"):
        MadeScale(graph).add_bracket(rows, 0.1)
    with pytest.raises(Untraceable, match="with rounded thresholds"):
        MadeScale(graph).multiply_thresholds(2, decimals=1)


# ---- options and periods


class Option(enum.Enum):
    ADD, DIVIDE = "ADD", "DIVIDE"


@rule(entity="person", period="month")
def benefit(income, period):
    return income * (period.start.month > 6)


@pytest.mark.parametrize("add", ["add", "ADD", Option.ADD])
def test_options_are_known_by_their_names(add):
    @rule(entity="person")
    def answer(person, period):
        return person("benefit", period, options=[add])

    np.testing.assert_allclose(run("answer", answer, benefit), INCOME / 2, rtol=1e-6)


@pytest.mark.parametrize("divide", ["divide", Option.DIVIDE])
def test_a_twelfth_is_asked_for_by_name(divide):
    @rule(entity="person", period="month")
    def answer(person, period):
        return person("income", period, options=[divide])

    np.testing.assert_allclose(run("answer", answer), INCOME, rtol=1e-6)


class Quarter(Period):
    """Three months, as a country's own class has them."""

    size = 3


def test_several_months_are_no_month():
    @rule(entity="person")
    def answer(person):
        return person.simulation.calculate("benefit", Quarter("month", Instant(2025, 7)))

    with pytest.raises(UntraceableRule, match="benefit changes by month: ask for its sum over"):
        run("answer", answer, benefit)
    assert unfit("benefit", "month", Period.of("2025-07")) == ""
    assert "by ADD" in unfit("benefit", "month", Quarter("month", Instant(2025, 7)))


# ---- dates


BORN = input_variable("born", entity="person", kind="str", period="eternity")
DATES = ["1990-01-01", "2001-12-31", "1985-07-31", "2024-02-29"]


@rule(entity="person", kind="int")
def age(born, period):
    today = np.datetime64(str(period.start))
    return (today - born + np.timedelta64(1)).astype("timedelta64[Y]")


def ages(born):
    """By rules that have a date, as rules written natively have none."""
    made = system(age, inputs=(input_variable("income", entity="person"), BORN))
    dated = dataclasses.replace(made.variable("born"), kind="date")
    made = dataclasses.replace(made, variables={**made.variables, "born": dated})
    held = people(born=born)
    program = compile(made, ["age"], 2025, held)
    return np.asarray(program(program.parameters, held)["age"])


def test_an_age_is_a_span_of_time():
    found = ages(DATES)
    days = np.datetime64("2025-01-01") - np.array(DATES, "datetime64[D]") + np.timedelta64(1)
    assert found.tolist() == days.astype("timedelta64[Y]").astype(int).tolist() == [35, 23, 39, 0]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (["1990-13-01", *DATES[1:]], "person.born holds '1990-13-01', which is no date"),
        ([1.0, 2.0, 3.0, 4.0], "person.born holds numbers, but it is a date variable"),
    ],
)
def test_dates_that_are_none(values, problem):
    with pytest.raises(BadInputError, match=problem):
        ages(values)


def test_a_name_that_a_formula_does_not_know_is_a_refusal():
    @rule(entity="person")
    def answer(income):
        if len([]) > 0:
            found = income
        return found

    with pytest.raises(UntraceableRule, match="answer for 2025: UnboundLocalError"):
        run("answer", answer)
