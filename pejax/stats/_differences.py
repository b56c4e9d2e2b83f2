"""Differences and comparisons of numbers that lose no digit of a whole number.

On the host that is beyond 2^53, where float64 has no digits left; in a trace beyond 2^24, where
float32 has none.
"""

from fractions import Fraction
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ._weighted import Numbers, floats, namespace


def differences(x: Numbers, y: Numbers) -> Numbers:
    """`x` less `y` in floats, rounded once."""
    xp = namespace(x, y)
    if not _some_long(x, y):
        return xp.asarray(floats(x, xp) - floats(y, xp))  # of two scalars numpy makes no array
    if xp is np:
        return np.asarray(_fractions(x) - _fractions(y), np.float64)
    return _split(x).less(_split(y))


def gaps(x: Numbers, y: Numbers) -> Numbers:
    """The differences between neighbours among the numbers of both columns, ascending."""
    xp = namespace(x, y)
    if not _some_long(x, y):
        return xp.diff(xp.sort(xp.concatenate([floats(x, xp), floats(y, xp)])))
    if xp is np:
        both = np.sort(np.concatenate([_fractions(x), _fractions(y)]))
        return np.asarray(np.diff(both), np.float64)
    pairs = _split(x).beside(_split(y))
    ordered = pairs.at(pairs.order())
    return ordered.at(slice(1, None)).less(ordered.at(slice(-1)))


def below(x: Numbers, y: Numbers) -> Numbers:
    """Whether `x` is less than `y`."""
    if namespace(x, y) is jnp and _some_long(x, y):
        return differences(y, x) > 0
    one, other = comparable(x, y)
    return namespace(one, other).asarray(one < other, bool)


def comparable(values: Numbers, points: Numbers) -> tuple[Numbers, Numbers]:
    """Two columns in types that compare as the numbers do."""
    xp = namespace(values, points)
    if xp is np and values.dtype.kind == points.dtype.kind:
        return values, points
    if not _some_long(values, points):
        return floats(values, xp), floats(points, xp)
    if xp is np:
        return _exactly(values), _exactly(points)
    if values.dtype == points.dtype:
        return jnp.asarray(values), jnp.asarray(points)
    ranks = _split(values).beside(_split(points)).ranks()
    return ranks[: values.size].reshape(values.shape), ranks[values.size :].reshape(points.shape)


def _some_long(*arrays: Numbers) -> bool:
    """Whether some whole number is, or in a trace may be, beyond what the float type holds."""
    wide = np.dtype(np.float64) if namespace(*arrays) is np else jnp.result_type(float)
    most = 2 ** (jnp.finfo(wide).nmant + 1)
    return any(_longest(x) > most for x in arrays if x.dtype.kind in "iu" and x.size)


def _longest(x: Numbers) -> int:
    ends = (x.min(), x.max()) if isinstance(x, np.ndarray) else _limits(x)
    return max(-int(ends[0]), int(ends[1]))


def _limits(x: Array) -> tuple[int, int]:
    return int(jnp.iinfo(x.dtype).min), int(jnp.iinfo(x.dtype).max)


def _exactly(x: Numbers) -> np.ndarray:
    """Python's own numbers, which compare exactly whatever their kinds."""
    found = np.empty(x.shape, object)
    found[...] = x.tolist()
    return found


def _fractions(x: Numbers) -> np.ndarray:
    """Python's own numbers, which subtract exactly."""
    exact = np.frompyfunc(Fraction, 1, 1)(x) if x.dtype.kind == "f" else _exactly(x)
    return np.asarray(exact, object)


class _Split(NamedTuple):
    """Numbers of a trace in two floats that have all their digits: `high * unit + low`."""

    high: Array
    low: Array
    unit: float

    def less(self, other: "_Split") -> Array:
        """The differences, rounded once."""
        return (self.high - other.high) * self.unit + (self.low - other.low)

    def beside(self, other: "_Split") -> "_Split":
        """The numbers of both in one row."""
        high = jnp.concatenate([self.high.ravel(), other.high.ravel()])
        low = jnp.concatenate([self.low.ravel(), other.low.ravel()])
        return _Split(high, low, self.unit)

    def at(self, places: Array | slice) -> "_Split":
        """Those at some places."""
        return _Split(self.high[places], self.low[places], self.unit)

    def order(self) -> Array:
        """The places of the numbers, ascending."""
        return jnp.lexsort((self.low, self.high))

    def ranks(self) -> Array:
        """Whole numbers that compare as the numbers do: equal ones have one rank."""
        order = self.order()
        ordered = self.at(order)
        rises = ordered.at(slice(1, None)).less(ordered.at(slice(-1))) > 0
        ranks = jnp.concatenate([jnp.zeros(1, int), jnp.cumsum(rises)])
        return jnp.zeros_like(ranks).at[order].set(ranks)


def _split(x: Numbers) -> _Split:
    xp, wide = namespace(x), jnp.result_type(float)
    unit = 2.0 ** (jnp.finfo(wide).bits // 2)
    if not _some_long(x):
        x = floats(x, xp)
    low = xp.asarray(xp.fmod(xp.where(xp.isfinite(x), x, 0), x.dtype.type(unit)))
    # Of whole numbers `high` is a multiple of the unit, so nothing is lost.
    high = xp.asarray(floats(xp.asarray(x - low), xp) / unit)
    return _Split(jnp.asarray(floats(high, jnp)), jnp.asarray(floats(low, jnp)), unit)
