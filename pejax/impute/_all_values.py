"""Every donor of every leaf, as sorted distinct outcomes with cumulative weights."""

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Int32

from .._validate import BadInputError
from ._levels import Method, between, bracket
from ._readout import DonorValues, Leaves, Readout, mean_over_trees


class AllValues(Readout):
    r"""All donors of a leaf with their weights.

    The readout `all` pools the leaves of all trees, donor by donor, as quantile-forest does when it
    keeps them all; a tree whose leaf is large then counts for more. `meinshausen` gives every tree
    the same weight, :math:`w_i(x) = \frac1T \sum_t \mathbf 1\{i \in L_t(x)\} / |L_t(x)|`
    (Meinshausen 2006), which is the distribution that draws follow.

    Leaf e of tree t owns the entries `start[t, e] : start[t, e + 1]`, one a distinct outcome.

    Attributes:
        values: the distinct outcomes of the donors, ascending.
        start: the first entry of each node; inner nodes own none.
        rank: the index in `values` of each entry, ascending within a leaf.
        cumulative: the weight of a leaf's entries up to and including this one; with `equal_trees`
            as a share of the leaf's.
        means: the weighted mean of each leaf.
        counts: whether all weights are whole numbers (how often a donor is in the bag), so that
            NumPy's interpolated quantiles of the repeated values are defined.
        equal_trees: whether every leaf weighs one.
    """

    values: DonorValues
    start: Int32[Array, "tree node_and_end"]
    rank: Int32[Array, " entry"]
    cumulative: Float[Array, " entry"]
    means: Float[Array, "tree node"]
    counts: bool = eqx.field(static=True)
    equal_trees: bool = eqx.field(static=True)

    @property
    def name(self) -> str:
        """See `Readout`."""
        return "meinshausen" if self.equal_trees else "all"

    def mean(self, leaves: Leaves) -> Float[Array, " row"]:
        """See `Readout`; this is scikit-learn's `predict`."""
        return mean_over_trees(self.means, leaves)

    def outcomes(self) -> Float[Array, "tree node"]:
        """See `Readout`."""
        return self.means

    def quantile(
        self, leaves: Leaves, levels: Float[Array, "row quantile"], method: Method | None
    ) -> Float[Array, "row quantile"]:
        """See `Readout`; `inverted_cdf` is the one method that fractional weights allow."""
        method = method or ("linear" if self.counts else "inverted_cdf")
        self._check_method(method)
        ranges = self._range(leaves)
        one_level = self._interpolated if self.counts else self._inverted_cdf
        return lax.map(lambda level: one_level(ranges, level, method), levels.T).T

    def below(self, leaves: Leaves, rank: Int32[Array, "row point"]) -> Float[Array, "row point"]:
        """See `Readout`."""
        first, last = self._range(leaves)
        whole = self._weight_before(last, first)

        def share(limit: Int32[Array, " row"]) -> Float[Array, " row"]:
            entry = _first_above(lambda at: self.rank[at] < limit, first, last)
            return self._weight_before(entry, first) / whole

        return lax.map(share, rank.T).T

    def draw(
        self, tree: Int[Array, " row"], leaf: Int[Array, " row"], uniform: Float[Array, " row"]
    ) -> Int32[Array, " row"]:
        """See `Readout`; a leaf's donors in proportion to their weights."""
        first, last = self.start[tree, leaf], self.start[tree, leaf + 1]
        wanted = uniform * self.cumulative[last - 1]
        found = _first_above(lambda entry: self.cumulative[entry] <= wanted, first, last)
        return self.rank[jnp.minimum(found, last - 1)]

    def _check_method(self, method: Method) -> None:
        if not self.counts and method != "inverted_cdf":
            raise BadInputError(
                f"The quantile method {method!r} interpolates between repeated values, but the"
                f" donors of this forest (readout {self.name!r}) have fractional weights."
                " Use method='inverted_cdf'."
            )

    def _range(self, leaves: Leaves) -> tuple[Int32[Array, "tree row"], Int32[Array, "tree row"]]:
        leaf = jnp.maximum(leaves, 0)
        first = jnp.take_along_axis(self.start, leaf, axis=1)
        last = jnp.take_along_axis(self.start, leaf + 1, axis=1)
        return first, jnp.where(leaves >= 0, last, first)

    def _weight_before(self, entry, first) -> Float[Array, " row"]:
        """The pooled weight of each row's entries before `entry`."""
        inside = self.cumulative[jnp.maximum(entry - 1, 0)]
        return jnp.sum(jnp.where(entry > first, inside, 0), axis=0)

    def _interpolated(self, ranges, level, method) -> Float[Array, " row"]:
        first, last = ranges
        total = self._weight_before(last, first)
        index, fraction = bracket(level, total, method)
        rank, after = self._order_statistic(ranges, lambda before: before <= index)
        following = jnp.where(after < last, self.rank[after], self.values.shape[0])
        repeated = self._weight_before(after, first) > index + 1
        next_rank = jnp.where(repeated, rank, jnp.min(following, axis=0))
        values = jnp.asarray(self.values)
        high = values[jnp.minimum(next_rank, values.shape[0] - 1)]
        return between(values[rank], high, fraction)

    def _inverted_cdf(self, ranges, level, method) -> Float[Array, " row"]:
        first, last = ranges
        limits = jnp.finfo(self.cumulative.dtype)
        # Sums of shares carry rounding: 0.3 of the weight is reached at 0.29999999. And level 0 is
        # the least outcome that has weight.
        wanted = (1 - 16 * limits.eps) * level * self._weight_before(last, first)
        wanted = jnp.maximum(wanted, limits.tiny)
        rank, _ = self._order_statistic(ranges, lambda before: before < wanted)
        return jnp.asarray(self.values)[rank]

    def _order_statistic(self, ranges, not_reached):
        """The largest rank for which the pooled weight below it has `not_reached` the wanted one.

        The rank is settled bit by bit from the top; each leaf's range shrinks to the entries that
        share the settled bits, so that the searches within the leaves soon cost nothing. Also
        returned: the first entry of each leaf beyond that rank.
        """
        first, _ = ranges
        bits = max(self.values.shape[0] - 1, 1).bit_length()

        def settle(i, state):
            rank, low, high = state
            candidate = rank | (jnp.int32(1) << (bits - 1 - i))
            entry = _first_above(lambda at: self.rank[at] < candidate, low, high)
            up = not_reached(self._weight_before(entry, first))
            rank = jnp.where(up, candidate, rank)
            return rank, jnp.where(up, entry, low), jnp.where(up, high, entry)

        nothing = jnp.zeros(first.shape[1], jnp.int32)
        rank, _, after = lax.fori_loop(0, bits, settle, (nothing, *ranges))
        return jnp.minimum(rank, self.values.shape[0] - 1), after


def _first_above(below, low: Int32[Array, "*shape"], high: Int32[Array, "*shape"]):
    """The first entry in `low : high` for which the monotone `below` is false, by bisection."""

    def halve(state):
        low, high = state
        middle = (low + high) >> 1
        up = (low < high) & below(jnp.clip(middle, 0, high - 1))
        return jnp.where(up, middle + 1, low), jnp.where(up, high, middle)

    return lax.while_loop(lambda state: jnp.any(state[0] < state[1]), halve, (low, high))[0]
