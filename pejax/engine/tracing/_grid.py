"""Arrays with one row a person and a few columns: indexing, assigning and sorting by row.

Columns are few and static, so everything here is elementwise work on the columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import index_key

if TYPE_CHECKING:
    from ._array import Traced

_MOST_COLUMNS = 64
_MOST_SORTED = 16


def columns_of(node: Node) -> list[Node]:
    """The columns of a two-dimensional array, each with one entry a row."""
    _fail_unless_narrow(node, _MOST_COLUMNS)
    return [node.graph.getitem(node, (slice(None), j)) for j in range(node.shape[1])]


def along_rows(test: Node, ndim: int) -> Node:
    """A truth value a row, shaped to choose among the rows of an array of `ndim` dimensions."""
    after = (1,) * (ndim - test.ndim)
    return test.graph.apply("reshape", test, shape=(*test.shape, *after)) if after else test


def get(array: Traced, key: tuple[Any, ...]) -> Traced:
    """`array[rows, column]`: for every row its own column, or some rows of some columns."""
    from ._array import Traced

    graph, (rows, column) = array.graph, _pair(array, key)
    if rows.node.dtype == np.bool_:
        part = graph.getitem(array.node, (slice(None), column))
        return Traced(part, array.vocabulary, mask=rows.node)
    _fail_unless_every_row(rows.node)
    options = columns_of(array.node)
    chosen = options[-1]
    for j, option in reversed(list(enumerate(options[:-1]))):
        chosen = graph.apply("where", graph.apply("equal", column.node, j), option, chosen)
    return Traced(chosen, array.vocabulary, column.mask)


def put(array: Traced, key: tuple[Any, ...], value: Any) -> Node:
    """`array` after `array[rows, column] = value`."""
    graph, (rows, column) = array.graph, _pair(array, key)
    if rows.node.dtype == np.bool_:
        whole = (slice(None), column)
        part = graph.getitem(array.node, whole)
        test = along_rows(rows.node, part.ndim)
        new = graph.astype(graph.apply("where", test, value, part), array.node.dtype)
        return graph.apply("set", array.node, new, key=index_key(whole))
    _fail_unless_every_row(rows.node)
    new_columns = []
    for j, old in enumerate(columns_of(array.node)):
        test = graph.apply("equal", column.node, j)
        if rows.mask is not None:
            test = graph.apply("bitwise_and", rows.mask, test)
        new = graph.apply("where", test, value, old)
        new_columns.append(graph.astype(new, array.node.dtype))
    return graph.apply("stack", *new_columns, axis=1)


def sorted_rows(node: Node) -> Node:
    """Every row in ascending order, by exchanging neighbours."""
    _fail_unless_narrow(node, _MOST_SORTED)
    graph, columns = node.graph, columns_of(node)
    for step in range(len(columns)):
        for i in range(step % 2, len(columns) - 1, 2):
            low = graph.apply("minimum", columns[i], columns[i + 1])
            high = graph.apply("maximum", columns[i], columns[i + 1])
            columns[i], columns[i + 1] = low, high
    return graph.apply("stack", *columns, axis=1)


def groups_of(graph: Graph, node: Node) -> Node:
    """For every row the number of its kind: rows are of one kind when all their columns agree."""
    columns = columns_of(node) if node.ndim == 2 else [node]
    return graph.apply("kinds", *columns)


def _pair(array: Traced, key: tuple[Any, ...]) -> tuple[Traced, Any]:
    from ._array import Traced, Untraceable

    if array.ndim != 2 or len(key) != 2 or not isinstance(key[0], Traced):
        raise Untraceable("an index of several arrays")
    rows, column = key
    by_name = rows.node.dtype == np.bool_
    if by_name == isinstance(column, Traced):
        raise Untraceable("an index of several arrays")
    return rows, column


def _fail_unless_every_row(node: Node) -> None:
    from ._array import Untraceable

    if node.op != "arange":
        raise Untraceable("rows of an array by their number")


def _fail_unless_narrow(node: Node, most: int) -> None:
    from ._array import Untraceable

    if node.shape[1] in node.graph.entity_of or node.shape[1] > most:
        raise Untraceable(f"an array with more than {most} columns")
