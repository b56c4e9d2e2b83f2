"""What stands behind a traced value, where it is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.core._transforms import known

AT = jnp.arange(3.0)
MANY = jnp.arange(6.0).reshape(2, 3)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def f(seen):
    def noted(x):
        y = jnp.sin(x) + 1
        seen.append(known(y))
        return y.sum()

    return noted


def equal(found, expected):
    np.testing.assert_allclose(found, jnp.sin(expected) + 1, rtol=1e-6)
    assert not isinstance(found, jax.core.Tracer)


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: f(AT),
        lambda f: jax.grad(f)(AT),
        lambda f: jax.value_and_grad(f)(AT),
        lambda f: jax.jvp(f, (AT,), (AT,)),
        lambda f: jax.vjp(f, AT),
        lambda f: jax.hessian(f)(AT),
        lambda f: jax.linearize(f, AT),
    ],
)
def test_at_a_point(f, seen, transformed):
    transformed(f)
    equal(seen[0], AT)


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: jax.vmap(f)(MANY),
        lambda f: jax.vmap(f, in_axes=1)(MANY.T),
        lambda f: jax.vmap(jax.grad(f))(MANY),
        lambda f: jax.grad(lambda x: jax.vmap(f)(x).sum())(MANY),
    ],
)
def test_of_a_batch(f, seen, transformed):
    transformed(f)
    equal(seen[0], MANY)


def test_the_outer_batch_comes_first(f, seen):
    jax.vmap(jax.vmap(f))(MANY.reshape(2, 1, 3))
    equal(seen[0], MANY.reshape(2, 1, 3))


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: jax.jit(f)(AT),
        lambda f: jax.jit(jax.grad(f))(AT),
        lambda f: jax.grad(jax.jit(f))(AT),
        lambda f: jax.vmap(jax.jit(f))(MANY),
        lambda f: jax.jit(jax.vmap(jax.value_and_grad(f)))(MANY),
        lambda f: jax.grad(jax.checkpoint(f))(AT),
        lambda f: jax.lax.map(f, MANY),
    ],
)
def test_inside_of_a_jit_nothing_is_known(f, seen, transformed):
    transformed(f)
    assert seen[0] is None


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_has_no_part_in_a_batch_is_itself(seen, depth):
    """A rule for batches may say that a result is the same for all."""
    same = jax.custom_batching.custom_vmap(lambda x: x)
    same.def_vmap(lambda size, batched, x: (jnp.ones(3), False))

    def f(x):
        seen.append(known(same(x) + 1))
        return x

    for _ in range(depth):
        f = jax.vmap(f)
    f(jnp.zeros((2,) * depth))
    np.testing.assert_array_equal(seen[0], 2 * np.ones(3))


def test_of_several_each_has_the_axes_that_it_has(seen):
    def f(x, y):
        seen.append(known({"x": x, "both": x + y, "none": 2.0, "y": y}))
        return x

    jax.vmap(lambda x: jax.vmap(lambda y: f(x, y))(jnp.arange(3.0)))(jnp.arange(2.0))
    shapes = {name: np.shape(value) for name, value in seen[0].items()}
    assert shapes == {"x": (2,), "both": (2, 3), "none": (), "y": (3,)}
    jax.grad(lambda x: f(x, 1.0))(3.0)
    assert {name: float(value) for name, value in seen[1].items()} == {
        "x": 3.0, "both": 4.0, "none": 2.0, "y": 1.0,
    }  # fmt: skip


def test_what_is_asked_changes_no_result():
    def asked(x):
        known(x)
        return jnp.sum(x**3)

    np.testing.assert_allclose(jax.grad(jax.jit(asked))(AT), 3 * AT**2)
    np.testing.assert_allclose(jax.vmap(jax.hessian(jax.jit(asked)))(MANY)[1, 2, 2], 6 * MANY[1, 2])
    with jax.checking_leaks():
        jax.jit(jax.vmap(jax.grad(asked)))(MANY)
