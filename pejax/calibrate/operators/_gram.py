"""The weighted Gram matrix of a dense table, for one vector of weights and for many."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Float

from ._accumulate import binary_size, not_folded, target_dtype

_BLOCK = 256  # units whose products of columns stay in a core's cache
_MOST_TARGETS, _FEWEST = 96, 4  # a batch of larger matrices, or a smaller one, gains nothing


@jax.custom_jvp
def weighted_gram(
    tiles: Float[Array, "tile tile_unit target"], q: Float[Array, "tile tile_unit"]
) -> Float[Array, "target target"]:
    r"""The matrix :math:`\sum_i q_i x_i x_i^\top` over the rows of all tiles, in the target dtype.

    Under `vmap` over weights with one table it is a single matrix product: the weights of all
    members times the products of pairs of columns, half of them because the matrix is symmetric.
    """
    return _batchable(tiles, q)


@weighted_gram.defjvp
def _change(primals, tangents):
    return weighted_gram(*primals), jax.jvp(_plain, primals, tangents)[1]


def _plain(
    tiles: Float[Array, "tile tile_unit target"], q: Float[Array, "tile tile_unit"]
) -> Float[Array, "target target"]:
    size = _size(tiles)

    def add_tile(sum_so_far, tile_and_q):
        tile, q_tile = tile_and_q
        tile = tile / size
        part = (tile.T * q_tile) @ tile
        return sum_so_far + part.astype(sum_so_far.dtype), None

    targets = tiles.shape[-1]
    zero = jnp.zeros((targets, targets), target_dtype())
    found = jax.lax.scan(add_tile, zero, (tiles, q))[0]
    size = size.astype(found.dtype)
    return size[:, None] * found * size


def _size(tiles: Float[Array, "tile tile_unit target"]) -> Float[Array, " target"]:
    return binary_size(jnp.max(jnp.abs(not_folded(tiles)), axis=(0, 1), initial=0))


_batchable = custom_vmap(_plain)


@_batchable.def_vmap
def _batch(
    members: int, batched: Sequence[bool], tiles: Array, q: Array
) -> tuple[Float[Array, "member target target"], bool]:
    def each(tiles: Array, q: Array) -> Array:
        return jax.vmap(_plain, in_axes=tuple(0 if one else None for one in batched))(tiles, q)

    if batched[0] or members < _FEWEST or tiles.shape[-1] > _MOST_TARGETS:
        return each(tiles, q), True
    # An accelerator wants few large products rather than many that fit a cache.
    return jax.lax.platform_dependent(tiles, q, cpu=_by_pairs, default=each), True


def _by_pairs(
    tiles: Float[Array, "tile tile_unit target"], q: Float[Array, "member tile tile_unit"]
) -> Float[Array, "member target target"]:
    size, targets = _size(tiles), tiles.shape[-1]
    low, high, place = _pairs(targets)

    def add_block(sum_so_far, block_and_q):
        block, q_block = block_and_q
        columns = (block / size).T
        part = (columns[low] * columns[high]) @ q_block.T
        return sum_so_far + part.astype(sum_so_far.dtype), None

    blocks = tiles.reshape(-1, _BLOCK, targets)
    q_blocks = q.reshape(len(q), -1, _BLOCK).swapaxes(0, 1)
    zero = jnp.zeros((len(low), len(q)), target_dtype())
    found = jax.lax.scan(add_block, zero, (blocks, q_blocks))[0]
    size = size.astype(found.dtype)
    return size[:, None] * found.T[:, place] * size


def _pairs(targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of columns, each once, and the place of every entry of the matrix among them."""
    low, high = np.triu_indices(targets)
    place = np.zeros((targets, targets), int)
    place[low, high] = place[high, low] = np.arange(len(low))
    return low, high, place
