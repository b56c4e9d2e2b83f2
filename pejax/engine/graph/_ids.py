"""Rows found by ids that a population brings: a search among the ids of some rows."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any


def found_by_id(np: Any, among: Any, ids: Sequence[Any], sought: Sequence[Any]) -> Any:
    """For every id sought, the first row that has it; where none does, that of the next larger id,
    or of the largest. So does a search in the sorted, distinct ids, kept within them.

    Args:
        np: numpy or `jax.numpy`.
        among: which rows are searched.
        ids: of these rows: the parts of a key, the last of which is the id; the others are the
            same in the row that is found.
        sought: the same parts for every row of the result.

    Returns:
        Numbers of rows, -1 where no row has the parts before the id.
    """
    rows, last = among.shape[0], among.shape[0] - 1
    key = _order([np.concatenate(pair) for pair in zip(ids, sought, strict=True)], np)
    own, wanted = np.where(among, key[:rows], key.size), key[rows:]
    order = np.argsort(own, stable=True)
    in_order = own[order]
    place = np.searchsorted(in_order, wanted)
    before = np.searchsorted(in_order, in_order[np.maximum(place - 1, 0)])
    here, there = order[np.minimum(place, last)], order[before]
    fits = (place < rows) & (in_order[np.minimum(place, last)] < key.size)
    falls = place > 0
    for part, other in zip(ids[:-1], sought[:-1], strict=True):
        fits, falls = fits & (part[here] == other), falls & (part[there] == other)
    return np.where(fits, here, np.where(falls, there, -1))


def _order(columns: Sequence[Any], np: Any) -> Any:
    """The rank of each row among the distinct rows, the first column being the first key."""
    order = np.lexsort(columns[::-1])
    held = [column[order] for column in columns]
    changes = functools.reduce(operator.or_, [c[1:] != c[:-1] for c in held])
    rank = np.concatenate([np.zeros(1, np.int32), np.cumsum(changes, dtype=np.int32)])
    return rank[np.argsort(order, stable=True)]
