"""What every way of calibrating keeps to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.calibrate import (
    L0,
    Adam,
    Entropy,
    Linear,
    Logit,
    Raking,
    TargetProblem,
    TruncatedLinear,
    calibrate,
)
from pejax.core._results import Result

FEW = settings(max_examples=8, deadline=None)
UNITS, TARGETS = 60, 5

# The method, and how near to consistent targets it is asked to come.
DISTANCE = {
    "linear": (Linear(), 1e-3),
    "linear, exact": (Linear(exact=True), 1e-8),
    "entropy": (Entropy(), 1e-3),
    "entropy, exact": (Entropy(exact=True), 1e-8),
    "logit": (Logit(0.1, 8.0), 1e-3),
    "truncated linear": (TruncatedLinear(0.1, 8.0), 1e-3),
    "logit, exact": (Logit(0.1, 8.0, exact=True), 1e-8),
    "raking": (Raking(), 1e-8),
}
GRADIENT = {
    "adam": (Adam(epochs=400, learning_rate=0.05, ridge=1e-5), 2e-2),
    "adam, dropout": (Adam(epochs=400, dropout=0.02, learning_rate=0.05), 0.15),
    "l0, budget": (L0(budget=30, epochs=200), 2e-2),
    "l0, price": (L0(l0_lambda=1e-4, epochs=200), 2e-2),
    "l0, raw": (L0(l0_lambda=1e-6, epochs=200, refit=False), 0.5),
}
METHODS = DISTANCE | GRADIENT


def parts(seed=0, miss=0.1):
    """A matrix, targets near its base totals that positive weights meet, and base weights."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, 1.0, (TARGETS, UNITS)) * (rng.random((TARGETS, UNITS)) < 0.6)
    X[0] = 1.0
    w0 = rng.gamma(4.0, 25.0, UNITS)
    return X, X @ (w0 * np.exp(rng.normal(0, miss, UNITS))), w0


def solve(name, X, y, w0, **options):
    with jax.enable_x64(True):
        problem = TargetProblem(X, y, **options)
        return calibrate(problem, w0, METHODS[name][0], key=jax.random.key(1))


def weights(*args, **options):
    return np.asarray(solve(*args, **options).weights)


@pytest.mark.parametrize("name", METHODS)
def test_targets_that_can_be_met_are_met(name):
    solution = solve(name, *parts()).check()
    assert np.abs(solution.errors()).max() <= METHODS[name][1]
    assert solution.weights.shape == (UNITS,)
    assert np.isfinite(solution.weights).all()


@pytest.mark.parametrize("name", DISTANCE)
def test_weights_that_meet_the_targets_do_not_move(name):
    X, _, w0 = parts()
    np.testing.assert_allclose(weights(name, X, X @ w0, w0), w0, rtol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_a_unit_without_weight_gets_none_and_changes_nothing(name):
    X, y, w0 = parts()
    padded = weights(name, np.c_[X, 7 * np.ones(TARGETS)], y, np.r_[w0, 0.0])
    assert padded[-1] == 0
    if name in DISTANCE:
        np.testing.assert_allclose(padded[:-1], weights(name, X, y, w0), rtol=1e-8)


@given(seed=st.integers(0, 2**32 - 1))
@FEW
@pytest.mark.parametrize("name", DISTANCE)
def test_the_order_of_units_and_targets_does_not_matter(name, seed):
    rng = np.random.default_rng(seed)
    X, y, w0 = parts(seed)
    units, targets = rng.permutation(UNITS), rng.permutation(TARGETS)
    shuffled = weights(name, X[np.ix_(targets, units)], y[targets], w0[units])
    np.testing.assert_allclose(shuffled, weights(name, X, y, w0)[units], rtol=1e-5)


@given(seed=st.integers(0, 2**32 - 1), unit=st.floats(1e-3, 1e3), size=st.floats(1e-2, 1e4))
@FEW
@pytest.mark.parametrize("name", DISTANCE)
def test_units_of_measurement_do_not_matter(name, seed, unit, size):
    """Targets in cents or thousands, weights in persons or millions: the ratios are the same."""
    X, y, w0 = parts(seed)
    factor = np.array([1.0, unit, 1.0, 1.0, 1.0])
    plain = weights(name, X, y, w0, scale=y)
    changed = weights(
        name, X * factor[:, None], size * y * factor, size * w0, scale=size * y * factor
    )
    np.testing.assert_allclose(changed / size, plain, rtol=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
@FEW
@pytest.mark.parametrize("name", DISTANCE)
def test_a_record_split_in_two_halves_keeps_its_weight(name, seed):
    X, y, w0 = parts(seed)
    halves = np.r_[w0, w0[3] / 2]
    halves[3] /= 2
    split = weights(name, np.c_[X, X[:, 3]], y, halves)
    whole = weights(name, X, y, w0)
    np.testing.assert_allclose(split[3] + split[-1], whole[3], rtol=1e-5)
    np.testing.assert_allclose(np.delete(split[:-1], 3), np.delete(whole, 3), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in METHODS if "linear" not in name])
def test_weights_are_never_negative(name):
    X, y, w0 = parts(miss=0.6)
    assert weights(name, X, y, w0).min() >= 0


@pytest.mark.parametrize("name", METHODS)
def test_the_same_key_gives_the_same_bits(name):
    first, second = (weights(name, *parts()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", GRADIENT)
def test_watching_a_run_does_not_change_it(name):
    seen = []
    X, y, w0 = parts()
    with jax.enable_x64(True):
        problem = TargetProblem(X, y)
        method, key = METHODS[name][0], jax.random.key(1)
        watched = calibrate(problem, w0, method, key=key, progress=seen.append)
        alone = calibrate(problem, w0, method, key=key)
    np.testing.assert_array_equal(watched.weights, alone.weights)
    assert seen[-1].epoch == seen[-1].epochs == len(alone.loss_history) == method.epochs
    assert [p.epoch for p in seen] == sorted(p.epoch for p in seen)
    assert seen[-1].loss == alone.loss_history[-1]


@pytest.mark.parametrize("name", METHODS)
def test_float32_data_and_mode_work(name):
    X, y, w0 = parts()
    problem = TargetProblem(X.astype(np.float32), y)
    solution = calibrate(problem, w0, METHODS[name][0], key=jax.random.key(1)).check()
    assert solution.weights.dtype == jnp.float32
    assert np.abs(solution.errors()).max() <= max(METHODS[name][1], 1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_held_out_target_is_reported_and_not_fitted(name):
    X, y, w0 = parts()
    y = y.copy()
    y[2] *= 3
    solution = solve(name, X, y, w0, importance=[1, 1, 0, 1, 1])
    report = solution.report()
    assert abs(solution.errors()[2]) > 0.3
    assert report.summary["targets"] == TARGETS - 1
    assert report.targets["importance"].tolist() == [1, 1, 0, 1, 1]


@pytest.mark.parametrize("name", METHODS)
def test_the_report_describes_the_weights(name):
    X, y, w0 = parts()
    solution = solve(name, X, y, w0)
    report, w = solution.report(), np.asarray(solution.weights)
    np.testing.assert_allclose(report.targets["estimate"], X @ w, rtol=1e-9)
    np.testing.assert_allclose(report.targets["base_estimate"], X @ w0, rtol=1e-9)
    assert report.summary["effective_sample_size"] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert report.summary["largest_weight_ratio"] == pytest.approx((w / w0).max())
    assert report.summary["records_kept"] == np.count_nonzero(w)
    assert report.summary["mean_error"] == pytest.approx(np.abs(X @ w / y - 1).mean(), abs=1e-12)
    assert report.summary["result"].startswith(Result.successful.text)
    assert "mean_error" in str(report)
