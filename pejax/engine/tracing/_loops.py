"""Python loops over rows: what a formula does row by row happens once for each kind of row.

A loop sees every kind at least twice. What it made, a value a row, is gathered to the rows; what
cannot be told from the kind of a row alone (a count, a place) is refused.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from . import _array, _names

_LOOP = 1009
"""A loop goes on for a multiple of this, a length that nothing else has."""

_MOST_KINDS = 20_000
_WHOLE = "biu"


@dataclasses.dataclass(eq=False)
class Loop:
    """A loop over the rows of an array, or of several in step.

    Attributes:
        arrays: over which it goes.
        kinds: what a row may hold, a member of each array; known when the first is asked for.
        node: the number of each row's kind.
        idle: whether it ends before it begins, to see what a formula makes without it.
    """

    arrays: list[_array.Traced]
    idle: bool = False
    kinds: list[tuple[Any, ...]] | None = None
    node: Node | None = None

    @property
    def mask(self) -> Node | None:
        return self.arrays[0].mask

    def is_over(self, array: _array.Traced) -> bool:
        """Whether it goes over this array alone."""
        return [(a.node, a.mask) for a in self.arrays] == [(array.node, array.mask)]

    def members(self, place: int) -> Iterator[Any]:
        """What the loop sees of one of its arrays."""
        if self.kinds is None:
            self.kinds, self.node = self._found()
        rounds = 0 if self.idle else -(-2 * len(self.kinds) // _LOOP) * _LOOP
        for kind in itertools.islice(itertools.cycle(self.kinds), rounds):
            yield kind[place]

    def _found(self) -> tuple[list[tuple[Any, ...]], Node]:
        first = self.arrays[0]
        if len(self.arrays) == 1 and isinstance(first.vocabulary, tuple):
            return [(name,) for name in first.names], first.node
        return _kinds_of(self.arrays)


def each_row(array: _array.Traced) -> Iterator[Any]:
    """A Python loop over the rows of an array.

    Raises:
        Untraceable: of amounts or categories, or beside another loop.
    """
    graph, loop = array.graph, array.graph.looped
    plain = array.vocabulary is None and array.node.dtype.kind in _WHOLE
    if array.ndim != 1 or not (plain or (isinstance(array.vocabulary, tuple) and array.names)):
        raise _array.Untraceable("a Python loop over the rows of an array")
    if loop is None:
        loop = graph.looped = Loop([array], graph.idle_loops)
        return loop.members(0)
    if loop.is_over(array) and loop.kinds is not None:
        return loop.members(0)
    beside = (array.node.shape, array.mask) == (loop.arrays[0].node.shape, loop.mask)
    if loop.kinds is not None or not beside:
        raise _array.Untraceable("a Python loop over the rows of two arrays, one in the other")
    loop.arrays.append(array)
    return loop.members(len(loop.arrays) - 1)


def repeated(graph: Graph | None, member: Any) -> Iterator[Any] | None:
    """A member for every row, in step with a loop that is about to begin; None without one."""
    loop = None if graph is None else graph.looped
    if loop is None or loop.kinds is not None:
        return None
    return itertools.repeat(member, 2 * (_MOST_KINDS + _LOOP))  # as long as any loop, and finite


def distinct(array: _array.Traced) -> np.ndarray:
    """The whole numbers that the people have in an array, in ascending order; that others have the
    same ones, every one of them, is a decision.

    Raises:
        Untraceable: too many, or other people would have others.
    """
    kinds, number = _kinds_of([array])
    graph, every = array.graph, np.arange(len(kinds))
    column = graph.apply("reshape", number, shape=(*number.shape, 1))
    there = _array.Traced(graph.apply("equal", column, every[None, :]), mask=array.mask)
    if not bool(np.all(np.any(there, axis=0))):
        raise _array.Untraceable("the distinct values of an array that nobody has here")
    return np.array([value for (value,) in kinds])


def _kinds_of(arrays: list[_array.Traced]) -> tuple[list[tuple[Any, ...]], Node]:
    """The combinations that the people have, and each row's; that others have no more of them is a
    decision.

    Raises:
        Untraceable: too many, or other people would have more.
    """
    graph, mask = arrays[0].graph, arrays[0].mask
    nodes = [graph.astype(a.node, np.int64) for a in arrays]
    held = [np.asarray(_array.looked_at(n)) for n in nodes]
    real = graph.real_rows(graph.broadcast(True, nodes[0].shape), False)
    real = real if mask is None else graph.apply("bitwise_and", real, mask)
    rows = np.asarray(_array.looked_at(real))
    values = [np.unique(column[rows]) for column in held]
    lengths = tuple(max(len(v), 1) for v in values)
    if not rows.any() or np.prod(lengths, dtype=float) > _MOST_KINDS:
        raise _array.Untraceable("a Python loop over rows of very many kinds")
    places = [np.searchsorted(v, c[rows]) for v, c in zip(values, held, strict=True)]
    codes, table = np.unique(np.ravel_multi_index(places, lengths)), np.full(np.prod(lengths), -1)
    table[codes] = np.arange(len(codes))
    number, known = _numbered(graph, nodes, values, lengths, table)
    everybody = graph.reduce("all", _in_rows(graph, known, mask), None)
    if not bool(_array.Traced(everybody)):
        raise _array.Untraceable("a Python loop over rows of kinds that nobody has here")
    members = [_members(a, v) for a, v in zip(arrays, values, strict=True)]
    found = zip(*np.unravel_index(codes, lengths), strict=True)
    kinds = [tuple(m[i] for m, i in zip(members, at, strict=True)) for at in found]
    return kinds, number


def _numbered(
    graph: Graph,
    nodes: list[Node],
    values: list[np.ndarray],
    lengths: tuple[int, ...],
    table: np.ndarray,
) -> tuple[Node, Node]:
    """The number of each row's kind, and whether it has one."""
    code: Any = None
    known: Any = True
    for node, value, length in zip(nodes, values, lengths, strict=True):
        place = graph.apply("search", graph.constant(value), node, side="left")
        place = graph.apply("minimum", place, length - 1)
        same = graph.apply("equal", graph.apply("take", value, place), node)
        known = graph.apply("bitwise_and", same, known)
        code = (
            place
            if code is None
            else graph.apply("add", graph.apply("multiply", code, length), place)
        )
    number = graph.apply("take", table, code)
    known = graph.apply("bitwise_and", known, graph.apply("greater_equal", number, 0))
    return graph.apply("maximum", number, 0), known


def _in_rows(graph: Graph, known: Node, mask: Node | None) -> Node:
    return known if mask is None else graph.apply("where", mask, known, True)


def _members(array: _array.Traced, values: np.ndarray) -> list[Any]:
    """What a loop sees for each value of an array."""
    if array.vocabulary is not None:
        return [array.names[code] for code in values]
    return list(values.astype(array.node.dtype))


def by_row(graph: Graph, made: Any) -> Any:
    """What a loop over rows made, gathered to those rows; else `made` itself.

    Raises:
        Untraceable: what is not one value a kind: a count, a place, a test of any.
    """
    loop: Loop | None = graph.looped
    if loop is None or loop.kinds is None or loop.node is None:
        return made
    many = len(loop.kinds)
    every = list(made) if isinstance(made, list | tuple | np.ndarray) else []
    options = every[:many]
    whole = len(every) > many and len(every) % _LOOP == 0
    if not whole or not all(_same(o, options[i % many]) for i, o in enumerate(every)):
        raise _array.Untraceable("a Python loop over rows, but for a value that each one has")
    graph.looped = None
    if any(_names.is_name(o) for o in options):
        codes, vocabulary = _names.unify(options)
        gathered = graph.apply("take", np.array(codes), loop.node)
        return _array.Traced(gathered, vocabulary, loop.mask)
    return _array.Traced(graph.apply("take", np.array(options), loop.node), mask=loop.mask)


def whole_loops(graph: Graph, function: Callable[..., Any], *args: Any) -> Any:
    """`function(*args)`, whose loops over rows must each have given one value a kind, or nothing.

    Raises:
        Untraceable: a loop that did not.
    """
    outer, graph.looped = graph.looped, None
    try:
        result = function(*args)
        if (
            graph.looped is not None
            and isinstance(result, np.ndarray)
            and type(result) is not _array.Traced
        ):
            result = by_row(graph, result)
        if graph.looped is not None and not _is_without(graph, result, function, args):
            raise _array.Untraceable("a Python loop over rows, but for an array")
    finally:
        graph.looped = outer
    return result


def _is_without(graph: Graph, result: Any, function: Callable[..., Any], args: Any) -> bool:
    """Whether a function gives the same when its loops end before they begin."""
    graph.looped, graph.idle_loops = None, True
    try:
        idle = function(*args)
    finally:
        graph.looped, graph.idle_loops = None, False
    one, other = (_array.held(x) for x in (result, idle))
    both = isinstance(one, _array.Traced) and isinstance(other, _array.Traced)
    return both and (one.node, one.vocabulary, one.mask) == (
        other.node,
        other.vocabulary,
        other.mask,
    )


def _same(this: Any, other: Any) -> bool:
    """Whether two values made of the same kind agree; what depends on the law is one node."""
    this, other = (getattr(_array.held(x), "node", x) for x in (this, other))
    return this is other or bool(this == other) or repr(this) == repr(other) == "nan"
