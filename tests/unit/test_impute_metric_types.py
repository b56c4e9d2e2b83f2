"""The metrics on every type of number, against their definitions in exact fractions."""

import itertools
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings, strategies as st

from pejax import impute
from pejax.core._validate import BadInputError

TYPES = ["bool", "int8", "uint8", "int32", "int64", "uint64", "float16", "float32", "float64"]
LEVELS = [k / 16 for k in range(17)]
KINDS = st.sampled_from(TYPES)
# Whole numbers that every type holds, and a power of two that leaves them what they are.
ROWS = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 5)), min_size=1, max_size=9)
POWERS = st.integers(-1000, 1000)


def fractions(values):
    return [Fraction(x) for x in np.asarray(values).tolist()]


def mean(values, weights):
    total = sum(w * v for v, w in zip(values, weights, strict=True))
    return total / sum(weights)


def share(values, weights, point):
    return mean([Fraction(v <= point) for v in values], weights)


def quantile(values, weights, level):
    held = sorted(v for v, w in zip(values, weights, strict=True) if w > 0)
    return next(v for v in held if share(values, weights, v) >= level)


def distance(values, weights, others, other_weights):
    points = sorted({*values, *others})
    gaps = [share(values, weights, p) - share(others, other_weights, p) for p in points]
    steps = [b - a for a, b in itertools.pairwise(points)]
    return sum(abs(g) * s for g, s in zip(gaps, steps, strict=False))


def loss(truth, guess, level, weights):
    error = [a - b for a, b in zip(truth, guess, strict=True)]
    return mean([max(level * e, (level - 1) * e) for e in error], weights)


def score(draws, truth, weights):
    n = len(draws[0])
    rows = [
        sum(abs(x - y) for x in row) / n
        - sum(abs(a - b) for a in row for b in row) / (2 * n * (n - 1))
        for row, y in zip(draws, truth, strict=True)
    ]
    return mean(rows, weights)


def of_type(numbers, kind):
    unsigned = kind.startswith(("u", "b"))
    return np.array([abs(x) if unsigned else x for x in numbers]).astype(kind)


def split(rows, kind, weight_kind, power=0):
    """Values and weights of two types; weights as large or small as their type allows."""
    values = of_type([v for v, _ in rows], kind)
    weights = of_type([w for _, w in rows], weight_kind)
    assume(weights.any())
    return values, np.ldexp(weights, power) if weight_kind == "float64" else weights


def close(found, wanted):
    assert found.dtype == jnp.result_type(float)
    rounding = 1e-6 if found.dtype == jnp.float32 else 1e-14
    assert float(found) == pytest.approx(float(wanted), rel=rounding, abs=rounding)


@settings(max_examples=150)
@given(ROWS, ROWS, KINDS, KINDS, KINDS, POWERS, st.booleans())
def test_the_distribution_is_its_definition(rows, others, kind, weight_kind, other, power, wide):
    values, w = split(rows, kind, weight_kind, power)
    away, v = split(others, other, "float64", -power)
    held, counted = fractions(values), fractions(w)
    with jax.enable_x64(wide):
        close(impute.weighted_mean(values, w), mean(held, counted))
        exact = [share(held, counted, x) for x in fractions(away)]
        for found, wanted in zip(impute.weighted_cdf(values, away, w), exact, strict=True):
            close(found, wanted)
        found = impute.weighted_quantile(values, LEVELS, w)
        assert found.dtype == jax.dtypes.canonicalize_dtype(values.dtype)
        assert fractions(found) == [quantile(held, counted, Fraction(q)) for q in LEVELS]
        wanted = distance(held, counted, fractions(away), fractions(v))
        close(impute.wasserstein(values, away, w, v), wanted)


@settings(max_examples=100)
@given(ROWS, KINDS, KINDS, KINDS, POWERS, st.sampled_from(LEVELS), st.randoms())
def test_the_losses_are_their_definitions(rows, kind, weight_kind, other, power, level, random):
    truth, w = split(rows, kind, weight_kind, power)
    draws = of_type([[random.randint(-9, 9) for _ in range(3)] for _ in rows], "int8")
    draws = (np.abs(draws) if other.startswith(("u", "b")) else draws).astype(other)
    actual, counted = fractions(truth), fractions(w)
    drawn = [fractions(row) for row in draws]
    guess = [row[0] for row in drawn]
    close(impute.pinball(truth, draws[:, 0], level, w), loss(actual, guess, level, counted))
    close(impute.crps(draws, truth, w), score(drawn, actual, counted))


@settings(max_examples=60)
@given(ROWS, KINDS, KINDS, POWERS)
def test_the_comparison_is_made_of_the_metrics(rows, kind, weight_kind, power):
    values, w = split(rows, kind, weight_kind, power)
    held, counted = fractions(values), fractions(w)
    found = {row["statistic"]: row["imputed"] for row in impute.compare(values, [0], w)}
    assert found["mean"] == pytest.approx(float(mean(held, counted)), rel=1e-14, abs=1e-14)
    zero = mean([Fraction(v == 0) for v in held], counted)
    assert found["share zero"] == pytest.approx(float(zero), rel=1e-14)
    left, top = sum(counted) / 100, Fraction(0)
    for v, x in sorted(zip(held, counted, strict=True), reverse=True):
        top, left = top + v * min(x, left), left - min(x, left)
    wanted = float(top * 100 / sum(counted))
    assert found["mean in the top 1 %"] == pytest.approx(wanted, rel=1e-14, abs=1e-12)


@pytest.mark.parametrize("values", [[10, 20, 30], np.array([10, 20, 30], "float16")])
def test_weights_are_not_cast_to_the_type_of_the_values(values):
    """They came out 20.0 and 10.0."""
    weights = [1.9, 1.2, 1.7]
    assert float(impute.weighted_mean(values, weights)) == pytest.approx(19.583333)
    others, w = [15, 25], [0.3, 0.9]
    exact = distance(fractions(values), fractions(weights), fractions(others), fractions(w))
    assert float(impute.wasserstein(values, others, weights, w)) == pytest.approx(float(exact))
    assert impute.weighted_quantile(values, [0.39, 0.4], weights).tolist() == [10, 20]


def test_the_mean_of_the_top_is_a_mean():
    """It was the top's part of the mean, 2."""
    truth = np.r_[np.zeros(98), 100, 200]
    table = {row["statistic"]: row for row in impute.compare(truth[::-1], np.r_[truth, truth])}
    row = table["mean in the top 1 %"]
    assert row["imputed"] == row["truth"] == 200
    tied = {row["statistic"]: row for row in impute.compare(np.r_[np.zeros(90), [7] * 10], truth)}
    assert tied["mean in the top 1 %"]["imputed"] == 7


@pytest.mark.parametrize(
    ("kind", "wide"),
    [("bool", False), ("int32", False), ("float16", False), ("float32", True), ("uint64", True)],
)
def test_inside_a_trace_they_are_what_they_are_outside(kind, wide):
    values, weights = of_type(range(-3, 4), kind), np.array([1.9, 0.0, 1.2, 1.7, 0.4, 0.1, 1e-3])
    functions = [
        impute.weighted_mean,
        lambda v, w: impute.weighted_cdf(v, v[:3], w),
        lambda v, w: impute.weighted_quantile(v, LEVELS, w),
        lambda v, w: impute.wasserstein(v, v[1:4], w, w[2:5]),
        lambda v, w: impute.pinball(v, v[::-1], 0.3, w),
        lambda v, w: impute.crps(v[:6].reshape(3, 2), v[:3], w[:3]),
    ]
    with jax.enable_x64(wide):
        v = jnp.asarray(values)
        traced = jax.jit(lambda v, w: [f(v, w) for f in functions])(v, jnp.asarray(weights))
        for f, found in zip(functions, traced, strict=True):
            wanted = f(values, weights)
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-5 if not wide else 1e-13, atol=1e-6)


def test_derivatives_in_values_and_weights(x64):
    v, w = jnp.array([1.0, 4.0, 2.0]), jnp.array([3.0, 1.0, 4.0])
    by_value, by_weight = jax.grad(impute.weighted_mean, argnums=(0, 1))(v, w)
    np.testing.assert_allclose(by_value, w / 8)
    np.testing.assert_allclose(by_weight, (v - 15 / 8) / 8)
    slope = jax.grad(lambda v: impute.weighted_quantile(v, [0.5], w)[0])(v)
    np.testing.assert_array_equal(slope, [0, 0, 1])


def test_large_whole_numbers_are_not_rounded(x64):
    big = 2**60
    values = np.array([big, big + 1, big + 3])
    assert impute.weighted_quantile(values, [0.5]).tolist() == [big + 1]
    assert impute.weighted_cdf(values, values).tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert float(impute.wasserstein(values, values + 1)) == 1
    assert float(impute.wasserstein(values[:1], values[1:2].astype("uint64"))) == 1
    assert float(impute.pinball(values, values + 2, 0.5)) == 1
    assert float(impute.pinball(np.array([-big]), np.array([-big - 2]), 0.5)) == 1


def test_whole_numbers_that_jax_cannot_hold_are_refused_not_wrapped():
    values = np.array([3_000_000_000, 5])
    assert float(impute.weighted_mean(values)) == pytest.approx(1_500_000_002.5)
    with pytest.raises(BadInputError, match=r"beyond 32 bits.*jax_enable_x64"):
        impute.weighted_quantile(values, [1.0])


def test_weights_at_the_ends_of_their_range():
    values = [1.0, 2.0, 4.0]
    for least, most in ((1e-310, 1e-300), (1.0, 1e300), (5e-324, 5e-324)):
        weights = [least, most, most]
        exact = mean(fractions(values), fractions(weights))
        assert float(impute.weighted_mean(values, weights)) == pytest.approx(float(exact))
        assert impute.weighted_quantile(values, [0, 1], weights).tolist() == [1, 4]
        assert float(impute.wasserstein(values, values, weights, weights)) == 0
    assert impute.weighted_quantile(values, [0, 0.5, 1], [1e300, 1e-300, 1]).tolist() == [1, 1, 4]


def test_rounding_in_the_sum_of_weights_misses_no_level():
    for n in range(1, 60):
        levels = [k / n for k in range(1, n + 1)]
        for weight in (1.0, 0.1, 1 / 3):
            found = impute.weighted_quantile(np.arange(n), levels, np.full(n, weight))
            assert found.tolist() == list(range(n))


def test_other_containers_of_numbers():
    table = pd.DataFrame({"v": pd.array([10, 20, 30], "Int64"), "w": [1.9, 1.2, 1.7]})
    assert float(impute.weighted_mean(table["v"], table["w"])) == pytest.approx(19.583333)
    assert float(impute.weighted_mean(jnp.array([1, 2], "bfloat16"))) == 1.5
    assert float(impute.weighted_mean([True, False])) == 0.5


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: impute.weighted_mean([1, 2], [1, -1]), "weights, row 1: the weight is -1"),
        (lambda: impute.weighted_mean([1, 2], [0, 0]), "weights: every weight is zero"),
        (lambda: impute.weighted_mean([1, 2], [1, np.nan]), r"weights, row 1.*missing \(NaN\)"),
        (lambda: impute.weighted_mean([1, 2], 2.0), r"weights has shape \(\), .* \(2,\)"),
        (lambda: impute.weighted_mean([]), "values is empty"),
        (lambda: impute.weighted_mean([1, np.inf]), "values, row 1.*infinite"),
        (lambda: impute.weighted_mean(["1", "2"]), "values is <U1. Give an array of numbers"),
        (lambda: impute.weighted_mean([1j]), "values is complex128"),
        (lambda: impute.weighted_mean(pd.array([1, pd.NA], "Int64")), "values, row 1.*missing"),
        (lambda: impute.weighted_mean([1, "a", None]), "values is"),
        (lambda: impute.weighted_mean([[1, 2], [3]]), "values is list"),
        (lambda: impute.weighted_quantile([1, 2], [1.5]), "1.5 is no quantile level"),
        (lambda: impute.weighted_quantile([1, 2], [-0.1]), "-0.1 is no quantile level"),
        (lambda: impute.weighted_quantile([[1, 2]], [0.5]), r"values has shape \(1, 2\)"),
        (lambda: impute.weighted_cdf([1, 2], [np.nan]), "points, row 0.*missing"),
        (lambda: impute.pinball([1, 2], [1, 2], 2), "2.0 is no quantile level"),
        (lambda: impute.pinball([1, 2], [[1], [2]], 0.5), r"prediction has shape \(2, 1\)"),
        (lambda: impute.crps([[1], [2]], [1, 2]), "at least two draws a row"),
        (lambda: impute.crps([[1, 2]], [1, 2]), "one truth a row"),
        (lambda: impute.crps([[1, np.nan]], [1]), "draws, row 0, column 1"),
        (lambda: impute.wasserstein([1], [2], None, [-1]), "other_weights, row 0"),
        (lambda: impute.compare([1], [2], None, [-1]), "truth_weights, row 0"),
        (lambda: impute.compare([1], []), "truth is empty"),
    ],
)
def test_what_is_no_distribution_is_refused(ask, message):
    with pytest.raises(BadInputError, match=message):
        ask()


LONG = 2**53


@pytest.mark.parametrize("point", [np.array([LONG]), np.array([float(LONG)])], ids=["int", "float"])
@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_long_whole_numbers_are_compared_with_any_other_kind(kind, point):
    value = np.array([LONG + 1], kind)
    assert impute.weighted_cdf(value, point).tolist() == [0.0]
    assert impute.weighted_cdf(point, value).tolist() == [1.0]
    assert float(impute.wasserstein(value, point)) == 1.0


def test_what_is_beyond_the_type_of_a_result_is_refused():
    with pytest.raises(BadInputError, match="beyond the numbers of float32"):
        impute.weighted_mean([1e39, 3e39])
    with pytest.raises(BadInputError, match="beyond the numbers of float32"):
        impute.weighted_quantile([1e39, 3e39], [0.5])
    with jax.enable_x64(True):
        assert float(impute.weighted_mean([1e39, 3e39])) == 2e39


def test_levels_that_look_alike_have_records_of_their_own():
    table = impute.compare([1.0, 2.0], [1.0, 2.0], levels=(0.9999999, 1.0))
    assert [row["statistic"] for row in table[3:]] == ["quantile 0.9999999", "quantile 1"]


def test_what_is_masked_is_missing():
    with pytest.raises(BadInputError, match="missing"):
        impute.weighted_mean(np.ma.masked_array([1.0, 1e6], [False, True]))


@pytest.mark.parametrize("other", [["b", "a"], ["a", "c"]])
def test_weights_with_other_labels_than_the_values_are_refused(other):
    values, weights = pd.Series([10, 20], ["a", "b"]), pd.Series([3, 1], other)
    for metric in (
        lambda: impute.weighted_mean(values, weights),
        lambda: impute.compare(values, [1], weights),
    ):
        with pytest.raises(BadInputError, match="other labels"):
            metric()
    assert float(impute.weighted_mean(values, weights.to_numpy())) == 12.5
