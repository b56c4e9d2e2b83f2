"""Order statistics of the donors of many leaves at once, by counting instead of sorting."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Int32, Integer, Real

from .._chunks import Plan, by_chunk

_BLOCKS = 4  # of a chunk's rows, so that the counts of one stay in a processor's cache
_TURN = (
    4  # steps of a search for each bit of an index and tree, where a step of the count costs two
)


class Entries(eqx.Module):
    """The donors of all leaves, ascending by index within a leaf, with running weights.

    Both are kept in as few bytes as hold them, and read in types to reckon with.
    """

    index: Integer[Array, " entry"]
    cumulative: Real[Array, " entry"]
    n_values: int = eqx.field(static=True)

    def index_at(self, entry: Int[Array, "*shape"]) -> Int32[Array, "*shape"]:
        return self.index[entry].astype(jnp.int32)

    def weight_upto(self, entry: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
        found = self.cumulative[entry]
        return found if jnp.issubdtype(found.dtype, jnp.floating) else found.astype(jnp.float32)


class PackedEntries(eqx.Module):
    """The donors of all leaves as a histogram reads them, packed into one number each.

    The low bits are the index, the highest says that a leaf ends here, and those between are the
    donor's own weight, where that is a whole number with room.
    """

    code: Int32[Array, " entry"]
    entries: Entries

    @classmethod
    def of(cls, entries: Entries, begins: Bool[Array, " entry"]) -> "PackedEntries":
        """Of entries of which some are the first of their leaf."""
        every = jnp.arange(begins.shape[0], dtype=jnp.int32)
        code = entries.index_at(every)
        if _packs(entries):
            upto = entries.cumulative.astype(jnp.int32)
            own = upto - jnp.where(begins, 0, jnp.roll(upto, 1))
            code |= own << _bits(entries.n_values)
        return cls(jnp.where(jnp.roll(begins, -1), code | _END, code), entries)

    def unpacked(
        self, entry: Int32[Array, " row"], reached: Int[Array, " row"], scale: Float[Array, " row"]
    ) -> tuple[Int32[Array, " row"], Int[Array, " row"], Int[Array, " row"], Bool[Array, " row"]]:
        """Index and weight of an entry, the weight of its leaf so far, whether the leaf ends."""
        code, bits = self.code[entry], _bits(self.entries.n_values)
        index = code & ((1 << bits) - 1)
        if _packs(self.entries):
            return index, ((code & ~_END) >> bits).astype(reached.dtype), reached, code < 0
        upto = jnp.round(self.entries.weight_upto(entry) * scale).astype(reached.dtype)
        return index, upto - reached, jnp.where(code < 0, 0, upto), code < 0


_END = jnp.iinfo(jnp.int32).min


def _bits(n_values: int) -> int:
    return max(n_values - 1, 1).bit_length()


def _packs(entries: Entries) -> bool:
    """Whether index, weight and mark fit into 32 bits together."""
    held = entries.cumulative.dtype
    whole = jnp.issubdtype(held, jnp.unsignedinteger)
    return whole and _bits(entries.n_values) + 8 * held.itemsize < 32


def worth_counting(
    first: Int32[Array, "tree row"], last: Int32[Array, "tree row"], levels: int, n_values: int
) -> Bool[Array, ""]:
    """Whether two histograms of all entries cost less than a search in each leaf for each level."""
    steps = jnp.max(jnp.sum(last - first, axis=0), initial=0)
    bits = _bits(n_values)
    return 2 * steps <= _TURN * levels * bits * first.shape[0]


def pooled_indices(
    packed: PackedEntries,
    first: Int32[Array, "tree row"],
    last: Int32[Array, "tree row"],
    share: Float[Array, "row level"] | None,
    wanted: Float[Array, "row level"],
) -> Int32[Array, "row level"]:
    r"""The least index up to which the weight of a row's leaves reaches what is wanted.

    The entries are counted into coarse buckets of indices, and those of the buckets where a wanted
    weight is reached once more into single indices: two histograms, however many levels.

    Args:
        packed: the donors of all leaves.
        first, last: where each row's leaf begins and ends among them.
        share: the levels as shares of a row's weight, or None where weights are whole numbers.
        wanted: whole weights to reach, at least 1; read where `share` is None.
    """

    def of_block(first, last, share, wanted):
        weights = _whole_weights(packed.entries, first, last, weights_are_whole=no_share)
        if not no_share:
            limit = jnp.ceil(share * weights.total[:, None].astype(share.dtype))
            wanted = jnp.clip(limit, 1, weights.total[:, None])
        return _two_histograms(packed, weights, wanted.astype(weights.total.dtype))

    no_share = share is None
    rows = max(1, Plan.of(None).rows // _BLOCKS)
    levels = wanted if no_share else share
    # A block takes as many steps as its longest row: rows of like length together.
    order = jnp.argsort(jnp.sum(last - first, axis=0))
    by_row = (x[order] for x in (first.T, last.T, levels, wanted))
    return by_chunk(of_block, rows, *by_row)[jnp.argsort(order)]


class _Weights(NamedTuple):
    """Weights as whole numbers: exact sums in any order."""

    first: Int32[Array, "row tree"]  # entry of each leaf; -1 where it has none
    scale: Float[Array, " row"]
    total: Int[Array, " row"]


def _whole_weights(
    entries: Entries, first: Array, last: Array, *, weights_are_whole: bool
) -> _Weights:
    wide = entries.cumulative.dtype == jnp.float64
    dtype, most = (jnp.int64, 2.0**52) if wide else (jnp.int32, 2.0**30)
    of_leaf = jnp.where(last > first, entries.weight_upto(jnp.maximum(last - 1, 0)), 0)
    mass = jnp.sum(of_leaf, axis=1)
    scale = jnp.ones_like(mass) if weights_are_whole else most / jnp.where(mass > 0, mass, 1)
    total = jnp.sum(jnp.round(of_leaf * scale[:, None]).astype(dtype), axis=1)
    return _Weights(jnp.where(last > first, first, -1), scale, total)


def _two_histograms(
    packed: PackedEntries, weights: _Weights, wanted: Int[Array, "row level"]
) -> Int32[Array, "row level"]:
    """The indices of `pooled_indices`: a coarse histogram, then a fine one where levels end."""
    rows, levels = wanted.shape
    n_values = packed.entries.n_values
    low = _low_bits(n_values, levels)
    fine = 1 << low
    coarse = -(-n_values // fine)
    row = jnp.arange(rows, dtype=jnp.int32)

    buckets = _histogram(
        packed, weights, rows * coarse, lambda index: row * coarse + (index >> low)
    )
    bucket, before = _reached(buckets.reshape(rows, coarse), wanted)

    # Levels that end in one bucket share its counts: those of the first of them.
    number = jnp.broadcast_to(jnp.arange(levels, dtype=jnp.int32), (rows, levels))
    holder = jnp.full((rows, coarse), levels, jnp.int32).at[row[:, None], bucket].min(number)

    def place(index: Int32[Array, " row"]) -> Int32[Array, " row"]:
        level = holder[row, index >> low]
        inside = (row * levels + level) * fine + (index & (fine - 1))
        return jnp.where(level < levels, inside, rows * levels * fine)

    single = _histogram(packed, weights, rows * levels * fine, place).reshape(rows, levels, fine)
    held = jnp.take_along_axis(holder, bucket, axis=1)
    own = jnp.take_along_axis(single, held[:, :, None], axis=1)
    within = jnp.sum(
        jnp.cumsum(own, axis=2) < (wanted - before)[:, :, None], axis=2, dtype=jnp.int32
    )
    return jnp.minimum((bucket << low) | within, n_values - 1)


def _low_bits(n_values: int, levels: int) -> int:
    """How many bits of an index the second histogram settles, so that there are fewest bins."""
    bits = _bits(n_values)
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


def _histogram(packed: PackedEntries, weights: _Weights, size: int, place) -> Int[Array, " bin"]:
    """The weight in each bin: every row reads the entries of its leaves, one a step.

    Rows leave a leaf when they are through with it, so that a block takes as many steps as its
    row with the most entries, not as many as the largest leaf of each tree.
    """
    rows, trees = weights.first.shape
    dtype, row = weights.total.dtype, jnp.arange(rows, dtype=jnp.int32)

    def step(state):
        tree, entry, reached, bins = state
        index, own, reached, ends = packed.unpacked(jnp.maximum(entry, 0), reached, weights.scale)
        held = (entry >= 0) & (tree < trees)
        bins = bins.at[place(index)].add(jnp.where(held, own, 0), mode="drop")
        ends |= entry < 0
        tree = tree + ends
        following = weights.first[row, jnp.minimum(tree, trees - 1)]
        entry = jnp.where(ends, following, entry + 1)
        return tree, entry, jnp.where(held, reached, 0), bins

    start = (
        jnp.zeros(rows, jnp.int32),
        weights.first[:, 0],
        jnp.zeros(rows, dtype),
        jnp.zeros(size, dtype),
    )
    return lax.while_loop(lambda state: jnp.any(state[0] < trees), step, start)[-1]
