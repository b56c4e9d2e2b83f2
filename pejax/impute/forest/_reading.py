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
Heard = Bool[Array, "row tree"] | None  # the trees that speak for a row; None: all of them
_SILENT = -1  # the leaf of a tree that does not speak


@partial(jax.jit, static_argnames="plan")
def read_leaves(forest: "Forest", x: Covariates, plan: Plan) -> Int[Array, "row tree"]:
    """See `Forest.leaves`."""

    def block(forest, x):
        found = jnp.take_along_axis(forest.trees.source, forest.trees.leaves(x), axis=1).T
        return jnp.where(forest.trees.routes(x)[:, None], found, -1)

    return over_rows(block, plan, forest, x)


@partial(jax.jit, static_argnames="plan")
def read_mean(forest: "Forest", x: Covariates, heard: Heard, plan: Plan) -> Float[Array, " row"]:
    """See `Forest.mean`."""

    def block(held, x, *heard):
        forest, outcomes = held
        leaves, spoken = _reached(forest, x, *heard)
        return jnp.where(spoken, mean_over_trees(outcomes, leaves), jnp.nan)

    return over_rows(block, plan, (forest, forest.readout.outcomes()), x, *_given(heard))


@partial(jax.jit, static_argnames=("method", "plan"))
def read_quantile(
    forest: "Forest",
    x: Covariates,
    levels: Float[Array, "row quantile"],
    heard: Heard,
    method: Method | None,
    plan: Plan,
) -> Float[Array, "row quantile"]:
    """See `Forest.quantile`."""

    def block(held, x, levels, *heard):
        forest, readout = held
        leaves, spoken = _reached(forest, x, *heard)
        found = readout.quantile(leaves, levels, method)
        return jnp.where(spoken[:, None], found, jnp.nan)

    return over_rows(block, plan, (forest, forest.readout.laid_out()), x, levels, *_given(heard))


@partial(jax.jit, static_argnames="plan")
def read_below(
    forest: "Forest", x: Covariates, index: Int32[Array, "row point"], heard: Heard, plan: Plan
) -> Float[Array, "row point"]:
    """The chance of an outcome before place `index` of `readout.values`."""

    def block(forest, x, index, *heard):
        leaves, spoken = _reached(forest, x, *heard)
        return jnp.where(spoken[:, None], forest.readout.below(leaves, index), jnp.nan)

    return over_rows(block, plan, forest, x, index, *_given(heard))


@partial(jax.jit, static_argnames="plan")
def read_draw(
    forest: "Forest", x: Covariates, uniform: Float[Array, "row 2"], heard: Heard, plan: Plan
) -> Int32[Array, " row"]:
    """See `Forest.draw_index`; the first number chooses the tree, the second the donor."""

    def block(forest, x, uniform, *heard):
        tree, spoken = _one_tree(forest, uniform[:, 0], *heard)
        leaf = forest.trees.leaf_in(tree, x)
        index = forest.readout.draw(tree, leaf, uniform[:, 1])
        return jnp.where(spoken & forest.trees.routes(x), index, -1)

    return over_rows(block, plan, forest, x, uniform, *_given(heard))


def _given(heard: Heard) -> tuple[Bool[Array, "row tree"], ...]:
    return () if heard is None else (heard,)


def _reached(
    forest: "Forest", x: Covariates, heard: Heard = None
) -> tuple[Int32[Array, "tree row"], Bool[Array, " row"]]:
    """The leaves of the trees that speak, and whether any does."""
    leaves, spoken = forest.trees.leaves(x), forest.trees.routes(x)
    if heard is None:
        return leaves, spoken
    return jnp.where(heard.T, leaves, _SILENT), spoken & heard.any(axis=1)


def _one_tree(
    forest: "Forest", uniform: Float[Array, " row"], heard: Heard = None
) -> tuple[Int32[Array, " row"], Bool[Array, " row"] | bool]:
    """A tree for each row, each of those that speak with the same chance."""
    if heard is None:
        return (uniform * forest.trees.count).astype(jnp.int32), True
    speaking = heard.sum(axis=1)
    place = (uniform * speaking).astype(jnp.int32)
    tree = jnp.argmax(jnp.cumsum(heard, axis=1) > place[:, None], axis=1)
    return tree.astype(jnp.int32), speaking > 0
