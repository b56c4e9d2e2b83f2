"""Order statistics of the donors of many leaves at once, by counting instead of sorting."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Int32, Integer, Real

from .._chunks import Plan, by_chunk

_BLOCKS = 4  # of a chunk's rows, so that the counts of one stay in a processor's cache
_TURN = 4  # steps of a search for each bit of a rank and tree, when a step of the count costs two


class Entries(NamedTuple):
    """The donors of all leaves, ascending by rank within a leaf, with running weights.

    Both are kept in as few bytes as hold them, and read in types to reckon with.
    """

    rank: Integer[Array, " entry"]
    cumulative: Real[Array, " entry"]
    n_values: int

    def rank_at(self, entry: Int32[Array, "*shape"]) -> Int32[Array, "*shape"]:
        return self.rank[entry].astype(jnp.int32)

    def weight_upto(self, entry: Int32[Array, "*shape"]) -> Float[Array, "*shape"]:
        found = self.cumulative[entry]
        return found if jnp.issubdtype(found.dtype, jnp.floating) else found.astype(jnp.float32)


def worth_counting(
    first: Int32[Array, "tree row"], last: Int32[Array, "tree row"], levels: int, n_values: int
) -> Bool[Array, ""]:
    """Whether two walks over all entries cost less than a search in each leaf for each level."""
    steps = jnp.max(jnp.sum(last - first, axis=0), initial=0)
    bits = max(n_values - 1, 1).bit_length()
    return 2 * steps <= _TURN * levels * bits * first.shape[0]


def pooled_ranks(
    entries: Entries,
    first: Int32[Array, "tree row"],
    last: Int32[Array, "tree row"],
    share: Float[Array, "row level"] | None,
    wanted: Float[Array, "row level"],
) -> Int32[Array, "row level"]:
    r"""The least rank up to which the weight of a row's leaves reaches what is wanted.

    The entries are counted into coarse buckets of ranks, and those of the buckets where a wanted
    weight is reached once more into single ranks: two walks, however many levels.

    Args:
        entries: the donors of all leaves.
        first, last: where each row's leaf begins and ends among them.
        share: the levels as shares of a row's weight, or None where weights are whole numbers.
        wanted: whole weights to reach, at least 1; read where `share` is None.
    """

    def of_block(first, last, share, wanted):
        weights = _whole_weights(entries, first, last, counts=no_share)
        if not no_share:
            limit = jnp.ceil(share * weights.total[:, None].astype(share.dtype))
            wanted = jnp.clip(limit, 1, weights.total[:, None])
        return _two_walks(entries, weights, wanted.astype(weights.total.dtype))

    no_share = share is None
    rows = max(1, Plan.of(None).rows // _BLOCKS)
    levels = wanted if no_share else share
    return by_chunk(of_block, rows, first.T, last.T, levels, wanted)


class _Weights(NamedTuple):
    """Weights as whole numbers: exact sums in any order."""

    first: Int32[Array, "row tree"]
    last: Int32[Array, "row tree"]
    scale: Float[Array, " row"]
    total: Int[Array, " row"]


def _whole_weights(entries: Entries, first: Array, last: Array, *, counts: bool) -> _Weights:
    wide = entries.cumulative.dtype == jnp.float64
    dtype, most = (jnp.int64, 2.0**52) if wide else (jnp.int32, 2.0**30)
    of_leaf = jnp.where(last > first, entries.weight_upto(jnp.maximum(last - 1, 0)), 0)
    mass = jnp.sum(of_leaf, axis=1)
    scale = jnp.ones_like(mass) if counts else most / jnp.where(mass > 0, mass, 1)
    total = jnp.sum(jnp.round(of_leaf * scale[:, None]).astype(dtype), axis=1)
    return _Weights(first, last, scale, total)


def _two_walks(
    entries: Entries, weights: _Weights, wanted: Int[Array, "row level"]
) -> Int32[Array, "row level"]:
    rows, levels = wanted.shape
    low = _low_bits(entries.n_values, levels)
    fine = 1 << low
    coarse = -(-entries.n_values // fine)
    row = jnp.arange(rows, dtype=jnp.int32)

    buckets = _counted(entries, weights, rows * coarse, lambda rank: row * coarse + (rank >> low))
    bucket, before = _reached(buckets.reshape(rows, coarse), wanted)

    # Levels that end in one bucket share its counts: those of the first of them.
    number = jnp.broadcast_to(jnp.arange(levels, dtype=jnp.int32), (rows, levels))
    holder = jnp.full((rows, coarse), levels, jnp.int32).at[row[:, None], bucket].min(number)

    def place(rank: Int32[Array, " row"]) -> Int32[Array, " row"]:
        level = holder[row, rank >> low]
        inside = (row * levels + level) * fine + (rank & (fine - 1))
        return jnp.where(level < levels, inside, rows * levels * fine)

    single = _counted(entries, weights, rows * levels * fine, place).reshape(rows, levels, fine)
    held = jnp.take_along_axis(holder, bucket, axis=1)
    own = jnp.take_along_axis(single, held[:, :, None], axis=1)
    within = jnp.sum(
        jnp.cumsum(own, axis=2) < (wanted - before)[:, :, None], axis=2, dtype=jnp.int32
    )
    return jnp.minimum((bucket << low) | within, entries.n_values - 1)


def _low_bits(n_values: int, levels: int) -> int:
    """How many bits of a rank the second walk settles, so that there are fewest bins."""
    bits = max(n_values - 1, 1).bit_length()
    return min(range(bits + 1), key=lambda low: (1 << (bits - low)) + levels * (1 << low))


def _reached(
    counts: Int[Array, "row bin"], wanted: Int[Array, "row level"]
) -> tuple[Int32[Array, "row level"], Int[Array, "row level"]]:
    """The first bin up to which the counts reach what is wanted, and the count before it."""
    upto = jnp.cumsum(counts, axis=1)
    found = jax.vmap(jnp.searchsorted)(upto, wanted).astype(jnp.int32)
    before = jnp.take_along_axis(upto, jnp.maximum(found - 1, 0), axis=1)
    last = counts.shape[1] - 1
    return jnp.minimum(found, last), jnp.where(found > 0, before, 0)


def _counted(entries: Entries, weights: _Weights, size: int, place) -> Int[Array, " bin"]:
    """The weight in each bin: every row walks over its leaves, one entry a step.

    Rows leave a leaf when they are through with it, so that a block takes as many steps as its
    row with the most entries, not as many as the largest leaf of each tree.
    """
    rows, trees = weights.first.shape
    dtype, row = weights.total.dtype, jnp.arange(rows, dtype=jnp.int32)

    def step(state):
        tree, entry, end, reached, bins = state
        here = entry < end
        at = jnp.where(here, entry, 0)
        upto = jnp.round(entries.weight_upto(at) * weights.scale).astype(dtype)
        bins = bins.at[place(entries.rank_at(at))].add(
            jnp.where(here, upto - reached, 0), mode="drop"
        )
        over = entry + 1 >= end
        tree = jnp.where(over, tree + 1, tree)
        following = row, jnp.minimum(tree, trees - 1)
        entry = jnp.where(over, weights.first[following], entry + 1)
        end = jnp.where(over, jnp.where(tree < trees, weights.last[following], entry), end)
        return tree, entry, end, jnp.where(over, 0, upto), bins

    start = (
        jnp.zeros(rows, jnp.int32),
        weights.first[:, 0],
        weights.last[:, 0],
        jnp.zeros(rows, dtype),
        jnp.zeros(size, dtype),
    )
    return lax.while_loop(lambda state: jnp.any(state[0] < trees), step, start)[-1]
