"""Which row something is: of its group in the order of some key, of its kind, or by an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..graph._ids import found_by_id
from ..graph._node import Node
from ..graph._structure import is_link_of

if TYPE_CHECKING:
    from ._emit import Emitter

_MOST_NEIGHBOURS = 31


def emit(e: Emitter, node: Node) -> Array:
    """The rank of every member of a group that is kept; -1 for the others."""
    ids, position = (e.get(a, np.dtype(np.int32)) for a in node.args[:2])
    keep = e.get(node.args[3], np.dtype(bool), e.shape(node))
    keys = _keys(e, node.args[2], keep)
    apart = e.neighbours.get(int(node.attr("num")))
    linked = is_link_of(node.args[0], node.attr("num"))
    if apart is not None and apart <= _MOST_NEIGHBOURS and linked:
        return jnp.where(keep, among_neighbours(ids, keys, apart), -1)
    return jnp.where(keep, by_sorting(ids, position, keys, e.attrs(node)["num"]), -1)


def _keys(e: Emitter, key: Node, keep: Array) -> list[Array]:
    """By what members are ranked, those that are not kept last; an integer keeps all its digits."""
    if key.dtype.kind == "i":
        return [~keep, e.get(key, np.dtype(np.int32))]
    return [jnp.where(keep, e.get(key, e.floating), jnp.inf)]


def among_neighbours(ids: Array, keys: Sequence[Array], apart: int) -> Array:
    """How many members of the same group come before: they all stand within `apart` rows.

    Args:
        keys: by which members are ordered, the first first.
    """
    rank = jnp.zeros_like(ids)
    for step in range(1, min(apart, ids.size - 1) + 1):
        together = ids[step:] == ids[:-step]
        later_first = _sorts_before([k[step:] for k in keys], [k[:-step] for k in keys])
        rank = rank.at[step:].add((together & ~later_first).astype(rank.dtype))
        rank = rank.at[:-step].add((together & later_first).astype(rank.dtype))
    return rank


def _sorts_before(these: Sequence[Array], those: Sequence[Array]) -> Array:
    """The order in which numpy sorts, NaN last, by one key after the other."""
    found = jnp.zeros(these[0].shape, bool)
    for a, b in zip(reversed(these), reversed(those), strict=True):
        less, more = _is_less(a, b), _is_less(b, a)
        found = less | (~more & found)
    return found


def _is_less(a: Array, b: Array) -> Array:
    return (a < b) | (jnp.isnan(b) & ~jnp.isnan(a))


def by_sorting(ids: Array, position: Array, keys: Sequence[Array], num: int) -> Array:
    order = jnp.lexsort((position, *reversed(keys), ids))
    size = jax.ops.segment_sum(jnp.ones_like(ids), ids, num)
    start = jnp.cumsum(size) - size
    rank = jnp.zeros_like(ids).at[order].set(jnp.arange(ids.size, dtype=ids.dtype))
    return rank - start[ids]


def kinds(e: Emitter, node: Node) -> Array:
    """The rank of each row among the distinct rows."""
    columns = [e.get(a, e.width(a.dtype)) for a in node.args]
    order = jnp.lexsort(columns[::-1])
    held = [c[order] for c in columns]
    new = jnp.any(jnp.stack([c[1:] != c[:-1] for c in held]), axis=0)
    place = jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(new, dtype=jnp.int32)])
    return jnp.zeros_like(place).at[order].set(place)


def find(e: Emitter, node: Node) -> Array:
    """Rows by ids among those that are searched."""
    among, *keys = (e.get(a, e.width(a.dtype)) for a in node.args)
    middle = len(keys) // 2
    return found_by_id(jnp, among, keys[:middle], keys[middle:])
