"""How unequally an amount is held: the Gini coefficient, the Lorenz curve, the share of the top."""

import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import at_least
from ..core._validate import BadInputError
from ._distribution import ordered_by, part_on_top
from ._given import Rows, Scalar
from ._weighted import (
    Numbers,
    Reckoned,
    fail_if_not_rows,
    fail_if_other_labels,
    floats,
    namespace,
    numbers,
    ratio,
    told,
    weights_of,
)


def gini(values: Rows, weights: Rows | None = None) -> Float[Array, ""]:
    r"""The Gini coefficient of an amount, half the mean difference of two rows over the mean.

    .. math:: \frac{\sum_i w_i v_i (W_i^- + W_i - W)}{W \sum_i w_i v_i}

    with :math:`W_i^-` the weight below :math:`v_i`, :math:`W_i` that at or below it and :math:`W`
    all of it. Without weights this is :math:`\sum_i (2i - n - 1) v_{(i)} / (n \sum v)`, and whole
    weights are copies, exactly. There is no correction for the size of a sample.

    0 where all have the same, (n - 1)/n where one of n rows has all. Some values may be negative:
    the formula stays, and may exceed 1. Where the mean is not positive there is no coefficient, and
    the result is NaN. Values that tie have equal derivatives, between those of both sides.

    Args:
        values: one a row, in any unit and order.
        weights: one a row.

    Returns:
        The coefficient, a number without unit.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`).

    >>> float(gini([0.0, 4.0])), float(gini([0.0, 4.0], [3, 1]))
    (0.5, 0.75)

    References:
        Gini (1912), Variabilità e mutabilità. For weights and negative values: Cowell (2011),
        Measuring Inequality, third edition, Oxford University Press, chapter 2 and appendix.
    """
    held, w = _rows(values, weights)
    return told(gini_of(held, w))


def lorenz_curve(
    values: Rows,
    weights: Rows | None = None,
    points: int = 101,
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """The Lorenz curve of an amount: the share of it that the rows with least hold.

    It dips below 0 where some values are negative. Where the total is not positive there are no
    shares of it, and they are NaN.

    Args:
        values: one a row, in any unit and order.
        weights: one a row.
        points: how many points, evenly spaced from 0 to 1 in the share of weight; static.

    Returns:
        Shares of weight and shares of the amount, from (0, 0) to (1, 1), straight between rows.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); no point at all.

    >>> lorenz_curve([3.0, 1.0, 0.0, 4.0], points=5)[1]
    Array([0.   , 0.   , 0.125, 0.5  , 1.   ], dtype=float32)

    References:
        Lorenz (1905), "Methods of measuring the concentration of wealth", Publications of the
        American Statistical Association 9(70).
    """
    held, w = _rows(values, weights)
    at, shares = _lorenz_of(held, w, at_least(1, "points")(points))
    return told(at), told(shares)


def top_share(
    values: Rows,
    weights: Rows | None = None,
    share: Scalar = 0.1,
) -> Float[Array, ""]:
    """What share of an amount the rows with most of it hold, 1 less the Lorenz curve at 1 - share.

    A row on the border counts with its part of it. NaN where the total is not positive; above 1
    where what others have adds up to less than nothing.

    Args:
        values: one a row, in any unit and order.
        weights: one a row.
        share: of all weight, from 0 to 1.

    Returns:
        A share of the total.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); a share outside of
            [0, 1].

    >>> float(top_share([1.0, 2.0, 5.0], share=1 / 3))
    0.625

    References:
        Atkinson, Piketty and Saez (2011), "Top incomes in the long run of history", Journal of
        Economic Literature 49(1).
    """
    held, w = _rows(values, weights)
    ordered, w = ordered_by(held, w)
    part = part_on_top(w, _share_of(share))
    xp = namespace(ordered, part)
    v = floats(ordered, xp)
    return told(_of_positive(xp.sum(part * v), xp.sum(floats(w, xp) * v)))


# ---- the formulas, of what has been checked


def gini_of(values: Numbers, weights: Numbers) -> Numbers:
    """The Gini coefficient."""
    ordered, w = ordered_by(values, weights)
    xp = namespace(ordered, w)
    v = floats(ordered, xp)
    reached = xp.concatenate([xp.zeros(1, w.dtype), xp.cumsum(w)])
    below, through = (
        reached[namespace(ordered).searchsorted(ordered, ordered, side)]
        for side in ("left", "right")
    )
    place = below + through - reached[-1]
    return _of_positive(xp.sum(place * w * v), reached[-1] * xp.sum(w * v))


def _lorenz_of(values: Numbers, weights: Numbers, points: int) -> tuple[Numbers, Numbers]:
    ordered, w = ordered_by(values, weights)
    xp = namespace(ordered, w)
    v = floats(ordered, xp)
    none = xp.zeros(1, w.dtype)
    reached, held = (xp.concatenate([none, xp.cumsum(x)]) for x in (w, w * v))
    at = xp.linspace(0, 1, points, dtype=w.dtype)
    # All of it at the end, where rows without weight would have a derivative.
    below = xp.where(at < 1, xp.interp(at * reached[-1], reached, held), held[-1])
    return at, _of_positive(below, held[-1])


def _of_positive(part: Reckoned, whole: Reckoned) -> Numbers:
    """A share of something; NaN where there is nothing, or less, to share."""
    xp = namespace(part, whole)
    return ratio(part, xp.where(whole > 0, whole, 0), xp)


def _rows(values: object, weights: object) -> tuple[Numbers, Numbers]:
    fail_if_other_labels(values=values, weights=weights)
    held = numbers(values, "values")
    fail_if_not_rows(held, "values")
    return held, weights_of(weights, held)


def _share_of(share: object) -> Numbers:
    given = numbers(share, "share")
    if given.shape:
        raise BadInputError(f"share has shape {given.shape}. Give one number.")
    if isinstance(given, np.ndarray) and not 0 <= given <= 1:
        raise BadInputError(f"share is {given}. Give a number from 0 to 1.")
    return given
