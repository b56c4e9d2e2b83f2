"""Sums of rows of any length as trees of gathers, in blocks of equal width."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

SUM_WIDTH = 32
"""Entries a block of a row, which may be as long as the population."""


def block_slots(
    indptr: Int[np.ndarray, " bound"], width: int
) -> tuple[Int[np.ndarray, " entry"], Int[np.ndarray, " bound"]]:
    """Each entry's slot when every row fills whole blocks, at least one, and the block bounds."""
    counts = np.diff(indptr)
    bounds = np.concatenate([[0], np.cumsum(np.maximum(1, -(-counts // width)))])
    row = np.repeat(np.arange(len(counts)), counts)
    return bounds[row] * width + np.arange(indptr[-1]) - indptr[row], bounds


def sum_tree(
    bounds: Int[np.ndarray, " bound"], size: int | None = None
) -> tuple[Int[Array, "level_block width"], ...]:
    """Gathers that add up consecutive blocks: level by level, blocks of the blocks of each row.

    `bounds` are the first block of each row and the end; every row has at least one. With `size`
    there may be more blocks, which belong to no row, and there is always a level. The slot past the
    end of a level holds zero. No scatter, so a sum has the same bits on every run, and no long
    float32 chain of additions.
    """
    levels = []
    while np.any(np.diff(bounds) > 1) or (size is not None and not levels):
        slots, upper = block_slots(bounds, SUM_WIDTH)
        end = bounds[-1] if size is None or levels else size
        table = np.full(upper[-1] * SUM_WIDTH, end, np.int32)
        table[slots] = np.arange(bounds[-1])
        levels.append(jnp.asarray(table.reshape(-1, SUM_WIDTH)))
        bounds = upper
    return tuple(levels)


def halved(x: Float[Array, "block width *rest"]) -> Float[Array, "block *rest"]:
    """Each block's sum by repeated halving of axis 1, a power of two."""
    while x.shape[1] > 1:
        half = x.shape[1] // 2
        x = x[:, :half] + x[:, half:]
    return x[:, 0]


def tree_sum(
    sums: Float[Array, "block *rest"], tree: tuple[Int[Array, "level_block width"], ...]
) -> Float[Array, "row *rest"]:
    """The rows' sums from those of their blocks."""
    for level in tree:
        sums = halved(jnp.concatenate([sums, jnp.zeros_like(sums[:1])])[level])
    return sums
