"""Rows by group: the tenths of a ranking, and totals and means of each group."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core._arguments import at_least
from ..core._validate import BadInputError
from ._differences import comparable
from ._distribution import quantile_of
from ._given import Groups, Rows
from ._weighted import (
    Numbers,
    counts_of,
    fail_if_not_rows,
    fail_if_other_labels,
    fail_if_shaped_otherwise,
    floats,
    namespace,
    numbers,
    ratio,
    told,
    weights_of,
)


def deciles(
    values: Rows,
    weights: Rows | None = None,
    groups: int = 10,
) -> Int[Array, " row"]:
    r"""The tenth of the weighted ranking in which each row lies, 1 with the least to 10.

    The borders are the quantiles :math:`Q(1/10), \dots, Q(9/10)` of `quantile`, and a row is in the
    first group whose border it does not exceed. So equal values are always in one group, whatever
    the order of the rows, and a group may hold more than a tenth or be empty: if a fourth of all
    have nothing, they are the first group, the second is empty, and the third has the rest of its
    tenth. Rows without weight are placed by their value.

    Args:
        values: one a row, in any order.
        weights: one a row.
        groups: how many; 5 gives fifths; static.

    Returns:
        The number of a group, from 1, for each row.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); no group at all.

    >>> deciles(jnp.arange(20.0)).tolist()[:4]
    [1, 1, 2, 2]
    >>> deciles([0, 0, 0, 7, 9], groups=5).tolist()
    [1, 1, 1, 4, 5]

    References:
        The definition of Stata's `xtile` (Stata Data-Management Reference Manual, pctile).
    """
    fail_if_other_labels(values=values, weights=weights)
    held, count = numbers(values, "values"), at_least(1, "groups")(groups)
    fail_if_not_rows(held, "values")
    w = weights_of(weights, held)
    borders = quantile_of(held, w, np.arange(1, count) / count)
    xp = namespace(borders)
    held, borders = comparable(held, borders)
    return jnp.asarray(1 + xp.searchsorted(borders, held, side="left"), jnp.int32)


def mean_by_group(
    values: Rows, group: Groups, weights: Rows | None = None, groups: int = 10
) -> Float[Array, " group"]:
    """The weighted mean of each group; NaN for one that has no weight.

    Args:
        values: numbers or truth values, one a row; of truth values it is a share.
        group: the number of each row's group, from 1 to `groups`, as `deciles` gives it.
        weights: one a row.
        groups: how many there are; static.

    Returns:
        A mean for each group, the first one's first.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); a group that is no whole
            number from 1 to `groups` (inside of a trace such a row counts nowhere).

    >>> mean_by_group([4.0, 8.0, 5.0], [1, 1, 3], [1, 3, 2], groups=3).tolist()
    [7.0, nan, 5.0]
    """
    held, at, count = _grouped(values, group, weights, groups)
    w = weights_of(weights, held)
    xp = namespace(held, at, w)
    v, w = floats(held, xp), floats(w, xp)
    return told(ratio(_sums(w * v, at, count), _sums(w, at, count), xp))


def total_by_group(
    values: Rows, group: Groups, weights: Rows | None = None, groups: int = 10
) -> Float[Array, " group"]:
    """The weighted sum of each group; 0 for one that has no rows.

    Args:
        values: numbers or truth values, one a row; truth values are counted.
        weights: one a row; all of them may be zero.
        group, groups: as of `mean_by_group`.

    Returns:
        A total for each group, the first one's first; together they are `total`.

    Raises:
        BadInputError: as `mean_by_group`.

    >>> total_by_group([4.0, 8.0, 5.0], [1, 1, 3], [1, 3, 2], groups=3).tolist()
    [28.0, 0.0, 10.0]
    """
    held, at, count = _grouped(values, group, weights, groups)
    w = counts_of(weights, held)
    xp = namespace(held, at, w)
    return told(_sums(floats(w, xp) * floats(held, xp), at, count))


def _grouped(
    values: object, group: object, weights: object, groups: int
) -> tuple[Numbers, Numbers, int]:
    fail_if_other_labels(values=values, group=group, weights=weights)
    held, at, count = numbers(values, "values"), numbers(group, "group"), at_least(1, "groups")
    fail_if_not_rows(held, "values")
    fail_if_shaped_otherwise(at, held, "group", "Give the group of each value.")
    most = count(groups)
    if at.dtype.kind not in "iu":
        raise BadInputError(f"group holds {at.dtype}. Give whole numbers from 1 to {most}.")
    if isinstance(at, np.ndarray) and ((at < 1) | (at > most)).any():
        row = int(np.flatnonzero((at < 1) | (at > most))[0])
        raise BadInputError(
            f"group, row {row}: there is no group {at[row]}. Give whole numbers from 1 to {most},"
            " or more groups."
        )
    return held, at, most


def _sums(x: Numbers, group: Numbers, groups: int) -> Numbers:
    """The sum of each group, the first one's first."""
    if namespace(x, group) is np:
        return np.bincount(np.asarray(group, np.int64), x, groups + 1)[1:]
    places = jnp.asarray(group, int)  # codes of 8 bits do not reach a group 200
    places = jnp.where((places < 1) | (places > groups), 0, places)
    return jax.ops.segment_sum(jnp.asarray(x), places, groups + 1)[1:]
