"""What holds for every weighted statistic: copies, units, order, traces, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from pejax import stats

MANY = settings(max_examples=40)
LINE = 4.0
LEVELS = [0.0, 0.1, 0.3, 0.5, 0.9, 1.0]


def group_of(values):
    """A group that is a function of the value alone, as `deciles` is."""
    whole = jnp.floor(values).astype(int) if isinstance(values, jax.Array) else np.floor(values)
    return 1 + (whole % 3).astype("int32")


def grouped(statistic):
    return lambda v, w=None: statistic(v, group_of(v), w, groups=4)


# Each of values and weights; what belongs to each row besides is made of its value.
OF_ROWS = {
    "mean": stats.mean,
    "cdf": lambda v, w=None: stats.cdf(v, np.arange(-3.0, 9.0), w),
    "quantile": lambda v, w=None: stats.quantile(v, LEVELS, w),
    "gini": stats.gini,
    "lorenz_curve": lambda v, w=None: stats.lorenz_curve(v, w, points=7)[1],
    "top_share": lambda v, w=None: stats.top_share(v, w, 0.3),
    "mean_by_group": grouped(stats.mean_by_group),
    "poverty_rate": lambda v, w=None: stats.poverty_rate(v, LINE, w),
    "poverty_gap": lambda v, w=None: stats.poverty_gap(v, LINE, w),
    "poverty_severity": lambda v, w=None: stats.poverty_severity(v, v % 5 + 1, w),
    "winners_and_losers": lambda v, w=None: jnp.stack(stats.winners_and_losers(v, v / 2 + 2, w)),
    "pinball": lambda v, w=None: stats.pinball(v, v / 2 + 2, 0.3, w),
    "crps": lambda v, w=None: stats.crps(_three(v), v, w),
    "wasserstein": lambda v, w=None: stats.wasserstein(v, np.arange(4.0), w),
}
# These grow with the number of copies.
OF_SUMS = {"total": stats.total, "total_by_group": grouped(stats.total_by_group)}
EVERY = OF_ROWS | OF_SUMS
STEPS = ("cdf", "quantile", "poverty_rate")  # of values: no slope, or that of one row

VALUES = st.lists(st.integers(-3, 9), min_size=6, max_size=6)
WEIGHTS = st.lists(st.integers(0, 4), min_size=6, max_size=6)


def _three(v):
    return (jnp if isinstance(v, jax.Array) else np).stack([v % 2, v / 2 + 1, v % 5], axis=-1)


def columns(values, weights):
    v, w = np.array(values, float), np.array(weights, float)
    assume(w.any())
    return v, w


def same(found, wanted, rounding=1e-12):
    np.testing.assert_allclose(found, wanted, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("name", EVERY)
@MANY
@given(VALUES, WEIGHTS)
def test_a_weight_is_that_many_copies(name, values, weights):
    v, w = columns(values, weights)
    copies = np.repeat(v, w.astype(int))
    with jax.enable_x64(True):
        same(EVERY[name](v, w), EVERY[name](copies))


@MANY
@given(VALUES, WEIGHTS)
def test_copies_are_in_the_group_of_their_row(values, weights):
    v, w = columns(values, weights)
    tenth, often = np.asarray(stats.deciles(v, w)), w.astype(int)
    assert stats.deciles(np.repeat(v, often)).tolist() == np.repeat(tenth, often).tolist()


@pytest.mark.parametrize("name", EVERY)
@MANY
@given(VALUES, WEIGHTS, st.permutations(range(6)))
def test_the_order_of_rows_is_nothing(name, values, weights, order):
    v, w = columns(values, weights)
    with jax.enable_x64(True):
        same(EVERY[name](v[order], w[order]), EVERY[name](v, w))
    tenth = np.asarray(stats.deciles(v, w))
    assert stats.deciles(v[order], w[order]).tolist() == tenth[order].tolist()


@pytest.mark.parametrize("name", OF_ROWS)
@MANY
@given(VALUES, WEIGHTS, st.integers(-300, 300))
def test_the_unit_of_weights_is_nothing(name, values, weights, power):
    v, w = columns(values, weights)
    with jax.enable_x64(True):
        same(OF_ROWS[name](v, w * 0.7 * 2.0**power), OF_ROWS[name](v, w))


@pytest.mark.parametrize("name", EVERY)
@MANY
@given(VALUES, WEIGHTS, st.integers(-50, 50))
def test_a_row_without_weight_is_nothing(name, values, weights, more):
    v, w = columns(values, weights)
    with jax.enable_x64(True):
        same(EVERY[name](np.r_[v, more], np.r_[w, 0]), EVERY[name](v, w))


@MANY
@given(VALUES, WEIGHTS, st.floats(0.01, 100), st.floats(-50, 50))
def test_the_unit_and_the_origin_of_values(values, weights, unit, shift):
    v, w = columns(values, weights)
    with jax.enable_x64(True):
        mean = stats.mean(v, w)
        same(stats.mean(unit * v + shift, w), unit * mean + shift, 1e-9)
        same(stats.quantile(unit * v, LEVELS, w), unit * stats.quantile(v, LEVELS, w), 1e-9)
        same(stats.total(unit * v, w), unit * stats.total(v, w), 1e-9)
        for share in (stats.gini, OF_ROWS["lorenz_curve"], OF_ROWS["top_share"]):
            same(share(unit * v, w), share(v, w), 1e-9)
        for index in (stats.poverty_rate, stats.poverty_gap, stats.poverty_severity):
            same(index(2 * v, 2 * LINE, w), index(v, LINE, w), 1e-9)
        same(stats.wasserstein(unit * v, 0 * v, w), unit * stats.wasserstein(v, 0 * v, w), 1e-9)
        if mean > 0 and mean + abs(shift) > 1e-3:  # what all get makes all more equal
            moved = stats.gini(v + abs(shift), w)
            same(moved * (mean + abs(shift)), stats.gini(v, w) * mean, 1e-9)
    assert stats.deciles(3 * v + 7, w).tolist() == stats.deciles(v, w).tolist()


@MANY
@given(VALUES, WEIGHTS)
def test_what_is_counted_adds_up(values, weights):
    v, w = columns(values, weights)
    with jax.enable_x64(True):
        found = stats.winners_and_losers(v, v % 4, w)
        same(found.gain + found.lose + found.unchanged, 1)
        same(found.mean, stats.mean(v % 4 - v, w))
        same(stats.total_by_group(v, group_of(v), w).sum(), stats.total(v, w))
        same(stats.poverty_rate(v, LINE, w), stats.mean(stats.is_poor(v, LINE), w))
        same(stats.poverty_gap(v, LINE, w), stats.mean(stats.shortfall(v, LINE), w) / LINE)
        by_group = stats.mean_by_group(v, group_of(v), w, 3)
        held = stats.total_by_group(np.ones(6), group_of(v), w, 3)
        same(jnp.nansum(by_group * held), stats.total(v, w), 1e-9)


@MANY
@given(VALUES, WEIGHTS)
def test_gini_is_half_the_mean_difference_over_the_mean(values, weights):
    v, w = columns(values, weights)
    with jax.enable_x64(True):
        found, mean = float(stats.gini(v, w)), (w @ v) / w.sum()
    if mean <= 0:
        assert np.isnan(found)
    else:
        apart = w @ np.abs(v[:, None] - v) @ w / w.sum() ** 2
        assert found == pytest.approx(apart / (2 * mean), abs=1e-12)


# ---- inside of traces

RNG = np.random.default_rng(3)
SOME, HEAVY = RNG.uniform(0.3, 9, (5, 7)), RNG.uniform(0.2, 3, (5, 7))


@pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("name", EVERY)
def test_inside_of_a_trace_they_are_what_they_are_outside(name, wide):
    statistic, rounding = EVERY[name], 1e-12 if wide else 2e-5
    with jax.enable_x64(wide):
        v, w = jnp.asarray(SOME), jnp.asarray(HEAVY)
        one = jax.jit(statistic)(v[0], w[0])
        assert one.dtype == jnp.result_type(float)
        same(one, statistic(SOME[0], HEAVY[0]), rounding)
        rows = jax.vmap(statistic)(v, w)
        same(rows, [statistic(a, b) for a, b in zip(SOME, HEAVY, strict=True)], rounding)
        same(jax.vmap(statistic)(v), [statistic(a) for a in SOME], rounding)


def test_deciles_inside_of_a_trace():
    v, w = jnp.asarray(SOME), jnp.asarray(HEAVY)
    wanted = [stats.deciles(a, b, 4).tolist() for a, b in zip(v, w, strict=True)]
    found = jax.jit(jax.vmap(lambda a, b: stats.deciles(a, b, 4)))(v, w)
    assert found.dtype == jnp.int32 and found.tolist() == wanted


OF_TRUTHS = ("total", "mean", "gini", "quantile", "lorenz_curve")  # the others reckon with values
KINDS = [(name, kind) for kind in ("uint8", "int32", "float16", "bfloat16") for name in EVERY]


@pytest.mark.parametrize(("name", "kind"), KINDS + [(name, "bool") for name in OF_TRUTHS])
def test_weights_are_not_cast_to_the_type_of_values_in_a_trace(name, kind):
    v, w = jnp.array([0, 1, 1, 0, 1]).astype(kind), jnp.array([1.9, 0.0, 1.2, 1.7, 0.4])
    wanted = EVERY[name](np.asarray(v).astype(float), np.asarray(w))
    same(jax.jit(EVERY[name])(v, w).astype(float), wanted, 1e-5)


@pytest.mark.parametrize("name", [name for name in OF_ROWS if name != "quantile"])
def test_weights_of_nothing_in_a_trace_give_nan_and_no_nan_derivative(name):
    v, none = jnp.asarray(SOME[0]), jnp.zeros(7)
    found = jax.jit(OF_ROWS[name])(v, none)
    inner = jnp.ravel(found)[1:] if name == "lorenz_curve" else jnp.ravel(found)
    assert np.isnan(inner).all()
    slopes = jax.grad(lambda v, w: jnp.nansum(OF_ROWS[name](v, w)), (0, 1))(v, none)
    assert np.isfinite(slopes).all()


# ---- derivatives


def difference(function, at, step=1e-6):
    rows = step * np.eye(len(at))
    return np.array([(function(at + e) - function(at - e)) / (2 * step) for e in rows])


@pytest.mark.parametrize("name", EVERY)
def test_derivatives_are_differences(name, x64):
    statistic = EVERY[name]
    v, w = SOME[0], HEAVY[0]
    factors = np.random.default_rng(3).normal(size=np.shape(statistic(v, w)))

    def one(v, w):
        found = jnp.nan_to_num(statistic(v, w))  # of a group without rows
        return jnp.sum(factors * found)

    by_value, by_weight = jax.grad(one, argnums=(0, 1))(jnp.asarray(v), jnp.asarray(w))
    same(by_value, difference(lambda x: float(one(x, w)), v), 1e-6)
    same(by_weight, difference(lambda x: float(one(v, x)), w), 1e-6)
    assert name in STEPS or np.any(by_value != 0)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "quantile"])
def test_a_weight_of_zero_has_the_derivative_to_its_right(name, x64):
    """It was zero: a row that enters moves nothing."""
    statistic, v, w, row = EVERY[name], SOME[0], HEAVY[0].copy(), 4
    w[row] = 0
    first = np.shape(statistic(v, w))

    def one(weight):
        found = jnp.nan_to_num(statistic(v, jnp.asarray(w).at[row].set(weight)))
        return jnp.sum(jnp.arange(1.0, 1 + np.prod(first, dtype=int)).reshape(first) * found)

    wanted = (float(one(1e-7)) - float(one(0.0))) / 1e-7
    assert wanted != 0
    assert float(jax.grad(one)(0.0)) == pytest.approx(wanted, rel=1e-4)


def test_negative_weights_count_as_they_are_in_a_trace():
    """They counted as nothing there."""
    v, w = jnp.array([1.0, 2.0, 4.0]), jnp.array([2.0, -0.5, 1.0])
    assert float(jax.jit(stats.mean)(v, w)) == pytest.approx(5 / 2.5)
    assert float(jax.jit(stats.total)(v, w)) == pytest.approx(5)


def test_effective_sample_size_inside_and_its_derivative(x64):
    w = HEAVY[0]
    same(jax.jit(stats.effective_sample_size)(w), stats.effective_sample_size(w))
    slope = jax.grad(stats.effective_sample_size)(jnp.asarray(w))
    same(slope, difference(lambda x: float(stats.effective_sample_size(x)), w), 1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_one_of_values_and_weights_may_be_traced_alone(name):
    statistic, (v, w) = EVERY[name], (SOME[0], HEAVY[0])
    wanted = statistic(v, w)
    same(jax.jit(lambda v: statistic(v, w))(v), wanted, 2e-5)
    same(jax.jit(lambda w: statistic(v, w))(w), wanted, 2e-5)


def test_points_levels_lines_groups_and_shares_may_be_traced_alone():
    v, w = SOME[0], HEAVY[0]
    for statistic, one in (
        (lambda x: stats.cdf(v, x, w), np.array([1.0, 4.0])),
        (lambda x: stats.quantile(v, x, w), np.array([0.2, 0.7])),
        (lambda x: stats.poverty_gap(v, x, w), 4.0),
        (lambda x: stats.poverty_rate(v, x, w), 4.0),
        (lambda x: stats.mean_by_group(v, x, w, 2), np.array([1, 2, 1, 2, 1, 2, 1])),
        (lambda x: stats.top_share(v, w, x), 0.3),
        (lambda x: stats.wasserstein(v, x, w), np.array([1.0, 4.0])),
        (lambda x: stats.pinball(v, x, 0.4, w), 3.0),
    ):
        same(jax.jit(statistic)(one), statistic(one), 2e-5)
