"""Derivatives through a calibration equal central finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from pejax.calibrate import (
    DenseOperator,
    Entropy,
    Linear,
    Logit,
    Raking,
    SparseOperator,
    TargetProblem,
    TruncatedLinear,
    calibrated_weights,
)

UNITS, TARGETS, STEP = 40, 5, 1e-5
METHODS = {
    "linear": Linear(tol=1e-12),
    "linear, exact": Linear(exact=True, tol=1e-12),
    "entropy": Entropy(tol=1e-12),
    "entropy, stiff": Entropy(ridge=1e-2, tol=1e-12),
    "logit": Logit(0.05, 20.0, tol=1e-12),
    "truncated linear": TruncatedLinear(0.5, 1.5, ridge=1e-2, tol=1e-12),
    "raking": Raking(tol=1e-12),
}


def parts():
    rng = np.random.default_rng(0)
    X = rng.gamma(1.0, 1.0, (TARGETS, UNITS)) * (rng.random((TARGETS, UNITS)) < 0.5)
    w0 = rng.gamma(3.0, 1.0, UNITS)
    y = X @ (w0 * rng.lognormal(0, 0.3, UNITS)) * np.exp(rng.normal(0, 0.1, TARGETS))
    return X, y, w0, np.sin(rng.normal(size=UNITS))


def statistic(method, coefficient):
    """A nonlinear function of calibrated weights, of the targets, base weights and matrix."""
    X, y, _, _ = parts()
    problem = TargetProblem(X, y)

    def of(y, w0, X):
        moved = problem.with_values(y).with_operator(DenseOperator(X))
        return jnp.sum(coefficient * jnp.sqrt(calibrated_weights(moved, w0, method) + 100))

    return of


def central_difference(both, args, which, index):
    """Of a function that gives its value, and its gradient, compiled once for the two."""
    step = STEP * max(1.0, abs(args[which][index]))
    up, down = (list(args), list(args))
    up[which], down[which] = args[which].copy(), args[which].copy()
    up[which][index] += step
    down[which][index] -= step
    ends = (both(*map(jnp.asarray, args))[0] for args in (up, down))
    return float(next(ends) - next(ends)) / (2 * step)


@pytest.mark.parametrize("name", METHODS)
def test_gradient_in_targets_base_weights_and_matrix(name, x64):
    X, y, w0, coefficient = parts()
    both = jax.jit(jax.value_and_grad(statistic(METHODS[name], coefficient), argnums=(0, 1, 2)))
    _, gradients = both(*map(jnp.asarray, (y, w0, X)))
    picks = [range(TARGETS), range(0, UNITS, 9), [(t, u) for t in range(TARGETS) for u in (0, 17)]]
    for which, indices in enumerate(picks):
        expected = [central_difference(both, (y, w0, X), which, index) for index in indices]
        found = [float(gradients[which][index]) for index in indices]
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_forward_mode_agrees_with_reverse_mode(x64):
    X, y, w0, coefficient = map(jnp.asarray, parts())
    of = statistic(Entropy(tol=1e-12), coefficient)
    direction = jnp.cos(jnp.arange(TARGETS) * 1.0)
    _, forward = jax.jvp(lambda y: of(y, w0, X), (y,), (direction * y,))
    reverse = jax.grad(lambda y: of(y, w0, X))(y) @ (direction * y)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)


def test_gradient_in_the_entries_of_a_sparse_matrix(x64):
    X, y, w0, coefficient = parts()
    operator = SparseOperator(scipy.sparse.csr_array(X))
    problem = TargetProblem(operator, y)

    def of(data):
        moved = problem.with_operator(operator.with_data(data))
        return coefficient @ calibrated_weights(moved, jnp.asarray(w0), Entropy(tol=1e-12))

    data, both = np.asarray(operator.data), jax.jit(jax.value_and_grad(of))
    _, gradient = both(jnp.asarray(data))
    for entry in (0, 5, len(data) - 1):
        expected = central_difference(both, (data,), 0, entry)
        assert float(gradient[entry]) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_gradients_reach_scale_and_importance(x64):
    X, y, w0, coefficient = parts()
    problem = TargetProblem(X, y)

    def of(scale, importance):
        moved = eqx.tree_at(lambda p: (p.scale, p.importance), problem, (scale, importance))
        return coefficient @ calibrated_weights(
            moved, jnp.asarray(w0), Entropy(ridge=1e-2, tol=1e-12)
        )

    args, both = (np.abs(y), np.ones(TARGETS)), jax.jit(jax.value_and_grad(of, argnums=(0, 1)))
    _, gradients = both(*map(jnp.asarray, args))
    for which in (0, 1):
        expected = central_difference(both, args, which, 2)
        assert float(gradients[which][2]) == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_targets_is_solved_by_vmap(x64):
    X, y, w0, _ = parts()
    problem = TargetProblem(X, y)

    def of(y):
        return calibrated_weights(problem.with_values(y), jnp.asarray(w0), Entropy(tol=1e-12))

    batch = jnp.stack([y, 1.02 * y, 0.97 * y])
    np.testing.assert_allclose(jax.vmap(of)(batch), jnp.stack([of(y) for y in batch]), rtol=1e-9)


def test_gradients_with_redundant_exact_targets_stay_finite(x64):
    X, y, w0, coefficient = parts()
    X, y = np.r_[X, X[:1] + X[1:2]], np.r_[y, y[0] + y[1]]
    problem = TargetProblem(X, y)

    def of(y):
        moved = problem.with_values(y)
        return coefficient @ calibrated_weights(moved, jnp.asarray(w0), Entropy(exact=True))

    assert np.isfinite(jax.grad(of)(jnp.asarray(y))).all()


def test_float32_gradients_are_near(key):
    X, y, w0, coefficient = (np.asarray(x, np.float32) for x in parts())
    of = statistic(Entropy(), coefficient)
    single = jax.grad(of)(*map(jnp.asarray, (y, w0, X)))
    with jax.enable_x64(True):
        double = jax.grad(of)(*(jnp.asarray(x, float) for x in (y, w0, X)))
    np.testing.assert_allclose(single, double, atol=1e-3 * np.abs(double).max())


@pytest.mark.parametrize("method", [Entropy(tol=1e-12), Raking(tol=1e-12)])
def test_second_derivatives_are_those_of_the_gradient(method):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        X, base = rng.gamma(1.0, 1.0, (3, 40)), jnp.ones(40)
        problem = TargetProblem(X, X.sum(axis=1) * [1.05, 0.95, 1.1])
        outcome, y = jnp.asarray(rng.random(40)), jnp.asarray(problem.values)

        def total(y):
            return calibrated_weights(problem.with_values(y), base, method) @ outcome

        slope, step = jax.jit(jax.grad(total)), 1e-4
        beside = [(slope(y + s) - slope(y - s)) / (2 * step) for s in step * jnp.eye(3)]
        np.testing.assert_allclose(jax.hessian(total)(y), jnp.stack(beside), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_derivative_in_a_base_weight_of_zero(method):
    """What the first bit of weight of a unit without any would change: a difference to one side."""
    X, y, w0, coefficient = parts()
    w0[3] = 0.0
    with jax.enable_x64(True):
        of = jax.jit(statistic(method, coefficient))
        slope = jax.grad(of, argnums=1)(y, w0, X)[3]
        more = [w0.copy() for _ in range(2)]
        more[0][3], more[1][3] = 1e-4, 2e-4
        at, near, far = (of(y, w, X) for w in (w0, *more))
        right = (4 * near - far - 3 * at) / 2e-4
    np.testing.assert_allclose(slope, right, rtol=1e-4, atol=1e-7)
