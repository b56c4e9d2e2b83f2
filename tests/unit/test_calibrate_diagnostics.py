"""One definition a formula, pinned."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.calibrate import (
    effective_sample_size,
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
