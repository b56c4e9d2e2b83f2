"""What a leaf holds and what is read from it: three estimators, each under its own name."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32

from .._validate import BadInputError
from ._levels import Method, between, bracket
from ._sort import sort_leading

DonorValues = Float[Array, " value"] | Float[np.ndarray, " value"]
Leaves = Int32[Array, "tree row"]


class Readout(eqx.Module):
    """How outcomes are read from the leaves that the rows of a block reach.

    Attributes:
        values: the distinct outcomes of the donors, ascending. They stay float64 on the host where
            64-bit types are off, so that a draw, which is an index, is looked up without rounding.
    """

    values: eqx.AbstractVar[DonorValues]

    @property
    @abstractmethod
    def name(self) -> str:
        """The estimator's name: `mean`, `single`, `all` or `meinshausen`."""

    @abstractmethod
    def mean(self, leaves: Leaves) -> Float[Array, " row"]:
        """The average over trees of each leaf's mean."""

    @abstractmethod
    def outcomes(self) -> Float[Array, "tree node"]:
        """One number a leaf: its mean, or its single value."""

    @abstractmethod
    def quantile(
        self, leaves: Leaves, levels: Float[Array, "row quantile"], method: Method | None
    ) -> Float[Array, "row quantile"]:
        """Quantiles of the outcomes in the leaves of all trees; `None` is the usual method."""

    @abstractmethod
    def draw(
        self, tree: Int[Array, " row"], leaf: Int[Array, " row"], uniform: Float[Array, " row"]
    ) -> Int32[Array, " row"]:
        """One donor of one leaf a row, as an index into `values`."""


class LeafMean(Readout):
    """Leaves that hold only their mean; what a fitted forest has without its training data."""

    means: Float[Array, "tree node"]
    values: DonorValues

    @property
    def name(self) -> str:
        """See `Readout`."""
        return "mean"

    def mean(self, leaves: Leaves) -> Float[Array, " row"]:
        """See `Readout`; this is scikit-learn's `predict`."""
        return jnp.take_along_axis(self.means, leaves, axis=1).mean(axis=0)

    def outcomes(self) -> Float[Array, "tree node"]:
        """See `Readout`."""
        return self.means

    def quantile(self, leaves, levels, method):
        """Refused: the spread of leaf means is not the spread of the outcome."""
        raise _no_donors("quantile")

    def draw(self, tree, leaf, uniform):
        """Refused: a mean is no donor's value."""
        raise _no_donors("draw")


class SingleValue(Readout):
    """One donor chosen at random in each leaf, what quantile-forest keeps by default.

    The quantile is that of the trees' single values, equally weighted.

    Attributes:
        values: the distinct outcomes of the donors, ascending.
        rank: the index in `values` of each leaf's donor.
    """

    values: DonorValues
    rank: Int32[Array, "tree node"]

    @property
    def name(self) -> str:
        """See `Readout`."""
        return "single"

    def mean(self, leaves: Leaves) -> Float[Array, " row"]:
        """See `Readout`; the mean of the single values."""
        return jnp.asarray(self.values)[self._ranks(leaves)].mean(axis=0)

    def outcomes(self) -> Float[Array, "tree node"]:
        """See `Readout`."""
        return jnp.asarray(self.values)[self.rank]

    def quantile(
        self, leaves: Leaves, levels: Float[Array, "row quantile"], method: Method | None
    ) -> Float[Array, "row quantile"]:
        """See `Readout`."""
        count = leaves.shape[0]
        index, fraction = bracket(levels, count, method or "linear")
        low = index.astype(jnp.int32).T
        high = jnp.minimum(low + 1, count - 1)
        values, ordered = jnp.asarray(self.values), sort_leading(self._ranks(leaves))
        below = values[jnp.take_along_axis(ordered, low, axis=0)].T
        above = values[jnp.take_along_axis(ordered, high, axis=0)].T
        return between(below, above, fraction)

    def draw(
        self, tree: Int[Array, " row"], leaf: Int[Array, " row"], uniform: Float[Array, " row"]
    ) -> Int32[Array, " row"]:
        """See `Readout`; the leaf's one donor."""
        return self.rank[tree, leaf]

    def _ranks(self, leaves: Leaves) -> Int32[Array, "tree row"]:
        return jnp.take_along_axis(self.rank, leaves, axis=1)


def _no_donors(readout: str) -> BadInputError:
    return BadInputError(
        f"This forest holds leaf means only, from which no {readout} can be read. Give its training"
        " data: Forest.from_sklearn(forest, X, y)."
    )
