"""The trees on the device and the walk from root to leaf."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Float32, Int, Int32, UInt32

from ...core._arguments import as_choice
from ...core._one_line import counted, one_line
from ._layout import HostTree, PackedTrees, pack

Missing = Literal["refuse", "learned"]


class Trees(eqx.Module):
    """Fitted trees as padded arrays, breadth-first, one packed record a node (see `_layout.pack`).

    Attributes:
        records: the left child above the feature in word 0, the float32 threshold in word 1.
        source: the node's number in the fitted forest, what scikit-learn's `apply` reports.
        depth: edges on the longest path of each tree.
        n_features: covariates expected in each row.
        feature_bits: low bits of word 0 that hold the feature.
        missing: `refuse` gives rows with a NaN no leaf; `learned` sends a NaN the way the tree
            learned while it grew.
        gaps: the covariates that some donor lacked while the trees grew, if ways were learned. Of
            the others no way was learned, and rows with a NaN there have no leaf.

    >>> import pandas as pd
    >>> from pejax.impute import QRF
    >>> table = pd.DataFrame({"age": [20.0, 70.0] * 8, "pension": [0.0, 9.0] * 8})
    >>> trees = QRF(n_estimators=2).fit(table, ["age"], ["pension"]).imputers[0].forest.trees
    >>> trees.n_features
    1
    """

    records: UInt32[Array, "tree node 2"]
    source: Int32[Array, "tree node"]
    depth: Int32[Array, " tree"]
    n_features: int = eqx.field(static=True)
    feature_bits: int = eqx.field(static=True)
    missing: Missing = eqx.field(static=True)
    gaps: tuple[int, ...] = eqx.field(static=True)

    @one_line
    def __repr__(self) -> str:
        trees, nodes, _ = self.records.shape
        return f"{counted(trees, 'tree')} of up to {counted(nodes, 'node')}"

    @classmethod
    def build(
        cls,
        trees: Sequence[HostTree],
        n_features: int,
        missing: Missing,
        gaps: Iterable[int] | np.ndarray = (),
    ) -> tuple["Trees", PackedTrees]:
        """Pack host trees; the packing also says where each old node went."""
        as_choice(missing, get_args(Missing), "missing")
        packed = pack(trees, n_features, missing == "learned")
        on_device = cls(
            records=jnp.asarray(packed.records),
            source=jnp.asarray(packed.source, jnp.int32),
            depth=jnp.asarray(packed.depth, jnp.int32),
            n_features=n_features,
            feature_bits=packed.feature_bits,
            missing=missing,
            gaps=tuple(map(int, gaps)) if missing == "learned" else (),
        )
        return on_device, packed

    @property
    def count(self) -> int:
        """Number of trees."""
        return self.records.shape[0]

    def routes(self, x: Float[Array, "row feature"]) -> Bool[Array, " row"]:
        """Whether the trees know a way for everything that a row lacks."""
        known = np.isin(np.arange(self.n_features), self.gaps)
        return ~(jnp.isnan(x) & ~known).any(axis=1)

    def leaves(self, x: Float[Array, "row feature"]) -> Int32[Array, "tree row"]:
        """The leaf of every row in every tree, as a place in `records`.

        On a CPU the trees go one after another, each tree's table staying in cache; on an
        accelerator all of them go at once.
        """
        walk = partial(_walk, bits=self.feature_bits)
        return lax.platform_dependent(
            self.records,
            self.depth,
            self._codes(x),
            cpu=partial(_in_turn, walk),
            default=partial(_at_once, walk),
        )

    def leaf_in(
        self, tree: Int[Array, " row"], x: Float[Array, "row feature"]
    ) -> Int32[Array, " row"]:
        """The leaf of each row in one tree of its own."""
        nodes = self.records.shape[1]
        codes = self._codes(x)
        first = tree.astype(jnp.int32) * nodes
        flat = self.records.reshape(-1, 2)
        deepest = jnp.max(self.depth[tree], initial=0)
        return _walk(flat, deepest, codes, first, bits=self.feature_bits)

    def _codes(self, x: Float[Array, "row feature"]) -> Float32[Array, "row code"]:
        """Covariates as the records read them: float32, a NaN at the infinity it is sent to.

        The walk is piecewise constant in the covariates, hence the cut in the gradient.
        """
        codes = lax.stop_gradient(x).astype(jnp.float32)
        if self.missing == "refuse":
            return codes
        absent = jnp.isnan(codes)
        right, left = jnp.where(absent, jnp.inf, codes), jnp.where(absent, -jnp.inf, codes)
        return jnp.concatenate([right, left], axis=1)


def _in_turn(walk, records, depth, codes):
    def next_tree(_, tree):
        return None, walk(*tree, codes)

    return lax.scan(next_tree, None, (records, depth))[1]


def _at_once(walk, records, depth, codes):
    deepest = jnp.max(depth)
    return jax.vmap(lambda tree: walk(tree, deepest, codes))(records)


def _walk(
    records: UInt32[Array, "node 2"],
    depth: Int[Array, ""],
    codes: Float32[Array, "row code"],
    first: Int32[Array, " row"] | int = 0,
    *,
    bits: int,
) -> Int32[Array, " row"]:
    """Step every row down `depth` levels of the tree whose root is record `first`."""
    rows, width = codes.shape
    flat = codes.reshape(-1)
    start = jnp.arange(rows, dtype=jnp.int32) * width
    feature_mask = jnp.uint32((1 << bits) - 1)

    def step(_, node):
        word, threshold = _fetch(records, first + node)
        x = flat[start + (word & feature_mask).astype(jnp.int32)]
        return (word >> bits).astype(jnp.int32) + (x > threshold).astype(jnp.int32)

    return lax.fori_loop(0, depth, step, jnp.zeros(rows, jnp.int32))


def _fetch(
    records: UInt32[Array, "node 2"], place: Int32[Array, " row"]
) -> tuple[UInt32[Array, " row"], Float32[Array, " row"]]:
    """Word 0 and the threshold of each row's node; one load for both where 64 bits are allowed.

    The walk waits for memory: one load instead of two makes it a quarter faster on a CPU.
    """
    if jax.config.read("jax_enable_x64"):
        both = lax.bitcast_convert_type(records, jnp.uint64)[place]
        word, bits = both.astype(jnp.uint32), (both >> 32).astype(jnp.uint32)
    else:
        record = records[place]
        word, bits = record[:, 0], record[:, 1]
    return word, lax.bitcast_convert_type(bits, jnp.float32)
