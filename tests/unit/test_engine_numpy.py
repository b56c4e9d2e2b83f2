"""numpy on traced arrays means what it means on arrays: values, dtypes and shapes."""

import numpy as np
import pytest
from _engine_traced import NAMES, REAL, ROWS, WORDS, Colour, P, plain, put, traced

from pejax.engine.tracing._array import Untraceable

EXPRESSIONS = {
    "arithmetic": lambda np, x, y, **_: x + y * 2 - x / 4 + 3**2,
    "reflected": lambda np, x, p, **_: (1 - x) * p + 2 / (x**2 + 1) - (-x),
    "single precision": lambda np, s, **_: s * 2 + 1,
    "single and double": lambda np, s, x, **_: s + x,
    "integers": lambda np, i, **_: i // 2 + i % 3 - 5 * i,
    "integer division": lambda np, i, **_: i / 2,
    "integer and float": lambda np, i, p, **_: i * p,
    "booleans": lambda np, b, x, **_: (b & (x > 0)) | ~b ^ (x == 2.5),
    "boolean sums": lambda np, b, **_: b + b * 1 + (b == False),  # noqa: E712
    "comparison": lambda np, x, y, **_: (x >= y) & (x != y) & (x < 1e5) & (x <= 3),
    "power": lambda np, x, **_: np.abs(x) ** 0.5 + np.power(x, 2),
    "roots and logs": lambda np, s, **_: np.sqrt(np.abs(s)) + np.log(np.abs(s)) + np.exp(-s),
    "rounding": lambda np, x, **_: np.floor(x) + np.ceil(x) + np.trunc(x) + np.rint(x),
    "Python's round": lambda np, x, p, **_: x + round(p * 10, 1) + round(p * 7),
    "a list of a table": lambda np, x, **_: x * np.array([1.0, 2.0]).tolist()[1],
    "a list of numbers of the law": lambda np, x, p, **_: x * (np.array([p, 2.0]) * 3).tolist()[0],
    "round": lambda np, x, **_: np.round(x / 3, 2) + x.round(1) + np.around(x),
    "sign": lambda np, x, **_: np.sign(x) * np.fabs(x) + np.square(x) + np.positive(x),
    "extremes": lambda np, x, y, **_: np.maximum(x, y) - np.minimum(x, 0) + np.fmax(x, y),
    "clip": lambda np, x, **_: np.clip(x, -1, 2) + x.clip(0, 1) + np.clip(x, None, 5),
    "where": lambda np, b, x, y, **_: np.where(b, x, y) + np.where(x > 0, 1, 0),
    "where of integers": lambda np, b, i, **_: np.where(b, i, 0),
    "where of a scalar": lambda np, b, p, **_: np.where(b, p, 0),
    "select": lambda np, x, i, **_: np.select([x < 0, x < 2.6], [x, i], 9),
    "select, no default": lambda np, x, b, **_: np.select([b, x > 0], [x, 2 * x]),
    "select of booleans": lambda np, b, x, **_: np.select([b], [x > 0], False),
    "isin": lambda np, i, x, **_: np.isin(i, [1, 2, 7]) | np.isin(x, np.array([2.5])),
    "isin, inverted": lambda np, i, **_: np.isin(i, [1, 2], invert=True),
    "tests": lambda np, x, y, **_: np.isnan(x / y) | np.isinf(x / y) | ~np.isfinite(y),
    "division by zero": lambda np, x, y, **_: x / y,
    "masked division": lambda np, x, y, **_: np.divide(x, y, out=np.zeros_like(x), where=y != 0),
    "nan_to_num": lambda np, x, y, **_: np.nan_to_num(x / y),
    "like": lambda np, x, i, **_: np.zeros_like(x) + np.ones_like(i) + np.full_like(x, 3),
    "like, typed": lambda np, x, **_: np.zeros_like(x, dtype=bool) | np.ones_like(x, dtype=bool),
    "creation": lambda np, x, **_: np.zeros(len(x)) + np.ones(x.shape) + np.full(len(x), 2.5),
    "creation, typed": lambda np, x, **_: np.zeros(len(x), dtype=int) + np.full(len(x), 1),
    "arange": lambda np, x, **_: np.arange(len(x)) * 2,
    "logical": lambda np, b, x, **_: np.logical_and(b, x) ^ np.logical_or(b, x) | np.logical_not(x),
    "xor": lambda np, b, x, **_: np.logical_xor(b, x > 0) & np.invert(b),
    "any and all of a list": lambda np, b, x, **_: np.any([b, x > 3], axis=0) & np.all([b], axis=0),
    "sum of a list": lambda np, x, y, **_: np.sum([x, y, x], axis=0) + sum([x, y]),
    "extremes of a list": lambda np, x, y, **_: np.max([x, y], axis=0) - np.min([x, y], axis=0),
    "reduce": lambda np, x, y, **_: np.maximum.reduce([x, y, x * 2]) + np.add.reduce([x, y]),
    "reduce of booleans": lambda np, b, x, **_: np.logical_or.reduce([b, x > 0, b]),
    "mean of a list": lambda np, x, y, **_: np.mean([x, y], axis=0),
    "stack": lambda np, x, y, **_: np.stack([x, y]).sum(axis=0) + np.array([x, y])[1],
    "columns": lambda np, x, y, **_: np.stack([x, y], axis=1)[:, 0] + np.array([x, y]).T[:, 1],
    "concatenate": lambda np, x, p, **_: x * np.concatenate([np.array([p, 2.0]), [3.0]])[1],
    "astype": lambda np, x, b, i, **_: x.astype(int) + b.astype(float) + i.astype(np.float32),
    "to booleans": lambda np, x, i, **_: x.astype(bool) & i.astype(bool),
    "interp": lambda np, x, p, **_: np.interp(x, [0.0, 1.0, 5.0], [p, 2.0, 4.0]),
    "broadcast": lambda np, x, p, **_: np.broadcast_to(p, x.shape) + x,
    "sum": lambda np, x, i, b, **_: x.sum() + np.sum(i) + np.sum(b),
    "extremes of all": lambda np, x, i, **_: x.max() - np.min(x) + i.max() - np.amin(i),
    "prod": lambda np, y, **_: np.prod(y + 1),
    "any and all": lambda np, x, b, **_: (x > 5).any() & (x > -9).all() & np.any(b),
    "cumsum": lambda np, x, **_: np.cumsum(x) + x.sum(),
    "first": lambda np, x, **_: x[0] + x,
    "chosen rows": lambda np, x, i, **_: x[np.abs(i) % 3],
    "selected rows": lambda np, x, b, **_: x[b].sum() + x[x > 0].max() - x[b].min(),
    "selected of selected": lambda np, x, b, **_: (x[b] * 2).sum(),
    "bincount": lambda np, x, i, **_: np.bincount(np.abs(i), weights=x, minlength=8),
    "newaxis": lambda np, x, p, **_: (x[:, None] * np.array([p, 2.0])).sum(axis=1),
    "reshape": lambda np, x, y, **_: np.stack([x, y], axis=1).reshape(len(x), 2)[:, 1],
    "ravel": lambda np, x, **_: x.ravel() + x.flatten() + np.ravel(x) + x.copy(),
    "size and shape": lambda np, x, **_: x * (np.ndim(x) + x.ndim + len(np.shape(x))),
    "scalars": lambda np, p, x, **_: np.maximum(p, 0.2) * 3 + np.where(p > 0, x, 0),
    "lexsort": lambda np, x, i, **_: np.lexsort((x, i)),
    "float_power": lambda np, x, **_: np.float_power(np.abs(x), 1.5),
}  # fmt: skip


@pytest.mark.parametrize("function", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_it_is_numpy(function):
    found, _ = traced(function)
    expected = plain(function)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.shape(found) == np.shape(expected)
    assert np.result_type(found).kind == np.result_type(expected).kind


SAME_WIDTH = ["single precision", "single and double", "where of integers", "integer and float"]


@pytest.mark.parametrize("name", SAME_WIDTH)
def test_widths_are_numpy_s(name):
    found, _ = traced(EXPRESSIONS[name])
    assert found.dtype == plain(EXPRESSIONS[name]).dtype


# ---- names


OF_NAMES = {
    "equal to a member": (lambda np, colour, **_: colour == Colour.GREEN, NAMES == "GREEN"),
    "unequal to a member": (lambda np, colour, **_: colour != Colour.RED, NAMES != "RED"),
    "reflected": (lambda np, colour, **_: colour == Colour.BLUE, NAMES == "BLUE"),
    "an enum is no text": (lambda np, colour, **_: colour == "GREEN", np.zeros(ROWS, bool)),
    "decoded": (lambda np, colour, **_: colour.decode_to_str() == "GREEN", NAMES == "GREEN"),
    "a text": (lambda np, word, **_: word == "green", WORDS == "green"),
    "not a text": (lambda np, word, **_: word != "green", WORDS != "green"),
    "two enums": (
        lambda np, colour, b, **_: colour == np.where(b, Colour.RED, Colour.BLUE),
        np.where(REAL["b"], "RED", "BLUE") == NAMES,
    ),
    "isin of texts": (lambda np, word, **_: np.isin(word, ["red", "blue"]), WORDS != "green"),
    "isin of members": (
        lambda np, colour, **_: np.isin(colour, [Colour.RED, Colour.BLUE]),
        NAMES != "GREEN",
    ),
    "where of members": (
        lambda np, colour, b, **_: np.where(b, colour, Colour.RED) == Colour.GREEN,
        REAL["b"] & (NAMES == "GREEN"),
    ),
    "select of members": (
        lambda np, x, b, **_: (
            np.select([x < 0, b], [Colour.RED, Colour.GREEN], Colour.BLUE) == Colour.BLUE
        ),
        ~(REAL["x"] < 0) & ~REAL["b"],
    ),
    "where of texts": (
        lambda np, b, **_: np.where(b, "yes", "no") == "yes",
        REAL["b"],
    ),
    "full of a member": (
        lambda np, x, colour, **_: np.full(len(x), Colour.RED) == colour,
        NAMES == "RED",
    ),
    "texts that are numbers": (
        lambda np, b, **_: np.where(b, "12", "7").astype(int),
        np.where(REAL["b"], 12, 7),
    ),
}


@pytest.mark.parametrize(("function", "expected"), OF_NAMES.values(), ids=OF_NAMES)
def test_names(function, expected):
    found, _ = traced(function)
    np.testing.assert_array_equal(found, expected)


def test_an_array_in_place():
    def function(np, x, y, b, **_):
        z = np.zeros_like(x)
        z += x
        z -= 1
        z *= 2
        z /= 4
        z[b] = y[b]
        z[x > 1e5] = 7
        c = x > 0
        c |= b
        c &= y > 0
        return z + c

    found, _ = traced(function)
    np.testing.assert_allclose(found, plain(function))


def test_what_is_assigned_keeps_the_array_s_type():
    def function(np, i, x, b, **_):
        whole = i.copy()
        whole[b] = x[b]
        return whole

    found, _ = traced(function)
    expected = plain(function)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


# ---- decisions and refusals


def test_decisions_are_answered_from_the_population():
    def function(np, x, p, **_):
        if (x > 5).any():
            return [float(p), int(np.max(x)), str(p), f"{p}", x.max().item()]
        return []

    found, _ = traced(function)
    assert found == [P, 1_000_000, "0.3", "0.3", 1e6]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda np, x, **_: np.median(x), "numpy.median"),
        (lambda np, x, **_: np.arctan(x), "numpy.arctan"),
        (lambda np, x, **_: np.add.accumulate(x), "numpy.add.accumulate"),
        (lambda np, x, **_: np.arctan2.reduce([x, x]), "plain numpy array"),
        (lambda np, x, **_: np.subtract.reduce(np.stack([x, x])), "numpy.subtract.reduce"),
        (lambda np, x, **_: x.mean(), "a mean over rows"),
        (lambda np, x, **_: float(x), "float.. of a whole array"),
        (lambda np, x, **_: x if x > 0 else 0, "bool.. of a whole array"),
        (lambda np, x, **_: list(x), "a Python loop"),
        (lambda np, x, y, **_: np.random.default_rng().normal(x), "plain numpy array"),
        (lambda np, x, **_: x[1], "by their number"),
        (lambda np, x, **_: x[:-1], "by their number"),
        (lambda np, x, y, **_: x[y[:1] > 0], "by their number"),
        (lambda np, word, **_: word + word, "numpy.add of strings"),
        (lambda np, b, colour, **_: np.where(b, colour, "PINK"), "'PINK' is not one of RED"),
        (lambda np, x, **_: np.isin(3.0, x), "isin of a constant"),
        (lambda np, x, **_: x.names, "names of a numeric array"),
        (lambda np, x, **_: np.unique(x), "numpy.unique of numbers"),
        (lambda np, x, **_: np.unique(x, return_counts=True), "numpy.unique of numbers"),
        (
            lambda np, x, **_: np.unique(x, return_inverse=True, return_index=True),
            "numpy.unique of numbers",
        ),
        (lambda np, x, y, **_: np.unique(np.stack([x, y]), axis=1), "numpy.unique of numbers"),
        (lambda np, i, **_: np.unique(i, return_inverse=True)[0].sum(), "the distinct values"),
        (lambda np, x, **_: [2 * value for value in x], "a Python loop over the rows"),
        (lambda np, colour, **_: np.array([str(c) for c in colour]), "a Python loop over the rows"),
        (lambda np, x, y, **_: np.searchsorted(x, y), "searchsorted in an array of the population"),
        (
            lambda np, x, i, **_: np.searchsorted([1.0, 2.0], x, sorter=[1, 0]),
            "searchsorted in an array of the population",
        ),
        (
            lambda np, x, y, i, **_: np.column_stack([x, y])[np.abs(i), np.abs(i) % 2],
            "rows of an array by their number",
        ),
        (lambda np, x, y, i, **_: np.column_stack([x, y])[np.abs(i), 1], "index of several arrays"),
        (lambda np, x, y, b, **_: np.column_stack([x, y])[b, b], "an index of several arrays"),
        (lambda np, x, i, **_: x[np.arange(len(x)), i], "an index of several arrays"),
        (
            lambda np, x, y, i, **_: put(np, [x, y], lambda np: (np.abs(i), np.abs(i) % 2), 1),
            "rows of an array by their number",
        ),
        (
            lambda np, x, y, i, **_: put(np, [x, y], lambda np: (slice(None), np.abs(i)), 1),
            "an index of several arrays",
        ),
        (lambda np, x, **_: x.sort(), "sorting rows in place"),
        (lambda np, x, **_: np.sort(x), "numpy.sort, but of every row"),
        (lambda np, x, y, **_: np.sort(np.column_stack([x, y]), axis=0), "numpy.sort, but of ev"),
        (lambda np, x, y, **_: np.column_stack([x, y]).sort(axis=0), "sorting rows in place"),
        (lambda np, x, **_: np.column_stack([x] * 65).sort(axis=1), "more than 64 columns"),
        (lambda np, x, i, **_: np.subtract.at(np.zeros(3), np.abs(i) % 3, x), "numpy.subtract.at"),
        (lambda np, x, **_: np.maximum.at(np.zeros(3), [0, 1], 2.0), "numpy.maximum.at"),
    ],
)
def test_what_a_program_cannot_express_is_named(function, message):
    with pytest.raises(Untraceable, match=message):
        traced(function)
