"""numpy's functions that compare arrays: which are alike, which place holds the largest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph._node import Node
from . import _indexing
from ._array import Traced, Untraceable, mask_of, to_node
from ._names import is_name
from ._numpy import ANY, graph_of, handles, only


@handles("array_equal")
def _array_equal(a: Any, b: Any, equal_nan: bool = False) -> Any:
    graph = graph_of([a, b])
    this, other = (graph.constant(to_node(graph, x)) for x in (a, b))
    if is_name(a) or is_name(b):
        raise Untraceable("numpy.array_equal of names")
    if this.shape != other.shape:
        if any(graph.entities(n) for n in (*this.shape, *other.shape)):
            raise Untraceable("numpy.array_equal of rows with another number of rows")
        return False
    same = graph.apply("equal", this, other)
    if equal_nan:
        holes = graph.apply("bitwise_and", graph.apply("isnan", this), graph.apply("isnan", other))
        same = graph.apply("bitwise_or", same, holes)
    return Traced(same, mask=mask_of([a, b])).all()


@handles("isclose")
def _isclose(
    a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False, **other: Any
) -> Traced:
    """As numpy has it: the second is the measure, and infinite values are close to themselves."""
    only("isclose", other)
    graph = graph_of([a, b])
    this, measure = (graph.constant(to_node(graph, x)) for x in (a, b))
    if measure.dtype.kind != "f":
        measure = graph.astype(measure, np.float64)
    gap = graph.apply("absolute", graph.apply("subtract", this, measure))
    room = graph.apply("multiply", to_node(graph, rtol), graph.apply("absolute", measure))
    near = graph.apply("less_equal", gap, graph.apply("add", to_node(graph, atol), room))
    near = graph.apply("bitwise_and", near, graph.apply("isfinite", measure))
    near = graph.apply("bitwise_or", near, graph.apply("equal", this, measure))
    if equal_nan:
        holes = [graph.apply("isnan", x) for x in (this, measure)]
        near = graph.apply("bitwise_or", near, graph.apply("bitwise_and", *holes))
    return Traced(near, mask=mask_of([a, b]))


@handles("sort")
def _sort(a: Any, axis: int | None = -1, **other: Any) -> Traced:
    """Of every row by itself; that of the rows themselves would mix people."""
    only("sort", other, kind=ANY, stable=ANY)
    if not isinstance(a, Traced) or a.ndim != 2 or axis not in (1, -1) or is_name(a):
        raise Untraceable("numpy.sort, but of every row by itself")
    return Traced(_indexing.sorted_rows(a.node), mask=a.mask)


@handles("isneginf")
def _isneginf(x: Any) -> Traced:
    return _is(x, -np.inf)


@handles("isposinf")
def _isposinf(x: Any) -> Traced:
    return _is(x, np.inf)


def _is(x: Any, value: float) -> Traced:
    return Traced(graph_of([x]).apply("equal", to_node(graph_of([x]), x), value), mask=mask_of([x]))


@handles("argmax")
def _argmax(a: Any, axis: int | None = None, **other: Any) -> Traced:
    return _place_of(a, axis, "greater", other)


@handles("argmin")
def _argmin(a: Any, axis: int | None = None, **other: Any) -> Traced:
    return _place_of(a, axis, "less", other)


def _place_of(a: Any, axis: int | None, better: str, other: dict[str, Any]) -> Traced:
    """The first place along an axis that is better than those before it; NaN is better than any
    number."""
    only("argmax", other, out=None, keepdims=ANY)
    if other.get("keepdims"):
        raise Untraceable("numpy.argmax with keepdims")
    graph = graph_of([a])
    node = graph.constant(to_node(graph, a))
    along = 0 if axis is None and node.ndim == 1 else axis
    if along is None or graph.entities(node.shape[along]):
        raise Untraceable("numpy.argmax over rows")
    at: list[Any] = [slice(None)] * node.ndim
    parts: list[Node] = []
    for k in range(node.shape[along]):
        at[along] = k
        parts.append(graph.getitem(node, tuple(at)))
    best, place = parts[0], graph.broadcast(np.int64(0), parts[0].shape)
    for k, part in enumerate(parts[1:], start=1):
        wins = graph.apply(better, part, best)
        if part.dtype.kind == "f":
            hole, held = graph.apply("isnan", part), graph.apply("isnan", best)
            wins = graph.apply(
                "bitwise_or", wins, graph.apply("bitwise_and", hole, graph.apply("invert", held))
            )
        best = graph.apply("where", wins, part, best)
        place = graph.apply("where", wins, np.int64(k), place)
    return Traced(place, mask=mask_of([a]))
