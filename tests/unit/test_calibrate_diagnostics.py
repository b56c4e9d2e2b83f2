"""One definition a formula, pinned."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.calibrate import (
    binding_share,
    effective_sample_size,
    gini,
    lorenz_curve,
    negative_share,
    records_kept,
    relative_error,
    squared_relative_loss,
    weight_ratio,
)

FEW = settings(max_examples=40, deadline=None)
WEIGHTS = st.lists(st.floats(0.015625, 1e3, width=32), min_size=8, max_size=8)


@given(weights=WEIGHTS, factor=st.floats(0.125, 1e3, width=32))
@FEW
def test_effective_sample_size_is_free_of_scale_and_at_most_the_count(weights, factor):
    w = jnp.asarray(weights)
    assert float(effective_sample_size(w)) <= 8 * (1 + 1e-6)
    np.testing.assert_allclose(
        effective_sample_size(factor * w), effective_sample_size(w), rtol=1e-4
    )


def test_effective_sample_size_of_equal_weights_is_their_number():
    assert float(effective_sample_size(jnp.array([3.0] * 5 + [0.0] * 7))) == pytest.approx(5.0)
    assert float(effective_sample_size(jnp.zeros(4))) == 0.0


def test_a_loss_is_zero_if_and_only_if_the_fit_is_exact():
    y, scale, q = jnp.array([99.0, 1e-9]), jnp.array([100.0, 1.0]), jnp.array([1.0, 2.0])
    assert float(squared_relative_loss(y, y, scale, q)) == 0.0
    for row in (0, 1):
        missed = y.at[row].add(1.0)
        assert float(squared_relative_loss(missed, y, scale, q)) > 0.0
        assert float(squared_relative_loss(2 * y - missed, y, scale, q)) > 0.0


def test_relative_error_is_signed():
    error = relative_error(jnp.array([90.0]), jnp.array([100.0]), jnp.array([50.0]))
    np.testing.assert_allclose(error, [-0.2])


def test_weight_ratio_of_units_without_base_weight():
    ratio = weight_ratio(jnp.array([1.0, 0.0, 2.0]), jnp.array([0.0, 0.0, 4.0]))
    np.testing.assert_array_equal(ratio, [np.inf, 1.0, 0.5])


def test_counts_and_shares():
    w = jnp.array([1.0, 0.0, -2.0, 3.0])
    assert int(records_kept(w)) == 3
    assert float(negative_share(w)) == 0.25


# ---- concentration


def test_the_lorenz_curve_by_hand():
    units, shares = lorenz_curve(jnp.array([5.0, 1.0, 4.0, 0.0]), points=5)
    np.testing.assert_allclose(units, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(shares, [0, 0, 0.1, 0.5, 1])


def test_the_lorenz_curve_is_straight_between_units():
    _, shares = lorenz_curve(jnp.array([1.0, 3.0]), points=5)
    np.testing.assert_allclose(shares, [0, 0.125, 0.25, 0.625, 1])


@pytest.mark.parametrize("points", [2, 7, 101])
def test_the_lorenz_curve_of_equal_weights_is_the_diagonal(points):
    units, shares = lorenz_curve(jnp.full(13, 3.0), points)
    assert units.shape == shares.shape == (points,)
    np.testing.assert_allclose(shares, units, atol=1e-6)


def test_gini_by_hand():
    assert float(gini(jnp.full(50, 7.0))) == pytest.approx(0.0, abs=1e-6)
    assert float(gini(jnp.array([0.0, 0.0, 1.0, 0.0]))) == 0.75
    assert float(gini(jnp.array([1.0, 3.0]))) == 0.25
    assert float(gini(jnp.array([2.0]))) == 0.0


@given(weights=WEIGHTS, factor=st.floats(0.125, 1e3, width=32))
@FEW
def test_gini_is_twice_the_area_under_the_diagonal_and_free_of_scale_and_order(weights, factor):
    w = jnp.asarray(weights)
    units, shares = lorenz_curve(w, points=9)
    area = float(jnp.sum((shares[1:] + shares[:-1]) / 2 * jnp.diff(units)))
    assert float(gini(w)) == pytest.approx(1 - 2 * area, abs=1e-5)
    assert float(gini(factor * w[::-1])) == pytest.approx(float(gini(w)), abs=1e-5)
    assert -1e-6 <= float(gini(w)) <= 7 / 8
    assert bool(jnp.all(shares <= units + 1e-6))
    assert bool(jnp.all(jnp.diff(shares, 2) >= -1e-6))


@pytest.mark.parametrize("weights", [[1.0, -1e-6, 2.0], [0.0, 0.0], [-1.0, -2.0]])
def test_weights_that_are_no_shares_have_no_curve(weights):
    assert np.isnan(gini(jnp.array(weights)))
    assert np.isnan(lorenz_curve(jnp.array(weights))[1]).all()


def test_concentration_is_traceable(x64):
    w = jnp.array([4.0, 1.0, 2.5, 0.5])
    np.testing.assert_allclose(jax.jit(gini)(w), gini(w))
    np.testing.assert_allclose(
        jax.jit(lorenz_curve, static_argnums=1)(w, 9)[1], lorenz_curve(w, 9)[1]
    )
    step = 1e-6 * jnp.eye(4)
    differences = [(gini(w + e) - gini(w - e)) / 2e-6 for e in step]
    np.testing.assert_allclose(jax.grad(gini)(w), differences, atol=1e-8)


# ---- bounds


def test_the_shares_of_units_at_the_bounds():
    base = jnp.array([2.0, 2.0, 2.0, 2.0, 0.0])
    lower, upper = binding_share(jnp.array([1.0, 2.0, 7.996, 7.9, 0.0]), base, 0.5, 4.0)
    assert (float(lower), float(upper)) == (0.25, 0.25)


def test_a_bound_of_zero_and_none_above():
    lower, upper = binding_share(jnp.array([0.0, 1e9]), jnp.ones(2), 0.0, np.inf)
    assert (float(lower), float(upper)) == (0.5, 0.0)
    lower, upper = binding_share(jnp.zeros(2), jnp.zeros(2), 0.0, 2.0)
    assert (float(lower), float(upper)) == (0.0, 0.0)
