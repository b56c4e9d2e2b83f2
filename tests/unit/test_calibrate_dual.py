"""The Newton solver: known solutions, verdicts, and the search along a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.calibrate import (
    CalibrationWarning,
    Entropy,
    Linear,
    Logit,
    Raking,
    TargetProblem,
    calibrate,
)
from pejax.calibrate.dual._certificate import certificate
from pejax.calibrate.dual._distance import BoundedLogit
from pejax.calibrate.dual._linesearch import step_length
from pejax.calibrate.operators._factor import DenseFactor
from pejax.calibrate.problem._problem import goals_of
from pejax.core._results import Result, SolveError


def margins():
    """A 3 by 4 table's two margins as targets, and base weights in its cells."""
    rng = np.random.default_rng(0)
    cells = rng.gamma(2.0, 10.0, (3, 4))
    goal = cells * rng.lognormal(0, 0.4, (3, 4))
    goal *= cells.sum() / goal.sum()
    X = np.r_[np.kron(np.eye(3), np.ones(4)), np.kron(np.ones(3), np.eye(4))]
    return X, np.r_[goal.sum(1), goal.sum(0)], cells


def test_raking_is_what_proportional_fitting_converges_to():
    X, y, cells = margins()
    fitted = cells.copy()
    for _ in range(500):
        fitted *= (y[:3] / fitted.sum(1))[:, None]
        fitted *= y[3:] / fitted.sum(0)
    with jax.enable_x64(True):
        solution = calibrate(TargetProblem(X, y), cells.ravel(), Raking(tol=1e-12)).check()
    np.testing.assert_allclose(solution.weights, fitted.ravel(), rtol=1e-9)


def test_linear_is_the_regression_estimator_in_closed_form():
    rng = np.random.default_rng(1)
    X, w0 = rng.gamma(1.0, 1.0, (4, 30)), rng.gamma(4.0, 5.0, 30)
    y = X @ w0 * [1.1, 0.9, 1.2, 1.0]
    closed = w0 * (1 + X.T @ np.linalg.solve((X * w0) @ X.T, y - X @ w0))
    with jax.enable_x64(True):
        solution = calibrate(TargetProblem(X, y), w0, Linear(exact=True, tol=1e-12)).check()
    np.testing.assert_allclose(solution.weights, closed, rtol=1e-9)


def test_soft_linear_minimises_its_objective():
    rng = np.random.default_rng(2)
    X, w0 = rng.gamma(1.0, 1.0, (4, 30)), rng.gamma(4.0, 5.0, 30)
    y = X @ w0 * [1.5, 0.5, 1.2, 1.0]
    ridge = 0.03

    def objective(w):
        errors = (X @ w - y) / y
        return 0.5 * np.mean(errors**2) + ridge * np.sum(w0 / w0.sum() * (w / w0 - 1) ** 2 / 2)

    with jax.enable_x64(True):
        w = np.asarray(calibrate(TargetProblem(X, y), w0, Linear(ridge=ridge)).weights)
    for _ in range(20):
        assert objective(w) <= objective(w + 1e-3 * rng.normal(size=30) * w0)


@pytest.mark.parametrize("ridge", [1e-6, 1e-2])
def test_soft_entropy_minimises_its_objective(ridge):
    rng = np.random.default_rng(3)
    X, w0 = rng.gamma(1.0, 1.0, (4, 30)), rng.gamma(4.0, 5.0, 30)
    y = X @ w0 * [1.5, 0.5, 1.2, 1.0]

    def objective(w):
        errors, ratio = (X @ w - y) / y, w / w0
        distance = np.sum(w0 / w0.sum() * (ratio * np.log(ratio) - ratio + 1))
        return 0.5 * np.mean(errors**2) + ridge * distance

    with jax.enable_x64(True):
        w = np.asarray(calibrate(TargetProblem(X, y), w0, Entropy(ridge=ridge)).weights)
    for _ in range(20):
        assert objective(w) <= objective(w * np.exp(1e-3 * rng.normal(size=30)))


def test_logit_keeps_within_its_bounds():
    X, y, cells = margins()
    with jax.enable_x64(True):
        solution = calibrate(
            TargetProblem(X, y), cells.ravel(), Logit(0.4, 2.5, exact=True)
        ).check()
    ratio = np.asarray(solution.weights) / cells.ravel()
    assert 0.4 < ratio.min() < ratio.max() < 2.5


@pytest.mark.parametrize("method", [Logit(0.9, 1.1, exact=True), Logit(0.5, 1.01, exact=True)])
def test_bounds_that_cannot_hold_end_with_a_verdict(method):
    X, y, cells = margins()
    solution = calibrate(TargetProblem(X, 1.5 * y), cells.ravel(), method)
    assert Result.of(solution.result) is Result.infeasible
    assert solution.steps < method.max_steps
    assert np.isfinite(np.asarray(solution.weights)).all()
    with pytest.raises(SolveError, match=r"No admissible point.*'target_.*Widen the bounds"):
        solution.check()


def test_contradictory_targets_are_a_verdict_when_exact_and_a_compromise_when_soft():
    X, y, w0 = np.ones((2, 5)) * [[1], [2]], [10.0, 30.0], np.ones(5)
    exact = calibrate(TargetProblem(X, y), w0, Entropy(exact=True))
    soft = calibrate(TargetProblem(X, y), w0, Entropy(ridge=1e-8))
    with pytest.warns(CalibrationWarning, match="'target_0' and 'target_1' together"):
        soft.check()
    assert Result.of(exact.result) is Result.infeasible
    assert np.sum(np.asarray(soft.weights)) == pytest.approx(150 / 13, rel=1e-4)


def test_redundant_targets_do_not_disturb_an_exact_solution():
    X, y, cells = margins()
    with jax.enable_x64(True):
        twice = TargetProblem(np.r_[X, X[:1] + X[1:2]], np.r_[y, y[0] + y[1]])
        redundant = calibrate(twice, cells.ravel(), Entropy(exact=True)).check()
        plain = calibrate(TargetProblem(X, y), cells.ravel(), Entropy(exact=True)).check()
    np.testing.assert_allclose(redundant.weights, plain.weights, rtol=1e-7)


def test_a_step_limit_is_reported():
    X, y, cells = margins()
    solution = calibrate(TargetProblem(X, y), cells.ravel(), Entropy(max_steps=1))
    assert Result.of(solution.result) is Result.max_steps_reached
    with pytest.raises(SolveError, match="Raise max_steps"):
        solution.check()


@pytest.mark.filterwarnings("ignore::pejax.calibrate.CalibrationWarning")
@pytest.mark.parametrize("miss", [0.3, 1.0, 2.0])
def test_wild_targets_still_end(miss):
    """Targets a factor of ten away: soft problems always have a solution, and it is found."""
    rng = np.random.default_rng(5)
    X = (rng.gamma(0.3, 1e4, (15, 400)) * (rng.random((15, 400)) < 0.4)).astype(np.float32)
    w0 = rng.gamma(2.0, 500.0, 400)
    problem = TargetProblem(X, X @ w0 * np.exp(rng.normal(0, miss, 15)))
    for method in (Linear(), Entropy(), Logit(0.1, 5.0)):
        calibrate(problem, w0, method).check()


@given(
    minimum=st.floats(1e-6, 1e4), power=st.sampled_from([2.0, 4.0, 1.5]), cliff=st.floats(0.01, 50)
)
@settings(max_examples=40, deadline=None)
def test_a_step_never_passes_the_minimum(minimum, power, cliff):
    """A convex power with its minimum anywhere, beyond a cliff not a number."""

    def slope(step):
        away = step - minimum
        value = jnp.sign(away) * jnp.abs(away) ** (power - 1)
        return jnp.where(step > minimum * (1 + cliff), jnp.nan, value)

    with jax.enable_x64(True):
        first = slope(jnp.asarray(0.0))
        step = float(step_length(slope, first))
        assert 0 < step <= 1
        assert float(slope(jnp.asarray(step))) <= 0.01 * abs(float(first))


def test_no_step_is_taken_where_every_step_overshoots():
    step = step_length(lambda step: jnp.asarray(1.0) + 0 * step, jnp.asarray(-1e-9))
    assert float(step) == 0.0


@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 8))
@settings(max_examples=20, deadline=None)
def test_badly_scaled_systems_are_solved(seed, spread):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(12, 8)) * 10.0 ** rng.uniform(-spread, spread, 8)
    H, x = A.T @ A, rng.normal(size=8) / np.sqrt(np.diag(A.T @ A))
    with jax.enable_x64(True):
        factor = DenseFactor.of(jnp.asarray(H), jnp.ones(len(H)), jnp.zeros(()))
        found = np.asarray(factor.solve(jnp.asarray(H @ x)))
    np.testing.assert_allclose(H @ found, H @ x, atol=1e-9 * np.abs(H @ x).max())


# ---- certificates


def crowded(seed, lift):
    """A problem whose totals lie `lift` times above those of the base weights."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(0.5, 2.0, (8, 300)) * (rng.random((8, 300)) < 0.4)
    X[0] = 1.0
    base = rng.gamma(3.0, 40.0, 300)
    return X, base, X @ base * lift


@pytest.mark.parametrize("exact", [False, True])
def test_an_infeasible_box_ends_with_a_proof(exact):
    """Totals at three times the base cannot be met by ratios of at most two."""
    X, base, y = crowded(0, 3.0)
    names = [f"total {k}" for k in range(8)]
    method = Logit(0.5, 2.0, exact=True) if exact else Logit(0.5, 2.0, ridge=1e-6)
    solution = calibrate(TargetProblem(X, y, names=names), base, method)
    assert solution.certificate is not None
    reached = float(np.sqrt(np.mean(np.square(solution.errors()))))
    assert 0.3 < solution.certificate.least_error <= reached + 1e-9
    assert solution.certificate.least_error == pytest.approx(1 / 3, rel=1e-3)
    assert solution.certificate.shares.sum() == pytest.approx(1)
    if exact:
        with pytest.raises(SolveError, match=r"below 33\.\d+%; what stands in the way is 'total"):
            solution.check()
    summary = solution.report().summary
    assert summary["least_possible_rms_error"] == solution.certificate.least_error


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_no_weights_within_the_bounds_beat_the_certificate(seed):
    rng = np.random.default_rng(seed)
    X, base, y = crowded(seed, rng.uniform(0.3, 4.0, 8))
    found = calibrate(TargetProblem(X, y), base, Logit(0.5, 2.0, ridge=1e-6)).certificate
    assert found is not None
    for _ in range(20):
        weights = base * rng.choice([0.5, 2.0, 1.0], 300)
        error = np.sqrt(np.mean(np.square((X @ weights - y) / np.maximum(abs(y), 1))))
        assert error >= found.least_error - 1e-9


def test_a_box_that_holds_the_solution_has_no_obstacle():
    X, base, y = crowded(1, 1.1)
    solution = calibrate(TargetProblem(X, y), base, Logit(0.5, 2.0)).check()
    assert solution.certificate is not None and solution.certificate.least_error < 1e-4
    assert calibrate(TargetProblem(X, y), base, Entropy()).certificate is None


def test_a_solve_that_met_infinity_proves_nothing():
    X, base, y = crowded(2, 1.1)
    goals = goals_of(TargetProblem(X, y))
    far = jnp.full(len(y), jnp.nan)
    assert certificate(goals, jnp.asarray(base), BoundedLogit(0.5, 2.0), far) is None
