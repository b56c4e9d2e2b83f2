"""Who is below a line, and by how much: the indices of Foster, Greer and Thorbecke.

Weights are whatever is to be counted: those of households count households, times their persons
they count persons, times their children children.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core._validate import BadInputError
from ._differences import below, differences
from ._distribution import mean_of
from ._given import Lines, Values
from ._weighted import (
    Numbers,
    fail_if_other_labels,
    floats,
    namespace,
    numbers,
    told,
    weights_of,
)


def is_poor(resources: Values, line: Lines) -> Bool[Array, "*shape"]:
    """Whether resources are below the line; who is exactly at it is not poor.

    Args:
        resources: numbers of any shape, in the unit of the line.
        line: one for all, or one for each.

    Returns:
        A truth value for each; its derivative is zero.

    Raises:
        BadInputError: numbers that the room refuses (see `pejax.stats`).

    >>> is_poor([5.0, 10.0, 15.0], 10.0).tolist()
    [True, False, False]

    References:
        US Census Bureau, "How the Census Bureau measures poverty": poor is who has less than the
        threshold.
    """
    held, at = _beside(resources, line)
    return jnp.asarray(below(held, at))


def shortfall(resources: Values, line: Lines) -> Float[Array, "*shape"]:
    r"""What is missing to the line, :math:`\max(z - y, 0)`.

    Its derivative in the resources is -1 below the line, and 0 above it and at it: at the line it
    is that of the side to which resources rise.

    Args:
        resources: numbers of any shape, in the unit of the line.
        line: one for all, or one for each.

    Returns:
        A number for each, in the same unit.

    Raises:
        BadInputError: numbers that the room refuses (see `pejax.stats`).

    >>> shortfall([-5.0, 10.0, 15.0], 10.0).tolist()
    [15.0, 0.0, 0.0]
    """
    held, at = _beside(resources, line)
    missing = differences(at, held)
    return told(namespace(missing).where(missing > 0, missing, 0 * abs(missing)))


def poverty_rate(
    resources: Values,
    line: Lines,
    weights: Values | None = None,
) -> Float[Array, ""]:
    """The share of weight below the line, the index for the power 0.

    A step function of resources and line: its derivative in them is zero everywhere, which says
    nothing about a reform. It has one in the weights. `poverty_gap` and `poverty_severity` have
    derivatives in all.

    Args:
        resources: numbers of any shape, in the unit of the line.
        line: one for all, or one for each; any number, also 0 or less.
        weights: of whatever is counted, one for each.

    Returns:
        A share from 0 to 1.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`).

    >>> float(poverty_rate([5.0, 10.0, 15.0], 10.0, [1, 1, 2]))
    0.25

    References:
        Foster, Greer and Thorbecke (1984), "A class of decomposable poverty measures", Econometrica
        52(3).
    """
    held, at, w = _weighed(resources, line, weights)
    return told(mean_of(below(held, at), w))


def poverty_gap(
    resources: Values,
    line: Lines,
    weights: Values | None = None,
) -> Float[Array, ""]:
    r"""The mean of what is missing, as a part of the line: :math:`\max(1 - y/z, 0)`, the power 1.

    Who is not poor counts with 0. Negative resources are taken as they are, so that a gap may
    exceed 1. The gap in money is `total(shortfall(resources, line), weights)`.

    Args:
        resources: numbers of any shape, in the unit of the line.
        line: one for all, or one for each; above 0 wherever there is weight.
        weights: of whatever is counted, one for each.

    Returns:
        A number from 0, without unit.

    Raises:
        BadInputError: arguments that the room refuses (see `pejax.stats`); a line that is not above
            0 (inside of a trace the result is NaN then).

    >>> float(poverty_gap([5.0, 10.0, 15.0], 10.0, [1, 1, 2]))
    0.125

    References:
        Foster, Greer and Thorbecke (1984), "A class of decomposable poverty measures", Econometrica
        52(3).
    """
    return _index(resources, line, weights, 1)


def poverty_severity(
    resources: Values,
    line: Lines,
    weights: Values | None = None,
) -> Float[Array, ""]:
    r"""The mean square of what is missing, as a part of the line: the power 2.

    The poorest weigh most. Smooth in resources, also at the line. As in `poverty_gap`, negative
    resources are taken as they are.

    Args:
        resources, line, weights: as of `poverty_gap`.

    Returns:
        A number from 0, without unit.

    Raises:
        BadInputError: as `poverty_gap`.

    >>> float(poverty_severity([5.0, 10.0, 15.0], 10.0, [1, 1, 2]))
    0.0625
    """
    return _index(resources, line, weights, 2)


def _index(resources: object, line: object, weights: object, power: int) -> Float[Array, ""]:
    held, at, w = _weighed(resources, line, weights)
    _fail_if_not_above_zero(at, w)
    xp = namespace(held, at, w)
    missing, z = differences(at, held), floats(at, xp)
    known = z > 0
    part = xp.where(missing > 0, missing, 0) / xp.where(known, z, 1)
    # Rows that pad a population have no weight and often no line.
    without = xp.where(floats(w, xp) != 0, np.nan, 0)
    return told(mean_of(xp.where(known, part, without) ** power, w))


def _beside(resources: object, line: object) -> tuple[Numbers, Numbers]:
    fail_if_other_labels(resources=resources, line=line)
    held, at = numbers(resources, "resources"), numbers(line, "line")
    if at.shape and at.shape != held.shape:
        raise BadInputError(
            f"line has shape {at.shape}, but resources have {held.shape}. Give one line for all,"
            " or one for each."
        )
    return held, at


def _weighed(resources: object, line: object, weights: object) -> tuple[Numbers, Numbers, Numbers]:
    fail_if_other_labels(resources=resources, weights=weights)
    held, at = _beside(resources, line)
    return held, at, weights_of(weights, held)


def _fail_if_not_above_zero(line: Numbers, weights: Numbers) -> None:
    """Refuse a line that nothing can be a part of, where there is weight."""
    if not (isinstance(line, np.ndarray) and isinstance(weights, np.ndarray)):
        return
    wrong = (line <= 0) & (weights > 0)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0].tolist()) if line.shape else ()
        row = f", row {at[0]}" if at else ""
        raise BadInputError(f"line{row}: the line is {line[at]}. Give a line above 0.")
