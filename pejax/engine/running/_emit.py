"""The same operations in JAX, written with `jax.lax` primitives so that programs stay small.

A row of `EMITTERS` is one operation of `_ops`. Values have numpy's *kind* and the program's widths:
one float type, 32-bit integers. Derivatives are total: zero instead of NaN in rows without a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ..graph._interpret import resolve
from ..graph._node import Node, is_truth, scalar_of
from ..graph._ops import NO_PLACE, as_index, highest, lowest
from ..graph._structure import is_link_of
from . import _kinks, _mixed, _ranks, _total, _wide

Emit = Callable[["Emitter", Node], Array]
_SMALL_SEARCH = 32
_MODE = {True: "promise_in_bounds", False: "drop"}  # links are in bounds, numbers may not be


class Emitter:
    """Turns nodes into JAX values inside a trace.

    Args:
        values, sizes: what is known by node index, and row counts by shadow size.
        dtype: the program's float type.
        ordered, neighbours: shadow sizes of groups whose members stand together, and how far apart.
        things: the columns and the law's numbers, for kinks to see whether they move.
    """

    def __init__(
        self,
        values: dict[int, Any],
        sizes: Mapping[int, int],
        dtype: Any,
        ordered: frozenset[int] = frozenset(),
        neighbours: Mapping[int, int] | None = None,
        things: Mapping[int, Array] | None = None,
    ) -> None:
        self.values = values
        self.sizes = sizes
        self.ordered = ordered
        self.neighbours = neighbours or {}
        self.floating = jnp.dtype(dtype)
        self.things = things or {}
        self._cast: dict[Any, Any] = {}

    def width(self, dtype: np.dtype) -> np.dtype:
        """The program's type of numpy's kind."""
        kinds = {"f": self.floating, "b": np.dtype(bool)}
        return kinds.get(dtype.kind, np.dtype(np.int32))

    def shape(self, node: Node) -> tuple[int, ...]:
        return tuple(node.graph.length(n, self.sizes) for n in node.shape)

    def attrs(self, node: Node) -> dict[str, Any]:
        return resolve(node, self.sizes)

    def run(self, node: Node) -> None:
        """Emit one node; its arguments are known."""
        emitter = EMITTERS.get(node.op)
        if emitter is None:
            raise KeyError(f"no JAX meaning for the operation {node.op!r}")
        if _wide.is_wide(node.dtype):
            self.values[node.index] = _wide.emit(self, node)
            return
        self.values[node.index] = lax.convert_element_type(
            emitter(self, node), self.width(node.dtype)
        )

    def spec(self, node: Node) -> jax.ShapeDtypeStruct:
        """The shape and type of a node's value."""
        if _wide.is_wide(node.dtype):
            return jax.ShapeDtypeStruct((*self.shape(node), 2), jnp.uint32)
        return jax.ShapeDtypeStruct(self.shape(node), self.width(node.dtype))

    def wide(self, node: Node) -> Array:
        """A known value as an unsigned 64-bit integer."""
        if node.op == "constant":
            return _wide.literal(node.shadow)
        value = self.values[node.index]
        return value if _wide.is_wide(node.dtype) else _wide.widened(value)

    def get(self, node: Node, dtype: Any = None, shape: tuple[int, ...] | None = None) -> Any:
        """A known value, cast and broadcast."""
        key = (node.index, dtype, shape)
        if key not in self._cast:
            value = node.shadow if node.op == "constant" else self.values[node.index]
            if _wide.is_wide(node.dtype):
                value = self.wide(node)[..., 1]  # numpy keeps the low bits too
            target = self.width(node.dtype) if dtype is None else dtype
            if isinstance(value, Array):
                value = lax.convert_element_type(value, target)
            else:
                value = jnp.asarray(np.asarray(value).astype(target))
            if shape is not None and value.shape != shape:
                value = _broadcast(value, shape)
            self._cast[key] = value
        return self._cast[key]

    def operands(self, node: Node, dtype: Any = None) -> list[Array]:
        """The arguments as the result's type and shape."""
        target = self.width(node.dtype) if dtype is None else dtype
        return [self.get(a, target, self.shape(node)) for a in node.args]


def _broadcast(value: Array, shape: tuple[int, ...]) -> Array:
    if value.ndim == 0:
        return lax.broadcast(value, shape)
    return jnp.broadcast_to(value, shape)


def gather(table: Array, index: Array) -> Array:
    """`table[index]` along the first axis, out-of-range indices clipped."""
    if table.ndim != 1:
        return jnp.take(table, index, axis=0, mode="clip")
    dims = lax.GatherDimensionNumbers(
        offset_dims=(), collapsed_slice_dims=(0,), start_index_map=(0,)
    )
    starts = lax.expand_dims(index, (index.ndim,))
    mode = lax.GatherScatterMode.CLIP
    return lax.gather(table, starts, dims, (1,), mode=mode)


def _common(node: Node) -> np.dtype:
    """The type in which numpy compares the arguments."""
    return np.result_type(*[a.shadow if a.weak else a.dtype for a in node.args])


def _arithmetic(numeric: Callable[..., Array], boolean: Callable[..., Array] | None) -> Emit:
    def emit(e: Emitter, node: Node) -> Array:
        operands = e.operands(node)
        if node.dtype == np.bool_ and boolean is not None:
            return boolean(*operands)
        return numeric(*operands)

    return emit


def _rounding(numeric: Callable[..., Array]) -> Emit:
    """A rounding, to which integers and truth values are whole already."""

    def emit(e: Emitter, node: Node) -> Array:
        (x,) = e.operands(node)
        return numeric(x) if node.dtype.kind == "f" else x

    return emit


def _kinked(real: Callable[..., Array], otherwise: Emit) -> Emit:
    """A function of real operands, of the things that may move, and of the sides of the kink."""

    def emit(e: Emitter, node: Node) -> Array:
        if node.dtype.kind != "f":
            return otherwise(e, node)
        sides = _kinks.sides_of(node)
        return real(*e.operands(node), _kinks.watched(sides, e.things), sides)

    return emit


def _comparison(compare: Callable[[Array, Array], Array]) -> Emit:
    def emit(e: Emitter, node: Node) -> Array:
        if _mixed.one_is_whole(e, node):
            return _mixed.compare(e, node, compare)
        target = e.width(_common(node))
        if target == np.dtype(bool):
            target = np.dtype(np.int32)
        return compare(*e.operands(node, target))

    return emit


def _logical(combine: Callable[..., Array]) -> Emit:
    return lambda e, node: combine(*e.operands(node, np.dtype(bool)))


def _floating(function: Callable[..., Array]) -> Emit:
    return lambda e, node: function(*e.operands(node, e.floating))


def _test(test: Callable[[Array], Array]) -> Emit:
    return lambda e, node: test(e.get(node.args[0], e.floating, e.shape(node)))


def _multiply(e: Emitter, node: Node) -> Array:
    a, b = e.operands(node)
    if node.dtype == np.bool_:
        return lax.bitwise_and(a, b)
    if node.dtype.kind != "f" or all(x.finite for x in node.args):
        return lax.mul(a, b)
    return _total.times(a, b, *map(is_truth, node.args))


def _square(e: Emitter, node: Node) -> Array:
    (a,) = e.operands(node)
    return lax.square(a) if node.finite else _total.multiply(a, a)


def _divide(e: Emitter, node: Node) -> Array:
    a, b = e.operands(node, e.floating)
    return _total.quotient(a, b, scalar_of(node.args[1]) is not None, node.finite)


def _whole_division(function: Callable[..., Array]) -> Emit:
    """Integer division by zero gives 0, as in numpy."""

    def emit(e: Emitter, node: Node) -> Array:
        a, b = e.operands(node)
        if node.dtype.kind == "f":
            return function(a, b)
        return jnp.where(b == 0, 0, function(a, jnp.where(b == 0, 1, b)))

    return emit


def _where(e: Emitter, node: Node) -> Array:
    shape, dtype = e.shape(node), e.width(node.dtype)
    condition = e.get(node.args[0], np.dtype(bool), shape)
    return lax.select(condition, *[e.get(a, dtype, shape) for a in node.args[1:]])


def _round(e: Emitter, node: Node) -> Array:
    (x,) = e.operands(node)
    return jnp.round(x, node.attr("decimals", 0)) if node.dtype.kind == "f" else x


def _astype(e: Emitter, node: Node) -> Array:
    """numpy truncates toward zero; NaN becomes the least integer there, 0 here."""
    x = e.get(node.args[0])
    if node.dtype.kind in "iu" and x.dtype.kind == "f":
        x = jnp.where(jnp.isnan(x), 0, x)
    return lax.convert_element_type(x, e.width(node.dtype))


def _take(e: Emitter, node: Node) -> Array:
    table, index = node.args
    return gather(e.get(table, e.width(node.dtype)), e.get(index, np.dtype(np.int32)))


def _from_end(e: Emitter, node: Node) -> Array:
    index, count = e.operands(node)
    place = jnp.where(index < 0, index + count, index)
    near = jnp.maximum(jnp.minimum(place, count - 1), 0)
    return near if node.attr("beyond") == "near" else jnp.where(near == place, place, NO_PLACE)


def _pack(e: Emitter, node: Node) -> Array:
    return jnp.stack([e.get(a, e.floating, ()) for a in node.args])


def _search(e: Emitter, node: Node) -> Array:
    def find(edges: Array, x: Array) -> Array:
        method = "compare_all" if edges.size <= _SMALL_SEARCH else "scan"
        return jnp.searchsorted(edges, x, side=str(node.attr("side")), method=method)

    if _mixed.one_is_whole(e, node):
        return _mixed.search(e, node, find)
    whole = all(a.dtype.kind in "iu" for a in node.args)
    return find(*(e.get(a, np.dtype(np.int32) if whole else e.floating) for a in node.args))


def _scatter_and_neutral(node_dtype: np.dtype, op: str) -> tuple[Any, Any]:
    if op == "segment_sum":
        return lax.scatter_add, 0
    if op == "segment_max":
        return lax.scatter_max, lowest(node_dtype)
    return lax.scatter_min, highest(node_dtype)


def _group_reduction(e: Emitter, node: Node) -> Array:
    """An aggregate over the members of each group."""
    dtype = e.width(np.dtype(np.int32) if node.dtype.kind == "b" else node.dtype)
    x = e.get(node.args[0], dtype)
    ids = e.get(node.args[1], np.dtype(np.int32))
    scatter, neutral = _scatter_and_neutral(np.dtype(dtype), node.op)
    dims = lax.ScatterDimensionNumbers(
        update_window_dims=(), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,)
    )
    num, linked = e.attrs(node)["num"], is_link_of(node.args[1], node.attr("num"))
    in_order = linked and node.attr("num") in e.ordered

    def reduce(x: Array, ids: Array) -> Array:
        start, at = jnp.full((num,), neutral, dtype), lax.expand_dims(ids, (1,))
        return scatter(start, at, x, dims, indices_are_sorted=in_order, mode=_MODE[linked])

    real = node.dtype.kind == "f" and node.op != "segment_sum"
    return _kinks.group_extreme(x, ids, reduce) if real else reduce(x, ids)


def _nth(e: Emitter, node: Node) -> Array:
    ids, position = (e.get(a, np.dtype(np.int32)) for a in node.args)
    rows = jnp.arange(ids.size, dtype=jnp.int32)
    here = jnp.where(position == node.attr("place"), rows, ids.size)
    return jnp.full((e.attrs(node)["num"],), ids.size, jnp.int32).at[ids].min(here)


def _reduction(name: str) -> Emit:
    def emit(e: Emitter, node: Node) -> Array:
        kind = np.dtype(bool) if name in ("any", "all") else e.width(node.dtype)
        return getattr(jnp, name)(e.get(node.args[0], kind), axis=node.attr("axis"))

    return emit


def _product(e: Emitter, node: Node) -> Array:
    return _total.product(e.get(node.args[0], e.width(node.dtype)), node.attr("axis"))


def _extreme(name: str) -> Emit:
    def emit(e: Emitter, node: Node) -> Array:
        return _kinks.extreme(name, e.get(node.args[0], e.width(node.dtype)), node.attr("axis"))

    return emit


def _interp(e: Emitter, node: Node) -> Array:
    """Beyond its ends the table is flat, at infinity too."""
    x, points, values = (e.get(a, e.floating) for a in node.args)
    hole = jnp.isnan(x)
    known = jnp.where(hole, 0, x)
    sides = _kinks.sides_of(node)
    found = _kinks.interp(known, points, values, _kinks.watched(sides, e.things), sides)
    return jnp.where(hole, jnp.nan, found)


def _joined(join: Callable[..., Array]) -> Emit:
    def emit(e: Emitter, node: Node) -> Array:
        parts = [e.get(a, e.width(node.dtype)) for a in node.args]
        return join(parts, axis=node.attr("axis", 0))

    return emit


def _set(e: Emitter, node: Node) -> Array:
    x, value = (e.get(a, e.width(node.dtype)) for a in node.args)
    return x.at[as_index(node.attr("key"))].set(value)


def _scatter(e: Emitter, node: Node) -> Array:
    x, at, value = node.args
    dtype = e.width(node.dtype)
    return e.get(x, dtype).at[e.get(at, np.dtype(np.int32))].set(e.get(value, dtype))


def _isin(e: Emitter, node: Node) -> Array:
    x, table = node.args
    if _mixed.one_is_whole(e, node):
        return jnp.isin(*_mixed.members(e, node))
    dtype = e.width(np.result_type(x.dtype, table.dtype))
    return jnp.isin(e.get(x, dtype), e.get(table, dtype))


EMITTERS: dict[str, Emit] = {
    "add": _arithmetic(lax.add, lax.bitwise_or),
    "subtract": _arithmetic(lax.sub, None),
    "multiply": _multiply,
    "divide": _divide,
    "maximum": _kinked(_kinks.maximum, _arithmetic(lax.max, lax.bitwise_or)),
    "minimum": _kinked(_kinks.minimum, _arithmetic(lax.min, lax.bitwise_and)),
    "fmax": _kinked(_kinks.fmax, _arithmetic(jnp.fmax, None)),
    "fmin": _kinked(_kinks.fmin, _arithmetic(jnp.fmin, None)),
    "power": _arithmetic(_total.power, None),
    "float_power": _floating(_total.power),
    "negative": _arithmetic(lax.neg, None),
    "positive": _arithmetic(lambda x: x, None),
    "absolute": _kinked(_kinks.absolute, _arithmetic(lax.abs, lambda x: x)),
    "square": _square,
    "sign": _arithmetic(lax.sign, None),
    "sqrt": _floating(_total.sqrt),
    "exp": _floating(_total.exp),
    "log": _floating(_total.log),
    "log10": _floating(lambda x: _total.log(x) / np.log(10.0).astype(x.dtype)),
    "floor": _rounding(lax.floor),
    "ceil": _rounding(lax.ceil),
    "trunc": _rounding(jnp.trunc),
    "rint": _arithmetic(jnp.rint, None),
    "round": _round,
    "nan_to_num": _arithmetic(jnp.nan_to_num, None),
    "floor_divide": _whole_division(jnp.floor_divide),
    "remainder": _whole_division(_total.remainder),
    "bitwise_and": _arithmetic(lax.bitwise_and, None),
    "bitwise_or": _arithmetic(lax.bitwise_or, None),
    "bitwise_xor": _arithmetic(lax.bitwise_xor, None),
    "right_shift": _arithmetic(lax.shift_right_arithmetic, None),
    "left_shift": _arithmetic(lax.shift_left, None),
    "invert": _arithmetic(lax.bitwise_not, None),
    "logical_and": _logical(lax.bitwise_and),
    "logical_or": _logical(lax.bitwise_or),
    "logical_xor": _logical(lax.bitwise_xor),
    "logical_not": _logical(lax.bitwise_not),
    "greater": _comparison(lax.gt),
    "greater_equal": _comparison(lax.ge),
    "less": _comparison(lax.lt),
    "less_equal": _comparison(lax.le),
    "equal": _comparison(lax.eq),
    "not_equal": _comparison(lax.ne),
    "isnan": _test(jnp.isnan),
    "isinf": _test(jnp.isinf),
    "isfinite": _test(jnp.isfinite),
    "where": _where,
    "astype": _astype,
    "broadcast": lambda e, node: e.operands(node)[0],
    "pack": _pack,
    "take": _take,
    "from_end": _from_end,
    "getitem": lambda e, node: e.get(node.args[0])[as_index(node.attr("key"))],
    "set": _set,
    "scatter": _scatter,
    "stack": _joined(jnp.stack),
    "concatenate": _joined(jnp.concatenate),
    "reshape": lambda e, node: jnp.reshape(e.get(node.args[0]), e.attrs(node)["shape"]),
    "transpose": lambda e, node: jnp.transpose(e.get(node.args[0])),
    "arange": lambda e, node: jnp.arange(e.attrs(node)["num"], dtype=jnp.int32),
    "isin": _isin,
    "interp": _interp,
    "search": _search,
    "segment_sum": _group_reduction,
    "segment_max": _group_reduction,
    "segment_min": _group_reduction,
    "rank": _ranks.emit,
    "nth": _nth,
    "kinds": _ranks.kinds,
    "find": _ranks.find,
    "lexsort": lambda e, node: jnp.lexsort([e.get(a) for a in node.args]),
    "cumsum": lambda e, node: jnp.cumsum(
        e.get(node.args[0], e.width(node.dtype)), axis=node.attr("axis")
    ),
    "prod": _product,
    "max": _extreme("max"),
    "min": _extreme("min"),
} | {name: _reduction(name) for name in ("sum", "mean", "any", "all")}
"""What each operation means in JAX."""
