"""What a weighted column is: its total, its mean, its distribution and how many rows carry it."""

import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Real

from ._differences import comparable
from ._given import Levels, Points, Rows, Values
from ._weighted import (
    Numbers,
    counts_of,
    fail_if_not_rows,
    fail_if_other_labels,
    floats,
    levels_of,
    namespace,
    near_one,
    numbers,
    on_device,
    ratio,
    told,
    weights_of,
)

_ROUNDING = 16  # units in the last place by which a sum of weights may miss a level and reach it


def total(values: Values, weights: Values | None = None) -> Float[Array, ""]:
    r"""The weighted sum, :math:`\sum_i w_i v_i`; truth values are counted.

    Linear in values and weights, so it has derivatives in both.

    Args:
        values: numbers or truth values, of any shape.
        weights: one a value; all of them may be zero, then so is the total.

    Returns:
        The total, in the unit of the values times that of the weights.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`).

    >>> float(total([True, False, True], [1.9, 1.2, 1.7]))
    3.5999999046325684
    """
    fail_if_other_labels(values=values, weights=weights)
    held = numbers(values, "values")
    counted = counts_of(weights, held)
    xp = namespace(held, counted)
    return told(xp.sum(floats(counted, xp) * floats(held, xp)))


def mean(values: Values, weights: Values | None = None) -> Float[Array, ""]:
    r"""The mean, each value counting by its weight, :math:`\sum w_i v_i / \sum w_i`.

    Args:
        values: numbers or truth values, of any shape; of truth values it is a share.
        weights: one a value, in any unit.

    Returns:
        The mean, in the unit of the values.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`).

    >>> round(float(mean([10, 20, 30], [1.9, 1.2, 1.7])), 3)
    19.583
    """
    fail_if_other_labels(values=values, weights=weights)
    held = numbers(values, "values")
    return told(mean_of(held, weights_of(weights, held)))


def cdf(
    values: Rows,
    points: Points,
    weights: Rows | None = None,
) -> Float[Array, " point"]:
    r"""The share of weight at or below a point, :math:`F(x) = \sum_{v_i \le x} w_i / \sum w_i`.

    A step function of values and points: its derivative in them is zero. It has one in the weights.

    Args:
        values: one a row, in any order.
        points: where to look; they may be infinite.
        weights: one a row.

    Returns:
        A share for each point.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`).

    >>> values, weights = [1.0, 2.0], [3.0, 1.0]
    >>> cdf(values, [0.0, 1.0, 2.0], weights).tolist()
    [0.0, 0.75, 1.0]
    """
    fail_if_other_labels(values=values, weights=weights)
    held, at = numbers(values, "values"), numbers(points, "points", finite=False)
    fail_if_not_rows(held, "values")
    return told(cdf_of(held, weights_of(weights, held), at))


def quantile(
    values: Rows,
    levels: Levels,
    weights: Rows | None = None,
) -> Real[Array, " quantile"] | Bool[Array, " quantile"]:
    r"""The inverse of the weighted distribution, :math:`Q(q) = \inf\{v : F(v) \ge q\}`.

    The result is always one of the values, in their own type; NumPy calls this method
    `inverted_cdf`. A level that the weights miss by rounding alone counts as reached. Level 0 is
    the least value that has weight, level 1 the greatest.

    Args:
        values: one a row, in any order.
        levels: each from 0 to 1.
        weights: one a row.

    Returns:
        A value for each level.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); a level outside of
            [0, 1]; whole numbers that JAX cannot hold (beyond 32 bits while its 64-bit types are
            off).

    >>> values, weights = [5.0, 7.0], [3.0, 1.0]
    >>> quantile(values, [0.5, 0.8], weights).tolist()
    [5.0, 7.0]

    References:
        Hyndman and Fan (1996), "Sample quantiles in statistical packages", The American
        Statistician 50(4), definition 1.
    """
    fail_if_other_labels(values=values, weights=weights)
    held, wanted = numbers(values, "values"), levels_of(levels)
    fail_if_not_rows(held, "values")
    return on_device(quantile_of(held, weights_of(weights, held), wanted), "values")


def effective_sample_size(weights: Rows) -> Float[Array, ""]:
    r"""Kish's effective sample size :math:`(\sum w)^2 / \sum w^2`; 0 when every weight is 0.

    The number of rows of equal weight whose mean would vary as much. Calibrated weights may be
    negative, and count as they are.

    Args:
        weights: one a row, in any unit.

    Returns:
        A number from 0 to the number of rows.

    Raises:
        BadInputError: weights that are missing, infinite or none at all.

    >>> effective_sample_size([1.0, 1.0, 0.0])
    Array(2., dtype=float32)

    References:
        Kish (1965), Survey Sampling, section 11.7.
    """
    given = near_one(numbers(weights, "weights"))
    xp = namespace(given)
    squares = xp.sum(xp.square(given))
    known = xp.where(squares > 0, squares, 1)
    return told(xp.where(squares > 0, xp.square(xp.sum(given)) / known, 0 * squares))


# ---- the formulas, of what has been checked


def mean_of(values: Numbers, weights: Numbers) -> Numbers:
    """The mean; NaN where there is no weight."""
    xp = namespace(values, weights)
    v, w = floats(values, xp), floats(weights, xp)
    return ratio(xp.sum(w * v), xp.sum(w), xp)


def cdf_of(values: Numbers, weights: Numbers, points: Numbers) -> Numbers:
    """The share of weight at or below each point."""
    xp = namespace(values, weights, points)
    values, points = comparable(values, points)
    ordered, w = ordered_by(values, weights, points)
    reached = xp.concatenate([xp.zeros(1, w.dtype), xp.cumsum(w)])
    through = namespace(ordered, points).searchsorted(ordered, points, side="right")
    return ratio(reached[through], reached[-1], xp)


def quantile_of(values: Numbers, weights: Numbers, levels: Numbers) -> Numbers:
    """The least value at which the distribution reaches each level."""
    xp = namespace(values, weights, levels)
    q = floats(levels, xp)
    ordered, w = ordered_by(values, weights, levels)
    reached = xp.cumsum(w)
    wanted = (1 - _ROUNDING * xp.finfo(w.dtype).eps) * q * reached[-1]
    place = xp.searchsorted(reached, wanted, side="left")
    # Level 0 is the least value that has weight, not one of weight zero below it, and level 1 the
    # greatest, even where its weight is lost in the sum.
    first, last = xp.argmax(w > 0), len(w) - 1 - xp.argmax(w[::-1] > 0)
    ordered = ordered if xp is np else on_device(ordered, "values")
    return xp.asarray(ordered[xp.where(q < 1, xp.clip(place, first, last), last)])


def part_on_top(weights: Numbers, share: ArrayLike) -> Numbers:
    """How much of each weight, the values ascending, belongs to the top share of all weight."""
    xp = namespace(weights, share)
    w = floats(weights, xp)
    left = share * xp.sum(w) - (xp.cumsum(w[::-1])[::-1] - w)
    # No `clip`: a weight of zero would tie with both of its ends, and have half a derivative.
    return xp.where(left <= 0, 0, xp.where(left < w, left, w))


def ordered_by(values: Numbers, weights: Numbers, *others: Numbers) -> tuple[Numbers, Numbers]:
    """The values, ascending in their own type and where they are, and their weights."""
    xp = namespace(values, weights, *others)
    order = namespace(values).argsort(values)
    return values[order], floats(weights, xp)[order]
