"""Exact record counts, what gates keep, and the optimisers behind them."""

import jax
import numpy as np
import optax
import pytest

from pejax.calibrate import L0, Adam, Entropy, TargetProblem, calibrate
from pejax.calibrate.gradient._train import Moment
from pejax.calibrate.problem._problem import goals_of
from pejax.core._validate import BadInputError
from pejax.gates import HardConcrete, geometric_schedule, linear_schedule

# Few records for so many targets: that the weights are to be looked at is no news here.
pytestmark = pytest.mark.filterwarnings("ignore::pejax.calibrate.CalibrationWarning")


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


def test_a_price_of_groups_keeps_few_groups():
    problem, w0 = parts()
    household = np.repeat(np.arange(100), 4)
    kept = {}
    for price in (0.0, 1e-2):
        groups = {"groups": household, "group_lambda": price} if price else {}
        method = L0(40, epochs=300, **groups)
        weights = np.asarray(calibrate(problem, w0, method, key=jax.random.key(0)).weights)
        assert np.count_nonzero(weights) == 40
        kept[price] = len(np.unique(household[weights > 0]))
    assert kept[1e-2] < 0.7 * kept[0.0]


def test_the_price_of_groups_is_that_of_the_expected_number():
    gates = HardConcrete(6, init_mean=[0.999, 0.5, 0.2, 0.01, 0.7, 0.999999])
    method = L0(l0_lambda=0.25, groups=["a", "a", "b", "b", "b", "c"], group_lambda=2.0)
    p = np.asarray(gates.open_probability(), float)
    groups = [p[:2], p[2:5], p[5:]]
    expected = 0.25 * p.sum() + 2.0 * sum(1 - np.prod(1 - own) for own in groups)
    assert float(method._price(gates, 0)) == pytest.approx(expected, rel=1e-6)
    slope = jax.grad(lambda g: method._price(g, 0))(gates).log_alpha
    assert np.isfinite(slope).all() and (np.asarray(slope) > 0).all()


def test_schedules_of_temperature_and_price_move_them():
    problem, w0 = parts()
    cool, rising = geometric_schedule(2 / 3, 0.2, 100), linear_schedule(0.0, 5e-3, 60, warmup=20)
    method = L0(l0_lambda=rising, temperature=cool, epochs=120)
    found = calibrate(problem, w0, method, key=jax.random.key(0)).check()
    none = calibrate(problem, w0, L0(l0_lambda=0.0, epochs=120), key=jax.random.key(0))
    assert 0 < np.count_nonzero(found.weights) < np.count_nonzero(none.weights)
    with jax.enable_x64(True):
        state = method.begin(jax.numpy.asarray(w0))
        moment = Moment(jax.numpy.asarray(100), jax.random.key(0))
        after, _ = method.epoch(goals_of(problem), jax.numpy.asarray(w0), state, moment)
    assert float(after.gates.temperature) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": [0, 1]}, "groups= and group_lambda= together"),
        ({"group_lambda": 1.0}, "groups= and group_lambda= together"),
        ({"groups": [0, 1], "group_lambda": -1.0}, "group_lambda is -1"),
        ({"temperature": linear_schedule(0.0, 1.0, 5)}, "temperature is 0"),
    ],
)
def test_prices_of_groups_that_are_none_are_named(settings, message):
    with pytest.raises(BadInputError, match=message):
        L0(10, **settings)


def test_labels_of_groups_are_one_a_record():
    problem, w0 = parts()
    with pytest.raises(BadInputError, match="groups has 2 labels for 400 records"):
        calibrate(problem, w0, L0(10, groups=[0, 1], group_lambda=1.0), key=jax.random.key(0))
