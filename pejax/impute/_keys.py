"""Randomness as a function of the key, the variable and the record."""

import zlib
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from .._types import Key


def variable_key(key: Key, name: str) -> Key:
    """The key of one variable: the same name gives the same key in every chain and every order."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


@partial(jax.jit, static_argnames="n")
def record_uniforms(
    key: Key, ids: Int[Array, " row"] | UInt32[Array, " row"], n: int
) -> Float[Array, "row n"]:
    """`n` uniform numbers in [0, 1) for every record, a function of the key and its id alone.

    Float32 whether or not 64-bit types are enabled, so that both give the same draws.
    """

    def of_record(record):
        return jax.random.uniform(jax.random.fold_in(key, record), (n,), jnp.float32)

    return jax.vmap(of_record)(ids)


def variable_seed(seed: int, name: str) -> np.random.SeedSequence:
    """The host's counterpart of `variable_key`, for growing a variable's forest."""
    return np.random.SeedSequence([seed, zlib.crc32(name.encode())])
