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
) -> tuple[Int[Array, "_ width"], ...]:
    """Gathers that add up consecutive blocks: level by level, blocks of the blocks of each row.

    `bounds` are the first block of each row and the end; every row has at least one. With `size`
    there may be more blocks, which belong to no row, and there is always a level. The slot past the
    end of a level holds zero. No scatter, so a sum has the same bits on every run, and no long
    float32 chain of additions.
    """
    return sum_trees(bounds[None], size)[0]


def sum_trees(
    bounds: Int[np.ndarray, "piece bound"], size: int | None = None
) -> list[tuple[Int[Array, "_ width"], ...]]:
    """`sum_tree` for several sets of blocks with the same rows, in arrays of the same shapes."""
    counts = np.diff(bounds)
    if size is None and not np.any(counts > 1):
        return [()] * len(bounds)
    end = int(bounds.max()) if size is None else size
    groups = np.maximum(1, -(-counts.max(axis=0) // SUM_WIDTH))
    upper = np.concatenate([[0], np.cumsum(groups)])
    above = sum_tree(upper)
    return [(_gathers(own, upper, end), *above) for own in bounds]


def _gathers(
    bounds: Int[np.ndarray, " bound"], upper: Int[np.ndarray, " bound"], end: int
) -> Int[Array, "_ width"]:
    """The blocks of each row, in the groups that it has above."""
    row = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    block = np.arange(bounds[-1])
    table = np.full(upper[-1] * SUM_WIDTH, end, np.int32)
    table[upper[row] * SUM_WIDTH + block - bounds[row]] = block
    return jnp.asarray(table.reshape(-1, SUM_WIDTH))


def halved(x: Float[Array, "block width *rest"]) -> Float[Array, "block *rest"]:
    """Each block's sum by repeated halving of axis 1, a power of two."""
    while x.shape[1] > 1:
        half = x.shape[1] // 2
        x = x[:, :half] + x[:, half:]
    return x[:, 0]


def tree_sum(
    sums: Float[Array, "block *rest"], tree: tuple[Int[Array, "_ width"], ...]
) -> Float[Array, "row *rest"]:
    """The rows' sums from those of their blocks."""
    for level in tree:
        sums = halved(jnp.concatenate([sums, jnp.zeros_like(sums[:1])])[level])
    return sums
