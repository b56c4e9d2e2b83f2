"""Infinite values and values that are no numbers: a compiled program gives what numpy gives.

XLA rewrites arithmetic by rules that hold for numbers alone; a law divides by zero and multiplies
an infinite threshold by a truth value, and the source engine then says NaN.
"""

import dataclasses

import jax
import numpy as np
import pytest
from _engine_rules import system

from pejax import Population
from pejax.engine import compile, input_variable, rule
from pejax.engine.graph._ir import Graph
from pejax.engine.graph._node import is_truth

VALUES = [0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan]
PAIRS = np.array([(a, b) for a in VALUES for b in VALUES])
INPUTS = [input_variable(name, entity="person") for name in ("above", "below", "over", "under")]

BINARY = {
    "multiply": lambda np, x, y: x * y,
    "multiply a truth value": lambda np, x, y: (x > 0) * y,
    "multiply by a truth value": lambda np, x, y: x * (y > 0),
    "multiply a truth value's negation": lambda np, x, y: ~(x > 0) * y,
    "multiply a truth value as a number": lambda np, x, y: (x > 0).astype(float) * y,
    "multiply a truth value as an integer": lambda np, x, y: (x > 0).astype(int) * y,
    "multiply a choice": lambda np, x, y: np.where(x > 0, 1, 0) * y,
    "multiply a larger choice": lambda np, x, y: np.where(x > 0, 3.0, 0.0) * y,
    "a sum of truth values": lambda np, x, y: ((x > 0) + (x > 1)) * y,
    "take from and multiply": lambda np, x, y: np.maximum(0, y - (x > 0) * y),
    "add": lambda np, x, y: x + y,
    "subtract": lambda np, x, y: x - y,
    "from itself": lambda np, x, y: (x + y) - (x + y),
    "divide": lambda np, x, y: x / y,
    "by itself": lambda np, x, y: (x * y) / (x * y),
    "maximum": lambda np, x, y: np.maximum(x, y),
    "minimum": lambda np, x, y: np.minimum(x, y),
    "fmax": lambda np, x, y: np.fmax(x, y),
    "clip": lambda np, x, y: np.clip(x, -1, 2) + 0 * y,
    "where": lambda np, x, y: np.where(x > y, x, y),
    "where zero": lambda np, x, y: np.where(x > 0, y, 0),
    "compare": lambda np, x, y: (x < y) + 2 * (x <= y) + 4 * (x == y) + 8 * (x != y),
    "compare with itself": lambda np, x, y: (x == x) + 2 * (y >= y),  # noqa: PLR0124
    "not larger": lambda np, x, y: ~(x > y) + 2 * ~(x <= y),
    "zero times": lambda np, x, y: 0 * x + y,
    "square": lambda np, x, y: np.square(x) + y**2,
    "absolute": lambda np, x, y: np.abs(x) - np.abs(y),
    "negative": lambda np, x, y: -(x - y),
    "a power": lambda np, x, y: np.abs(x) ** 0.5 * y,
    "root": lambda np, x, y: np.sqrt(np.square(x)) * y,
    "sign": lambda np, x, y: np.sign(x) * y,
    "floor": lambda np, x, y: np.floor(x) + np.ceil(y),
    "sum": lambda np, x, y: sum([x, y, 0]),
    "any number": lambda np, x, y: np.isnan(x) + 2 * np.isinf(y) + 4 * np.isfinite(x),
}


def _people(x: np.ndarray, y: np.ndarray) -> Population:
    """People whose columns are finite, and whose quotients are what is asked for."""
    import pandas as pd

    rows = range(len(x))
    parts = {}
    for (top, bottom), values in {("above", "below"): x, ("over", "under"): y}.items():
        odd = ~np.isfinite(values)
        parts[top] = np.where(odd, np.where(np.isnan(values), 0, np.sign(values)), values)
        parts[bottom] = np.where(odd, 0.0, 1.0)
    ids = {f"{e}_id": rows for e in ("person", "tax_unit", "household")}
    frames = {"person": pd.DataFrame(ids | parts)}
    frames |= {e: pd.DataFrame({f"{e}_id": rows}) for e in ("tax_unit", "household")}
    return Population.from_frames(frames, weights=None)


def _program(function, population):
    @rule(entity="person", kind="float")
    def result(person, period, parameters):
        x = person("above", period) / person("below", period)
        y = person("over", period) / person("under", period)
        return function(np, x, y) + 0.0

    return compile(system(result, inputs=INPUTS), ["result"], 2025, population)


@pytest.mark.parametrize("function", BINARY.values(), ids=BINARY)
def test_it_is_what_numpy_gives(function):
    x, y = PAIRS.T
    population = _people(x, y)
    program = _program(function, population)
    found = program(program.parameters, population)["result"]  # checks itself besides
    with np.errstate(all="ignore"):
        expected = (function(np, x.astype(np.float32), y.astype(np.float32)) + 0.0).astype(float)
    np.testing.assert_array_equal(np.asarray(found, float), expected)


def test_a_factor_that_another_segment_computed_is_a_number_like_any():
    """It has no arguments there: a segment is given its value."""
    graph = Graph({"person": 3})
    truth = graph.input("person.able", np.zeros(3, bool))
    number = graph.apply("astype", truth, dtype=np.dtype(np.float32))
    assert is_truth(truth) and is_truth(number)
    assert not is_truth(dataclasses.replace(number, args=()))


def test_a_derivative_beside_an_infinite_value_is_a_number():
    """Rows whose value is NaN count 0, the others as without them."""
    x, y = PAIRS.T
    population = _people(x, y)
    program = _program(BINARY["multiply a truth value"], population)

    def total(over):
        column = population.with_columns("person", over=over)
        values = program(program.parameters, column)["result"]
        return jax.numpy.where(jax.numpy.isfinite(values), values, 0).sum()

    slope = np.asarray(jax.grad(total)(population.column("over")))
    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(slope, ((x > 0) & np.isfinite(y)).astype(float))
