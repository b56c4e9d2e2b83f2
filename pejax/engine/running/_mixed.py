"""Whole numbers beside floats: compared by what they are, not by what a float can hold of them.

numpy compares an integer and a float in 64 bits, where every integer of 32 bits is itself. In a
program of 32-bit floats one above 2**24 would become a neighbour. So the float becomes whole here:
a whole number is below `2.5` if it is below 3, and above it if it is above 2. A literal beyond 32
bits, to which all integers compare alike, counts as a float.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Int

from ..graph._bounds import is_beyond
from ..graph._node import Node
from ._wide import is_wide

if TYPE_CHECKING:
    from ._emit import Emitter

_WORD = np.iinfo(np.int32)
_ROUNDED_UP = {"less": True, "less_equal": False, "greater": False, "greater_equal": True}
"""Which way a float on the right becomes whole; one on the left, the other way."""


def one_is_whole(e: Emitter, node: Node) -> bool:
    """Whether the first two arguments are an integer and what is compared with it as a float, in
    more digits than the program's floats have."""
    first, second = node.args[:2]
    if {_kind(first), _kind(second)} != {"f", "i"}:
        return False
    return e.floating.itemsize < 8 or is_beyond(first) or is_beyond(second)


def _kind(node: Node) -> str:
    if is_beyond(node):
        return "f"
    return "i" if node.dtype.kind in "iu" and not is_wide(node.dtype) else node.dtype.kind


def compare(e: Emitter, node: Node, by: Callable[[Array, Array], Array]) -> Bool[Array, "..."]:
    """A comparison of an integer with a float, in either order."""
    shape = e.shape(node)
    first, second = node.args
    on_left = _kind(first) == "f"
    real, number = (first, second) if on_left else (second, first)
    count = inner(e.get(number, np.dtype(np.int32), shape))
    if node.op in ("equal", "not_equal"):
        same = count == equal_to(e, real, shape)
        return same if node.op == "equal" else lax.bitwise_not(same)
    bound, hole = _next_integer(e, real, up=_ROUNDED_UP[node.op] != on_left, shape=shape)
    found = by(bound, count) if on_left else by(count, bound)
    return found & ~hole


def search(e: Emitter, node: Node, find: Callable[..., Array]) -> Array:
    """The place of integers among floats, or of floats among integers."""
    edges, x = node.args
    last = node.attr("side") == "right"
    if _kind(edges) == "f":
        held, _ = _next_integer(e, edges, up=last)
        return find(held, inner(e.get(x, np.dtype(np.int32))))
    point, hole = _next_integer(e, x, up=not last)
    count = find(inner(e.get(edges, np.dtype(np.int32))), point)
    return jnp.where(hole, edges.shape[0], count)


def members(e: Emitter, node: Node) -> tuple[Array, Array]:
    """Values and what they are looked for in, as integers that are equal where those are."""
    x, table = node.args
    if _kind(x) == "f":
        return equal_to(e, x, None), inner(e.get(table, np.dtype(np.int32)))
    return inner(e.get(x, np.dtype(np.int32))), equal_to(e, table, None)


def inner(x: Int[Array, "*shape"]) -> Int[Array, "*shape"]:
    """Integers without the greatest and the least, which stand for all floats beyond."""
    return jnp.clip(x, _WORD.min + 1, _WORD.max - 1)


def equal_to(e: Emitter, node: Node, shape: tuple[int, ...] | None) -> Int[Array, "..."]:
    """The integer that a float is; else one that is never among `inner`."""
    down, hole = _next_integer(e, node, up=False, shape=shape)
    up, _ = _next_integer(e, node, up=True, shape=shape)
    return jnp.where((down == up) & ~hole, down, _WORD.max)


def _next_integer(
    e: Emitter, node: Node, *, up: bool, shape: tuple[int, ...] | None = None
) -> tuple[Int[Array, "..."], Any]:
    """A float as the next integer, and where it is none; a literal has all its digits."""
    rounded = np.ceil if up else np.floor
    if node.op == "constant":
        value = np.asarray(node.shadow, np.float64)
        near = np.clip(rounded(np.nan_to_num(value)), _WORD.min, _WORD.max)
        found: Any = jnp.asarray(near.astype(np.int32))
        return _shaped(found, shape), _shaped(jnp.asarray(np.isnan(value)), shape)
    value = e.get(node, e.floating, shape)
    near = (lax.ceil if up else lax.floor)(value)
    inside = jnp.clip(near, _WORD.min, 2147483520.0).astype(jnp.int32)
    return jnp.where(near >= 2.0**31, _WORD.max, inside), jnp.isnan(value)


def _shaped(x: Array, shape: tuple[int, ...] | None) -> Array:
    return x if shape is None else jnp.broadcast_to(x, shape)
