"""Places in an array as numpy has them: one below zero is counted from the end of the real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph._node import Node, reachable
from ..graph._structure import is_structure, row_numbers

if TYPE_CHECKING:
    from ._array import Traced

_NEVER = {"arange", "nth", "kinds", "lexsort", "search"}
_OF_ALL = {
    "where": 1, "minimum": 0, "add": 0, "multiply": 0, "stack": 0, "concatenate": 0,
    "floor_divide": 0, "set": 0, "sum": 0, "cumsum": 0, "segment_sum": 0,
}  # fmt: skip
_OF_FIRST = {
    "take", "astype", "broadcast", "reshape", "getitem", "transpose", "max", "min", "segment_max",
    "segment_min", "right_shift", "positive", "round", "floor", "ceil", "rint", "trunc",
}  # fmt: skip


def places(array: Traced, key: Traced, beyond: str) -> Node:
    """An index by row numbers, or by what only they can say, as it is; any other with its places
    counted from the first.

    Args:
        beyond: what a place outside of the array becomes: `"near"`, the next one inside, or
            `"none"`, no place at all.
    """
    index, graph, count = key.node, key.graph, _count(array)
    if count is None or (beyond == "near" and _is_within(index, array.node, {})):
        return index
    if key.mask is not None:  # numpy looks at the selected rows alone
        index = graph.apply("where", key.mask, index, 0)
    return graph.apply("from_end", index, count, beyond=beyond)


def _count(array: Traced) -> Any:
    """How many places there are: of rows those that are real; None where rows are joined."""
    from ._rows import Rows

    graph, rows, mask = array.graph, array.node.shape[0], array.mask
    if mask is not None and mask.op == "less" and mask.args[0].op == "arange":
        return mask.args[1]
    entities = graph.entities(rows)
    if len(entities) > 1:
        return None
    return Rows(graph, rows).traced.node if entities else rows


def _is_within(index: Node, table: Node, known: dict[int, bool]) -> bool:
    """Whether every place is known to be there: a number of the table's rows, never below zero."""
    length = table.shape[0]
    if not table.graph.entities(length):
        return _is_never_negative(index, known) and _most(index) < length
    return index.index in row_numbers(reachable([index])) and _is_never_negative(index, known)


def _most(index: Node) -> float:
    """The largest place that an index can have by what it is, whoever the people are."""
    if index.dtype.kind == "b" or index.op == "constant":
        return 1 if index.dtype.kind == "b" else float(np.max(index.shadow, initial=0))
    if index.op == "search":
        return index.args[0].shape[0]
    if index.op == "where":
        return max(map(_most, index.args[1:]))
    if index.op == "minimum":
        return min(map(_most, index.args))
    if index.op in ("astype", "broadcast", "take"):
        return _most(index.args[0])
    return np.inf


def own_columns(array: Traced, column: Traced, rows: Node | None) -> Node:
    """For every row the number of its column, counted from the first; of the selected rows."""
    index = column.node
    if rows is not None:
        index = array.graph.apply("where", rows, index, 0)
    return inside(index, array.node.shape[1])


def inside(index: Node, size: int) -> Node:
    """Places along an axis of a table, counted from the first; one outside is the next inside."""
    if _is_never_negative(index, {}) and _most(index) < size:
        return index
    return index.graph.apply("from_end", index, size, beyond="near")


def _is_never_negative(node: Node, known: dict[int, bool]) -> bool:
    """Whether no value can be below zero, whoever the people are."""
    if node.index not in known:
        known[node.index] = False
        known[node.index] = _never_negative(node, known)
    return known[node.index]


def _never_negative(node: Node, known: dict[int, bool]) -> bool:
    if node.dtype.kind in "bu" or node.op in _NEVER:
        return True
    if node.op == "constant":
        return bool(np.all(np.asarray(node.shadow) >= 0))
    if node.op == "maximum":
        return any(_is_never_negative(a, known) for a in node.args)
    of = (
        node.args[1:]
        if node.op == "remainder"
        else node.args[_OF_ALL.get(node.op, len(node.args)) :]
    )
    of = node.args[:1] if node.op in _OF_FIRST else of
    return is_structure(node) or (bool(of) and all(_is_never_negative(a, known) for a in of))
