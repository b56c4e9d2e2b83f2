"""How far predictions and distributions are from the truth, weights included."""

import numpy as np
from jaxtyping import Array, Float

from ..core._validate import BadInputError
from ._differences import comparable, differences, gaps
from ._distribution import cdf_of, mean_of
from ._given import Draws, Lines, Others, Rows, Scalar, Values
from ._weighted import (
    fail_if_not_rows,
    fail_if_other_labels,
    floats,
    levels_of,
    namespace,
    numbers,
    told,
    weights_of,
)


def pinball(
    truth: Values,
    prediction: Lines,
    level: Scalar,
    weights: Values | None = None,
) -> Float[Array, ""]:
    r"""The mean pinball loss of a predicted quantile, least at the true one.

    .. math:: \frac{\sum_i w_i \max\{q (y_i - p_i), (q - 1)(y_i - p_i)\}}{\sum_i w_i}

    Args:
        truth: what came true, of any shape.
        prediction: of the quantile, one for each or one for all.
        level: of the quantile, from 0 to 1.
        weights: one a truth.

    Returns:
        The loss, in the unit of the truth.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); a prediction that is
            neither one number nor one a truth; a level outside of [0, 1], or several.

    >>> float(pinball([1.0, 3.0], [2.0, 2.0], 0.75))
    0.5

    References:
        Koenker and Bassett (1978), "Regression quantiles", Econometrica 46(1).
    """
    fail_if_other_labels(truth=truth, prediction=prediction, weights=weights)
    actual, guess = numbers(truth, "truth"), numbers(prediction, "prediction")
    if guess.ndim and guess.shape != actual.shape:
        raise BadInputError(
            f"prediction has shape {guess.shape}, but truth has {actual.shape}. Give one prediction"
            " a truth."
        )
    w, at = weights_of(weights, actual), levels_of(level)
    if at.shape:
        raise BadInputError(f"level has shape {at.shape}. Give one level for all.")
    xp = namespace(actual, guess, at)
    error, q = differences(actual, guess), floats(at, xp)
    return told(mean_of(xp.maximum(q * error, (q - 1) * error), w))


def wasserstein(
    values: Rows,
    others: Others,
    weights: Rows | None = None,
    other_weights: Others | None = None,
) -> Float[Array, ""]:
    r"""The area between two weighted distributions, :math:`\int |F(x) - G(x)| \, dx`.

    How far weight must move on average to turn one into the other.

    Args:
        values: one a row of the one distribution.
        others: one a row of the other; there may be more or fewer.
        weights: one a value.
        other_weights: one of each of the others; their sum may be another.

    Returns:
        The distance, in the unit of the values.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`).

    >>> float(wasserstein([0.0, 1.0], [1.0, 2.0]))
    1.0

    References:
        Vallender (1974), "Calculation of the Wasserstein distance between probability distributions
        on the line", Theory of Probability and Its Applications 18(4).
    """
    fail_if_other_labels(values=values, weights=weights)
    fail_if_other_labels(others=others, other_weights=other_weights)
    one, other = numbers(values, "values"), numbers(others, "others")
    fail_if_not_rows(one, "values")
    fail_if_not_rows(other, "others")
    w, v = weights_of(weights, one), weights_of(other_weights, other, "other_weights")
    first, second = comparable(one, other)
    xp = namespace(first, second)
    points = xp.sort(xp.concatenate([first, second]))
    gap = cdf_of(first, w, points) - cdf_of(second, v, points)
    xp = namespace(gap)
    known = ~xp.isnan(gap).any()
    area = xp.sum(abs(xp.where(known, gap, 0)[:-1]) * gaps(one, other))
    return told(xp.where(known, area, np.nan))


def crps(
    draws: Draws,
    truth: Rows,
    weights: Rows | None = None,
) -> Float[Array, ""]:
    r"""The mean continuous ranked probability score of repeated draws.

    .. math:: E|X - y| - \tfrac12 E|X - X'|

    with the unbiased second term over pairs of different draws, so that the score does not
    depend on how many draws are made; least when the draws come from the true distribution.

    Args:
        draws: two or more for each row.
        truth: what came true, one a row.
        weights: one a row.

    Returns:
        The score, in the unit of the truth; lower is better.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); fewer than two draws a
            row, which have no pairs.

    >>> float(crps([[0.0, 2.0]], [1.0]))
    0.0

    References:
        Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation",
        Journal of the American Statistical Association 102(477).
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
    off = xp.sort(differences(drawn, actual[:, None]), axis=1)
    place = xp.arange(count, dtype=off.dtype)
    spread = off @ (2 * place - (count - 1)) / (count * (count - 1))
    return told(mean_of(abs(off).mean(axis=1) - spread, w))
