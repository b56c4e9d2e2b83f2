"""Operations with a kink, and which of its two derivatives is taken there.

At a kink it is the derivative of the side to which the argument goes when what it depends on
rises: `max(x, 0)` at `x = 0` has the derivative 1, and `max(-x, 0)` has 0. What rises is what is
differentiated: a rule that sees the numbers of the law move takes the graph's word on them, any
other its word on the population. Every rule is linear, so that `jvp`, `vjp` and `grad` agree.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array

from ..graph._node import Node
from ..graph._trend import Trend, leads
from ._total import number


class Ways(NamedTuple):
    """Which way the arguments of a kink go, up (1) or down (-1), as some things rise.

    **Arguments:** `first` and `second`, each by itself; `both`, the first less the second.
    """

    first: int
    second: int
    both: int


class Sides(NamedTuple):
    """The ways as columns of the population rise, and as numbers of the law do."""

    data: Ways
    law: Ways

    def rises(self, first: Any, second: Any, law: Any) -> bool:
        """Whether the first argument goes up against the second, from their tangents."""
        ways = self.law if _moves(law) else self.data
        if not _moves(second):
            return ways.first > 0
        return ways.both > 0 if _moves(first) else ways.second < 0


DIRECTED = ("maximum", "minimum", "fmax", "fmin", "absolute", "interp")
"""Operations that ask which way their arguments go; of many that tie the first counts."""


def sides_of(node: Node) -> Sides:
    """Which way the arguments of a node with a kink go, from the graph."""
    return Sides(*(_ways(kind, *node.args[:2]) for kind in (0, 1)))


def _ways(kind: int, first: Node, second: Node | None = None) -> Ways:
    """The ways as one kind of thing rises; where the graph knows of the other alone, as that does:
    somebody may differentiate in both."""
    own = _way(first.trend, kind)
    if second is None:
        return Ways(own, 1, own)
    both = leads(first, second, kind) or leads(first, second, 1 - kind) or 1
    return Ways(own, _way(second.trend, kind), both)


def _way(trend: Trend, kind: int) -> int:
    return trend[kind] or trend[1 - kind] or 1


def _moves(tangent: Any) -> bool:
    return tangent is not None and not isinstance(tangent, SymbolicZero)


def _moved(tangent: Any, like: Array) -> Array:
    return tangent if _moves(tangent) else jnp.zeros_like(like)


# ---- of two arguments, and of one


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def maximum(a: Array, b: Array, law: Array, sides: Sides) -> Array:
    """The larger of two. `law` has the numbers of the law: only whether they move is looked at."""
    return lax.max(a, b)


@functools.partial(maximum.defjvp, symbolic_zeros=True)
def _maximum_jvp(sides: Sides, primals: Any, tangents: Any) -> tuple[Array, Array]:
    a, b, _ = primals
    first = a >= b if sides.rises(*tangents) else a > b
    return lax.max(a, b), lax.select(first, _moved(tangents[0], a), _moved(tangents[1], b))


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def minimum(a: Array, b: Array, law: Array, sides: Sides) -> Array:
    """The smaller of two."""
    return lax.min(a, b)


@functools.partial(minimum.defjvp, symbolic_zeros=True)
def _minimum_jvp(sides: Sides, primals: Any, tangents: Any) -> tuple[Array, Array]:
    a, b, _ = primals
    first = a < b if sides.rises(*tangents) else a <= b
    return lax.min(a, b), lax.select(first, _moved(tangents[0], a), _moved(tangents[1], b))


def fmax(a: Array, b: Array, law: Array, sides: Sides) -> Array:
    """The larger of two, or the one that is a number."""
    larger = maximum(a, b, law, sides)
    return lax.select(jnp.isnan(a), b, lax.select(jnp.isnan(b), a, larger))


def fmin(a: Array, b: Array, law: Array, sides: Sides) -> Array:
    """The smaller of two, or the one that is a number."""
    smaller = minimum(a, b, law, sides)
    return lax.select(jnp.isnan(a), b, lax.select(jnp.isnan(b), a, smaller))


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def absolute(x: Array, law: Array, sides: Sides) -> Array:
    """The distance from zero."""
    return lax.abs(x)


@functools.partial(absolute.defjvp, symbolic_zeros=True)
def _absolute_jvp(sides: Sides, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, _ = primals
    up = x >= 0 if sides.rises(tangents[0], None, tangents[1]) else x > 0
    moved = _moved(tangents[0], x)
    return lax.abs(x), lax.select(up, moved, -moved)


# ---- tables


@functools.partial(jax.custom_jvp, nondiff_argnums=(4,))
def interp(x: Array, points: Array, values: Array, law: Array, sides: Sides) -> Array:
    """Between the values at some points, on straight lines; flat beyond them."""
    return jnp.interp(x, points, values)


@functools.partial(interp.defjvp, symbolic_zeros=True)
def _interp_jvp(sides: Sides, primals: Any, tangents: Any) -> tuple[Array, Array]:
    """At a point the line that counts is the one that lies where `x` goes."""
    x, points, values, _ = primals
    rises = sides.rises(tangents[0], tangents[1], tangents[3])
    above = jnp.searchsorted(points, x, side="right" if rises else "left")
    before, beyond = above == 0, above == points.size
    above = jnp.clip(above, 1, points.size - 1)
    low, high = points[above - 1], points[above]
    width = jnp.where(high > low, high - low, jnp.inf)
    slope = number(jnp.where(before | beyond, 0, (values[above] - values[above - 1]) / width))
    share = number(jnp.where(before | beyond, beyond, (x - low) / width))
    dx, dpoints, dvalues = (_moved(t, p) for t, p in zip(tangents[:3], primals[:3], strict=True))
    along = (1 - share) * dpoints[above - 1] + share * dpoints[above]
    change = slope * (dx - along)
    change += (1 - share) * dvalues[above - 1] + share * dvalues[above]
    return jnp.interp(x, points, values), change


# ---- the extremes of many: of those that tie, the first


def extreme(name: str, x: Array, axis: int | None) -> Array:
    """The largest (`max`) or smallest (`min`); NaN if there is one, with derivative zero."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return getattr(jnp, name)(x, axis=axis)
    return _extreme(x, name, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _extreme(x: Array, name: str, axis: int | None) -> Array:
    hole = jnp.isnan(x)
    worst = -jnp.inf if name == "max" else jnp.inf
    found = getattr(jnp, name)(jnp.where(hole, worst, x), axis=axis)
    return jnp.where(jnp.any(hole, axis=axis), jnp.nan, found)


@_extreme.defjvp
def _extreme_jvp(name: str, axis: int | None, primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (moved,) = primals, tangents
    value = _extreme(x, name, axis)
    x, moved, along = (x.ravel(), moved.ravel(), 0) if axis is None else (x, moved, axis)
    first = getattr(jnp, f"arg{name}")(x, axis=along, keepdims=True)
    change = jnp.take_along_axis(moved, first, axis=along).squeeze(along)
    return value, jnp.where(jnp.isnan(value), 0, change)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def segment_extreme(x: Array, ids: Array, scatter: Any) -> Array:
    """The extreme of each group's members, by a function of (x, ids)."""
    return scatter(x, ids)


@segment_extreme.defjvp
def _segment_extreme_jvp(scatter: Any, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, ids = primals
    value = segment_extreme(x, ids, scatter)
    rows = jnp.arange(x.shape[0], dtype=jnp.int32)
    ties = jnp.where(x == value[ids], rows, x.shape[0])
    first = jnp.full(value.shape, x.shape[0], jnp.int32).at[ids].min(ties)
    return value, jnp.take(tangents[0], first, mode="fill", fill_value=0)
