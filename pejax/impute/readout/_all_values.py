"""Every donor of every leaf, as sorted distinct outcomes with cumulative weights."""

import math

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Int32, Integer, Real

from ...core._formerly import former_names, formerly
from ...core._validate import BadInputError
from ._levels import Method, between, bracket
from ._pooled import Entries, PackedEntries, pooled_indices, worth_counting
from ._readout import DonorValues, Leaves, Readout


@former_names(rank="index", counts="weights_are_whole", walk="packed")
class AllValues(Readout):
    r"""All donors of a leaf with their weights.

    The readout `all` pools the leaves of all trees, donor by donor, as quantile-forest does when it
    keeps them all; a tree whose leaf is large then counts for more. `meinshausen` gives every tree
    the same weight, :math:`w_i(x) = \frac1T \sum_t \mathbf 1\{i \in L_t(x)\} / |L_t(x)|`
    (Meinshausen 2006), which is the distribution that draws follow.

    Leaf e of tree t owns the entries `start[t, e] : start[t, e + 1]` of that tree's, one a distinct
    outcome. All whole numbers are kept in as few bytes as hold them.

    Attributes:
        values: the distinct outcomes of the donors, ascending.
        offset: the first entry of each tree.
        start: the first entry of each node, counted from the tree's; inner nodes own none.
        index: the index in `values` of each entry, ascending within a leaf.
        cumulative: the weight of a leaf's entries up to and including this one; with `equal_trees`
            as a share of the leaf's.
        weights_are_whole: whether all are (how often a donor is in the bag), so that
            NumPy's interpolated quantiles of the repeated values are defined.
        equal_trees: whether every leaf weighs one.
        packed: the entries in one number each, if they have been laid out; see `laid_out`.

    >>> from pejax.impute import QRF
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [20.0, 70.0] * 8, "pension": [0.0, 9.0] * 8})
    >>> fitted = QRF(n_estimators=2, readout="all").fit(table, ["age"], ["pension"])
    >>> isinstance(fitted.imputers[0].forest.readout, AllValues)
    True
    """

    values: DonorValues
    offset: Int32[Array, " tree"]
    start: Integer[Array, "tree node_and_end"]
    index: Integer[Array, " entry"]
    cumulative: Real[Array, " entry"]
    weights_are_whole: bool = eqx.field(static=True)
    equal_trees: bool = eqx.field(static=True)
    packed: PackedEntries | None = None

    @property
    def name(self) -> str:
        """See `Readout`."""
        return "meinshausen" if self.equal_trees else "all"

    @property
    def entries(self) -> Entries:
        """The donors of all leaves, to be read by number."""
        return Entries(self.index, self.cumulative, self.values.shape[0])

    def outcomes(self) -> Float[Array, "tree node"]:
        """See `Readout`; the weighted mean of each leaf, 0 at inner nodes."""
        starts = self._starts()
        entry, begun = jnp.arange(self.index.shape[0]), self._begun()
        node = jnp.cumsum(begun) - 1
        upto = self.entries.weight_upto(entry)
        before = jnp.where(begun > 0, 0, jnp.roll(upto, 1))
        values = jnp.asarray(self.values)[self.entries.index_at(entry)]
        shape = starts[:, :-1].shape
        total = jnp.zeros(math.prod(shape), values.dtype).at[node].add((upto - before) * values)
        last = jnp.maximum(starts[:, 1:] - 1, 0)
        mass = jnp.where(starts[:, 1:] > starts[:, :-1], self.entries.weight_upto(last), 1)
        return total.reshape(shape) / mass

    def laid_out(self) -> "AllValues":
        """See `Readout`; with the entries packed for histograms."""
        packed = PackedEntries.of(self._still(), self._begun() > 0)
        return eqx.tree_at(
            lambda readout: readout.packed, self, packed, is_leaf=lambda x: x is None
        )

    def quantile(
        self, leaves: Leaves, levels: Float[Array, "row quantile"], method: Method | None
    ) -> Float[Array, "row quantile"]:
        """See `Readout`; `inverted_cdf` is the one method that fractional weights allow."""
        method = method or ("linear" if self.weights_are_whole else "inverted_cdf")
        self._check_method(method)
        ranges = self._range(leaves)
        whole = self._weight_before(ranges[1], ranges[0])[:, None]
        values = jnp.asarray(self.values)
        if not self.weights_are_whole:
            # Sums of shares carry rounding: 0.3 of the weight is reached at 0.29999999.
            share = (1 - 16 * jnp.finfo(self.cumulative.dtype).eps) * levels
            return values[self._indices(ranges, share * whole, share)]
        place, fraction = bracket(levels, whole, method)
        pair = jnp.concatenate([place + 1, jnp.minimum(place + 2, whole)], axis=1)
        low, high = jnp.split(self._indices(ranges, pair), 2, axis=1)
        return between(values[low], values[high], fraction)

    @formerly(names={"rank": "index"})
    def below(self, leaves: Leaves, index: Int32[Array, "row point"]) -> Float[Array, "row point"]:
        """See `Readout`."""
        first, last = self._range(leaves)
        whole = self._weight_before(last, first)

        def share(limit: Int32[Array, " row"]) -> Float[Array, " row"]:
            entry = _first_above(lambda at: self.entries.index_at(at) < limit, first, last)
            return self._weight_before(entry, first) / whole

        return lax.map(share, index.T).T

    def draw(
        self, tree: Int[Array, " row"], leaf: Int[Array, " row"], uniform: Float[Array, " row"]
    ) -> Int32[Array, " row"]:
        """See `Readout`; a leaf's donors in proportion to their weights."""
        first = self.offset[tree] + self.start[tree, leaf]
        last = self.offset[tree] + self.start[tree, leaf + 1]
        wanted = uniform * self.entries.weight_upto(last - 1)
        found = _first_above(lambda entry: self.entries.weight_upto(entry) <= wanted, first, last)
        return self.entries.index_at(jnp.minimum(found, last - 1))

    def _starts(self) -> Int32[Array, "tree node_and_end"]:
        return self.offset[:, None] + self.start.astype(jnp.int32)

    def _begun(self) -> Int32[Array, " entry"]:
        """How many nodes, in order, have their start at each entry; only the last has entries."""
        none = jnp.zeros(self.index.shape[0], jnp.int32)
        return none.at[self._starts()[:, :-1]].add(1, mode="drop")

    def _still(self) -> Entries:
        """The entries, without derivatives."""
        return Entries(self.index, lax.stop_gradient(self.cumulative), self.values.shape[0])

    def _check_method(self, method: Method) -> None:
        if not self.weights_are_whole and method != "inverted_cdf":
            raise BadInputError(
                f"The quantile method {method!r} interpolates between repeated values, but the"
                f" donors of this forest (readout {self.name!r}) have fractional weights."
                " Use method='inverted_cdf'."
            )

    def _range(self, leaves: Leaves) -> tuple[Int32[Array, "tree row"], Int32[Array, "tree row"]]:
        leaf = jnp.maximum(leaves, 0)
        offset = self.offset[:, None]
        first = offset + jnp.take_along_axis(self.start, leaf, axis=1)
        last = offset + jnp.take_along_axis(self.start, leaf + 1, axis=1)
        return first, jnp.where(leaves >= 0, last, first)

    def _weight_before(self, entry, first) -> Float[Array, " row"]:
        """The pooled weight of each row's entries before `entry`."""
        inside = self.entries.weight_upto(jnp.maximum(entry - 1, 0))
        return jnp.sum(jnp.where(entry > first, inside, 0), axis=0, dtype=jnp.result_type(float))

    def _indices(
        self,
        ranges: tuple[Int32[Array, "tree row"], Int32[Array, "tree row"]],
        wanted: Float[Array, "row level"],
        share: Float[Array, "row level"] | None = None,
    ) -> Int32[Array, "row level"]:
        """The least index up to which the pooled weight reaches what is wanted.

        By counting all entries, whatever the number of levels, or by a search for each level where
        the leaves are too large for that.
        """
        wanted = lax.stop_gradient(wanted)
        share = None if share is None else lax.stop_gradient(share)
        n_values, levels = self.values.shape[0], wanted.shape[1]

        def counted():
            packed = self.packed or PackedEntries.of(self._still(), self._begun() > 0)
            return pooled_indices(packed, *ranges, share, wanted)

        def searched():
            # Level 0 is the least outcome that has weight.
            least = jnp.maximum(wanted, jnp.finfo(wanted.dtype).tiny)
            return lax.map(lambda limit: self._searched(ranges, limit), least.T).T

        return lax.cond(worth_counting(*ranges, levels, n_values), counted, searched)

    def _searched(self, ranges, wanted: Float[Array, " row"]) -> Int32[Array, " row"]:
        """The largest index for which the pooled weight below it has not reached the wanted one.

        The index is settled bit by bit from the top; each leaf's range shrinks to the entries that
        share the settled bits, so that the searches within the leaves soon cost nothing.
        """
        first, _ = ranges
        bits = max(self.values.shape[0] - 1, 1).bit_length()

        def settle(i, state):
            index, low, high = state
            candidate = index | (jnp.int32(1) << (bits - 1 - i))
            entry = _first_above(lambda at: self.entries.index_at(at) < candidate, low, high)
            up = self._weight_before(entry, first) < wanted
            index = jnp.where(up, candidate, index)
            return index, jnp.where(up, entry, low), jnp.where(up, high, entry)

        nothing = jnp.zeros(first.shape[1], jnp.int32)
        index, _, _ = lax.fori_loop(0, bits, settle, (nothing, *ranges))
        return jnp.minimum(index, self.values.shape[0] - 1)


def _first_above(below, low: Int32[Array, "*shape"], high: Int32[Array, "*shape"]):
    """The first entry in `low : high` for which the monotone `below` is false, by bisection."""

    def halve(state):
        low, high = state
        middle = (low + high) >> 1
        up = (low < high) & below(jnp.clip(middle, 0, high - 1))
        return jnp.where(up, middle + 1, low), jnp.where(up, high, middle)

    return lax.while_loop(lambda state: jnp.any(state[0] < state[1]), halve, (low, high))[0]
