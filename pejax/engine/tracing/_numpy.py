"""numpy's functions and ufuncs on traced arrays.

Those that dispatch reach `function_call` and `ufunc_call`; `_stand_in` serves those that cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import OPS
from . import _dates, _indexing, _texts, _words
from ._array import Traced, Untraceable, first_traced, has_traced, held, mask_of, to_node
from ._by_id import DistinctIds, Place
from ._names import is_name, unify
from ._rows import Rows, shadow_length, shadow_shape

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}
ANY: Any = object()
"""An option that changes nothing here, whatever its value."""

_OF_TWO_WORDS = (
    "where",
    "select",
    "full_like",
    "zeros_like",
    "ones_like",
    "copy",
    "ravel",
    "shape",
    "size",
    "ndim",
    "broadcast_to",
    "stack",
    "concatenate",
    "column_stack",
)
_RENAMED = {"true_divide": "divide", "mod": "remainder", "abs": "absolute", "fabs": "absolute"}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register what a numpy function means on traced arrays."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update({name: _guarded(name, handler) for name in names})
        return handler

    return register


def _guarded(name: str, handler: Handler) -> Handler:
    """A handler whose first argument is an array, of integers that one word holds."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if args and not isinstance(args[0], list | tuple):
            args = (held(args[0]), *args[1:])
        if name not in _OF_TWO_WORDS:
            traced = [a.node for a in map(held, args) if isinstance(a, Traced)]
            _words.refuse(f"numpy.{name}", traced)
        return handler(*args, **kwargs)

    return call


def function_call(function: Any, args: Any, kwargs: Any) -> Any:
    """NEP 18: a numpy function with a traced argument."""
    handler = HANDLERS.get(function.__name__)
    if handler is None:
        raise Untraceable(f"numpy.{function.__name__}")
    return handler(*args, **kwargs)


def ufunc_call(
    graph: Graph,
    ufunc: np.ufunc,
    inputs: Any,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    **other: Any,
) -> Any:
    """NEP 13: an elementwise function with a traced argument."""
    name = _RENAMED.get(ufunc.__name__, ufunc.__name__)
    only(name, other)
    if name in ("equal", "not_equal"):
        this, other = inputs if isinstance(inputs[0], Traced) else inputs[::-1]
        same = this._compare(other)
        if same is not None:
            mask = mask_of(inputs)
            return Traced(same if name == "equal" else graph.apply("invert", same), mask=mask)
    if any(isinstance(a, Traced) and isinstance(a.vocabulary, tuple) for a in inputs):
        if len(inputs) == 2 and any(map(_dates.is_time, inputs)):
            return _dates.operate(name, *inputs)
        found = _texts.beside_one(name, inputs) if len(inputs) > 1 else None
        if found is None:
            raise Untraceable(f"numpy.{name} of strings")
        return found
    if name not in OPS:
        raise Untraceable(f"numpy.{name}")
    operands = [to_node(graph, a) for a in inputs]
    if dtype is not None:
        operands = [graph.astype(o, dtype) for o in operands]
    result = graph.apply(name, *operands)
    _words.check(f"numpy.{name}", result, operands)
    if where is not True:
        base = to_node(graph, out[0]) if out else np.nan
        result = graph.apply("where", to_node(graph, where), result, base)
    mask = mask_of([*inputs, where, *(out or ())])
    if out and not isinstance(out[0], Traced):
        raise Untraceable(f"numpy.{name} into a plain array")
    made = Traced(result, mask=mask)
    return out[0].become(made) if out else made


def graph_of(x: Any) -> Graph:
    """The graph of the first traced value."""
    found = first_traced(x)
    if found is None:
        raise Untraceable("a numpy function without a traced argument")
    return found.graph


def only(function: str, given: Mapping[str, Any], **harmless: Any) -> None:
    """Refuse options that are not meant here; those in `harmless` may have their default.

    Raises:
        Untraceable: an option that has another value.
    """
    for name, value in given.items():
        if name not in harmless or not (harmless[name] is ANY or value is harmless[name]):
            raise Untraceable(f"numpy.{function} with {name}={value!r}")


@handles("where")
def _where(condition: Any, *options: Any) -> Any:
    """A choice; of a condition alone the rows where it holds, as a deferred selection."""
    graph = graph_of([condition, *options])
    test = to_node(graph, condition)
    if not options:
        if mask_of([condition]) is not None or test.ndim != 1:
            raise Untraceable("numpy.where: the places of selected rows")
        return (Traced(graph.apply("arange", num=test.shape[0]), mask=test),)
    yes, no = options
    if is_name(yes) or is_name(no):
        (a, b), vocabulary = unify([yes, no])
        return Traced(graph.apply("where", test, a, b), vocabulary, mask_of([condition, *options]))
    values = [to_node(graph, yes), to_node(graph, no)]
    chosen = graph.apply("where", test, *values)
    _words.check("numpy.where", chosen, values)
    return Traced(chosen, mask=mask_of([condition, *options]))


@handles("select")
def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Traced:
    graph = graph_of([list(conditions), list(choices), default])
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
    _words.check("numpy.select", result, options)
    return Traced(result, vocabulary, mask_of([*conditions, *choices, default]))


@handles("isin", "in1d")
def _isin(
    x: Any, tests: Any, assume_unique: bool = False, invert: bool = False, **other: Any
) -> Traced:
    only("isin", other, kind=ANY)
    if not isinstance(x, Traced):
        raise Untraceable("numpy.isin of a constant in a traced array")
    if x.vocabulary is not None:
        found = _isin_names(x, tests)
    elif has_traced(tests):
        found = x.graph.apply("isin", x.node, _tested(x.graph, tests))
    else:
        found = x.graph.apply("isin", x.node, np.asarray(tests))
    return Traced(x.graph.apply("invert", found) if invert else found, mask=x.mask)


def _tested(graph: Graph, tests: Any) -> Node:
    """Values to look for: in rows that do not count, one that is there in another row."""
    node, mask = to_node(graph, tests), mask_of([tests])
    if mask is None:
        return graph.real_rows(node, graph.getitem(node, 0))
    if node.dtype.kind != "f":
        raise Untraceable("numpy.isin of selected rows of integers")
    nothing = np.nan  # equal to no value
    return graph.real_rows(graph.apply("where", mask, node, nothing), nothing)


def _isin_names(x: Traced, tests: Any) -> Node:
    members = list(np.ravel(np.array(list(tests), dtype=object)))
    names = [getattr(m, "name", None) or str(m) for m in members]
    plain_strings = not any(hasattr(m, "name") for m in members)
    if not isinstance(x.vocabulary, tuple) and plain_strings:
        return x.graph.broadcast(False, x.node.shape)
    return x.lookup(lambda vocabulary: np.isin(vocabulary, names))


@handles("clip")
def _clip(x: Any, a_min: Any = None, a_max: Any = None, **other: Any) -> Any:
    a_min, a_max = other.pop("min", a_min), other.pop("max", a_max)
    only("clip", other, out=None)
    if isinstance(x, Place):
        return x.within(a_min, a_max)
    graph = graph_of([x, a_min, a_max])
    node = to_node(graph, x)
    if a_min is not None:
        node = graph.apply("maximum", node, to_node(graph, a_min))
    if a_max is not None:
        node = graph.apply("minimum", node, to_node(graph, a_max))
    return Traced(graph.constant(node), mask=mask_of([x, a_min, a_max]))


@handles("round", "around")
def _round(x: Traced, decimals: int = 0, **other: Any) -> Traced:
    only("round", other, out=None)
    return x.round(decimals)


@handles("zeros_like", "empty_like")
def _zeros_like(x: Any, dtype: Any = None, **other: Any) -> Traced:
    return _full_like(x, 0, dtype, **other)


@handles("ones_like")
def _ones_like(x: Any, dtype: Any = None, **other: Any) -> Traced:
    return _full_like(x, 1, dtype, **other)


@handles("full_like")
def _full_like(x: Any, fill_value: Any, dtype: Any = None, **other: Any) -> Traced:
    only("full_like", other, order=ANY, subok=ANY, shape=None)
    graph = graph_of([x, fill_value])
    like = x if isinstance(x, Traced) else Traced(graph.constant(x))
    if is_name(fill_value):
        (code,), vocabulary = unify([fill_value])
        return Traced(graph.broadcast(code, like.node.shape), vocabulary, like.mask)
    target = dtype or (float if isinstance(like.vocabulary, tuple) else like.node.dtype)
    value = graph.astype(to_node(graph, fill_value), target)
    return Traced(graph.broadcast(value, like.node.shape), mask=like.mask)


@handles("interp")
def _interp(x: Any, xp: Any, fp: Any, **other: Any) -> Traced:
    only("interp", other, left=None, right=None, period=None)
    graph = graph_of([x, xp, fp])
    point, *table = (graph.constant(to_node(graph, a)) for a in (x, xp, fp))
    if any(t.data for t in table):
        raise Untraceable("numpy.interp in an array of the population")
    return Traced(graph.apply("interp", point, *table), mask=mask_of([x]))


@handles("bincount")
def _bincount(x: Any, weights: Any = None, minlength: Any = 0) -> Any:
    """Counts, or sums of weights, by group: only of rows that are real and selected.

    How many groups there are is a value of the population where the formula does not say: the
    result then has room for as many as there are rows, and selects those that there are.
    """
    if isinstance(x, Place):
        return x.of.summed(x, weights, minlength)
    graph, where = x.graph, mask_of([x, weights])
    ones = graph.broadcast(1, x.node.shape)
    values = ones if weights is None else graph.astype(to_node(graph, weights), float)
    values = graph.real_rows(values, 0)
    groups = x.node
    if where is not None:
        values, groups = (graph.apply("where", where, v, 0) for v in (values, groups))
    if not isinstance(minlength, Traced) and (isinstance(minlength, Rows) or minlength > 0):
        num = shadow_length(graph, minlength)
        _indexing.fail_unless_within(groups, num)
        return Traced(graph.apply("segment_sum", values, groups, num=num))
    (num,) = groups.shape
    _indexing.fail_unless_within(groups, num)
    there = np.max(Traced(x.node, mask=where), initial=-1) + 1
    count = to_node(graph, np.maximum(there, minlength))
    room = graph.apply("arange", num=num)
    return Traced(
        graph.apply("segment_sum", values, groups, num=num), mask=graph.apply("less", room, count)
    )


@handles("searchsorted")
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    if isinstance(a, DistinctIds) and side == "left" and sorter is None:
        return a.place_of(v)
    graph = graph_of([a, v])
    edges = to_node(graph, a)
    if sorter is not None or (isinstance(edges, Node) and edges.data):
        raise Untraceable("numpy.searchsorted in an array of the population")
    return Traced(graph.apply("search", edges, to_node(graph, v), side=side), mask=mask_of([v]))


@handles("column_stack")
def _column_stack(arrays: Any) -> Traced:
    return stack(list(arrays), axis=1)


@handles("stack", "array", "asarray")
def stack(arrays: Any, axis: int = 0, **other: Any) -> Traced:
    only("stack", other, out=None, copy=ANY, order=ANY, dtype=None)
    graph, mask = graph_of(arrays), mask_of([arrays])
    if isinstance(arrays, Traced):
        return arrays
    if any(is_name(a) for a in arrays):
        raise Untraceable("numpy.stack of names")
    if mask is not None and axis == 0:
        raise Untraceable("numpy.stack of selected rows")
    rows = [graph.constant(to_node(graph, a)) for a in arrays]
    shape = np.broadcast_shapes(*[r.shape for r in rows])
    whole = [graph.broadcast(r, shape) for r in rows]
    return Traced(graph.apply("stack", *whole, axis=axis), mask=mask)


@handles("concatenate")
def _concatenate(arrays: Any, axis: int = 0, **other: Any) -> Traced:
    only("concatenate", other, out=None)
    graph = graph_of(arrays)
    if axis:
        nodes = [graph.constant(to_node(graph, a)) for a in arrays]
        return Traced(graph.apply("concatenate", *nodes, axis=axis), mask=mask_of(arrays))
    codes, vocabulary = unify(arrays) if any(map(is_name, arrays)) else (arrays, None)
    nodes = [graph.constant(to_node(graph, a)) for a in codes]
    if len({bool(graph.entities(n.shape[0])) for n in nodes}) > 1:
        raise Untraceable("numpy.concatenate of rows and a table")
    masks = [mask_of([a]) for a in arrays]
    joined = None
    if any(m is not None for m in masks):
        every = [graph.broadcast(True, n.shape[:1]) for n in nodes]
        chosen = [e if m is None else m for m, e in zip(masks, every, strict=True)]
        joined = graph.apply("concatenate", *chosen, axis=0)
    return Traced(graph.apply("concatenate", *nodes, axis=0), vocabulary, joined)


@handles("broadcast_to")
def _broadcast_to(x: Traced, shape: Any, **other: Any) -> Traced:
    only("broadcast_to", other, subok=ANY)
    target = shadow_shape(x.graph, shape)
    if x.mask is not None and target != x.node.shape:
        raise Untraceable("numpy.broadcast_to of selected rows")
    return x.shown(lambda node: x.graph.broadcast(node, target))


@handles("lexsort")
def _lexsort(keys: Any) -> Traced:
    graph = graph_of(list(keys))
    if mask_of(list(keys)) is not None:
        raise Untraceable("numpy.lexsort of selected rows")
    nodes = [graph.constant(to_node(graph, k)) for k in keys]
    return Traced(graph.apply("lexsort", *nodes, *_indexing.padding(graph, nodes[0].shape[0])))


@handles("nan_to_num")
def _nan_to_num(
    x: Traced,
    copy: bool = True,
    nan: Any = 0.0,
    posinf: Any = None,
    neginf: Any = None,
) -> Traced:
    if not copy:
        raise Untraceable("numpy.nan_to_num in place")
    graph, node = x.graph, x.graph.apply("nan_to_num", x.node)
    for test, value in ((np.inf, posinf), (-np.inf, neginf)):
        if value is not None:
            there = graph.apply("equal", x.node, test)
            node = graph.apply("where", there, to_node(graph, value), node)
    if isinstance(nan, Traced) or nan != 0:
        hole = graph.apply("isnan", x.node)
        node = graph.apply("where", hole, to_node(graph, nan), node)
    return Traced(graph.astype(node, x.node.dtype), mask=x.mask)


@handles("shape")
def _shape(x: Traced) -> tuple[Any, ...]:
    return x.shape


@handles("size")
def _size(x: Traced, axis: int | None = None) -> Any:
    return x.size if axis is None else x.shape[axis]


@handles("ndim")
def _ndim(x: Traced) -> int:
    return x.ndim


@handles("copy")
def _copy(x: Traced, **other: Any) -> Traced:
    only("copy", other, order=ANY, subok=ANY)
    return x.copy()


@handles("ravel")
def _ravel(x: Traced, order: str = "C") -> Traced:
    only("ravel", {"order": order}, order="C")
    return x.ravel()
