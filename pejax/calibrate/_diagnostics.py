"""How good a set of weights is: one definition a formula, all pure and traceable."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._arguments import as_floats


def relative_error(
    estimates: Float[Array, " target"],
    values: Float[Array, " target"],
    scale: Float[Array, " target"],
) -> Float[Array, " target"]:
    r"""The signed error of each estimate in units of its target's scale, :math:`(\hat y - y)/s`.

    Zero if and only if the fit is exact.

    >>> relative_error(jnp.array([110.0]), jnp.array([100.0]), jnp.array([100.0]))
    Array([0.1], dtype=float32)
    """
    error = as_floats(estimates, "estimates") - as_floats(values, "values")
    return error / as_floats(scale, "scale")


def squared_relative_loss(
    estimates: Float[Array, " target"],
    values: Float[Array, " target"],
    scale: Float[Array, " target"],
    importance: Float[Array, " target"],
) -> Float[Array, ""]:
    r"""The importance-weighted mean of squared relative errors, :math:`\sum q e^2 / \sum q`.

    >>> one = jnp.ones(2)
    >>> squared_relative_loss(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0]), one, one)
    Array(0.5, dtype=float32)
    """
    squared = jnp.square(relative_error(estimates, values, scale))
    given = as_floats(importance, "importance")
    return jnp.sum(given * squared) / jnp.sum(given)


def effective_sample_size(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    r"""Kish's effective sample size :math:`(\sum w)^2 / \sum w^2`; 0 when every weight is 0.

    >>> effective_sample_size(jnp.array([1.0, 1.0, 0.0]))
    Array(2., dtype=float32)

    References:
        Kish (1965), Survey Sampling, section 11.7.
    """
    weights = as_floats(weights, "weights")
    # Near 1, where squares stay numbers; the size of weights makes no difference.
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(weights), initial=0))
    weights = weights / jnp.where(largest > 0, largest, 1)
    squares = jnp.sum(jnp.square(weights))
    known = jnp.where(squares > 0, squares, 1)
    return jnp.where(squares > 0, jnp.square(jnp.sum(weights)) / known, 0)


def weight_ratio(weights: Float[Array, " unit"], base: Float[Array, " unit"]) -> Array:
    r"""How far each weight moved, :math:`w / w_0`; 1 where both are 0 and infinite where only
    :math:`w_0` is.

    >>> weight_ratio(jnp.array([3.0, 0.0, 0.0]), jnp.array([2.0, 2.0, 0.0]))
    Array([1.5, 0. , 1. ], dtype=float32)
    """
    weights, base = as_floats(weights, "weights"), as_floats(base, "base")
    known = jnp.where(base == 0, 1, base)
    return jnp.where(base == 0, jnp.where(weights == 0, 1.0, jnp.inf), weights / known)


def records_kept(weights: Float[Array, " unit"]) -> Array:
    """The number of units whose weight is not zero."""
    return jnp.sum(as_floats(weights, "weights") != 0)


def negative_share(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    """The share of units with a weight below zero."""
    return jnp.mean(as_floats(weights, "weights") < 0)


def lorenz_curve(
    weights: Float[Array, " unit"], points: int = 101
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """The Lorenz curve of weights: the share of all weight that the lightest units hold.

    Weights have one if none is negative and some is not 0; the shares of weight are NaN otherwise,
    because with negative weights the curve leaves the unit square and ranks nothing.

    Args:
        weights: one a unit, of any sum and order.
        points: how many points, evenly spaced from 0 to 1 in the share of units; static.

    Returns:
        Shares of units and shares of weight, from (0, 0) to (1, 1), straight between units.

    >>> lorenz_curve(jnp.array([3.0, 1.0, 0.0, 4.0]), points=5)[1]
    Array([0.   , 0.   , 0.125, 0.5  , 1.   ], dtype=float32)

    References:
        Lorenz (1905), "Methods of measuring the concentration of wealth", Publications of the
        American Statistical Association 9(70).
    """
    return lorenz_curve_of_sorted(jnp.sort(as_floats(weights, "weights")), points)


def lorenz_curve_of_sorted(
    ordered: Float[Array, " unit"], points: int = 101
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """`lorenz_curve` of weights that already ascend: the host sorts millions faster."""
    held = jnp.concatenate([jnp.zeros_like(ordered[:1]), jnp.cumsum(ordered)])
    known = _has_shares(ordered)
    units = jnp.linspace(0.0, 1.0, points)
    ranks = jnp.linspace(0.0, 1.0, held.size)
    shares = jnp.interp(units, ranks, held / jnp.where(known, held[-1], 1))
    return units, jnp.where(known, shares, jnp.nan)


def gini(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    r"""The Gini coefficient of weights, :math:`\sum_i (2i - n - 1) w_{(i)} / (n \sum w)`.

    Twice the area between the Lorenz curve and the diagonal: 0 for equal weights, (n - 1)/n when
    one of n units holds all. NaN where there is no Lorenz curve.

    >>> gini(jnp.array([0.0, 0.0, 0.0, 1.0]))
    Array(0.75, dtype=float32)

    References:
        Gini (1912), Variabilità e mutabilità.
    """
    return gini_of_sorted(jnp.sort(as_floats(weights, "weights")))


def gini_of_sorted(ordered: Float[Array, " unit"]) -> Float[Array, ""]:
    """`gini` of weights that already ascend: the host sorts millions faster."""
    known = _has_shares(ordered)
    rank = (2 * jnp.arange(ordered.size) + 1 - ordered.size) / ordered.size
    found = jnp.sum(rank * ordered) / jnp.where(known, jnp.sum(ordered), 1)
    return jnp.where(known, found, jnp.nan)


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
    moved = weight_ratio(weights, base) - 1
    counts = as_floats(base, "base") != 0
    n = jnp.maximum(jnp.sum(counts), 1)
    lower = counts & (-moved >= (1 - within) * (1 - lo))
    upper = counts & (moved >= (1 - within) * (hi - 1))
    return jnp.sum(lower) / n, jnp.sum(upper) / n


def _has_shares(ordered: Float[Array, " unit"]) -> Bool[Array, ""]:
    """Whether ascending weights are shares of something: none negative, not all 0."""
    return (ordered[0] >= 0) & (ordered[-1] > 0)
