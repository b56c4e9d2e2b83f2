"""Weighted statistics: by hand, in exact fractions, and what is refused."""

import ast
import inspect
from fractions import Fraction
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import pejax
from pejax import BadInputError, stats
from pejax.calibrate import gini as gini_of_weights, lorenz_curve as curve_of_weights

ROOM = Path(stats.__file__).parent
VALUES, WEIGHTS = [3.0, -1.0, 8.0, 3.0], [2.0, 1.0, 0.5, 1.5]


def fractions(values):
    return [Fraction(x) for x in np.asarray(values).tolist()]


def gini_by_pairs(values, weights):
    v, w = fractions(values), fractions(weights)
    pairs = sum(
        a * b * abs(x - y) for x, a in zip(v, w, strict=True) for y, b in zip(v, w, strict=True)
    )
    return pairs / (2 * sum(w) * sum(a * x for x, a in zip(v, w, strict=True)))


# ---- distributions


def test_totals_and_means_by_hand():
    assert float(stats.total(VALUES, WEIGHTS)) == 6 - 1 + 4 + 4.5
    assert float(stats.total([True, True, False])) == 2
    assert float(stats.total([5.0, 7.0], [0, 0])) == 0
    assert float(stats.mean(VALUES, WEIGHTS)) == pytest.approx(2.7)
    assert float(stats.total([[1, 2], [3, 4]])) == 10


def test_weights_of_another_type_are_not_cast():
    assert float(stats.total([10, 20, 30], [1.9, 1.2, 1.7])) == pytest.approx(94)
    assert float(stats.gini([0, 1, 2], [1.9, 1.2, 1.7])) == pytest.approx(
        float(gini_by_pairs([0, 1, 2], [1.9, 1.2, 1.7])), rel=1e-6
    )
    found = jax.jit(stats.total)(jnp.array([10, 20, 30]), jnp.array([1.9, 1.2, 1.7]))
    assert float(found) == pytest.approx(94)


def test_the_names_of_imputation_are_these():
    from pejax import impute

    assert impute.weighted_mean is stats.mean and impute.weighted_quantile is stats.quantile
    assert impute.weighted_cdf is stats.cdf and impute.pinball is stats.pinball
    assert impute.wasserstein is stats.wasserstein and impute.crps is stats.crps


def test_the_effective_sample_by_hand():
    assert float(stats.effective_sample_size([2.0, 2.0, 2.0, 0.0])) == 3
    assert float(stats.effective_sample_size([3, 1])) == pytest.approx(16 / 10)
    assert float(stats.effective_sample_size([3, -1])) == pytest.approx(4 / 10)
    assert float(stats.effective_sample_size([0, 0])) == 0


# ---- inequality


@pytest.mark.parametrize(
    ("values", "weights", "wanted"),
    [
        ([7.0, 7.0, 7.0], None, 0),
        ([0.0, 0.0, 0.0, 1.0], None, Fraction(3, 4)),
        ([0.0, 1.0], [3, 1], Fraction(3, 4)),
        ([1.0, 3.0], None, Fraction(1, 4)),
        ([5], [0.3], 0),
        (VALUES, WEIGHTS, gini_by_pairs(VALUES, WEIGHTS)),
        ([-1.0, 2.0], None, Fraction(3, 2)),  # negative, and the mean is not: above 1
        ([True, False, False], None, Fraction(2, 3)),
    ],
)
def test_gini_by_hand(values, weights, wanted):
    assert float(stats.gini(values, weights)) == pytest.approx(float(wanted), abs=1e-7)


@pytest.mark.parametrize("values", [[-1.0, 1.0], [-3.0, 1.0], [0.0, 0.0]])
def test_where_the_mean_is_not_positive_nothing_is_shared_out(values):
    for found in (stats.gini(values), stats.top_share(values)):
        assert np.isnan(found)
    assert np.isnan(stats.lorenz_curve(values)[1]).all()
    held = jnp.array(values)
    for statistic in (stats.gini, stats.top_share):
        assert np.isnan(jax.jit(statistic)(held))
        assert np.isfinite(jax.grad(statistic)(held)).all()


def test_the_curve_of_weighted_rows_is_that_of_their_copies():
    at, shares = stats.lorenz_curve([4.0, 0.0, 2.0], [1, 2, 1], points=5)
    np.testing.assert_allclose(at, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(shares, [0, 0, 0, 1 / 3, 1], atol=1e-7)


def test_the_curve_of_debts_dips_below_nothing():
    _, shares = stats.lorenz_curve([-2.0, 1.0, 5.0], points=4)
    np.testing.assert_allclose(shares, [0, -0.5, -0.25, 1], atol=1e-7)


def test_gini_is_twice_the_area_between_curve_and_diagonal():
    at, shares = stats.lorenz_curve(VALUES, WEIGHTS, points=11)  # a point at every row's end
    area = float(np.sum((shares[1:] + shares[:-1]) / 2 * np.diff(at)))
    assert float(stats.gini(VALUES, WEIGHTS)) == pytest.approx(1 - 2 * area, abs=1e-6)


def test_the_top_is_the_rest_of_the_curve():
    at, shares = stats.lorenz_curve(VALUES, WEIGHTS, points=11)
    for level, below in zip(at.tolist(), shares.tolist(), strict=True):
        found = float(stats.top_share(VALUES, WEIGHTS, 1 - level))
        assert found == pytest.approx(1 - below, abs=1e-6)
    assert float(stats.top_share([1.0, 1.0, 8.0], share=0.5)) == pytest.approx(0.85)


def test_weights_are_concentrated_as_amounts_are():
    weights = [4.0, 0.0, 1.0, 2.5]
    assert float(gini_of_weights(weights)) == float(stats.gini(weights))
    np.testing.assert_array_equal(
        curve_of_weights(weights, 7)[1], stats.lorenz_curve(weights, points=7)[1]
    )
    assert np.isnan(gini_of_weights([np.nan, 1.0]))


def test_equal_values_have_equal_derivatives_of_gini(x64):
    slope = jax.grad(stats.gini)(jnp.array([0.0, 5.0, 0.0, 2.0, 0.0]))
    np.testing.assert_allclose(slope[jnp.array([2, 4])], slope[0])


# ---- groups


def test_equal_values_are_in_one_group_and_may_leave_the_next_one_empty():
    assert stats.deciles([0] * 5 + list(range(1, 16))).tolist() == [1] * 5 + [
        3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10,
    ]  # fmt: skip
    assert stats.deciles([3, 3, 3]).tolist() == [1, 1, 1]
    assert stats.deciles([2, 1], groups=1).tolist() == [1, 1]


def test_deciles_hold_a_tenth_of_the_weight_each():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=5_000), rng.uniform(0.5, 2.0, 5_000)
    tenth = np.asarray(stats.deciles(values, weights))
    held = np.bincount(tenth, weights, 11)[1:] / weights.sum()
    np.testing.assert_allclose(held, 0.1, atol=1e-3)
    highest = [values[tenth == t].max() for t in range(1, 11)]
    assert highest == sorted(highest)


def test_a_group_is_bordered_by_the_quantiles():
    rng = np.random.default_rng(1)
    values, weights = rng.integers(0, 30, 400), rng.uniform(size=400)
    fifth = np.asarray(stats.deciles(values, weights, groups=5))
    borders = np.asarray(stats.quantile(values, [0.2, 0.4, 0.6, 0.8], weights))
    np.testing.assert_array_equal(fifth, 1 + (values[:, None] > borders).sum(axis=1))


def test_a_group_without_weight_has_no_mean_and_a_total_of_nothing():
    values, group, weights = [4.0, 8.0, 5.0, 9.0], [1, 1, 3, 4], [1, 3, 2, 0]
    found = stats.mean_by_group(values, group, weights, groups=5)
    np.testing.assert_array_equal(found, [7, np.nan, 5, np.nan, np.nan])
    found = stats.total_by_group(values, group, weights, groups=5)
    np.testing.assert_array_equal(found, [28, 0, 10, 0, 0])
    slope = jax.grad(
        lambda w: jnp.nansum(stats.mean_by_group(jnp.array(values), jnp.array(group), w, 5))
    )(jnp.array(weights, float))
    assert np.isfinite(slope).all()


def test_inside_a_trace_a_row_of_no_group_counts_nowhere():
    group = jnp.array([1, 0, -1, 3, 2])
    found = jax.jit(lambda g: stats.total_by_group(jnp.ones(5), g, groups=2))(group)
    assert found.tolist() == [1, 1]


# ---- poverty


def test_poverty_by_hand():
    resources, weights = [2.0, 8.0, 10.0, -5.0], [1, 2, 4, 1]
    assert stats.is_poor(resources, 10).tolist() == [True, True, False, True]
    assert stats.shortfall(resources, 10).tolist() == [8, 2, 0, 15]
    assert float(stats.poverty_rate(resources, 10, weights)) == 0.5
    assert float(stats.poverty_gap(resources, 10, weights)) == pytest.approx(2.7 / 8)
    assert float(stats.poverty_severity(resources, 10, weights)) == pytest.approx(2.97 / 8)
    assert float(stats.poverty_gap([-20.0], 10)) == 3


def test_a_line_for_each():
    resources, line = [4, 4, 4], [5.0, 4.0, 8.0]
    assert float(stats.poverty_rate(resources, line)) == pytest.approx(2 / 3)
    assert float(stats.poverty_gap(resources, line)) == pytest.approx((0.2 + 0.5) / 3)


def test_a_line_of_nothing_divides_nobody_into_parts():
    assert float(stats.poverty_rate([-1.0, 1.0], 0.0)) == 0.5
    for index in (stats.poverty_gap, stats.poverty_severity):
        with pytest.raises(
            BadInputError, match=r"line, row 1: the line is 0\.0\. Give a line above"
        ):
            index([1.0, 2.0], [3.0, 0.0])
        with pytest.raises(BadInputError, match=r"line: the line is -1\."):
            index([1.0, 2.0], -1)
        assert np.isnan(jax.jit(index)(jnp.array([1.0, 2.0]), jnp.array([3.0, 0.0])))


def test_rows_that_pad_need_no_line():
    resources, line, weights = [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]
    given = jnp.array(resources), jnp.array(line), jnp.array(weights)
    for index, wanted in ((stats.poverty_gap, 0.5), (stats.poverty_severity, 0.25)):
        assert float(index(resources, line, weights)) == wanted
        assert float(jax.jit(index)(*given)) == wanted
        assert np.isfinite(jax.grad(index, argnums=(0, 1, 2))(*given)).all()


def test_the_rate_has_no_slope_and_at_the_line_the_gap_has_that_above(x64):
    resources = jnp.array([3.0, 10.0, 12.0])
    assert jax.grad(stats.poverty_rate)(resources, 10.0).tolist() == [0, 0, 0]
    np.testing.assert_allclose(jax.grad(stats.poverty_gap)(resources, 10.0), [-1 / 30, 0, 0])


# ---- change


def test_winners_and_losers_by_hand():
    before, after = [10.0, 10.0, 10.0, 10.0], [12.0, 10.004, 9.0, 9.996]
    found = stats.winners_and_losers(before, after, [1, 2, 4, 1])
    assert [float(x) for x in found[:3]] == [1 / 8, 4 / 8, 3 / 8]
    assert float(found.mean) == pytest.approx((2 + 0.008 - 4 - 0.004) / 8)
    every = stats.winners_and_losers(before, after, tolerance=0)
    assert (float(every.gain), float(every.lose), float(every.unchanged)) == (0.5, 0.5, 0)
    assert stats.direction_of_change(before, after).tolist() == [1, 0, -1, 0]


def test_a_change_of_long_whole_numbers_is_exact():
    big = 2**60
    assert stats.direction_of_change([big, big], [big + 1, big - 1]).tolist() == [1, -1]
    assert float(stats.winners_and_losers([big], [big + 1]).mean) == 1


# ---- what the room is


def test_the_room_is_opened_from_the_face():
    assert pejax.stats is stats and "stats" in dir(pejax)


def public():
    return {name: x for name, x in vars(stats).items() if callable(x) and name[0] != "_"}


@pytest.mark.parametrize("name", [name for name in public() if name != "Change"])
def test_every_function_says_what_it_takes_gives_and_refuses(name):
    said = inspect.getdoc(public()[name])
    for part in ("Args:", "Returns:", "Raises:", ">>> "):
        assert part in said


def test_every_type_in_the_room_has_a_name():
    met = [
        (path.name, node.lineno)
        for path in ROOM.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).endswith("Any")
    ]
    assert not met


ROWS = [1.0, 2.0, 3.0]
OF_VALUES = {
    "total": stats.total,
    "mean": stats.mean,
    "cdf": lambda v, w=None: stats.cdf(v, [1.0], w),
    "quantile": lambda v, w=None: stats.quantile(v, [0.5], w),
    "gini": stats.gini,
    "lorenz_curve": stats.lorenz_curve,
    "top_share": stats.top_share,
    "deciles": stats.deciles,
    "mean_by_group": lambda v, w=None: stats.mean_by_group(v, [1, 2, 1], w),
    "total_by_group": lambda v, w=None: stats.total_by_group(v, [1, 2, 1], w),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", OF_VALUES)
def test_what_is_no_weighted_column_is_refused(name):
    statistic = OF_VALUES[name]
    for values, weights, message in (
        ([1, np.nan, 3], None, r"values, row 1: the number is missing \(NaN\)\. Leave it out"),
        ([1, 2, np.inf], None, "values, row 2: the number is infinite"),
        (["a", "b", "c"], None, "values is <U1. Give an array of numbers"),
        ("abc", None, "values is 'abc'. Give an array of numbers"),
        ([], None, "values is empty"),
        (ROWS, [1, -2, 3], "weights, row 1: the weight is -2. Weights are not negative"),
        (ROWS, [1, np.nan, 3], "weights, row 1: the number is missing"),
        (ROWS, [1, 2], r"weights has shape \(2,\), but the values have \(3,\)"),
        (pd.Series(ROWS), pd.Series(ROWS, [2, 1, 0]), "weights has other labels than values"),
    ):
        with pytest.raises(BadInputError, match=message):
            statistic(values, weights)
    if "total" not in name:
        with pytest.raises(BadInputError, match="weights: every weight is zero"):
            statistic(ROWS, [0, 0, 0])
    if name not in ("total", "mean"):
        with pytest.raises(BadInputError, match=r"values has shape \(1, 3\)"):
            statistic([ROWS])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: stats.top_share(ROWS, share=1.5), "share is 1.5. Give a number from 0 to 1"),
        (lambda: stats.top_share(ROWS, share=[0.1]), r"share has shape \(1,\)"),
        (lambda: stats.top_share(ROWS, share=None), "share: the number is missing"),
        (lambda: stats.lorenz_curve(ROWS, points=0), "points is 0; give a whole number of at"),
        (lambda: stats.deciles(ROWS, groups=0), "groups is 0; give a whole number of at least 1"),
        (lambda: stats.deciles(ROWS, groups=2.5), "groups is 2.5; give a whole number"),
        (lambda: stats.mean_by_group(ROWS, [1, 2, 0]), "group, row 2: there is no group 0"),
        (lambda: stats.mean_by_group(ROWS, [1, 2, 11]), "group, row 2: there is no group 11"),
        (lambda: stats.mean_by_group(ROWS, [1.0, 2, 3]), "group holds float64. Give whole"),
        (lambda: stats.mean_by_group(ROWS, [1, 2]), r"group has shape \(2,\)"),
        (lambda: stats.poverty_rate(ROWS, [1.0, 2.0]), r"line has shape \(2,\)"),
        (lambda: stats.poverty_rate(ROWS, np.nan), "line: the number is missing"),
        (lambda: stats.poverty_rate([np.nan], 1), "resources, row 0: the number is missing"),
        (lambda: stats.shortfall(ROWS, "a"), "line is 'a'"),
        (lambda: stats.winners_and_losers(ROWS, [1.0]), r"has shape \(1,\), but baseline has"),
        (lambda: stats.winners_and_losers(ROWS, ROWS, tolerance=-1), "tolerance is -1.0. Give 0"),
        (lambda: stats.direction_of_change(ROWS, [1, None, 2]), "reform, row 1: the number is mis"),
        (lambda: stats.pinball(ROWS, ROWS, [0.1, 0.9, 0.5]), r"level has shape \(3,\)"),
        (lambda: stats.effective_sample_size([1, np.inf]), "weights, row 1: the number is infin"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused_by_name(ask, message):
    with pytest.raises(BadInputError, match=message):
        ask()


def test_codes_of_eight_bits_reach_every_group():
    values, codes = jnp.array([4.0, 8.0, 5.0]), np.array([1, 1, 3], np.int8)
    by_group = jax.jit(lambda v, g: stats.mean_by_group(v, g, groups=200))(values, codes)
    np.testing.assert_array_equal(by_group[:3], [6.0, np.nan, 5.0])
    totals = jax.jit(lambda v: stats.total_by_group(v, codes, groups=200))(values)
    assert totals[:3].tolist() == [12.0, 0.0, 5.0]


def test_tables_with_other_columns_are_refused():
    values = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    with pytest.raises(BadInputError, match="other columns"):
        stats.mean(values, pd.DataFrame({"b": [1, 1], "a": [0, 0]}))
