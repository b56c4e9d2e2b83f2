"""Divisions are rounded as numpy rounds them, also by a number that all rows share.

XLA multiplies by the inverse of such a number: the ceiling of 52 * 12 / 52 is 13 then.
"""

import jax
import numpy as np
import pandas as pd
import pytest
from _engine_rules import INCOME, system

from pejax import Population
from pejax.engine import compile, rule

ROWS = 5_000
AMOUNTS = np.arange(1, ROWS + 1, dtype=np.float32)
ROUNDED = {
    "quotient": lambda np, x, n: x / n,
    "ceiling": lambda np, x, n: np.ceil(x * n / n),
    "floor": lambda np, x, n: np.floor(x * n / n),
    "whole quotient": lambda np, x, n: x // n,
    "rest": lambda np, x, n: x % n,
    "of a sum": lambda np, x, n: (x + n) / n,
    "twice": lambda np, x, n: np.floor(x / n) / n,
    "of what divides": lambda np, x, n: n / x,
}


def _people(amounts):
    rows = range(len(amounts))
    frames = {
        "person": pd.DataFrame({f"{e}_id": rows for e in ("person", "tax_unit", "household")})
    }
    frames["person"]["income"] = amounts
    frames |= {e: pd.DataFrame({f"{e}_id": rows}) for e in ("tax_unit", "household")}
    return Population.from_frames(frames, weights=None)


PEOPLE = _people(AMOUNTS)


def _program(function, law=None):
    @rule(entity="person", kind="float")
    def result(income, params):
        return function(np, income, params.n if law else None)

    return compile(
        system(result, inputs=[INCOME], law=law or {"rate": 0.5}), ["result"], 2025, PEOPLE
    )


@pytest.mark.parametrize("function", ROUNDED.values(), ids=ROUNDED)
@pytest.mark.parametrize("n", [3, 7.0, 12, 52.0, 100, 0.3])
def test_by_a_literal(function, n):
    program = _program(lambda np, x, _: function(np, x, n))
    found = program(program.parameters, PEOPLE)["result"]
    np.testing.assert_array_equal(found, function(np, AMOUNTS, np.float32(n)))


@pytest.mark.parametrize("function", ROUNDED.values(), ids=ROUNDED)
def test_by_a_parameter(function):
    program = _program(function, {"n": 52.0})
    for n in (52.0, 12.0, 7.0):
        found = program(program.parameters.with_reform({"n": n}), PEOPLE)["result"]
        np.testing.assert_array_equal(found, function(np, AMOUNTS, np.float32(n)))


def test_months_of_a_whole_year():
    program = _program(lambda np, x, _: np.ceil(np.minimum(x, 52) * 12 / 52))
    found = np.asarray(program(program.parameters, PEOPLE)["result"])
    assert found.max() == 12 and found[12] == 3 and found[25] == 6 and found[38] == 9


def test_derivatives_are_those_of_a_quotient():
    program = _program(lambda np, x, n: x / n, {"n": 52.0})

    def total(parameters, income):
        people = PEOPLE.with_columns("person", income=income)
        return program(parameters, people)["result"].sum()

    by_law, by_income = jax.grad(total, argnums=(0, 1))(program.parameters, AMOUNTS)
    np.testing.assert_allclose(by_income, 1 / 52, rtol=1e-6)
    np.testing.assert_allclose(by_law["n"], -AMOUNTS.sum(dtype=float) / 52**2, rtol=1e-4)
