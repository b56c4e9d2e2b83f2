"""Who gains and who loses when one column takes the place of another."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core._arguments import as_number
from ..core._validate import BadInputError
from ._differences import differences
from ._distribution import mean_of
from ._given import Values
from ._weighted import (
    Numbers,
    fail_if_other_labels,
    fail_if_shaped_otherwise,
    namespace,
    numbers,
    told,
    weights_of,
)

HALF_A_CENT = 0.005


class Change(NamedTuple):
    """Shares of weight that gain, lose and neither, which add up to 1; and the mean change.

    Attributes:
        gain: the share whose amount rises by more than the tolerance.
        lose: the share whose amount falls by more than it.
        unchanged: the share of all others.
        mean: the mean change of all, in the unit of the amounts.

    >>> found = winners_and_losers([10.0, 10.0], [12.0, 10.0])
    >>> float(found.gain), float(found.mean)
    (0.5, 1.0)
    """

    gain: Float[Array, ""]
    lose: Float[Array, ""]
    unchanged: Float[Array, ""]
    mean: Float[Array, ""]


def winners_and_losers(
    baseline: Values,
    reform: Values,
    weights: Values | None = None,
    tolerance: float = HALF_A_CENT,
) -> Change:
    """The shares that gain and lose when `reform` takes the place of `baseline`.

    The shares are step functions, whose derivative in the amounts is zero; the mean change has one.

    Args:
        baseline: amounts before, of any shape; more is better.
        reform: amounts after, in the same unit.
        weights: of whatever is counted, one an amount.
        tolerance: a change of at most this is none. By default half a cent, where amounts are in
            dollars: the least that can be paid. Amounts in float32 beyond 65,536 may differ by more
            from rounding alone; give more there. With 0 every difference counts.

    Returns:
        A `Change`.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); amounts that are not
            shaped alike; a negative tolerance.

    >>> found = winners_and_losers([10.0, 10.0, 10.0], [12.0, 9.0, 10.0], [1, 1, 2])
    >>> [float(x) for x in found]
    [0.25, 0.25, 0.5, 0.25]
    """
    fail_if_other_labels(baseline=baseline, reform=reform, weights=weights)
    change = _change(baseline, reform)
    w, way = weights_of(weights, change), _direction(change, tolerance)
    gain, lose, neither = (told(mean_of(way == sign, w)) for sign in (1, -1, 0))
    return Change(gain, lose, neither, told(mean_of(change, w)))


def direction_of_change(
    baseline: Values,
    reform: Values,
    tolerance: float = HALF_A_CENT,
) -> Int[Array, "*shape"]:
    """1 for each that gains, -1 for each that loses, and 0 for the others.

    Shares by group are `mean_by_group(direction_of_change(...) == 1, group, weights)`.

    Args:
        baseline: amounts before, of any shape; more is better.
        reform: amounts after, in the same unit.
        tolerance: as in `winners_and_losers`.

    Returns:
        A whole number an amount.

    Raises:
        BadInputError: as `winners_and_losers`.

    >>> direction_of_change([10.0, 10.0, 10.0], [12.0, 9.0, 10.001]).tolist()
    [1, -1, 0]
    """
    fail_if_other_labels(baseline=baseline, reform=reform)
    return jnp.asarray(_direction(_change(baseline, reform), tolerance), jnp.int32)


def _change(baseline: object, reform: object) -> Numbers:
    before, after = numbers(baseline, "baseline"), numbers(reform, "reform")
    fail_if_shaped_otherwise(after, before, "reform", "Give one for each.", "baseline has")
    return differences(after, before)


def _direction(change: Numbers, tolerance: object) -> Numbers:
    most = as_number("tolerance")(tolerance)
    if most < 0:
        raise BadInputError(f"tolerance is {most}. Give 0 or more.")
    xp = namespace(change)
    return xp.where(change > most, 1, xp.where(change < -most, -1, 0))
