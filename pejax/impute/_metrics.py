"""How good an imputation is: the losses and distances of weighted distributions, each once."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float


def pinball(
    truth: Float[ArrayLike, "*shape"],
    prediction: Float[ArrayLike, "*shape"],
    level: Float[ArrayLike, ""],
    weights: Float[ArrayLike, "*shape"] | None = None,
) -> Float[Array, ""]:
    r"""The mean pinball loss of a predicted quantile, least at the true one (Koenker 1978).

    .. math:: \frac{\sum_i w_i \max\{q (y_i - p_i), (q - 1)(y_i - p_i)\}}{\sum_i w_i}

    >>> float(pinball(jnp.array([1.0, 3.0]), jnp.array([2.0, 2.0]), 0.75))
    0.5
    """
    error = jnp.asarray(truth) - jnp.asarray(prediction)
    return weighted_mean(jnp.maximum(level * error, (level - 1) * error), weights)


def weighted_mean(
    values: Float[ArrayLike, "*shape"], weights: Float[ArrayLike, "*shape"] | None = None
) -> Float[Array, ""]:
    """The mean, each value counting by its weight."""
    values = jnp.asarray(values)
    weights = _weights(values, weights)
    return jnp.sum(weights * values) / jnp.sum(weights)


def weighted_cdf(
    values: Float[ArrayLike, " row"],
    points: Float[ArrayLike, " point"],
    weights: Float[ArrayLike, " row"] | None = None,
) -> Float[Array, " point"]:
    r"""The share of weight at or below a point, :math:`F(x) = \sum_{v_i \le x} w_i / \sum w_i`.

    >>> values, weights = jnp.array([1.0, 2.0]), jnp.array([3.0, 1.0])
    >>> weighted_cdf(values, jnp.array([0.0, 1.0, 2.0]), weights).tolist()
    [0.0, 0.75, 1.0]
    """
    ordered, reached = _cumulative(jnp.asarray(values), weights)
    count = jnp.searchsorted(ordered, jnp.asarray(points), side="right")
    reached = jnp.concatenate([jnp.zeros(1, reached.dtype), reached])
    return reached[count] / reached[-1]


def weighted_quantile(
    values: Float[ArrayLike, " row"],
    levels: Float[ArrayLike, " quantile"] | Sequence[float],
    weights: Float[ArrayLike, " row"] | None = None,
) -> Float[Array, " quantile"]:
    r"""The inverse of the weighted distribution, :math:`Q(q) = \inf\{v : F(v) \ge q\}`.

    The result is always one of the values; NumPy calls this method `inverted_cdf`.

    >>> values, weights = jnp.array([5.0, 7.0]), jnp.array([3.0, 1.0])
    >>> weighted_quantile(values, jnp.array([0.5, 0.8]), weights).tolist()
    [5.0, 7.0]
    """
    ordered, reached = _cumulative(jnp.asarray(values), weights)
    # Level 0 is the least value that has weight, not one of weight zero below it.
    wanted = jnp.maximum(jnp.asarray(levels, reached.dtype) * reached[-1], _least(reached))
    place = jnp.searchsorted(reached, wanted, side="left")
    return ordered[jnp.minimum(place, ordered.shape[0] - 1)]


def wasserstein(
    values: Float[ArrayLike, " row"],
    others: Float[ArrayLike, " other"],
    weights: Float[ArrayLike, " row"] | None = None,
    other_weights: Float[ArrayLike, " other"] | None = None,
) -> Float[Array, ""]:
    r"""The area between two weighted distributions, :math:`\int |F(x) - G(x)| \, dx`.

    In the unit of the values: how far weight must move on average to turn one into the other.

    >>> float(wasserstein(jnp.array([0.0, 1.0]), jnp.array([1.0, 2.0])))
    1.0
    """
    values, others = jnp.asarray(values), jnp.asarray(others)
    points = jnp.sort(jnp.concatenate([values, others]))
    gap = weighted_cdf(values, points, weights) - weighted_cdf(others, points, other_weights)
    return jnp.sum(jnp.abs(gap[:-1]) * jnp.diff(points))


def crps(
    draws: Float[ArrayLike, "row draw"],
    truth: Float[ArrayLike, " row"],
    weights: Float[ArrayLike, " row"] | None = None,
) -> Float[Array, ""]:
    r"""The mean continuous ranked probability score of repeated draws (Gneiting and Raftery 2007).

    .. math:: E|X - y| - \tfrac12 E|X - X'|

    with the unbiased second term over pairs of different draws, so that the score does not
    depend on how many draws are made; least when the draws come from the true distribution.

    >>> float(crps(jnp.array([[0.0, 2.0]]), jnp.array([1.0])))
    0.0
    """
    draws = jnp.sort(jnp.asarray(draws), axis=1)
    count = draws.shape[1]
    away = jnp.abs(draws - jnp.asarray(truth)[:, None]).mean(axis=1)
    place = jnp.arange(count, dtype=draws.dtype)
    spread = draws @ (2 * place - (count - 1)) / (count * (count - 1))
    return weighted_mean(away - spread, weights)


def compare(
    imputed: Float[ArrayLike, " row"],
    truth: Float[ArrayLike, " other"],
    weights: Float[ArrayLike, " row"] | None = None,
    truth_weights: Float[ArrayLike, " other"] | None = None,
    levels: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99),
) -> list[dict[str, float | str]]:
    """The imputed distribution beside the true one, a record a statistic, for a table.

    Statistics: the weighted mean, the share that is zero, the quantiles, and what is above the
    true 99th percentile per unit of weight (the tail's contribution to the mean).

    >>> compare(jnp.array([0.0, 4.0]), jnp.array([0.0, 2.0]), levels=())[0]
    {'statistic': 'mean', 'imputed': 2.0, 'truth': 1.0}
    """
    sides = {
        "imputed": (jnp.asarray(imputed), weights),
        "truth": (jnp.asarray(truth), truth_weights),
    }
    quantiles = jnp.asarray(tuple(levels), jnp.result_type(float))
    tail = weighted_quantile(truth, jnp.array([0.99]), truth_weights)[0]
    columns: dict[str, dict[str, float]] = {}
    for side, (values, w) in sides.items():
        at = weighted_quantile(values, quantiles, w).tolist() if levels else []
        columns[side] = {
            "mean": float(weighted_mean(values, w)),
            "share zero": float(weighted_mean((values == 0).astype(values.dtype), w)),
            "mean in the top 1 %": float(weighted_mean(jnp.where(values > tail, values, 0), w)),
            **{f"quantile {level:g}": x for level, x in zip(levels, at, strict=True)},
        }
    return [
        {"statistic": name, **{side: columns[side][name] for side in columns}}
        for name in columns["truth"]
    ]


def _cumulative(values: Float[Array, " row"], weights):
    """The values in order, and the weight up to and including each."""
    order = jnp.argsort(values)
    return values[order], jnp.cumsum(_weights(values, weights)[order])


def _weights(values: Array, weights: ArrayLike | None) -> Array:
    if weights is None:
        return jnp.ones(values.shape, values.dtype)
    return jnp.asarray(weights, values.dtype)


def _least(x: Array) -> Array:
    return jnp.asarray(jnp.finfo(x.dtype).tiny, x.dtype)
