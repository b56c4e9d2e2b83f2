"""Sums that stay right in float32, however many terms they have."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree


def target_dtype() -> jnp.dtype:
    """The dtype of everything of target length: float64 where JAX has it switched on."""
    return jnp.result_type(float)


def wider(x: Array, dtype: jnp.dtype) -> jnp.dtype:
    """The dtype of a product of a vector with data: the wider of the two."""
    return jnp.promote_types(x.dtype, dtype)


def pairwise_sum(x: Float[Array, "term *rest"]) -> Float[Array, "*rest"]:
    r"""The sum over the leading axis as a balanced tree of additions.

    Its rounding error grows with :math:`\log_2 n` instead of :math:`n`: a running float32 sum of
    five million equal weights loses percents, the tree is right to 1e-6.
    """
    while x.shape[0] > 1:
        half = (x.shape[0] + 1) // 2
        tail = x[half:]
        if tail.shape[0] < half:
            tail = jnp.concatenate([tail, jnp.zeros_like(x[:1])])
        x = x[:half] + tail
    return x[0] if x.shape[0] else jnp.zeros(x.shape[1:], x.dtype)


def accumulate(x: Float[Array, "term *rest"]) -> Float[Array, "*rest"]:
    """The sum over the leading axis in the target dtype: plain in float64, pairwise in float32."""
    if target_dtype() == jnp.float64:
        return jnp.sum(x, axis=0, dtype=jnp.float64)
    return pairwise_sum(x)


def total(x: Float[Array, " unit"]) -> Float[Array, ""]:
    """The sum of a long vector in the target dtype."""
    return accumulate(x.reshape(-1))


def binary_size(largest: Float[Array, " row"]) -> Float[Array, " row"]:
    """A power of two near the largest absolute entry of each row; 1 for a row of zeros.

    Entries divided by it are exact and of the order of 1: their squares stay within float32.
    """
    largest = jax.lax.stop_gradient(largest)
    exponent = jnp.frexp(largest)[1]
    return jnp.where(largest > 0, jnp.ldexp(jnp.ones_like(largest), exponent - 1), 1)


def not_folded(tree: PyTree) -> PyTree:
    """The same arrays, for a look at them that no derivative goes through.

    A matrix that a jitted function closes over is a constant to XLA, which would work out what is
    computed from it while it compiles, and take its time.
    """
    return jax.lax.optimization_barrier(jax.lax.stop_gradient(tree))


def ceil_div(count: int, size: int) -> int:
    """The number of blocks of `size` that hold `count` items."""
    return -(-count // size)
