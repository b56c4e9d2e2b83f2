"""Operations with a kink, and which of its two derivatives is taken there.

At a kink it is the derivative of the side to which the argument goes when what is differentiated
rises: `max(x, 0)` at `x = 0` has the derivative 1, `max(-x, 0)` has 0. Which way arguments go is
told by the graph (`Trend`), thing by thing. Where things disagree, a rule sees which of them are
differentiated: it is handed the columns and the law's numbers, and looks at nothing but whether
their tangents are symbolic zeros. Every rule is linear, so that `jvp`, `vjp` and `grad` agree.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array

from ..graph._node import Node
from ..graph._trend import Trend, bits, joined
from ._total import number

Things = tuple[Array | np.ndarray, ...]


class Ways(NamedTuple):
    """Which way the arguments of a kink go, up (1) or down (-1), as one thing rises.

    Args:
        first, second: each by itself.
        both: the first less the second.
    """

    first: int
    second: int
    both: int


class Sides(NamedTuple):
    """The ways of the arguments as each of some things rises; one for all where these agree.

    Args:
        ways: which way the arguments go.
        things: as bits, unless all agree.
    """

    ways: tuple[Ways, ...]
    things: tuple[int, ...] = ()

    def rises(self, first: Any, second: Any, things: tuple[Any, ...]) -> bool:
        """Whether the first argument goes up against the second, from their tangents."""
        moving = [way for way, thing in zip(self.ways, things, strict=False) if _moves(thing)]
        known = moving or self.ways
        if not _moves(second):
            return _first(way.first for way in known) > 0
        if not _moves(first):
            return _first(way.second for way in known) < 0
        return _first(way.both for way in known) > 0


DIRECTED = ("maximum", "minimum", "fmax", "fmin", "absolute", "interp")
"""Operations that ask which way their arguments go; of many that tie the first counts."""


def sides_of(node: Node) -> Sides:
    """Which way the arguments of a node with a kink go, from the graph."""
    first, second = node.args[0], node.args[1] if len(node.args) > 1 else None
    if second is None:
        own = {thing: Ways(first.trend.way(thing), 0, 0) for thing in bits(first.trend.things)}
        return _shared(own, apart=True)
    order = [first.trend, second.trend.times(-1)]
    both = Trend(*joined(order if first.index < second.index else order[::-1]))
    ways = {
        thing: Ways(first.trend.way(thing), second.trend.way(thing), both.way(thing))
        for thing in bits(both.things)
    }
    return _shared(ways, apart=not first.trend.things & second.trend.things)


def _shared(ways: Mapping[int, Ways], apart: bool) -> Sides:
    """One way for all things, if they agree. Where none reaches both arguments (`apart`), it shows
    in the arguments which of them moves."""
    first, second, both = zip(*ways.values(), strict=True) if ways else ((), (), ())
    agree = [len({*part} - {0}) < 2 for part in (first, second, both)]
    if agree[0] and agree[1] and (agree[2] or apart):
        return Sides((Ways(_first(first), _first(second), _first(both)),))
    return Sides(tuple(ways.values()), tuple(ways))


def watched(sides: Sides, known: Mapping[int, Array | np.ndarray]) -> Things:
    """The things that a kink looks at; one that is not at hand is not differentiated."""
    return tuple(known[thing] if thing in known else jnp.zeros(0) for thing in sides.things)


def _first(ways: Any) -> int:
    """The first way that is one; up, where the graph knows of none."""
    return next((way for way in ways if way), 1)


def _moves(tangent: Any) -> bool:
    return tangent is not None and not isinstance(tangent, SymbolicZero)


def _moved(tangent: Any, like: Array) -> Array:
    return tangent if _moves(tangent) else jnp.zeros_like(like)


# ---- of two arguments, and of one


Compare = Callable[[Array, Array], Array]


def _chosen(of: Compare, rising: Compare, falling: Compare) -> Callable[..., Array]:
    """One of two. The first has the derivative where it is so compared with the second."""

    @functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
    def chosen(a: Array, b: Array, things: Things, sides: Sides) -> Array:
        return of(a, b)

    @functools.partial(chosen.defjvp, symbolic_zeros=True)
    def jvp(sides: Sides, primals: Any, tangents: Any) -> tuple[Array, Array]:
        a, b, _ = primals
        first = rising(a, b) if sides.rises(*tangents) else falling(a, b)
        return of(a, b), lax.select(first, _moved(tangents[0], a), _moved(tangents[1], b))

    return chosen


maximum = _chosen(lax.max, lax.ge, lax.gt)
"""The larger of two. Of `things` only whether they move is looked at."""

minimum = _chosen(lax.min, lax.lt, lax.le)
"""The smaller of two."""


def fmax(a: Array, b: Array, things: Things, sides: Sides) -> Array:
    """The larger of two, or the one that is a number."""
    larger = maximum(a, b, things, sides)
    return lax.select(jnp.isnan(a), b, lax.select(jnp.isnan(b), a, larger))


def fmin(a: Array, b: Array, things: Things, sides: Sides) -> Array:
    """The smaller of two, or the one that is a number."""
    smaller = minimum(a, b, things, sides)
    return lax.select(jnp.isnan(a), b, lax.select(jnp.isnan(b), a, smaller))


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def absolute(x: Array, things: Things, sides: Sides) -> Array:
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
def interp(x: Array, points: Array, values: Array, things: Things, sides: Sides) -> Array:
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
def group_extreme(x: Array, ids: Array, scatter: Any) -> Array:
    """The extreme of each group's members, by a function of (x, ids)."""
    return scatter(x, ids)


@group_extreme.defjvp
def _group_extreme_jvp(scatter: Any, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, ids = primals
    value = group_extreme(x, ids, scatter)
    rows = jnp.arange(x.shape[0], dtype=jnp.int32)
    ties = jnp.where(x == value[ids], rows, x.shape[0])
    first = jnp.full(value.shape, x.shape[0], jnp.int32).at[ids].min(ties)
    return value, jnp.take(tangents[0], first, mode="fill", fill_value=0)
