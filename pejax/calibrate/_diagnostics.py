"""How good a set of weights is: one definition a formula, all pure and traceable."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import stats
from ..core._arrays import as_floats, as_one, check_shapes
from ..core._validate import BadInputError


def relative_error(
    estimates: Float[Array | np.ndarray, " target"],
    values: Float[Array | np.ndarray, " target"],
    scale: Float[Array | np.ndarray, " target"],
) -> Float[Array, " target"]:
    r"""The signed error of each estimate in units of its target's scale, :math:`(\hat y - y)/s`.

    Zero if and only if the fit is exact.

    >>> relative_error(jnp.array([110.0]), jnp.array([100.0]), jnp.array([100.0]))
    Array([0.1], dtype=float32)
    """
    found, asked = as_floats(estimates, "estimates"), as_floats(values, "values")
    unit = as_floats(scale, "scale")
    check_shapes(estimates=found, values=asked, scale=unit)
    return (found - asked) / unit


def squared_relative_loss(
    estimates: Float[Array | np.ndarray, " target"],
    values: Float[Array | np.ndarray, " target"],
    scale: Float[Array | np.ndarray, " target"],
    importance: Float[Array | np.ndarray, " target"],
) -> Float[Array, ""]:
    r"""The importance-weighted mean of squared relative errors, :math:`\sum q e^2 / \sum q`.

    >>> one = jnp.ones(2)
    >>> squared_relative_loss(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0]), one, one)
    Array(0.5, dtype=float32)
    """
    squared = jnp.square(relative_error(estimates, values, scale))
    given = as_floats(importance, "importance")
    check_shapes(estimates=squared, importance=given)
    return jnp.sum(given * squared) / jnp.sum(given)


def effective_sample_size(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    """Kish's effective sample size, `pejax.stats.effective_sample_size`; NaN of a failed solve.

    >>> effective_sample_size(jnp.array([1.0, 1.0, 0.0]))
    Array(2., dtype=float32)
    """
    held = as_floats(weights, "weights")
    known = jnp.isfinite(held).all()
    return jnp.where(known, stats.effective_sample_size(jnp.where(known, held, 0)), jnp.nan)


def weight_ratio(weights: Float[Array, " unit"], base: Float[Array, " unit"]) -> Array:
    r"""How far each weight moved, :math:`w / w_0`; 1 where both are 0 and infinite where only
    :math:`w_0` is.

    >>> weight_ratio(jnp.array([3.0, 0.0, 0.0]), jnp.array([2.0, 2.0, 0.0]))
    Array([1.5, 0. , 1. ], dtype=float32)
    """
    weights, base = as_floats(weights, "weights"), as_floats(base, "base")
    check_shapes(weights=weights, base=base)
    known = jnp.where(base == 0, 1, base)
    return jnp.where(base == 0, jnp.where(weights == 0, 1.0, jnp.inf), weights / known)


def records_kept(weights: Float[Array, " unit"]) -> Array:
    """The number of units whose weight is not zero.

    >>> int(records_kept(jnp.array([1.0, 0.0, 2.0])))
    2
    """
    return jnp.sum(as_floats(weights, "weights") != 0)


def negative_share(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    """The share of units with a weight below zero.

    >>> float(negative_share(jnp.array([1.0, -1.0, 2.0, 0.0])))
    0.25
    """
    return jnp.mean(_some(weights) < 0)


def lorenz_curve(
    weights: Float[Array, " unit"], points: int = 101
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """The Lorenz curve of weights, `pejax.stats.lorenz_curve`: what the lightest units hold of all.

    Weights have one if none is negative and some is not 0; the shares of weight are NaN otherwise,
    because with negative weights the curve leaves the unit square and ranks nothing.

    Args:
        weights: one a unit, of any sum and order.
        points: how many points, evenly spaced from 0 to 1 in the share of units; static.

    Returns:
        Shares of units and shares of weight, from (0, 0) to (1, 1), straight between units.

    >>> lorenz_curve(jnp.array([3.0, 1.0, 0.0, 4.0]), points=5)[1]
    Array([0.   , 0.   , 0.125, 0.5  , 1.   ], dtype=float32)
    """
    return stats.lorenz_curve(_shared_out(weights), points=points)


def gini(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    """The Gini coefficient of weights, `pejax.stats.gini`; NaN where there is no Lorenz curve.

    >>> gini(jnp.array([0.0, 0.0, 0.0, 1.0]))
    Array(0.75, dtype=float32)
    """
    return stats.gini(_shared_out(weights))


def binding_share(
    weights: Float[Array, " unit"],
    base: Float[Array, " unit"],
    lo: float | Float[Array, ""],
    hi: float | Float[Array, ""],
    within: float = 1e-3,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The shares of units whose weight ratio is at the lower and at the upper bound.

    A ratio is at a bound when all but the share `within` of the way from 1 to it is used up:
    logistic weights come near their bounds and never reach them. Units of base weight 0 have no
    ratio and do not count. An infinite bound holds nobody.

    Args:
        weights: the new weights, one a unit.
        base: the weights before.
        lo: the least ratio, below 1.
        hi: the largest ratio, above 1.
        within: the share of the way that may be left.

    >>> lower, upper = binding_share(
    ...     jnp.array([0.5, 1.0, 2.0, 2.0, 0.0]), jnp.array([1.0, 1.0, 1.0, 1.0, 0.0]), 0.5, 2.0)
    >>> lower, upper
    (Array(0.25, dtype=float32), Array(0.5, dtype=float32))
    """
    least, most, left = as_one(lo, "lo"), as_one(hi, "hi"), as_one(within, "within")
    moved = weight_ratio(weights, base) - 1
    counts = as_floats(base, "base") != 0
    n = jnp.maximum(jnp.sum(counts), 1)
    lower = counts & (-moved >= (1 - left) * (1 - least))
    upper = counts & (moved >= (1 - left) * (most - 1))
    return jnp.sum(lower) / n, jnp.sum(upper) / n


def _shared_out(weights: object) -> Float[Array, " unit"]:
    """Weights that are shares of something; zeros, which have no curve, for any others."""
    held = _some(weights)
    known = (jnp.min(held) >= 0) & jnp.isfinite(jnp.max(held))
    return jnp.where(known, held, 0)


def _some(weights: object) -> Float[Array, " unit"]:
    """Weights, of which there is one at least."""
    held = as_floats(weights, "weights")
    if not held.size:
        raise BadInputError("weights is empty. Give at least one.")
    return held
