"""A batch of calibrations shares one Hessian, and every member is solved as by itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax import Result, calibrate as cal
from pejax.calibrate.dual import _newton
from pejax.calibrate.problem._problem import goals_of

MEMBERS, TARGETS, UNITS = 20, 12, 600
METHODS = [
    cal.Linear(),
    cal.Linear(exact=True),
    cal.Entropy(),
    cal.Raking(),
    cal.Logit(0.1, 8.0),
    cal.TruncatedLinear(0.2, 6.0),
]


def name(method):
    return repr(method).replace("calibrate.", "")[:50]


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def problem(x64):
    rng = np.random.default_rng(1)
    X = rng.gamma(1.0, 1.0, (TARGETS, UNITS)) * (rng.random((TARGETS, UNITS)) < 0.5)
    base = rng.gamma(3.0, 10.0, UNITS)
    return cal.TargetProblem(cal.DenseOperator(X), X @ (base * rng.lognormal(0, 0.2, UNITS)))


@pytest.fixture
def bases():
    rng = np.random.default_rng(2)
    return rng.gamma(3.0, 10.0, UNITS) * rng.lognormal(0, 0.3, (MEMBERS, UNITS))


def together(problem, bases, method):
    return jax.jit(jax.vmap(lambda base: cal.solve(problem, base, method)))(jnp.asarray(bases))


@pytest.mark.parametrize("method", METHODS, ids=name)
def test_each_member_of_a_batch_is_solved_as_by_itself(problem, bases, method):
    found = together(problem, bases, method)
    one = jax.jit(lambda base: cal.solve(problem, base, method))
    for base, weights, code in zip(bases, found.weights, found.result, strict=True):
        right = one(jnp.asarray(base))
        np.testing.assert_allclose(weights, right.weights, rtol=1e-6, atol=1e-6 * base.max())
        assert int(code) == int(right.result)


@pytest.mark.parametrize("method", [cal.Linear(), cal.Entropy(), cal.Raking()], ids=name)
def test_members_may_be_as_different_as_can_be(problem, bases, method):
    """Folds without their units, and sums from a thousandth to a million."""
    fold = np.arange(UNITS) % MEMBERS != np.arange(MEMBERS)[:, None]
    sizes = np.geomspace(1e-3, 1e6, MEMBERS)[:, None]
    found = together(problem, bases * fold * sizes, method)
    for base, weights in zip(bases * fold * sizes, found.weights, strict=True):
        right = cal.solve(problem, jnp.asarray(base), method)
        np.testing.assert_allclose(weights, right.weights, rtol=1e-5, atol=1e-6 * base.max())


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 0.0])
def test_a_member_without_a_solution_spoils_no_other(problem, bases, wrong):
    spoilt = bases.copy()
    spoilt[3] = wrong
    found = together(problem, spoilt, cal.Entropy())
    whole = together(problem, bases, cal.Entropy())
    others = np.arange(MEMBERS) != 3
    np.testing.assert_allclose(found.weights[others], whole.weights[others], rtol=1e-8)
    assert (np.asarray(found.result)[others] == int(Result.successful)).all()
    assert int(found.result[3]) != Result.successful


def test_estimate_matrices_of_their_own_are_solved_outright(problem, bases):
    matrices = jnp.stack([problem.operator.by_unit * scale for scale in (1.0, 2.0)])

    def weights(matrix, base):
        own = eqx.tree_at(lambda p: p.operator.by_unit, problem, matrix)
        return cal.solve(own, base, cal.Entropy()).weights

    found = jax.vmap(weights)(matrices, jnp.asarray(bases[:2]))
    for row in range(2):
        right = weights(matrices[row], jnp.asarray(bases[row]))
        np.testing.assert_allclose(found[row], right, rtol=1e-9)


def test_a_batch_makes_one_hessian_a_step(problem, bases, monkeypatch):
    """Its cost does not grow with the members."""
    shapes = set()
    original = cal.DenseOperator.hessian_parts

    def counted(self, q):
        shapes.add((type(q).__name__, q.shape))
        return original(self, q)

    monkeypatch.setattr(cal.DenseOperator, "hessian_parts", counted)
    system = _newton.dual_system(goals_of(problem), jnp.asarray(bases[0]), cal.Entropy().distance)
    rest = jnp.ones(()), jnp.ones(TARGETS), jnp.asarray(1e-9)
    found = jax.vmap(lambda base: _newton._solved(system, base, *rest))(jnp.asarray(bases))
    right = jax.vmap(lambda base: _newton._outright(system, base, *rest))(jnp.asarray(bases))
    np.testing.assert_allclose(found, right, rtol=1e-7)
    assert ("ArrayImpl", (UNITS,)) in shapes  # one of them all, whose values are known


def test_each_member_has_what_the_theory_says(problem, bases):
    """Without the solver: the closed form of the linear distance; for raking, totals that are met
    and logarithms of the ratios that are a combination of the targets' rows."""
    X, y = np.asarray(problem.operator.matrix, float), np.asarray(problem.values, float)
    linear = np.asarray(together(problem, bases, cal.Linear(exact=True)).weights)
    raked = np.asarray(together(problem, bases, cal.Raking()).weights)
    for d, w, r in zip(bases, linear, raked, strict=True):
        closed = d * (1 + X.T @ np.linalg.solve((X * d) @ X.T, y - X @ d))
        np.testing.assert_allclose(w, closed, rtol=1e-7, atol=1e-7 * d.max())
        np.testing.assert_allclose(X @ r, y, rtol=1e-8)
        moved = np.log(r / d)
        fitted = X.T @ np.linalg.lstsq(X.T, moved, rcond=None)[0]
        np.testing.assert_allclose(moved, fitted, atol=1e-8)
