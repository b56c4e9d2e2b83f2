"""How good an imputation is: the losses and distances of weighted distributions, each once.

Any numbers will do: whole ones, truth values, floats of any width. Values and weights each keep
what they say, whatever the type of the other (see `_weighted`). Missing and infinite numbers,
negative weights, weights that are all zero and levels outside of [0, 1] are refused outside of
`jax.jit`; inside, where nothing can be raised, they give what the formula gives.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real

from .._validate import BadInputError
from ._weighted import (
    Numbers,
    comparable,
    fail_if_not_rows,
    fail_if_other_labels,
    floats,
    levels_of,
    namespace,
    numbers,
    on_device,
    shifted,
    told,
    weights_of,
)

_ROUNDING = 16  # units in the last place by which a sum of weights may miss a level and reach it
_TOP = 0.01


def pinball(
    truth: Real[ArrayLike, "*shape"],
    prediction: Real[ArrayLike, "*shape"],
    level: Float[ArrayLike, ""],
    weights: Real[ArrayLike, "*shape"] | None = None,
) -> Float[Array, ""]:
    r"""The mean pinball loss of a predicted quantile, least at the true one (Koenker 1978).

    .. math:: \frac{\sum_i w_i \max\{q (y_i - p_i), (q - 1)(y_i - p_i)\}}{\sum_i w_i}

    Raises:
        BadInputError: see the module; or a prediction that is neither one number nor one a truth.

    >>> float(pinball(jnp.array([1.0, 3.0]), jnp.array([2.0, 2.0]), 0.75))
    0.5
    """
    fail_if_other_labels(truth=truth, prediction=prediction, weights=weights)
    actual, guess = numbers(truth, "truth"), numbers(prediction, "prediction")
    if guess.ndim and guess.shape != actual.shape:
        raise BadInputError(
            f"prediction has shape {guess.shape}, but truth has {actual.shape}. Give one prediction"
            " a truth."
        )
    w, level = weights_of(weights, actual), levels_of(level)
    xp = namespace(actual, guess, level)
    actual, guess = shifted(actual, guess)
    error, q = actual - guess, floats(level, xp)
    return told(_mean(xp.maximum(q * error, (q - 1) * error), w))


def weighted_mean(
    values: Real[ArrayLike, "*shape"], weights: Real[ArrayLike, "*shape"] | None = None
) -> Float[Array, ""]:
    """The mean, each value counting by its weight.

    Raises:
        BadInputError: see the module.

    >>> round(float(weighted_mean([10, 20, 30], [1.9, 1.2, 1.7])), 3)
    19.583
    """
    fail_if_other_labels(values=values, weights=weights)
    held = numbers(values, "values")
    return told(_mean(held, weights_of(weights, held)))


def weighted_cdf(
    values: Real[ArrayLike, " row"],
    points: Real[ArrayLike, " point"],
    weights: Real[ArrayLike, " row"] | None = None,
) -> Float[Array, " point"]:
    r"""The share of weight at or below a point, :math:`F(x) = \sum_{v_i \le x} w_i / \sum w_i`.

    Raises:
        BadInputError: see the module; a point may be infinite.

    >>> values, weights = jnp.array([1.0, 2.0]), jnp.array([3.0, 1.0])
    >>> weighted_cdf(values, jnp.array([0.0, 1.0, 2.0]), weights).tolist()
    [0.0, 0.75, 1.0]
    """
    fail_if_other_labels(values=values, weights=weights)
    held, at = numbers(values, "values"), numbers(points, "points", finite=False)
    fail_if_not_rows(held, "values")
    return told(_cdf(held, weights_of(weights, held), at))


def weighted_quantile(
    values: Real[ArrayLike, " row"],
    levels: Float[ArrayLike, " quantile"] | Sequence[float],
    weights: Real[ArrayLike, " row"] | None = None,
) -> Real[Array, " quantile"]:
    r"""The inverse of the weighted distribution, :math:`Q(q) = \inf\{v : F(v) \ge q\}`.

    The result is always one of the values, in their own type; NumPy calls this method
    `inverted_cdf`. A level that the weights miss by rounding alone counts as reached.

    Raises:
        BadInputError: see the module; or whole numbers that JAX cannot hold (beyond 32 bits while
            its 64-bit types are off).

    >>> values, weights = jnp.array([5.0, 7.0]), jnp.array([3.0, 1.0])
    >>> weighted_quantile(values, jnp.array([0.5, 0.8]), weights).tolist()
    [5.0, 7.0]
    """
    fail_if_other_labels(values=values, weights=weights)
    held, wanted = numbers(values, "values"), levels_of(levels)
    fail_if_not_rows(held, "values")
    return on_device(_quantile(held, weights_of(weights, held), wanted), "values")


def wasserstein(
    values: Real[ArrayLike, " row"],
    others: Real[ArrayLike, " other"],
    weights: Real[ArrayLike, " row"] | None = None,
    other_weights: Real[ArrayLike, " other"] | None = None,
) -> Float[Array, ""]:
    r"""The area between two weighted distributions, :math:`\int |F(x) - G(x)| \, dx`.

    In the unit of the values: how far weight must move on average to turn one into the other.

    Raises:
        BadInputError: see the module.

    >>> float(wasserstein(jnp.array([0.0, 1.0]), jnp.array([1.0, 2.0])))
    1.0
    """
    fail_if_other_labels(values=values, weights=weights)
    fail_if_other_labels(others=others, other_weights=other_weights)
    one, other = numbers(values, "values"), numbers(others, "others")
    fail_if_not_rows(one, "values")
    fail_if_not_rows(other, "others")
    w, v = weights_of(weights, one), weights_of(other_weights, other, "other_weights")
    xp = namespace(one, other)
    one, other = shifted(one, other)
    points = xp.sort(xp.concatenate([one, other]))
    gap = _cdf(one, w, points) - _cdf(other, v, points)
    return told(namespace(gap).sum(abs(gap[:-1]) * xp.diff(points)))


def crps(
    draws: Real[ArrayLike, "row draw"],
    truth: Real[ArrayLike, " row"],
    weights: Real[ArrayLike, " row"] | None = None,
) -> Float[Array, ""]:
    r"""The mean continuous ranked probability score of repeated draws (Gneiting and Raftery 2007).

    .. math:: E|X - y| - \tfrac12 E|X - X'|

    with the unbiased second term over pairs of different draws, so that the score does not
    depend on how many draws are made; least when the draws come from the true distribution.

    Raises:
        BadInputError: see the module; or fewer than two draws a row, which have no pairs.

    >>> float(crps(jnp.array([[0.0, 2.0]]), jnp.array([1.0])))
    0.0
    """
    fail_if_other_labels(draws=draws, truth=truth, weights=weights)
    drawn, actual = numbers(draws, "draws"), numbers(truth, "truth")
    if drawn.ndim != 2 or actual.shape != drawn.shape[:1] or drawn.shape[1] < 2:
        raise BadInputError(
            f"draws has shape {drawn.shape} and truth {actual.shape}. Give (row, draw) with at"
            " least two draws a row, and one truth a row."
        )
    w = weights_of(weights, actual)
    xp, count = namespace(drawn, actual), drawn.shape[1]
    drawn, actual = shifted(drawn, actual)
    off = xp.sort(drawn - actual[:, None], axis=1)
    place = xp.arange(count, dtype=off.dtype)
    spread = off @ (2 * place - (count - 1)) / (count * (count - 1))
    return told(_mean(abs(off).mean(axis=1) - spread, w))


def compare(
    imputed: Real[ArrayLike, " row"],
    truth: Real[ArrayLike, " other"],
    weights: Real[ArrayLike, " row"] | None = None,
    truth_weights: Real[ArrayLike, " other"] | None = None,
    levels: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99),
) -> list[dict[str, float | str]]:
    """The imputed distribution beside the true one, a record a statistic, for a table.

    Statistics: the weighted mean, the share that is zero, the mean of each side's largest values
    that hold one hundredth of its weight (a value on the border counts with its part of that), and
    the quantiles.

    Raises:
        BadInputError: see the module.

    >>> compare(jnp.array([0.0, 4.0]), jnp.array([0.0, 2.0]), levels=())[0]
    {'statistic': 'mean', 'imputed': 2.0, 'truth': 1.0}
    """
    asked = levels_of(tuple(levels))
    columns: dict[str, dict[str, float]] = {}
    for side, given, name, w in (
        ("imputed", imputed, "weights", weights),
        ("truth", truth, "truth_weights", truth_weights),
    ):
        fail_if_other_labels(**{side: given, name: w})
        held = numbers(given, side)
        fail_if_not_rows(held, side)
        counted = weights_of(w, held, name)
        at = _quantile(held, counted, asked) if asked.size else ()
        columns[side] = {
            "mean": float(_mean(held, counted)),
            "share zero": float(_mean(held == 0, counted)),
            "mean in the top 1 %": float(_mean_of_top(held, counted)),
            **{f"quantile {_plain(q)}": float(x) for q, x in zip(asked, at, strict=True)},
        }
    return [
        {"statistic": name, **{side: columns[side][name] for side in columns}}
        for name in columns["truth"]
    ]


def _plain(level: float) -> str:
    """A level so that no two look alike: 0.9, 0.9999999, 1."""
    return repr(float(level)).removesuffix(".0")


def _mean(values: Numbers, weights: Numbers) -> Any:
    xp = namespace(values, weights)
    v, w = floats(values, xp), floats(weights, xp)
    return xp.sum(w * v) / xp.sum(w)


def _mean_of_top(values: Numbers, weights: Numbers) -> Any:
    """The mean of the largest values that hold one hundredth of the weight."""
    xp = namespace(values, weights)
    ordered, w = _ordered(values, weights, xp)
    above = xp.cumsum(w[::-1])[::-1] - w
    return _mean(ordered, xp.clip(_TOP * xp.sum(w) - above, 0, w))


def _cdf(values: Numbers, weights: Numbers, points: Numbers) -> Any:
    xp = namespace(values, weights, points)
    values, points = comparable(values, points)
    ordered, w = _ordered(values, weights, xp)
    reached = xp.concatenate([xp.zeros(1, w.dtype), xp.cumsum(w)])
    return reached[xp.searchsorted(ordered, points, side="right")] / reached[-1]


def _quantile(values: Numbers, weights: Numbers, levels: Numbers) -> Any:
    xp = namespace(values, weights, levels)
    q = floats(levels, xp)
    ordered, w = _ordered(values, weights, xp)
    reached = xp.cumsum(w)
    wanted = (1 - _ROUNDING * xp.finfo(w.dtype).eps) * q * reached[-1]
    place = xp.searchsorted(reached, wanted, side="left")
    # Level 0 is the least value that has weight, not one of weight zero below it, and level 1 the
    # greatest, even where its weight is lost in the sum.
    first, last = xp.argmax(w > 0), len(w) - 1 - xp.argmax(w[::-1] > 0)
    return ordered[xp.where(q < 1, xp.clip(place, first, last), last)]


def _ordered(values: Numbers, weights: Numbers, xp: Any) -> tuple[Any, Any]:
    """The values, ascending in their own type, and their weights."""
    held = on_device(values, "values") if xp is jnp else values
    order = xp.argsort(held)
    return held[order], floats(weights, xp)[order]
