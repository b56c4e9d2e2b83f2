"""Exact record counts, what gates keep, and the optimisers behind them."""

import jax
import numpy as np
import optax
import pytest

from pejax.calibrate import L0, Adam, Entropy, TargetProblem, calibrate


def parts(units=400, targets=6):
    rng = np.random.default_rng(0)
    X = rng.gamma(0.5, 1.0, (targets, units)) * (rng.random((targets, units)) < 0.3)
    X[0] = 1.0
    w0 = rng.gamma(3.0, 10.0, units)
    return TargetProblem(X, X @ w0 * np.exp(rng.normal(0, 0.1, targets))), w0


def solve(method, seed=0):
    problem, w0 = parts()
    return calibrate(problem, w0, method, key=jax.random.key(seed))


@pytest.mark.parametrize("budget", [7, 40, 111, 400])
@pytest.mark.parametrize("seed", [0, 1])
def test_exactly_the_budget_is_kept(budget, seed):
    solution = solve(L0(budget, epochs=120), seed).check()
    assert np.count_nonzero(np.asarray(solution.weights)) == budget
    assert np.asarray(solution.weights).min() >= 0


def test_the_support_beats_a_random_one():
    problem, w0 = parts()
    chosen = np.abs(solve(L0(12, epochs=250)).errors()).mean()
    rng, random = np.random.default_rng(0), []
    for _ in range(5):
        units = np.sort(rng.choice(400, 12, replace=False))
        kept = problem.with_operator(problem.operator.take(units=units))
        base = w0[units] * w0.sum() / w0[units].sum()
        random.append(np.abs(calibrate(kept, base, Entropy()).errors()).mean())
    assert chosen < 0.5 * np.mean(random)


def test_a_higher_price_keeps_fewer():
    prices = (1e-5, 1e-3, 1e-2)
    kept = [np.count_nonzero(solve(L0(l0_lambda=p, epochs=250)).weights) for p in prices]
    assert kept[0] > kept[1] > kept[2] > 0


def test_raw_gated_weights_fit_worse_than_the_refit():
    raw = np.abs(solve(L0(l0_lambda=1e-3, epochs=250, refit=False)).errors()).mean()
    refit = np.abs(solve(L0(l0_lambda=1e-3, epochs=250)).errors()).mean()
    assert refit < 0.1 * raw


def test_another_key_draws_another_support():
    first, second = (np.asarray(solve(L0(30, epochs=60), seed).weights) > 0 for seed in (0, 1))
    assert (first != second).any()


def test_records_without_base_weight_are_never_kept():
    problem, w0 = parts()
    w0[::2] = 0.0
    weights = np.asarray(calibrate(problem, w0, L0(200, epochs=60), key=jax.random.key(0)).weights)
    assert np.count_nonzero(weights) == 200
    assert (weights[::2] == 0).all()


def test_the_expected_count_follows_its_path_to_the_budget():
    seen = []
    problem, w0 = parts()
    calibrate(problem, w0, L0(40, epochs=200), key=jax.random.key(0), progress=seen.append)
    kept = [progress.kept for progress in seen]
    assert kept[0] > 300
    assert kept[-1] <= 40.1
    assert max(np.diff(kept)) < 1.0


def test_adam_approaches_the_entropy_weights():
    problem, w0 = parts()
    ridge = 1e-2
    slow = calibrate(problem, w0, Adam(epochs=3_000, learning_rate=0.02, ridge=ridge))
    exact = calibrate(problem, w0, Entropy(ridge=ridge))
    np.testing.assert_allclose(slow.weights, exact.weights, rtol=1e-3)
    assert slow.loss_history[-1] < slow.loss_history[0]
    assert exact.loss_history is None


@pytest.mark.parametrize("optimizer", [optax.sgd(20.0), optax.lion(0.01), optax.rmsprop(0.01)])
def test_any_optax_transformation_is_taken(optimizer):
    problem, w0 = parts()
    solution = calibrate(problem, w0, Adam(epochs=200, optimizer=optimizer)).check()
    assert np.abs(solution.errors()).mean() < 0.5 * solution.report().summary["mean_error_before"]


def test_dropout_spreads_the_weights():
    problem, w0 = parts()
    plain = calibrate(problem, w0, Adam(epochs=300, ridge=0.0))
    dropped = calibrate(
        problem, w0, Adam(epochs=300, ridge=0.0, dropout=0.5), key=jax.random.key(0)
    )
    assert np.isfinite(dropped.loss_history).all()
    assert (np.asarray(plain.weights) != np.asarray(dropped.weights)).any()
