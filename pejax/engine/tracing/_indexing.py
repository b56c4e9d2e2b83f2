"""`x[key]` and `x[key] = value`, with numpy's keys on traced arrays.

Selections are deferred: `x[condition]` keeps its rows and carries the condition. Arrays with one
row a person may have a few columns, which are static, so work on them is elementwise by column.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import NO_PLACE, index_key
from ..graph._structure import is_link_of
from ._names import is_name, unify
from ._places import inside, own_columns, places

if TYPE_CHECKING:
    from ._array import Traced

_MOST_COLUMNS = 64
_MOST_SORTED = 64


def columns_of(node: Node) -> list[Node]:
    """The columns of a two-dimensional array, each with one entry a row."""
    _fail_unless_narrow(node, _MOST_COLUMNS)
    return [node.graph.getitem(node, (slice(None), j)) for j in range(node.shape[1])]


def along_rows(test: Node, ndim: int) -> Node:
    """A truth value a row, shaped to choose among the rows of an array of `ndim` dimensions."""
    after = (1,) * (ndim - test.ndim)
    return test.graph.apply("reshape", test, shape=(*test.shape, *after)) if after else test


def get(array: Traced, key: Any) -> Any:
    """`array[key]`."""
    from ._array import Traced, Untraceable
    from ._by_id import FirstRow

    if isinstance(key, FirstRow):
        return key.taken(array)

    key, graph = _plain(key), array.graph
    if isinstance(key, tuple) and any(isinstance(k, Traced) for k in key):
        _fail_if_selected(array)
        return _get_cells(array, key) if _are_cells(array, key) else _get_in_row(array, key)
    if isinstance(key, np.ndarray | list) and not isinstance(key, Traced):
        _fail_if_selected(array)
        chosen = np.asarray(key)
        if chosen.dtype.kind not in "iu" or graph.entities(array.node.shape[0]):
            raise Untraceable("rows of an array by a plain array")
        chosen = np.where(chosen < 0, chosen + array.node.shape[0], chosen)
        return Traced(graph.apply("take", array.node, chosen), array.vocabulary)
    if not isinstance(key, Traced):
        _fail_if_rows_by_number(array, key)
        return array.shown(lambda node: graph.getitem(node, key))
    if key.node.dtype == np.bool_:
        return Traced(array.node, array.vocabulary, mask=_selected(array, key))
    if not _is_beginning(array.mask):
        _fail_if_selected(array)
    row = places(array, key, "near")
    return Traced(graph.apply("take", array.node, row), array.vocabulary, key.mask)


def put(array: Traced, key: Any, value: Any) -> None:
    """`array[key] = value`."""
    from ._array import Traced, to_node
    from ._loops import by_row

    key, graph = _plain(key), array.graph
    array.fail_if_not_own()
    value = by_row(graph, value) if isinstance(value, list) else value
    _fail_if_other_rows(array, key, value)
    if array.vocabulary is not None or is_name(value):
        (array.node, new), array.vocabulary = unify([array, value])
    else:
        new = to_node(graph, value)
    if isinstance(key, tuple) and any(isinstance(k, Traced) for k in key):
        array.node = _put_in_row(array, key, new)
    elif not isinstance(key, Traced) and _is_table(array.node) and not isinstance(new, Node):
        table = np.array(array.node.shadow)
        table[key] = new
        array.node = graph.constant(table)
    elif not isinstance(key, Traced):
        _fail_if_rows_by_number(array, key)
        array.node = graph.apply("set", array.node, new, key=index_key(key))
    elif (rows := _rows_meant(key)) is not None:
        chosen = graph.apply("where", along_rows(rows, array.ndim), new, array.node)
        array.node = graph.astype(chosen, array.node.dtype)
    else:
        array.node = graph.apply("scatter", array.node, _written(array, key), new)


def _is_table(node: Node) -> bool:
    """Whether an array is the same for every law and population."""
    return not (node.data or node.law or any(map(node.graph.entities, node.shape)))


def _written(array: Traced, key: Traced) -> Node:
    """The places to which the rows of a key are written: those that count, and are selected."""
    graph, place = array.graph, places(array, key, "none")
    if key.mask is not None:
        place = graph.apply("where", key.mask, place, NO_PLACE)
    return graph.real_rows(place, NO_PLACE)


def _plain(key: Any) -> Any:
    """A key without the objects that stand for a traced array; where a slice ends is a decision."""
    from ._array import held

    if isinstance(key, tuple):
        return tuple(map(_plain, key))
    if isinstance(key, slice):
        return slice(*(None if k is None else operator.index(k) for k in _ends(key)))
    return held(key)


def _ends(key: slice) -> tuple[Any, ...]:
    return key.start, key.stop, key.step


def _selected(array: Traced, key: Traced) -> Node:
    """The condition that a boolean index leaves, besides what was selected before."""
    from ._array import Untraceable

    if key.ndim != 1 or key.node.shape[0] != array.node.shape[0]:
        raise Untraceable("a boolean index of another shape")
    if key.mask is not array.mask:
        raise Untraceable("a boolean index of another selection of rows")
    if array.mask is None:
        return key.node
    return array.graph.apply("bitwise_and", array.mask, key.node)


def _rows_meant(key: Traced) -> Node | None:
    """The rows that a key names in their own order: a condition, or row numbers under one."""
    if key.node.dtype == np.bool_:
        return key.node
    if key.node.op != "arange":
        return None
    return key.graph.broadcast(True, key.node.shape) if key.mask is None else key.mask


def _fail_if_rows_by_number(array: Traced, key: Any) -> None:
    """Padding comes after the rows that formulas see, so only the first has a fixed place."""
    from ._array import Untraceable

    first = key[0] if isinstance(key, tuple) and key else key
    whole = first is Ellipsis or (isinstance(first, slice) and first == slice(None))
    if array.mask is not None and not whole:
        raise Untraceable("a selection's rows by their number")
    if whole or first is None or not array.ndim or not array.graph.entities(array.node.shape[0]):
        return
    if isinstance(first, slice) or first != 0:
        raise Untraceable(f"rows of an array by their number, [{key!r}]")


def _fail_if_selected(array: Traced) -> None:
    """Places among selected rows are others than among all."""
    from ._array import Untraceable

    if array.mask is not None:
        raise Untraceable("places among selected rows")


def _is_beginning(mask: Node | None) -> bool:
    """Whether a selection is of the first rows, among which places are those among all."""
    return mask is not None and mask.op == "less" and mask.args[0].op == "arange"


def fail_unless_within(groups: Node, num: int) -> None:
    """Numbers of groups are those of `num` places; that they are is a decision on the population.

    Raises:
        Untraceable: the numbers may be larger.
    """
    from ._array import Traced, Untraceable
    from ._rows import Rows

    if _are_numbers_of(groups, num):
        return
    graph = groups.graph
    most = Rows(graph, num).traced.node if graph.entities(num) else num
    above, below = graph.apply("less", groups, most), graph.apply("greater_equal", groups, 0)
    if not Traced(graph.apply("bitwise_and", above, below)).all():
        raise Untraceable("numbers of groups beyond the places that there are")


def _are_numbers_of(groups: Node, num: int) -> bool:
    """Whether numbers of groups are rows of the entity that has `num`, whoever the people are."""
    if groups.op == "where":
        rest = groups.args[2]
        return rest.op == "constant" and not rest.shadow and _are_numbers_of(groups.args[1], num)
    return is_link_of(groups, num) or (groups.op == "kinds" and groups.shape == (num,))


def _fail_if_other_rows(array: Traced, key: Any, value: Any) -> None:
    """An assignment is to the rows that its value has."""
    from ._array import Traced, Untraceable, mask_of

    mask, rows = mask_of([value]), key[0] if isinstance(key, tuple) else key
    if isinstance(rows, Traced):
        chosen = rows.node if rows.node.dtype == np.bool_ else rows.mask
        if rows.node.dtype == np.bool_ and rows.mask is not array.mask:
            raise Untraceable("a boolean index of another selection of rows")
    else:
        chosen = array.mask
    if mask is not None and mask is not chosen:
        raise Untraceable("an assignment to other rows than those of its value")


# ---- cells of a table


def _are_cells(array: Traced, key: tuple[Any, ...]) -> bool:
    """Whether a key has a place along every axis of an array that has no rows of the population."""
    from ._array import Traced

    whole = all(
        k.node.dtype.kind in "iu" and k.vocabulary is None
        if isinstance(k, Traced)
        else isinstance(k, int | np.integer)
        for k in key
    )
    return whole and len(key) == array.ndim and not any(map(array.graph.entities, array.node.shape))


def _get_cells(array: Traced, key: tuple[Any, ...]) -> Traced:
    """`table[places, others]`: a cell for each row."""
    from ._array import Traced, mask_of, to_node

    graph, sizes = array.graph, array.node.shape
    flat: Any = 0
    for size, part in zip(sizes, key, strict=True):
        place = inside(graph.constant(to_node(graph, part)), size)
        flat = graph.apply("add", graph.apply("multiply", flat, size), place)
    cells = graph.apply("reshape", array.node, shape=(int(np.prod(sizes)),))
    found = graph.apply("take", cells, flat)
    return Traced(found, array.vocabulary, mask_of([k for k in key if isinstance(k, Traced)]))


# ---- rows with a few columns


def _get_in_row(array: Traced, key: tuple[Any, ...]) -> Traced:
    """`array[rows, column]`: for every row its own column, or some rows of some columns."""
    from ._array import Traced

    graph, (rows, column) = array.graph, _pair(array, key)
    if rows.node.dtype == np.bool_:
        part = graph.getitem(array.node, (slice(None), column))
        return Traced(part, array.vocabulary, mask=rows.node)
    _fail_unless_every_row(rows.node)
    options, places = columns_of(array.node), own_columns(array, column, column.mask)
    chosen = options[-1]
    for j, option in reversed(list(enumerate(options[:-1]))):
        chosen = graph.apply("where", graph.apply("equal", places, j), option, chosen)
    return Traced(chosen, array.vocabulary, column.mask)


def _put_in_row(array: Traced, key: tuple[Any, ...], value: Any) -> Node:
    """`array` after `array[rows, column] = value`."""
    graph, (rows, column) = array.graph, _pair(array, key)
    if rows.node.dtype == np.bool_:
        whole = (slice(None), column)
        part = graph.getitem(array.node, whole)
        test = along_rows(rows.node, part.ndim)
        new = graph.astype(graph.apply("where", test, value, part), array.node.dtype)
        return graph.apply("set", array.node, new, key=index_key(whole))
    _fail_unless_every_row(rows.node)
    new_columns, places = [], own_columns(array, column, rows.mask)
    for j, old in enumerate(columns_of(array.node)):
        test = graph.apply("equal", places, j)
        if rows.mask is not None:
            test = graph.apply("bitwise_and", rows.mask, test)
        new = graph.apply("where", test, value, old)
        new_columns.append(graph.astype(new, array.node.dtype))
    return graph.apply("stack", *new_columns, axis=1)


def sorted_rows(node: Node) -> Node:
    """Every row in ascending order, by exchanging neighbours; what is no number comes last."""
    _fail_unless_narrow(node, _MOST_SORTED)
    graph, columns = node.graph, columns_of(node)
    for step in range(len(columns)):
        for i in range(step % 2, len(columns) - 1, 2):
            low = graph.apply("fmin", columns[i], columns[i + 1])
            high = graph.apply("maximum", columns[i], columns[i + 1])
            columns[i], columns[i + 1] = low, high
    return graph.apply("stack", *columns, axis=1)


def groups_of(graph: Graph, node: Node) -> Node:
    """For every row the number of its kind: rows are of one kind when all their columns agree.

    Kinds of padding come last, so that real rows have the numbers that they have without it.
    """
    columns = columns_of(node) if node.ndim == 2 else [node]
    return graph.apply("kinds", *padding(graph, node.shape[0]), *columns)


def padding(graph: Graph, rows: int) -> list[Node]:
    """Which rows are padding, as a key by which they come last; nothing for rows of a table."""
    if not graph.entities(rows):
        return []
    nowhere = graph.broadcast(False, (rows,))
    return [graph.apply("invert", graph.real_rows(graph.broadcast(True, (rows,)), nowhere))]


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

    if node.graph.entities(node.shape[1]) or node.shape[1] > most:
        raise Untraceable(f"an array with more than {most} columns")
