"""What is read from a forest for many rows: compiled whole, worked through in blocks."""

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Int32

from .._chunks import Plan, over_rows
from ..readout._levels import Method
from ..readout._readout import mean_over_trees

if TYPE_CHECKING:
    from ._forest import Forest

Covariates = Float[Array, "row feature"]
TreeMask = Bool[Array, "row tree"] | None  # the trees that count for a row; None: all of them
_NO_LEAF = -1  # the leaf of a tree that does not count


@partial(jax.jit, static_argnames="plan")
def read_leaves(forest: "Forest", x: Covariates, plan: Plan) -> Int[Array, "row tree"]:
    """See `Forest.leaves`."""

    def block(forest, x):
        found = jnp.take_along_axis(forest.trees.source, forest.trees.leaves(x), axis=1).T
        return jnp.where(forest.trees.routes(x)[:, None], found, -1)

    return over_rows(block, plan, forest, x)


@partial(jax.jit, static_argnames="plan")
def read_mean(forest: "Forest", x: Covariates, mask: TreeMask, plan: Plan) -> Float[Array, " row"]:
    """See `Forest.mean`."""

    def block(held, x, *mask):
        forest, outcomes = held
        leaves, has_leaf = _reached(forest, x, *mask)
        return jnp.where(has_leaf, mean_over_trees(outcomes, leaves), jnp.nan)

    return over_rows(block, plan, (forest, forest.readout.outcomes()), x, *_given(mask))


@partial(jax.jit, static_argnames=("method", "plan"))
def read_quantile(
    forest: "Forest",
    x: Covariates,
    levels: Float[Array, "row quantile"],
    mask: TreeMask,
    method: Method | None,
    plan: Plan,
) -> Float[Array, "row quantile"]:
    """See `Forest.quantile`."""

    def block(held, x, levels, *mask):
        forest, readout = held
        leaves, has_leaf = _reached(forest, x, *mask)
        found = readout.quantile(leaves, levels, method)
        return jnp.where(has_leaf[:, None], found, jnp.nan)

    return over_rows(block, plan, (forest, forest.readout.laid_out()), x, levels, *_given(mask))


@partial(jax.jit, static_argnames="plan")
def read_below(
    forest: "Forest", x: Covariates, index: Int32[Array, "row point"], mask: TreeMask, plan: Plan
) -> Float[Array, "row point"]:
    """The chance of an outcome before place `index` of `readout.values`."""

    def block(forest, x, index, *mask):
        leaves, has_leaf = _reached(forest, x, *mask)
        return jnp.where(has_leaf[:, None], forest.readout.below(leaves, index), jnp.nan)

    return over_rows(block, plan, forest, x, index, *_given(mask))


@partial(jax.jit, static_argnames="plan")
def read_draw(
    forest: "Forest", x: Covariates, uniform: Float[Array, "row 2"], mask: TreeMask, plan: Plan
) -> Int32[Array, " row"]:
    """See `Forest.draw_index`; the first number chooses the tree, the second the donor."""

    def block(forest, x, uniform, *mask):
        tree, has_leaf = _one_tree(forest, uniform[:, 0], *mask)
        leaf = forest.trees.leaf_in(tree, x)
        index = forest.readout.draw(tree, leaf, uniform[:, 1])
        return jnp.where(has_leaf & forest.trees.routes(x), index, -1)

    return over_rows(block, plan, forest, x, uniform, *_given(mask))


def _given(mask: TreeMask) -> tuple[Bool[Array, "row tree"], ...]:
    return () if mask is None else (mask,)


def _reached(
    forest: "Forest", x: Covariates, mask: TreeMask = None
) -> tuple[Int32[Array, "tree row"], Bool[Array, " row"]]:
    """The leaves of the trees that count, and whether a row has any."""
    leaves, has_leaf = forest.trees.leaves(x), forest.trees.routes(x)
    if mask is None:
        return leaves, has_leaf
    return jnp.where(mask.T, leaves, _NO_LEAF), has_leaf & mask.any(axis=1)


def _one_tree(
    forest: "Forest", uniform: Float[Array, " row"], mask: TreeMask = None
) -> tuple[Int32[Array, " row"], Bool[Array, " row"] | bool]:
    """A tree for each row, each of those that count with the same chance."""
    if mask is None:
        return (uniform * forest.trees.count).astype(jnp.int32), True
    counted = mask.sum(axis=1)
    place = (uniform * counted).astype(jnp.int32)
    tree = jnp.argmax(jnp.cumsum(mask, axis=1) > place[:, None], axis=1)
    return tree.astype(jnp.int32), counted > 0
