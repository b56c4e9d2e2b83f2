"""What a leaf holds and what is read from it: three estimators, each under its own name."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Int32

from ...core._formerly import former_names, formerly
from ...core._validate import BadInputError
from ._levels import Method, between, bracket
from ._sort import sort_leading

DonorValues = Float[Array, " value"] | Float[np.ndarray, " value"]
Leaves = Int32[Array, "tree row"]


class Readout(eqx.Module):
    """How outcomes are read from the leaves that the rows of a block reach.

    The leaf of a tree that does not count for a row is -1.

    Attributes:
        values: the distinct outcomes of the donors, ascending. They stay float64 on the host where
            64-bit types are off, so that a draw, which is an index, is looked up without rounding.

    >>> from pejax.impute import AllValues, LeafMean, SingleValue
    >>> all(issubclass(kind, Readout) for kind in (AllValues, LeafMean, SingleValue))
    True
    """

    values: eqx.AbstractVar[DonorValues]

    @property
    @abstractmethod
    def name(self) -> str:
        """The estimator's name: `mean`, `single`, `all` or `meinshausen`."""

    @abstractmethod
    def outcomes(self) -> Float[Array, "tree node"]:
        """One number a leaf: its mean, or its single value."""

    def laid_out(self) -> "Readout":
        """The same readout as it is quickest to read for many rows."""
        return self

    @abstractmethod
    def quantile(
        self, leaves: Leaves, levels: Float[Array, "row quantile"], method: Method | None
    ) -> Float[Array, "row quantile"]:
        """Quantiles of the outcomes in the leaves of all trees; `None` is the usual method."""

    @abstractmethod
    def below(self, leaves: Leaves, index: Int32[Array, "row point"]) -> Float[Array, "row point"]:
        """The share of the leaves' weight on outcomes before place `index` of `values`."""

    @abstractmethod
    def draw(
        self, tree: Int[Array, " row"], leaf: Int[Array, " row"], uniform: Float[Array, " row"]
    ) -> Int32[Array, " row"]:
        """One donor of one leaf a row, as an index into `values`."""


def mean_over_trees(table: Float[Array, "tree node"], leaves: Leaves) -> Float[Array, " row"]:
    """The average of the leaves' entries over the trees that count.

    One tree is added after the other: a sum over an axis is split in ways that depend on how many
    rows lie beside a row, and so do its last bits.
    """

    def add(total: Float[Array, " row"], tree: tuple[Float[Array, " node"], Int32[Array, " row"]]):
        outcomes, leaf = tree
        return total + jnp.where(leaf >= 0, outcomes[jnp.maximum(leaf, 0)], 0), None

    total, _ = lax.scan(add, jnp.zeros(leaves.shape[1], table.dtype), (table, leaves))
    return total / jnp.sum(leaves >= 0, axis=0)


class LeafMean(Readout):
    """Leaves that hold only their mean; what a fitted forest has without its training data.

    >>> readout = LeafMean(jnp.array([[1.0, 2.0]]), jnp.array([1.0, 2.0]))
    >>> readout.means.shape
    (1, 2)
    """

    means: Float[Array, "tree node"]
    values: DonorValues

    @property
    def name(self) -> str:
        """See `Readout`."""
        return "mean"

    def outcomes(self) -> Float[Array, "tree node"]:
        """See `Readout`."""
        return self.means

    def quantile(self, leaves, levels, method):
        """Refused: the spread of leaf means is not the spread of the outcome."""
        raise _no_donors("quantile")

    @formerly(names={"rank": "index"})
    def below(self, leaves, index):
        """Refused, as quantiles are."""
        raise _no_donors("distribution")

    def draw(self, tree, leaf, uniform):
        """Refused: a mean is no donor's value."""
        raise _no_donors("draw")


@former_names(rank="index")
class SingleValue(Readout):
    """One donor chosen at random in each leaf, what quantile-forest keeps by default.

    The quantile is that of the trees' single values, equally weighted.

    Attributes:
        values: the distinct outcomes of the donors, ascending.
        index: the index in `values` of each leaf's donor.

    >>> readout = SingleValue(jnp.array([1.0, 2.0]), jnp.array([[0, 1]]))
    >>> readout.values.tolist()
    [1.0, 2.0]
    """

    values: DonorValues
    index: Int32[Array, "tree node"]

    @property
    def name(self) -> str:
        """See `Readout`."""
        return "single"

    def outcomes(self) -> Float[Array, "tree node"]:
        """See `Readout`."""
        return jnp.asarray(self.values)[self.index]

    def quantile(
        self, leaves: Leaves, levels: Float[Array, "row quantile"], method: Method | None
    ) -> Float[Array, "row quantile"]:
        """See `Readout`."""
        count = jnp.sum(leaves >= 0, axis=0, dtype=jnp.int32)
        place, fraction = bracket(levels, count[:, None], method or "linear")
        low = place.astype(jnp.int32).T
        high = jnp.minimum(low + 1, count - 1)
        values, ordered = jnp.asarray(self.values), sort_leading(self._indices(leaves))
        below = values[jnp.take_along_axis(ordered, low, axis=0)].T
        above = values[jnp.take_along_axis(ordered, high, axis=0)].T
        return between(below, above, fraction)

    def draw(
        self, tree: Int[Array, " row"], leaf: Int[Array, " row"], uniform: Float[Array, " row"]
    ) -> Int32[Array, " row"]:
        """See `Readout`; the leaf's one donor."""
        return self.index[tree, leaf]

    @formerly(names={"rank": "index"})
    def below(self, leaves: Leaves, index: Int32[Array, "row point"]) -> Float[Array, "row point"]:
        """See `Readout`."""
        indices = self._indices(leaves)

        def share(limit: Int32[Array, " row"]) -> Float[Array, " row"]:
            return jnp.sum(indices < limit, axis=0) / jnp.sum(leaves >= 0, axis=0)

        return lax.map(share, index.T).T

    def _indices(self, leaves: Leaves) -> Int32[Array, "tree row"]:
        """The donors' indices, past all others where a tree does not count."""
        found = jnp.take_along_axis(self.index, jnp.maximum(leaves, 0), axis=1)
        return jnp.where(leaves >= 0, found, jnp.iinfo(jnp.int32).max)


def _no_donors(reading: str) -> BadInputError:
    return BadInputError(
        f"This forest holds leaf means only, from which no {reading} can be read. Give its training"
        " data: Forest.from_sklearn(forest, X, y)."
    )
