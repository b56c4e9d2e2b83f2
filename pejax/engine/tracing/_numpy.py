"""numpy's functions and ufuncs on traced arrays.

Those that dispatch reach `function_call` and `ufunc_call`; `_stand_in` serves those that cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import OPS
from . import _indexing
from ._array import Traced, Untraceable, first_traced, has_traced, mask_of, to_node
from ._names import is_name, unify

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}
_CHAIN = {
    "sum": "add",
    "any": "logical_or",
    "all": "logical_and",
    "max": "maximum",
    "min": "minimum",
}
REDUCED_BY = {
    "logical_or": "any",
    "logical_and": "all",
    "add": "sum",
    "maximum": "max",
    "minimum": "min",
    "multiply": "prod",
}
_RENAMED = {"true_divide": "divide", "mod": "remainder", "abs": "absolute", "fabs": "absolute"}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register what a numpy function means on traced arrays."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def function_call(function: Any, args: Any, kwargs: Any) -> Any:
    """NEP 18: a numpy function with a traced argument."""
    handler = HANDLERS.get(function.__name__)
    if handler is None:
        raise Untraceable(f"numpy.{function.__name__}")
    return handler(*args, **kwargs)


def ufunc_call(graph: Graph, ufunc: np.ufunc, inputs: Any, out: Any, where: Any) -> Any:
    """NEP 13: an elementwise function with a traced argument."""
    name = _RENAMED.get(ufunc.__name__, ufunc.__name__)
    if name in ("equal", "not_equal"):
        this, other = inputs if isinstance(inputs[0], Traced) else inputs[::-1]
        same = this._compare(other)
        if same is not None:
            return Traced(same if name == "equal" else graph.apply("invert", same))
    if any(isinstance(a, Traced) and isinstance(a.vocabulary, tuple) for a in inputs):
        raise Untraceable(f"numpy.{name} of strings")
    if name not in OPS:
        raise Untraceable(f"numpy.{name}")
    result = graph.apply(name, *[to_node(graph, a) for a in inputs])
    if where is not True:
        base = to_node(graph, out[0]) if out else np.nan
        result = graph.apply("where", to_node(graph, where), result, base)
    if out and isinstance(out[0], Traced):
        out[0].node = result
    return Traced(result, mask=mask_of(inputs))


def ufunc_reduce(ufunc: Any, x: Any, axis: int | None = 0) -> Traced:
    """`ufunc.reduce` over an array or a list of arrays."""
    if ufunc.__name__ not in REDUCED_BY:
        raise Untraceable(f"numpy.{ufunc.__name__}.reduce")
    return reduce(REDUCED_BY[ufunc.__name__], x, axis)


def reduce(name: str, x: Any, axis: int | None = None, **_: Any) -> Traced:
    """A reduction; over the members of a Python list it is a chain of elementwise operations."""
    if isinstance(x, Traced):
        node = x.node
        if node.op == "stack" and axis == node.attr("axis") and name in _CHAIN:
            return Traced(_chain(name, list(node.args)), mask=x.mask)
        return x.mean(axis) if name == "mean" else x.reduce(name, axis)
    graph = _graph(x)
    rows = [graph.constant(to_node(graph, i)) for i in x]
    if axis == 0 and name in _CHAIN:
        shape = np.broadcast_shapes(*[r.shape for r in rows])
        return Traced(_chain(name, [graph.broadcast(r, shape) for r in rows]))
    stacked = Traced(to_node(graph, list(x)))
    return stacked.mean(axis) if name == "mean" else stacked.reduce(name, axis)


def _chain(name: str, rows: list[Node]) -> Node:
    graph = rows[0].graph
    total = rows[0]
    if name == "sum" and total.dtype == np.bool_:
        total = graph.astype(total, np.int64)
    for row in rows[1:]:
        total = graph.apply(_CHAIN[name], total, row)
    return total


def _graph(x: Any) -> Graph:
    found = first_traced(x)
    if found is None:
        raise Untraceable("a numpy function without a traced argument")
    return found.graph


for _name in ("sum", "any", "all", "prod", "mean"):
    HANDLERS[_name] = lambda x, axis=None, _name=_name, **k: reduce(_name, x, axis)
for _name, _op in {"max": "max", "amax": "max", "min": "min", "amin": "min"}.items():
    HANDLERS[_name] = lambda x, axis=None, _op=_op, **k: _extreme(_op, x, axis, **k)


def _extreme(name: str, x: Any, axis: int | None, initial: Any = None, **_: Any) -> Traced:
    found = reduce(name, x, axis)
    if initial is None:
        return found
    return Traced(found.graph.apply(_CHAIN[name], found.node, to_node(found.graph, initial)))


@handles("where")
def _where(condition: Any, *options: Any) -> Any:
    """A choice; of a condition alone the rows where it holds, as a deferred selection."""
    graph = _graph([condition, *options])
    test = to_node(graph, condition)
    if not options:
        return (Traced(graph.apply("arange", num=test.shape[0]), mask=test),)
    yes, no = options
    if is_name(yes) or is_name(no):
        (a, b), vocabulary = unify([yes, no])
        return Traced(graph.apply("where", test, a, b), vocabulary)
    chosen = graph.apply("where", test, to_node(graph, yes), to_node(graph, no))
    return Traced(chosen, mask=mask_of([condition, yes, no]))


@handles("select")
def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Traced:
    graph = _graph([list(conditions), list(choices), default])
    tests = [to_node(graph, c) for c in conditions]
    options = list(choices)
    vocabulary = None
    if any(is_name(c) for c in options):
        named_default = is_name(default)
        codes, vocabulary = unify([*options, *([default] if named_default else [])])
        options, otherwise = (codes[:-1], codes[-1]) if named_default else (codes, 0)
    else:
        options = [to_node(graph, c) for c in options]
        otherwise = to_node(graph, default)
    result = graph.constant(otherwise)
    for test, option in reversed(list(zip(tests, options, strict=False))):
        result = graph.apply("where", test, option, result)
    return Traced(result, vocabulary, mask_of(conditions))


@handles("isin", "in1d")
def _isin(x: Any, tests: Any, invert: bool = False, **_: Any) -> Traced:
    if not isinstance(x, Traced):
        raise Untraceable("numpy.isin of a constant in a traced array")
    if x.vocabulary is not None:
        found = _isin_names(x, tests)
    elif has_traced(tests):
        held = to_node(x.graph, tests)
        found = x.graph.apply("isin", x.node, x.graph.real_rows(held, x.graph.getitem(held, 0)))
    else:
        found = x.graph.apply("isin", x.node, np.asarray(tests))
    return Traced(x.graph.apply("invert", found) if invert else found, mask=x.mask)


def _isin_names(x: Traced, tests: Any) -> Node:
    members = list(np.ravel(np.array(list(tests), dtype=object)))
    names = [getattr(m, "name", None) or str(m) for m in members]
    plain_strings = not any(hasattr(m, "name") for m in members)
    if not isinstance(x.vocabulary, tuple) and plain_strings:
        return x.graph.broadcast(False, x.shape)
    return x.lookup(lambda vocabulary: np.isin(vocabulary, names))


@handles("clip")
def _clip(x: Any, a_min: Any = None, a_max: Any = None, **_: Any) -> Traced:
    graph = _graph([x, a_min, a_max])
    node = to_node(graph, x)
    if a_min is not None:
        node = graph.apply("maximum", node, to_node(graph, a_min))
    if a_max is not None:
        node = graph.apply("minimum", node, to_node(graph, a_max))
    return Traced(graph.constant(node), mask=mask_of([x]))


@handles("round", "around")
def _round(x: Traced, decimals: int = 0, **_: Any) -> Traced:
    return x.round(decimals)


@handles("zeros_like", "empty_like")
def _zeros_like(x: Any, dtype: Any = None, **_: Any) -> Traced:
    return _full_like(x, 0, dtype)


@handles("ones_like")
def _ones_like(x: Any, dtype: Any = None, **_: Any) -> Traced:
    return _full_like(x, 1, dtype)


@handles("full_like")
def _full_like(x: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Traced:
    graph = _graph([x, fill_value])
    like = x if isinstance(x, Traced) else Traced(graph.constant(x))
    if is_name(fill_value):
        (code,), vocabulary = unify([fill_value])
        return Traced(graph.broadcast(code, like.shape), vocabulary)
    target = dtype or (float if isinstance(like.vocabulary, tuple) else like.node.dtype)
    value = graph.astype(to_node(graph, fill_value), target)
    return Traced(graph.broadcast(value, like.shape), mask=like.mask)


@handles("interp")
def _interp(x: Any, xp: Any, fp: Any, **_: Any) -> Traced:
    graph = _graph([x, xp, fp])
    return Traced(graph.apply("interp", *[to_node(graph, a) for a in (x, xp, fp)]))


@handles("bincount")
def _bincount(x: Traced, weights: Any = None, minlength: int = 0) -> Traced:
    """Counts, or sums of weights, by group: only of rows that are real and selected."""
    graph, where = x.graph, mask_of([x, weights])
    ones = graph.broadcast(1, x.shape)
    values = ones if weights is None else graph.astype(to_node(graph, weights), float)
    values = graph.real_rows(values, 0)
    groups = x.node
    if where is not None:
        values, groups = (graph.apply("where", where, v, 0) for v in (values, groups))
    if isinstance(minlength, Traced):  # as many groups as rows at most
        minlength = x.shape[0]
    return Traced(graph.apply("segment_sum", values, groups, num=int(minlength)))


@handles("searchsorted")
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Traced:
    graph = _graph([a, v])
    edges = to_node(graph, a)
    if sorter is not None or (isinstance(edges, Node) and edges.data):
        raise Untraceable("numpy.searchsorted in an array of the population")
    return Traced(graph.apply("search", edges, to_node(graph, v), side=side), mask=mask_of([v]))


class Unknown:
    """A value that no program has: any use of it is refused."""

    def __init__(self, what: str) -> None:
        self.__dict__["_what"] = what

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(self._what)


@handles("unique")
def _unique(x: Any, return_inverse: bool = False, axis: int | None = None, **other: Any) -> Any:
    """Names are those of the vocabulary; of numbers only the inverse is known, up to its order."""
    if isinstance(x, Traced) and x.vocabulary is not None and not return_inverse:
        return np.array(sorted(x.names))
    if not isinstance(x, Traced) or not return_inverse or other or axis not in (None, 0):
        raise Untraceable("numpy.unique of numbers")
    return Unknown("the distinct values of an array"), Traced(_indexing.groups_of(x.graph, x.node))


@handles("array_equal")
def _array_equal(a: Any, b: Any, **_: Any) -> Any:
    graph = _graph([a, b])
    same = graph.apply("equal", to_node(graph, a), to_node(graph, b))
    return Traced(graph.reduce("all", same, None))


@handles("column_stack")
def _column_stack(arrays: Any) -> Traced:
    return stack(list(arrays), axis=1)


@handles("stack", "array", "asarray")
def stack(arrays: Any, axis: int = 0, **_: Any) -> Traced:
    graph = _graph(arrays)
    if isinstance(arrays, Traced):
        return arrays
    rows = [graph.constant(to_node(graph, a)) for a in arrays]
    shape = np.broadcast_shapes(*[r.shape for r in rows])
    return Traced(graph.apply("stack", *[graph.broadcast(r, shape) for r in rows], axis=axis))


@handles("concatenate")
def _concatenate(arrays: Any, axis: int = 0, **_: Any) -> Traced:
    graph = _graph(arrays)
    return Traced(graph.apply("concatenate", *[to_node(graph, a) for a in arrays], axis=axis))


@handles("broadcast_to")
def _broadcast_to(x: Traced, shape: Any, **_: Any) -> Traced:
    target = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    return Traced(x.graph.broadcast(x.node, target), x.vocabulary)


@handles("cumsum")
def _cumsum(x: Traced, axis: int | None = None, **_: Any) -> Traced:
    return Traced(x.graph.reduce("cumsum", x.node, axis))


@handles("lexsort")
def _lexsort(keys: Any, **_: Any) -> Traced:
    graph = _graph(list(keys))
    return Traced(graph.apply("lexsort", *[to_node(graph, k) for k in keys]))


@handles("nan_to_num")
def _nan_to_num(x: Traced, **_: Any) -> Traced:
    return Traced(x.graph.apply("nan_to_num", x.node), mask=x.mask)


@handles("shape")
def _shape(x: Traced) -> tuple[int, ...]:
    return x.shape


@handles("size")
def _size(x: Traced, axis: int | None = None) -> int:
    return x.size


@handles("ndim")
def _ndim(x: Traced) -> int:
    return x.ndim


@handles("copy")
def _copy(x: Traced, **_: Any) -> Traced:
    return x.copy()


@handles("ravel")
def _ravel(x: Traced, **_: Any) -> Traced:
    return x.ravel()
