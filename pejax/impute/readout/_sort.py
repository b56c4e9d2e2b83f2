"""A sorting network over a short leading axis."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int


def sort_leading(x: Int[Array, "tree row"]) -> Int[Array, "tree row"]:
    """Sort each column of a short, wide integer array (bitonic network, Batcher 1968).

    Every stage is one minimum and one maximum over whole rows of memory, which a processor does
    several lanes at a time; `jnp.sort` calls a scalar comparison sort for each column instead.

    >>> sort_leading(jnp.array([[3, 1], [2, 9], [5, 0]])).tolist()
    [[2, 0], [3, 1], [5, 9]]
    """
    count = x.shape[0]
    size = 1 << max(count - 1, 0).bit_length()
    place = jnp.arange(size, dtype=jnp.int32)
    last = np.iinfo(x.dtype).max
    x = jnp.pad(x, ((0, size - count), (0, 0)), constant_values=last)

    def stage(x, partner):
        other = x[partner]
        lower = (place < partner)[:, None]
        return jnp.where(lower, jnp.minimum(x, other), jnp.maximum(x, other)), None

    return lax.scan(stage, x, jnp.asarray(_partners(size)))[0][:count]


def _partners(size: int) -> Int[np.ndarray, "stage place"]:
    """With whom each place is compared, stage by stage.

    To merge two sorted runs into one of length `block`, a place first meets its mirror image in
    the block (all bits of its offset flipped), then its likes at halving distances.
    """
    place = np.arange(size)
    stages = []
    block = 2
    while block <= size:
        stages.append(place ^ (block - 1))
        stages += [place ^ (1 << bit) for bit in range(block.bit_length() - 3, -1, -1)]
        block *= 2
    return np.array(stages, np.int32).reshape(-1, size)
