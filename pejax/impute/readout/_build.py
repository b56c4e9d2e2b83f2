"""Which donors lie in which leaf, gathered on the host into readouts."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ...core._validate import BadInputError
from ..forest._layout import HostTree, PackedTrees
from ._all_values import AllValues
from ._readout import LeafMean, SingleValue

_EXACT = 2**24  # whole numbers below it are exact in float32


class TreeSamples(NamedTuple):
    """The donors in the leaves of one tree, in any order."""

    leaf: Int[np.ndarray, " sample"]  # scikit-learn's node number
    value_index: Int[np.ndarray, " sample"]  # of the outcome, among the distinct ones
    weight: Float[np.ndarray, " sample"]


def leaf_means(trees: Sequence[HostTree], packed: PackedTrees) -> LeafMean:
    """The readout of a forest without its donors."""
    means = np.zeros(packed.slot.shape)
    for t, tree in enumerate(trees):
        means[t, packed.slot[t, : len(tree.mean)]] = tree.mean
    return LeafMean(means=jnp.asarray(means), values=np.zeros(0))


def single_values(
    samples: Sequence[TreeSamples],
    packed: PackedTrees,
    values: Float[np.ndarray, " value"],
    rng: np.random.Generator,
) -> SingleValue:
    """Keep one donor of each leaf, drawn in proportion to the donors' weights.

    The first arrival of a race with exponential clocks of rate w is donor i with chance
    proportional to w_i.
    """
    index = np.zeros(packed.slot.shape, np.int32)
    for t, sample in enumerate(samples):
        with np.errstate(divide="ignore"):
            arrival = rng.exponential(size=len(sample.weight)) / sample.weight
        order = np.lexsort((arrival, sample.leaf))
        leaf, first = np.unique(sample.leaf[order], return_index=True)
        index[t, packed.slot[t, leaf]] = sample.value_index[order[first]]
    return SingleValue(values=values, index=jnp.asarray(index))


def all_values(
    samples: Sequence[TreeSamples],
    packed: PackedTrees,
    values: Float[np.ndarray, " value"],
    *,
    equal_trees: bool,
) -> AllValues:
    """Keep every donor of each leaf, those with one outcome merged."""
    trees, nodes = packed.slot.shape
    start = np.zeros((trees, nodes + 1), np.int64)
    indices, cumulative = [], []
    for t, sample in enumerate(samples):
        leaf, index, weight = _merged(sample, packed.slot[t], len(values))
        bounds = np.searchsorted(leaf, np.arange(nodes + 1))
        running = np.concatenate([[0.0], np.cumsum(weight)])
        start[t] = bounds
        indices.append(index)
        reached = running[1:] - running[bounds[leaf]]
        whole = running[bounds[leaf + 1]] - running[bounds[leaf]]
        cumulative.append(reached / whole if equal_trees else reached)
    weights = np.concatenate([sample.weight for sample in samples])
    weights_are_whole = not equal_trees and bool(np.all(weights == np.round(weights)))
    reached = np.concatenate(cumulative)
    if weights_are_whole and weights.sum() < _EXACT:  # any sum of them is exact in single precision
        reached = _short(reached, np.float32)
    offset = np.concatenate([[0], np.cumsum(start[:, -1])])
    return AllValues(
        values=values,
        offset=jnp.asarray(_as_int32(offset)[:-1]),
        start=jnp.asarray(_short(start, np.int32)),
        index=jnp.asarray(_short(np.concatenate(indices), np.int32)),
        cumulative=jnp.asarray(reached),
        weights_are_whole=weights_are_whole,
        equal_trees=equal_trees,
    )


def _short(numbers: np.ndarray, otherwise: type[np.generic]) -> np.ndarray:
    """Whole numbers from 0 in one byte or two each, if those hold them."""
    fits = np.min_scalar_type(int(numbers.max(initial=0)))
    return numbers.astype(fits if fits.itemsize <= 2 else otherwise)


def _merged(sample: TreeSamples, slot: np.ndarray, n_values: int):
    """Leaf, index and total weight of every (leaf, outcome) that has weight, in that order."""
    held = sample.weight > 0
    key = slot[sample.leaf[held]].astype(np.int64) * n_values + sample.value_index[held]
    key, entry = np.unique(key, return_inverse=True)
    weight = np.bincount(entry, sample.weight[held], len(key))
    return key // n_values, key % n_values, weight


def _as_int32(offset: np.ndarray) -> np.ndarray:
    if offset[-1] > np.iinfo(np.int32).max:
        raise BadInputError(
            f"The leaves hold {offset[-1]:,} donors, more than 32-bit offsets reach. Use fewer"
            " trees or readout='single'."
        )
    return offset.astype(np.int32)
