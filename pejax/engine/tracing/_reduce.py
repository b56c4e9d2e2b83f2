"""numpy's reductions of traced arrays: over rows that are real and, if some were, selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph._node import Node
from ..graph._ops import OPS, neutral
from . import _words
from ._array import Traced, Untraceable, held, mask_of, to_node
from ._indexing import along_rows
from ._numpy import graph_of, handles, only

_COMBINED_BY = {
    "sum": "add",
    "prod": "multiply",
    "any": "logical_or",
    "all": "logical_and",
    "max": "maximum",
    "min": "minimum",
}
REDUCED_BY = {ufunc: name for name, ufunc in _COMBINED_BY.items()}


def ufunc_reduce(ufunc: Any, x: Any, axis: int | None = 0, **how: Any) -> Any:
    """`ufunc.reduce` over an array or a list of arrays."""
    if ufunc.__name__ not in REDUCED_BY:
        raise Untraceable(f"numpy.{ufunc.__name__}.reduce")
    return reduce(REDUCED_BY[ufunc.__name__], x, axis, **how)


def ufunc_accumulate(ufunc: Any, x: Traced, axis: int = 0, **how: Any) -> Traced:
    """`ufunc.accumulate` along an axis of a table; along rows there is `cumsum` alone."""
    only(f"{ufunc.__name__}.accumulate", how, out=None, dtype=None)
    graph, name = x.graph, ufunc.__name__
    axis = axis % max(x.ndim, 1)
    if name not in OPS or not x.ndim or graph.entities(x.node.shape[axis]):
        raise Untraceable(f"numpy.{name}.accumulate over rows")
    node = x.node
    if name in ("add", "multiply") and node.dtype.kind in "biu" and node.dtype.itemsize < 8:
        node = graph.astype(node, np.int64)  # as numpy sums and multiplies them
    at: list[Any] = [slice(None)] * x.ndim
    made: list[Node] = []
    for k in range(x.node.shape[axis]):
        at[axis] = k
        part = graph.getitem(node, tuple(at))
        made.append(graph.apply(name, made[-1], part) if made else part)
    return Traced(graph.apply("stack", *made, axis=axis), mask=x.mask)


def reduce(
    name: str,
    x: Any,
    axis: int | None = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
    **other: Any,
) -> Any:
    """A reduction; over the members of a Python list it is a chain of elementwise operations."""
    only(name, other, out=None)
    if not (axis is None or isinstance(axis, int)):
        raise Untraceable(f"numpy.{name} over several axes")
    x = _as_array(x, axis)
    if dtype is not None:
        x = x.astype(dtype)
    if where is not True:
        x = _limited(name, x, where)
    _fail_if_texts(name, x)
    found = _reduced(name, x, axis)
    if initial is not None:
        first = to_node(found.graph, initial)
        found = Traced(found.graph.apply(_COMBINED_BY[name], found.node, first), mask=found.mask)
    return _with_axis(found, axis) if keepdims else found


def _as_array(x: Any, axis: int | None) -> Traced:
    """The argument as one array; rows of a list are stacked along the columns if they can be."""
    x = held(x)
    if isinstance(x, Traced):
        return x
    graph, members = graph_of(x), list(x)
    if axis != 0:
        return Traced(to_node(graph, members))
    nodes = [graph.constant(to_node(graph, i)) for i in members]
    shape = np.broadcast_shapes(*[n.shape for n in nodes])
    rows = [graph.broadcast(n, shape) for n in nodes]
    return Traced(graph.apply("stack", *rows, axis=0), mask=mask_of(members))


def _limited(name: str, x: Traced, where: Any) -> Traced:
    """`x` with what does not count replaced by what changes nothing."""
    graph, nothing = x.graph, neutral(name, x.node.dtype)
    mask = mask_of([x, where])
    return Traced(graph.apply("where", to_node(graph, where), x.node, nothing), mask=mask)


def _fail_if_texts(name: str, x: Traced) -> None:
    if isinstance(x.vocabulary, tuple):
        raise Untraceable(f"numpy.{name} of strings")
    _words.refuse(f"numpy.{name}", [x.node])


def _reduced(name: str, x: Traced, axis: int | None) -> Traced:
    node, graph = x.node, x.graph
    if name in _COMBINED_BY and node.op == "stack" and axis == node.attr("axis"):
        return Traced(_chain(name, list(node.args)), mask=x.mask)
    if node.op == "stack" and node.attr("axis") == 0 and x.mask is not None:
        raise Untraceable(f"numpy.{name} of a list of selected rows")
    across = axis is None or axis in (0, -node.ndim)
    if name == "mean":
        return _mean(x, axis, across)
    if x.mask is not None and across:
        chosen = along_rows(x.mask, node.ndim)
        node = graph.apply("where", chosen, node, neutral(name, node.dtype))
    return Traced(graph.reduce(name, node, axis), mask=None if across else x.mask)


def _mean(x: Traced, axis: int | None, across: bool) -> Traced:
    shape = x.node.shape
    reduced = shape if axis is None else (shape[axis],)
    if (across and x.mask is not None) or any(x.graph.entities(n) for n in reduced):
        raise Untraceable("a mean over rows")
    return Traced(x.graph.apply("mean", x.node, axis=axis), mask=x.mask)


def _chain(name: str, rows: list[Node]) -> Node:
    graph = rows[0].graph
    total = rows[0]
    if name in ("sum", "prod") and total.dtype == np.bool_:
        total = graph.astype(total, np.int64)
    if name in ("any", "all"):
        total = graph.astype(total, np.bool_)
    for row in rows[1:]:
        total = graph.apply(_COMBINED_BY[name], total, row)
    return total


def _with_axis(x: Traced, axis: int | None) -> Traced:
    """A reduction with the axis it went over, of length one."""
    if axis is None or axis < 0:
        raise Untraceable("keepdims without an axis counted from the first")
    key = (slice(None),) * axis + (None,)
    return Traced(x.graph.getitem(x.node, key), mask=x.mask)


def _reduction(name: str) -> Callable[..., Any]:
    def sums(x: Any, axis: int | None = None, dtype: Any = None, **how: Any) -> Any:
        return reduce(name, x, axis, dtype, **how)

    def others(x: Any, axis: int | None = None, **how: Any) -> Any:
        return reduce(name, x, axis, **how)

    return sums if name in ("sum", "prod", "mean") else others


for _name in ("sum", "prod", "mean", "any", "all", "max", "min"):
    handles(_name)(_reduction(_name))
handles("amax")(_reduction("max"))
handles("amin")(_reduction("min"))


@handles("cumsum")
def _cumsum(x: Traced, axis: int | None = None, dtype: Any = None, **other: Any) -> Traced:
    only("cumsum", other, out=None)
    if axis is None and x.ndim > 1:
        raise Untraceable("numpy.cumsum over several axes")
    node = x.node if dtype is None else x.astype(dtype).node
    if x.mask is not None and axis in (None, 0, -x.ndim):
        node = x.graph.apply("where", along_rows(x.mask, x.ndim), node, 0)
    return Traced(x.graph.reduce("cumsum", node, axis), mask=x.mask)
