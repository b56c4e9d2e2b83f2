"""How good a set of weights is: one definition a formula, all pure and traceable."""

import jax.numpy as jnp
from jaxtyping import Array, Float


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
    return (estimates - values) / scale


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
    return jnp.sum(importance * squared) / jnp.sum(importance)


def effective_sample_size(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    r"""Kish's effective sample size :math:`(\sum w)^2 / \sum w^2`; 0 when every weight is 0.

    >>> effective_sample_size(jnp.array([1.0, 1.0, 0.0]))
    Array(2., dtype=float32)

    References:
        Kish (1965), Survey Sampling, section 11.7.
    """
    squares = jnp.sum(jnp.square(weights))
    known = jnp.where(squares > 0, squares, 1)
    return jnp.where(squares > 0, jnp.square(jnp.sum(weights)) / known, 0)


def weight_ratio(weights: Float[Array, " unit"], base: Float[Array, " unit"]) -> Array:
    r"""How far each weight moved, :math:`w / w_0`; 1 where both are 0 and infinite where only
    :math:`w_0` is.

    >>> weight_ratio(jnp.array([3.0, 0.0, 0.0]), jnp.array([2.0, 2.0, 0.0]))
    Array([1.5, 0. , 1. ], dtype=float32)
    """
    known = jnp.where(base == 0, 1, base)
    return jnp.where(base == 0, jnp.where(weights == 0, 1.0, jnp.inf), weights / known)


def records_kept(weights: Float[Array, " unit"]) -> Array:
    """The number of units whose weight is not zero."""
    return jnp.sum(weights != 0)


def negative_share(weights: Float[Array, " unit"]) -> Float[Array, ""]:
    """The share of units with a weight below zero."""
    return jnp.mean(weights < 0)
