"""Trees as flat host arrays: breadth-first, siblings adjacent, two 32-bit words a node."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt32

from ...core._validate import BadInputError

NO_CHILD = -1  # what scikit-learn stores as the child of a leaf


class HostTree(NamedTuple):
    """One fitted tree in scikit-learn's node order; the children of a leaf are `NO_CHILD`."""

    left: Int[np.ndarray, " node"]
    right: Int[np.ndarray, " node"]
    feature: Int[np.ndarray, " node"]
    threshold: Float[np.ndarray, " node"]
    missing_left: Bool[np.ndarray, " node"]
    mean: Float[np.ndarray, " node"]

    @property
    def is_leaf(self) -> Bool[np.ndarray, " node"]:
        """Whether a node has no children."""
        return self.left == NO_CHILD


class PackedTrees(NamedTuple):
    """Trees padded to one node count; `slot[t, i]` is the new place of tree t's old node i."""

    records: UInt32[np.ndarray, "tree node 2"]
    source: Int[np.ndarray, "tree node"]
    slot: Int[np.ndarray, "tree node"]
    depth: Int[np.ndarray, " tree"]
    feature_bits: int


def breadth_first(tree: HostTree) -> list[Int[np.ndarray, " _"]]:
    """The nodes of each level, from the root down; the two children of a node are neighbours."""
    levels = [np.zeros(1, dtype=np.int64)]
    while True:
        inner = levels[-1][~tree.is_leaf[levels[-1]]]
        if not inner.size:
            return levels
        levels.append(np.stack([tree.left[inner], tree.right[inner]], axis=1).ravel())


def round_down(threshold: Float[np.ndarray, " node"]) -> Float32[np.ndarray, " node"]:
    """The largest finite float32 not above each threshold.

    scikit-learn compares a float32 covariate with a float64 threshold; for a float32 x,
    `x <= threshold` and `x <= round_down(threshold)` are the same statement.
    """
    limit = np.finfo(np.float32).max
    clipped = np.minimum(threshold, limit)
    nearest = clipped.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > clipped, below, nearest)


def pack(trees: Sequence[HostTree], n_features: int, learned_missing: bool) -> PackedTrees:
    """Put every tree in breadth-first order and each node into two words.

    Word 0 holds the left child (the right one is next to it) above the feature; word 1 the bits of
    the float32 threshold. A leaf is its own left child with an infinite threshold, so that walking
    on from a leaf stays there. With `learned_missing`, a node that sends missing values left reads
    feature `n_features + feature`: the same covariate with its missing values at minus infinity.
    """
    nodes = max(len(tree.left) for tree in trees)
    columns = 2 * n_features if learned_missing else n_features
    bits = max(columns - 1, 1).bit_length()
    if nodes.bit_length() + bits > 32:
        raise BadInputError(
            f"A tree of {nodes:,} nodes on {n_features:,} covariates does not fit 32-bit records."
            " Grow smaller trees with max_depth or min_samples_leaf."
        )
    shape = (len(trees), nodes)
    packed = PackedTrees(
        records=np.zeros((*shape, 2), np.uint32),
        source=np.zeros(shape, np.int32),
        slot=np.zeros(shape, np.int32),
        depth=np.zeros(len(trees), np.int32),
        feature_bits=bits,
    )
    for t, tree in enumerate(trees):
        _pack_one(packed, t, tree, n_features if learned_missing else 0)
    return packed


def _pack_one(packed: PackedTrees, t: int, tree: HostTree, missing_offset: int) -> None:
    levels = breadth_first(tree)
    order = np.concatenate(levels)
    nodes = len(order)
    slot = np.empty(nodes, np.int32)
    slot[order] = np.arange(nodes)
    leaf = tree.is_leaf[order]
    left = np.where(leaf, np.arange(nodes), slot[tree.left[order]])
    feature = np.where(leaf, 0, tree.feature[order] + missing_offset * tree.missing_left[order])
    threshold = np.where(leaf, np.float32(np.inf), round_down(tree.threshold[order]))
    packed.records[t, :nodes, 0] = left.astype(np.uint32) << packed.feature_bits
    packed.records[t, :nodes, 0] |= feature.astype(np.uint32)
    packed.records[t, :nodes, 1] = threshold.astype(np.float32).view(np.uint32)
    packed.source[t, :nodes] = order
    packed.slot[t, :nodes] = slot
    packed.depth[t] = len(levels) - 1
