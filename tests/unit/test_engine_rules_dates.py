"""Rules written natively: dates, years and laws that mean something, or are refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _engine_rules import people, run, system

from pejax.core._validate import BadInputError
from pejax.engine import UntraceableRule, compile, rule

VALUES = np.array([10.0, 20.0, 30.0, 40.0])


def dated(start="", stop="", period="year"):
    @rule(entity="person", start=start, stop=stop, period=period)
    def tax(income):
        return income * 1.0

    return tax


@pytest.mark.parametrize(
    ("start", "stop", "in_force"),
    [
        ("2025", "", True),
        (2025, "2025-12-31", True),
        ("2025-01", "", True),
        ("2025-01-01", "2025-01-01", True),
        ("2025-02", "", False),
        ("", "2024-12-31", False),
    ],
)
def test_dates_of_a_rule(start, stop, in_force):
    np.testing.assert_allclose(run("tax", dated(start, stop)), VALUES * in_force)


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        ("2025-1-1", "", "tax: start='2025-1-1' is not a date; write '2025-01-01' or '2025'"),
        ("2024-13-45", "", "tax: start='2024-13-45' is not a date"),
        ("", "31.12.2025", "tax: stop='31.12.2025' is not a date; write '2025-12-31'"),
        ("2025", "2025", "tax: stop='2025' names no day; write the last one, '2025-12-31'"),
        ("", "2025-06", "tax: stop='2025-06' names no day"),
        ("2025-02-01", "2025-01-01", "tax: it stops on 2025-01-01, before it starts"),
    ],
)
def test_dates_that_are_none(start, stop, message):
    with pytest.raises(BadInputError, match=message):
        dated(start, stop)


def test_an_eternity_has_no_dates():
    with pytest.raises(BadInputError, match="tax is for eternity, which has no dates"):
        dated("2025", period="eternity")


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"2025-02-30": 1.0}, "rate: '2025-02-30' is not a date; write '2025-01-01'"),
        ({2025: 1.0, "2025-01-01": 2.0}, "rate has two values from one day on"),
    ],
)
def test_dates_of_a_law(rates, message):
    with pytest.raises(BadInputError, match=message):
        system(law={"rate": rates})


@pytest.mark.parametrize("year", [99, 1899, 2201, 20255])
def test_a_year_that_can_only_be_a_slip(year):
    with pytest.raises(BadInputError, match=f"period: the year of '{year}' is outside 1900"):
        compile(system(dated()), ["tax"], year, people())


def test_a_rule_without_a_value():
    @rule(entity="person")
    def forgotten(income):
        income * 2.0

    with pytest.raises(UntraceableRule, match="forgotten returns None; end it with return"):
        run("forgotten", forgotten)


@pytest.mark.usefixtures("unchecked")
def test_stacked_laws_need_vmap():
    @rule(entity="person")
    def tax(income, params):
        return income * params.rate

    program, population = compile(system(tax), ["tax"], 2025, people()), people()
    law = program.parameters
    laws = jax.vmap(lambda r: law.with_reform({"rate": r}))(jnp.array([0.1, 0.2, 0.3]))
    for call in (program, program.guards_hold):
        with pytest.raises(BadInputError, match=r"a stack of reforms, \(3,\), .*jax.vmap"):
            call(laws, population)
    each = jax.vmap(lambda law: program(law, population)["tax"])(laws)
    np.testing.assert_allclose(each, np.outer([0.1, 0.2, 0.3], VALUES), rtol=1e-6)
    with pytest.raises(BadInputError, match=r"rate: an? .* of shape \(3,\)"):
        law.with_reform({"rate": np.array([0.1, 0.2, 0.3])})
    with pytest.raises(BadInputError, match="reform is 'text'"):
        law.with_reform("text")
