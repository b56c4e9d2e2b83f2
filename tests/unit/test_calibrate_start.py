"""Starting a solve from an earlier one, and weights cut off at bounds."""

import jax.numpy as jnp
import numpy as np
import pytest
from _calibrate_world import world

from pejax import calibrate as cal
from pejax.core._validate import BadInputError


@pytest.mark.parametrize("method", [cal.Entropy(), cal.Logit(0.1, 8.0), cal.TruncatedLinear()])
def test_a_warm_start_finds_the_same_weights_in_fewer_steps(method):
    X, y, base = world()
    first = cal.calibrate(cal.TargetProblem(X, y), base, method).check()
    moved = cal.TargetProblem(X, y * [1.0, 1.01, 0.99, 1.02])
    cold = cal.calibrate(moved, base, method).check()
    warm = cal.calibrate(moved, base, method, start=first).check()
    np.testing.assert_allclose(warm.weights, cold.weights, rtol=2e-4)
    assert warm.steps < cold.steps


def test_multipliers_are_found_by_name_and_new_targets_start_at_none():
    X, y, base = world()
    first = cal.calibrate(cal.TargetProblem(X[1:], y[1:], names=list("bcd")), base, cal.Entropy())
    both = cal.TargetProblem(X[::-1], y[::-1], names=list("dcba"))
    warm = cal.calibrate(both, base, cal.Entropy(), start=first).check()
    cold = cal.calibrate(both, base, cal.Entropy()).check()
    np.testing.assert_allclose(warm.weights, cold.weights, rtol=2e-4)


def test_multipliers_are_the_logarithms_of_entropy_ratios():
    X, y, base = world()
    found = cal.calibrate(cal.TargetProblem(X, y), base, cal.Entropy())
    np.testing.assert_allclose(
        np.log(np.asarray(found.weights) / base), X.T @ found.multipliers, atol=1e-5
    )


def test_a_gradient_method_starts_at_the_weights():
    X, y, base = world()
    problem = cal.TargetProblem(X, y)
    first = cal.calibrate(problem, base, cal.Entropy())
    again = cal.calibrate(problem, base, cal.Adam(epochs=1, learning_rate=1e-6), start=first)
    np.testing.assert_allclose(again.weights, first.weights, rtol=1e-4)


def test_a_start_that_is_none_is_named():
    X, y, base = world()
    problem = cal.TargetProblem(X, y)
    adam = cal.calibrate(problem, base, cal.Adam(epochs=2))
    with pytest.raises(BadInputError, match="has no multipliers"):
        cal.calibrate(problem, base, cal.Entropy(), start=adam)
    other = cal.calibrate(cal.TargetProblem(X[:, 1:], y), base[1:], cal.Adam(epochs=2))
    with pytest.raises(BadInputError, match="59 weights and the problem 60 units"):
        cal.calibrate(problem, base, cal.Adam(epochs=2), start=other)


def test_truncated_weights_reach_their_bounds_and_stay_within():
    X, y, base = world(units=300)
    method = cal.TruncatedLinear(0.78, 1.15, ridge=0.02)
    found = cal.calibrate(cal.TargetProblem(X, y), base, method)
    ratio = np.asarray(found.weights, float) / base
    assert ratio.min() == pytest.approx(0.78) and ratio.max() == pytest.approx(1.15)
    free = (ratio > 0.7801) & (ratio < 1.1499)
    assert 10 < free.sum() < 290
    np.testing.assert_allclose(ratio[free], 1 + (X.T @ found.multipliers)[free], atol=1e-5)
    assert found.certificate is not None


def test_truncated_weights_without_a_bound_in_the_way_are_the_linear_ones():
    X, y, base = world()
    problem = cal.TargetProblem(X, y)
    linear = cal.calibrate(problem, base, cal.Linear()).weights
    wide = cal.calibrate(problem, base, cal.TruncatedLinear(0.0, 100.0)).weights
    assert float(jnp.min(linear)) > 0
    np.testing.assert_allclose(wide, linear, rtol=1e-5)
