"""Which member of its group a row is, in the order of some key."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array


def among_neighbours(ids: Array, key: Array, apart: int) -> Array:
    """How many members of the same group come before: they all stand within `apart` rows."""
    rank = jnp.zeros_like(ids)
    for step in range(1, min(apart, ids.size - 1) + 1):
        together = ids[step:] == ids[:-step]
        later_first = _sorts_before(key[step:], key[:-step])
        rank = rank.at[step:].add((together & ~later_first).astype(rank.dtype))
        rank = rank.at[:-step].add((together & later_first).astype(rank.dtype))
    return rank


def _sorts_before(a: Array, b: Array) -> Array:
    """The order in which numpy sorts, NaN last."""
    return (a < b) | (jnp.isnan(b) & ~jnp.isnan(a))


def by_sorting(ids: Array, position: Array, key: Array, num: int) -> Array:
    order = jnp.lexsort((position, key, ids))
    size = jax.ops.segment_sum(jnp.ones_like(ids), ids, num)
    start = jnp.cumsum(size) - size
    rank = jnp.zeros_like(ids).at[order].set(jnp.arange(ids.size, dtype=ids.dtype))
    return rank - start[ids]
