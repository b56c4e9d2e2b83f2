"""A method is four functions: one's own in a dozen lines, and what a batch of any costs."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax import BadInputError, Result, calibrate as cal
from pejax.calibrate.operators import _gram

MEMBERS, UNITS, TARGETS = 5, 300, 4


class State(NamedTuple):
    weights: jax.Array
    key: jax.Array | None
    steps: jax.Array


class Scaling(cal.IterativeMethod):
    """Generalised iterative scaling, with a jolt at every step where there is a key."""

    rounds: int = eqx.field(static=True, default=400)

    def init(self, problem, base, key):
        return State(base, key, jnp.zeros((), jnp.int32))

    def step(self, problem, state):
        estimates = problem.operator.mv(state.weights)
        most = problem.operator.rmv(jnp.ones_like(estimates)).max()
        pull = problem.operator.rmv(jnp.log(problem.values / estimates)) / most
        if state.key is not None:
            key = jax.random.fold_in(state.key, state.steps)
            pull = pull + 1e-3 * jax.random.normal(key, pull.shape)
        return State(state.weights * jnp.exp(pull), state.key, state.steps + 1)

    def done(self, state):
        return state.steps >= self.rounds

    def weights(self, problem, state):
        return state.weights


class LongScaling(Scaling):
    @property
    def long_run(self):
        return self.rounds


def parts(units=UNITS, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, 1.0, (TARGETS, units)) * (rng.random((TARGETS, units)) < 0.6)
    X[0] = 1.0
    base = rng.gamma(3.0, 10.0, units)
    return cal.TargetProblem(X, X @ (base * rng.lognormal(0, 0.2, units))), base


def geography(seed=0):
    rng = np.random.default_rng(seed)
    values, place = rng.gamma(1.0, 1.0, (UNITS, 2)), rng.integers(0, 3, UNITS)
    rows = (np.repeat([0, 1], [6, 2]), np.r_[np.repeat(np.arange(3), 2), 0, 0], np.tile([0, 1], 4))
    base = rng.gamma(3.0, 10.0, UNITS)
    operator = cal.GeographyOperator(values, place, rows, [[0, 0, 0]])
    y = np.asarray(operator.mv(jnp.asarray(base * rng.lognormal(0, 0.2, UNITS))))
    return cal.TargetProblem(operator, y), base


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def test_ones_own_method_is_calibrated_solved_compiled_and_batched():
    problem, base = parts()
    right = cal.calibrate(problem, base, cal.Raking()).weights
    solution = cal.calibrate(problem, base, Scaling()).check()
    np.testing.assert_allclose(solution.weights, right, rtol=1e-4)
    assert solution.steps == 400
    bases = jnp.asarray(base) * jnp.linspace(0.5, 1.5, 3)[:, None]
    found = jax.jit(jax.vmap(lambda base: cal.solve(problem, base, Scaling())))(bases)
    for member, base in zip(found.weights, bases, strict=True):
        np.testing.assert_allclose(member, cal.calibrate(problem, base, Scaling()).weights)
    assert found.steps.tolist() == [400] * 3


def test_a_long_one_is_watched_and_goes_on_from_a_checkpoint(tmp_path):
    pytest.importorskip("orbax.checkpoint")
    problem, base = parts()
    key, told = jax.random.key(1), []

    class Stopped(Exception):
        pass

    def until_the_third(at):
        told.append(at)
        if len(told) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        cal.calibrate(
            problem, base, LongScaling(60), key=key, progress=until_the_third, checkpoint=tmp_path
        )
    assert [(at.epoch, at.epochs) for at in told] == [(3, 60), (6, 60), (9, 60)]
    assert told[0].loss > told[2].loss and told[0].kept == UNITS
    again = []
    found = cal.calibrate(
        problem, base, LongScaling(60), key=key, progress=again.append, checkpoint=tmp_path
    )
    assert again[0].epoch == 9
    whole = cal.calibrate(problem, base, LongScaling(60), key=key)
    np.testing.assert_array_equal(found.weights, whole.weights)


def test_what_ones_own_method_has_not_is_refused_by_its_name():
    problem, base = parts()
    earlier = cal.calibrate(problem, base, cal.Entropy())
    with pytest.raises(BadInputError, match="Scaling cannot start from an earlier solution"):
        cal.calibrate(problem, base, Scaling(), start=earlier)
    with pytest.raises(BadInputError, match="This Scaling keeps no checkpoints"):
        cal.calibrate(problem, base, Scaling(), checkpoint="somewhere")
    with pytest.raises(BadInputError, match="Scaling has no derivative"):
        jax.grad(lambda w: cal.solve(problem, w, Scaling()).weights.sum())(jnp.asarray(base))


def test_weights_that_are_no_numbers_are_told():
    problem, base = parts()
    values = jnp.asarray(problem.values).at[0].set(-1.0)
    found = cal.solve(problem.with_values(values), jnp.asarray(base), Scaling(3))
    assert found.result == Result.nonfinite


def arrays_of(jaxpr):
    """Every intermediate result of a program and of those inside it."""
    for equation in jaxpr.eqns:
        yield from (variable.aval for variable in equation.outvars)
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
        ):
            program = getattr(inner, "jaxpr", inner)
            if hasattr(program, "eqns"):
                yield from arrays_of(program)


@pytest.mark.parametrize(
    "method", [cal.Linear(), cal.Entropy(exact=True), cal.Logit(0.1, 8.0), cal.Adam(epochs=3)]
)
@pytest.mark.parametrize("over", ["values", "base"])
def test_a_batch_has_one_matrix(method, over):
    """No member gets an estimate matrix of its own, which is what made a batch of 20 cost 30."""
    problem, base = parts(units=1_500)  # of two tiles

    def weights(values, base):
        return cal.solve(problem.with_values(values), base, method).weights

    axes = (0, None) if over == "values" else (None, 0)
    values, base = jnp.asarray(problem.values), jnp.asarray(base)
    given = [
        jnp.stack([x] * 20) if axis == 0 else x
        for x, axis in zip((values, base), axes, strict=True)
    ]
    program = jax.make_jaxpr(jax.vmap(weights, in_axes=axes))(*given).jaxpr
    matrix = problem.operator.by_unit.size
    assert max(array.size for array in arrays_of(program)) < 20 * matrix


def test_a_geography_in_a_batch_has_one_matrix(monkeypatch):
    problem, base = geography()
    monkeypatch.setattr(cal.GeographyOperator, "reuses_factor", property(lambda self: True))
    right = [cal.solve(problem, s * jnp.asarray(base), cal.Entropy()).weights for s in (0.9, 1.1)]
    bases = jnp.asarray(base) * jnp.array([0.9, 1.1])[:, None]
    found = jax.vmap(lambda base: cal.solve(problem, base, cal.Entropy()).weights)(bases)
    np.testing.assert_allclose(found, jnp.stack(right), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("members", [2, MEMBERS])
def test_gram_matrices_of_a_batch_are_those_of_its_members(dtype, members):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(TARGETS, UNITS)) * 10.0 ** rng.integers(-9, 9, TARGETS)[:, None]).astype(
        dtype
    )
    operator, q = cal.DenseOperator(X), rng.random((members, UNITS))
    wide = X.astype(float)
    right = np.einsum("ti,mi,si->mts", wide, q, wide)
    size = np.sqrt(np.einsum("mtt,mss->mts", right, right))
    found, atol = jax.vmap(operator.gram)(jnp.asarray(q)), 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(found / size, right / size, atol=atol)
    twice = jax.vmap(jax.vmap(operator.gram))(jnp.asarray(q)[None])[0]
    own = jax.vmap(lambda X, q: cal.DenseOperator(X).gram(q))
    each = own(jnp.stack([jnp.asarray(X)] * members), jnp.asarray(q))
    for other in (twice, each):
        np.testing.assert_allclose(other / size, right / size, atol=atol)


def test_a_gram_matrix_has_derivatives_of_any_order_in_a_batch():
    rng = np.random.default_rng(0)
    tiles, q = jnp.asarray(rng.normal(size=(1, 256, 3))), jnp.asarray(rng.random((6, 1, 256)))

    def spread(gram, tiles, q):
        return jnp.sum(jnp.sin(jax.vmap(gram, in_axes=(None, 0))(tiles, q)))

    for order in (jax.grad, lambda f, argnums: jax.grad(lambda *x: jnp.sum(jax.grad(f)(*x) ** 2))):
        for argument in (0, 1):
            found, right = (
                order(lambda *x, gram=gram: spread(gram, *x), argnums=argument)(tiles, q)
                for gram in (_gram.weighted_gram, _gram._plain)
            )
            np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9)
