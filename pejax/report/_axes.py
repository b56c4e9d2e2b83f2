"""Axes: a range of numbers, or rows of labels, along which marks are placed."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ._numbers import labels, places

_DECADES = 8  # of a logarithmic axis that all have a label
_FAR = 1e300  # the largest number that has a place; its inverse is the least on a logarithmic axis


@dataclasses.dataclass(frozen=True)
class Axis:
    """A range of numbers.

    Attributes:
        title: what it measures, and in which unit.
        low: its beginning.
        high: its end, above `low`.
        ticks: places that have a label.
        names: their labels.
        log: whether equal ratios, and not equal differences, are equally far apart.
    """

    title: str
    low: float
    high: float
    ticks: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    log: bool = False

    def share(self, values: ArrayLike) -> Float[np.ndarray, "..."]:
        """How far along the range values are, from 0 to 1; those beyond an end are at it."""
        held, low, high = np.asarray(values, float), self.low, self.high
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                held = np.log(held)
            low, high = math.log(low), math.log(high)
        return np.asarray(np.clip((held - low) / (high - low), 0.0, 1.0))


@dataclasses.dataclass(frozen=True)
class Bands:
    """Labels with equal room each, the first at the beginning."""

    title: str
    names: tuple[str, ...]

    def share(self, rows: ArrayLike) -> Float[np.ndarray, "..."]:
        """How far along the middle of a row is, from 0 to 1."""
        return np.asarray((np.asarray(rows, float) + 0.5) / max(len(self.names), 1))


def linear(
    title: str,
    values: ArrayLike | Sequence[ArrayLike],
    form: str = "",
    *,
    zero: bool = False,
    tight: bool = False,
) -> Axis:
    """An axis that holds all finite values, its ends at round numbers.

    Args:
        title: of the axis.
        values: what is drawn along it, one array or several.
        form: `$`, `%` or nothing.
        zero: whether 0 belongs to it, as it does to bars.
        tight: whether it ends where the values do.

    >>> linear("share of units", [0.01, 0.34], "%", zero=True).names
    ('0%', '10%', '20%', '30%', '40%')
    """
    low, high = _ends(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= max(1e-12 * max(abs(low), abs(high)), 1 / _FAR):
        room = 0.5 * abs(high) if abs(high) > 1 / _FAR else 0.5
        low, high = (low - room * (low != 0 or not zero), high + room)
    at = places(low, high)
    if tight:
        reach = 1e-9 * (high - low)
        at = at[(at >= low - reach) & (at <= high + reach)]
    else:
        low, high = float(at[0]), float(at[-1])
    return Axis(title, low, high, tuple(at.tolist()), tuple(labels(at, form)))


def logarithmic(
    title: str, values: ArrayLike | Sequence[ArrayLike], form: str = "", *, round_ends: bool = False
) -> Axis:
    """A logarithmic axis that holds all values above 0, with labels at powers of ten.

    Args:
        title: of the axis.
        values: what is drawn along it; those that are not above 0 have no place on it.
        form: `$`, `%` or nothing.
        round_ends: whether it begins and ends at a power of ten.

    >>> logarithmic("weight ratio", [0.01, 100]).names
    ('0.01', '0.1', '1', '10', '100')
    """
    low, high = (max(end, 1 / _FAR) for end in _ends(values, above=0.0, other=(1.0, 10.0)))
    if round_ends or high <= low * (1 + 1e-9):
        low, high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
        high = max(high, 10 * low)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / _DECADES))
    at = [10.0**k for k in range(first, last + 1, every)]
    if len(at) < 3:
        at = [m * 10.0**k for k in range(first - 1, last + 1) for m in (1, 2, 5)]
        at = [tick for tick in at if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    if len(at) < 2:
        at = [tick for tick in places(low, high).tolist() if low <= tick <= high]
        return Axis(title, low, high, tuple(at), tuple(labels(np.array(at), form)), log=True)
    names = [labels(np.array([0.0, tick]), form)[1] for tick in at]
    return Axis(title, low, high, tuple(at), tuple(names), log=True)


def _ends(
    values: ArrayLike | Sequence[ArrayLike],
    above: float = -math.inf,
    other: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """The least and the largest finite value; `other` if there is none."""
    parts = values if isinstance(values, list | tuple) else [values]
    held = np.concatenate([np.empty(0), *(np.ravel(np.asarray(p, float)) for p in parts)])
    held = np.clip(held[np.isfinite(held) & (held > above)], -_FAR, _FAR)
    return (float(held.min()), float(held.max())) if len(held) else other
