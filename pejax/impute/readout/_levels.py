"""Quantile levels to order statistics, as NumPy defines them."""

from typing import Literal, get_args

import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from ...core._arguments import as_choice

Method = Literal["linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf"]
METHODS: tuple[str, ...] = get_args(Method)


def check_method(method: str) -> None:
    """Raise `UnknownNameError` for a method NumPy's names do not cover here."""
    as_choice(method, METHODS, "method")


def bracket(
    levels: Float[Array, "*shape"], total: Real[Array, "*#shape"] | int, method: Method
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    r"""The order statistic at or below a quantile and how far the quantile lies above it.

    Of N sorted values :math:`x_0 \le \dots \le x_{N-1}` the quantile at level q is
    :math:`x_{\lfloor v \rfloor} + (v - \lfloor v \rfloor)(x_{\lfloor v \rfloor + 1} -
    x_{\lfloor v \rfloor})` with the virtual index :math:`v = (N - 1) q` for `linear`; the other
    methods move v as `numpy.quantile` does.

    Args:
        levels: q in [0, 1].
        total: N, the number of values (or the sum of their integer weights).
        method: one of NumPy's names.

    Returns:
        The index :math:`\lfloor v \rfloor` and the fraction, both floats; where the fraction is
        positive the next order statistic exists.

    >>> [x.tolist() for x in bracket(jnp.array([0.0, 0.25, 1.0]), 4, "linear")]
    [[0.0, 0.0, 3.0], [0.0, 0.75, 0.0]]
    """
    levels = jnp.asarray(levels)
    place = (total - 1) * levels
    if method == "lower":
        place = jnp.floor(place)
    elif method == "higher":
        place = jnp.ceil(place)
    elif method == "midpoint":
        place = 0.5 * (jnp.floor(place) + jnp.ceil(place))
    elif method == "nearest":
        place = jnp.round(place)
    elif method == "inverted_cdf":
        place = jnp.ceil(total * levels) - 1
    place = jnp.clip(place, 0, total - 1)
    index = jnp.floor(place)
    return index, place - index


def between(
    low: Float[Array, "*shape"], high: Float[Array, "*shape"], fraction: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """The point a fraction of the way from `low` to `high`, reckoned from the nearer end."""
    gap = high - low
    return jnp.where(fraction < 0.5, low + gap * fraction, high - gap * (1 - fraction))
