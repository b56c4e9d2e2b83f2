"""Losses, caps, mass and balance of the gradient methods."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _calibrate_world import world
from scipy.optimize import minimize

from pejax import calibrate as cal
from pejax.core._validate import BadInputError

LOSSES = [cal.SquaredError(), cal.CappedError(0.5), cal.Huber(0.1)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_loss_is_zero_if_and_only_if_the_fit_is_exact(loss):
    q = jnp.array([1.0, 2.0, 0.5])
    assert float(loss(jnp.zeros(3), q)) == 0
    assert float(jax.grad(loss)(jnp.zeros(3), q).sum()) == 0
    for k in range(3):
        for size in (1e-3, -0.3, 50.0):
            assert float(loss(jnp.zeros(3).at[k].set(size), q)) > 0


def test_huber_is_squared_within_and_grows_in_proportion_beyond():
    q = jnp.ones(1)
    assert float(cal.Huber(0.5)(jnp.array([0.3]), q)) == pytest.approx(0.09)
    assert float(cal.Huber(0.5)(jnp.array([-2.0]), q)) == pytest.approx(2 * 0.5 * 2 - 0.25)
    slope = jax.grad(lambda e: cal.Huber(0.5)(e, q))
    assert float(slope(jnp.array([7.0]))[0]) == pytest.approx(1.0)


def test_a_cap_lets_a_hopeless_target_go():
    X, y, base = world()
    y = y.copy()
    y[3] *= 50.0
    problem = cal.TargetProblem(X, y)
    start = cal.calibrate(cal.TargetProblem(X[:3], y[:3]), base, cal.Entropy())
    settings = {"epochs": 800, "learning_rate": 0.02, "ridge": 0.0}
    capped = cal.Adam(loss=cal.CappedError(0.5), **settings)
    squared = cal.Adam(**settings)
    left = cal.calibrate(problem, base, capped, start=start).errors()
    pulled = cal.calibrate(problem, base, squared, start=start).errors()
    assert np.abs(left[:3]).max() < 0.02 < np.abs(pulled[:3]).max()
    assert left[3] < -0.9


@pytest.mark.parametrize("mass", ["free", "conserved"])
@pytest.mark.parametrize("cap", [None, 1.2])
def test_no_weight_exceeds_the_cap_and_the_mass_is_kept(mass, cap):
    X, y, base = world()
    method = cal.Adam(epochs=300, max_ratio=cap, mass=mass, ridge=0.0)
    y = y[1:] * [1.3, 0.7, 1.2]
    found = cal.calibrate(cal.TargetProblem(X[1:], y), base, method)
    weights = np.asarray(found.weights, float)
    if cap is not None:
        assert (weights / base).max() <= cap * (1 + 1e-6)
        assert np.sum(weights / base > cap * 0.999) > 3
    moved = weights.sum() / base.sum() - 1
    assert abs(moved) < 1e-5 if mass == "conserved" else abs(moved) > 1e-3
    assert found.report().summary["mean_error"] < 0.5 * found.report().summary["mean_error_before"]


def test_a_mass_is_conserved_from_a_start_beyond_the_cap():
    base = world()[2]
    method = cal.Adam(max_ratio=1.5, mass="conserved")
    share = jnp.asarray(base / base.sum())
    for lift in (0.0, 5.0, 90.0):
        theta = jnp.linspace(0.5, 3.0, len(base)) + lift
        ratio = jnp.exp(method._admissible(theta, share))
        assert float(ratio.max()) <= 1.5 * (1 + 1e-6)
        assert float(ratio @ share) == pytest.approx(1, abs=1e-5)


def test_a_conserved_mass_is_the_entropy_solution_with_the_mass_as_a_target():
    X, y, base = world()
    only = cal.TargetProblem(X[1:], y[1:])
    method = cal.Adam(epochs=4000, learning_rate=0.05, mass="conserved", ridge=1e-2)
    found = np.asarray(cal.calibrate(only, base, method).weights, float)
    both = cal.TargetProblem(X, np.r_[base.sum(), y[1:]], scale=np.r_[base.sum() * 1e-4, y[1:]])
    # The mass as a fourth target of four: the ridge is a share of all importance.
    expected = cal.calibrate(both, base, cal.Entropy(ridge=1e-2 * 3 / 4)).weights
    np.testing.assert_allclose(found, np.asarray(expected), rtol=2e-3)


def test_balanced_groups_weigh_the_same():
    X, y, _ = world()
    problem = cal.TargetProblem(
        X, y, groups=["a", "b", "b", "b"], importance=[1.0, 2.0, 4.0, 0.0], levels=["x"] * 4
    )
    assert problem.balanced().importance.tolist() == pytest.approx([3.5, 7 / 6, 7 / 3, 0])
    assert problem.balanced("levels").importance.tolist() == [1, 2, 4, 0]
    with pytest.raises(BadInputError, match="no groups"):
        cal.TargetProblem(X, y).balanced()
    with pytest.raises(BadInputError, match="'area'; choose 'groups' or 'levels'"):
        problem.balanced("area")


def test_rounds_of_less_importance_end_at_the_minimum_of_hubers_loss(x64):
    X, y, base = world()
    problem = cal.TargetProblem(X, y * [1.0, 1.0, 1.0, 3.0])
    method, delta = cal.Entropy(ridge=1e-2), 0.02
    found = cal.calibrate(problem, base, method).check()
    squares = np.asarray(problem.errors(found.weights))
    for _ in range(60):
        again = problem.downweighted(found.weights, delta)
        found = cal.calibrate(again, base, method, start=found).check()
    ridge = method.ridge * again.importance.sum() / problem.importance.sum()
    share = base / base.sum()

    def objective(log_ratio):
        ratio = np.exp(log_ratio)
        error = (X @ (base * ratio) - problem.values) / problem.scale
        huber = np.mean(cal.Huber(delta).cost(jnp.asarray(error)))
        return huber / 2 + ridge * share @ (ratio * log_ratio - ratio + 1)

    start = np.log(np.asarray(found.weights) / base)
    best = minimize(objective, start, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-9})
    assert objective(start) == pytest.approx(best.fun, rel=1e-6)
    errors = np.asarray(problem.errors(found.weights))
    assert np.abs(errors[:3]).max() < 0.5 * np.abs(squares[:3]).max()
    assert abs(errors[3]) > abs(squares[3])


@pytest.mark.parametrize(
    ("weights", "delta", "message"),
    [
        (np.ones(59), 0.02, r"weights have shape \(59,\) and the estimate matrix 60 units"),
        (np.r_[np.ones(59), np.nan], 0.02, "weight of unit 59 is nan"),
        (np.ones(60), 0.0, "delta is 0.0; give a relative error above 0"),
    ],
)
def test_importance_is_not_lowered_by_what_is_no_weight(weights, delta, message):
    X, y, _ = world()
    with pytest.raises(BadInputError, match=message):
        cal.TargetProblem(X, y).downweighted(weights, delta)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cal.Huber(0.0), "delta is 0"),
        (lambda: cal.CappedError(-1), "cap is -1"),
        (lambda: cal.Adam(loss="huber"), "loss is 'huber'"),
        (lambda: cal.Adam(max_ratio=1.0), "max_ratio is 1"),
        (lambda: cal.Adam(mass="kept"), "'kept'; choose 'free' or 'conserved'"),
    ],
)
def test_a_setting_out_of_range_is_named(make, message):
    with pytest.raises(BadInputError, match=message):
        make()


@pytest.mark.parametrize(
    "method",
    [cal.Adam(epochs=30, mass="conserved", dropout=0.2), cal.L0(200, epochs=30)],
    ids=["adam", "l0"],
)
def test_an_odd_number_of_records_is_no_other_problem(method, monkeypatch):
    from pejax.calibrate.gradient import _train

    rng = np.random.default_rng(0)
    X, base = rng.gamma(1.0, 1.0, (3, 1_501)), rng.gamma(2.0, 1.0, 1_501)
    problem = cal.TargetProblem(X, X @ base * rng.uniform(0.9, 1.1, 3))
    as_they_are = cal.calibrate(problem, base, method, key=jax.random.key(0))
    monkeypatch.setattr(_train, "_MANY", 1_000)
    rounded_up = cal.calibrate(problem, base, method, key=jax.random.key(0))
    assert rounded_up.weights.shape == (1_501,)
    np.testing.assert_array_equal(rounded_up.weights > 0, as_they_are.weights > 0)
    np.testing.assert_allclose(rounded_up.weights, as_they_are.weights, rtol=1e-3)


def test_an_odd_number_of_records_by_the_names_of_another_package(monkeypatch):
    from pejax.calibrate.gradient import _train

    rng = np.random.default_rng(0)
    X, base = rng.gamma(1.0, 1.0, (3, 1_501)), rng.gamma(2.0, 1.0, 1_501)
    totals = X @ base * rng.uniform(0.9, 1.1, 3)

    def weights():
        model = cal.SparseCalibrationWeights(1_501, init_weights=base, seed=0)
        for _ in range(2):  # it goes on from where it is
            model.fit(X, totals, lambda_l0=1e-3, epochs=20, loss_type="relative")
        return model.get_weights(deterministic=True)

    as_they_are = weights()
    monkeypatch.setattr(_train, "_MANY", 1_000)
    np.testing.assert_allclose(weights(), as_they_are, rtol=1e-6)
