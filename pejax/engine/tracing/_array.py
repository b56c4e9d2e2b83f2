"""What a formula sees: an array that answers numpy's dispatch protocols with graph nodes.

Formulas keep calling real numpy. NEP 13 (`__array_ufunc__`) and NEP 18 (`__array_function__`) bring
every call that involves a `Traced` here, where it becomes one or more nodes. Two things numpy has
and a compiled program has not are carried beside the node:

- a *vocabulary*: enums and strings are integer codes into a static tuple of names;
- a deferred *mask*: `x[condition]` keeps its rows and remembers the condition, which reductions
  and assignments then apply.

A Python decision (`if x.any():`) asks for `bool(x)`, which `Decisions` answers and records.
"""

from __future__ import annotations

import contextlib
import enum
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..graph._ir import Graph
from ..graph._node import Node
from . import _indexing, _names, _rows, _words
from ._in_place import InPlace


class Untraceable(Exception):
    """A formula asked for something a program cannot express."""


class Decider(Protocol):
    """Answers what Python asks of the people."""

    def __call__(self, node: Node, kind: str) -> Any: ...
    def look(self, node: Node) -> Any: ...


_decider: ContextVar[Decider] = ContextVar("decider")

ORDER = "order of "
"""A kind of decision: that the thresholds of the scale named behind it ascend."""


@contextlib.contextmanager
def deciding(decider: Decider) -> Iterator[None]:
    """Answer Python decisions on traced values with `decider(node, kind)`."""
    token = _decider.set(decider)
    try:
        yield
    finally:
        _decider.reset(token)


def looked_at(node: Node) -> Any:
    """A node's value on the people themselves, which is no decision: what is made of it is to hold
    for others, or to become one."""
    return _decider.get().look(node)


class Traced(InPlace, NDArrayOperatorsMixin):
    """A symbolic numpy array, one entry a row of an entity (or a scalar).

    Args:
        node: its value in the graph.
        vocabulary: the names behind integer codes (an enum class or a tuple of strings), or None
            for numbers.
        mask: the deferred selection.
        owner: whose array it is, if it is not a formula's own.
    """

    __array_priority__ = 1000.0
    __slots__ = ("mask", "node", "owner", "vocabulary")

    def __init__(
        self,
        node: Node,
        vocabulary: Any = None,
        mask: Node | None = None,
        owner: str | None = None,
    ) -> None:
        self.node = node
        self.vocabulary = vocabulary
        self.mask = mask
        self.owner = owner

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        # What `isinstance` asks of a value that is not known to it.
        if self.node.shape:
            return np.ndarray
        if self.vocabulary is not None:  # neither a plain text nor a number
            return Traced
        from ._asked import class_of

        return class_of(self)

    # ---- what numpy arrays have

    @property
    def graph(self) -> Graph:
        return self.node.graph

    @property
    def shape(self) -> tuple[Any, ...]:
        return _rows.shape_of(self.node, self.mask)

    @property
    def ndim(self) -> int:
        return self.node.ndim

    @property
    def size(self) -> Any:
        shape = self.shape
        return math.prod(shape[1:], start=shape[0]) if shape else 1

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(object) if isinstance(self.vocabulary, tuple) else self.node.dtype

    @property
    def T(self) -> Traced:  # noqa: N802 - numpy's name
        if self.ndim < 2:
            return self
        if self.mask is not None:
            raise Untraceable("the transpose of selected rows")
        return self.shown(lambda node: self.graph.apply("transpose", node))

    @property
    def values(self) -> Traced:
        return self

    @property
    def possible_values(self) -> Any:
        return self.vocabulary

    @property
    def names(self) -> list[str]:
        """The vocabulary's names, in code order."""
        return _names.names_of(self.vocabulary)

    def __len__(self) -> int:
        if self.graph.entities(self.node.shape[0]):
            raise Untraceable("len() of an array with one entry a row")
        return self.node.shape[0]

    def __iter__(self) -> Iterator[Any]:
        rows = self.node.shape[0]
        if self.graph.entities(rows):
            from ._loops import each_row

            return each_row(self)
        return (self[i] for i in range(rows))

    def __hash__(self) -> int:
        """A parameter is looked up in sets and dictionaries by what it is: a decision."""
        if self.node.law and not self.node.data and self.node.ndim == 0:
            return hash(float(self))
        return id(self)

    # ---- decisions

    def decide(self, kind: str) -> Any:
        """Python's answer about a single value; `kind` says in the record what was asked."""
        if np.prod(self.node.shape) != 1:
            raise Untraceable(f"{kind}() of a whole array")
        if self.node.op == "constant":
            return self.node.shadow
        return np.asarray(_decider.get()(self.node, kind)).item()

    def __bool__(self) -> bool:
        return bool(self.decide("bool"))

    def __float__(self) -> float:
        return float(self.decide("float"))

    def __int__(self) -> int:
        return int(self.decide("int"))

    __index__ = __int__

    def item(self) -> float:
        return float(self)

    def __round__(self, ndigits: int | None = None) -> Traced:
        made = self.round(ndigits or 0)
        return made.astype(np.int64) if ndigits is None else made

    def tolist(self) -> Any:
        if self.ndim and self.graph.entities(self.node.shape[0]):
            raise Untraceable("tolist() of an array with one entry a row")
        return list(self) if self.ndim else self

    def __str__(self) -> str:
        if self.vocabulary is not None or self.node.data:
            return object.__repr__(self)
        value = self.decide("str")
        return str(int(value)) if float(value).is_integer() else str(value)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.node.data or self.vocabulary is not None:
            raise Untraceable("conversion of a traced array to a plain numpy array")
        return np.asarray(_decider.get()(self.node, "array"), dtype)

    # ---- comparison with names

    def _compare(self, other: Any) -> Node | None:
        """`self == other` where either side is an enum member or a string."""
        if isinstance(other, np.ndarray) and other.dtype.kind in "UO" and other.ndim == 0:
            other = other.item()
        if isinstance(other, enum.Enum):
            return self._is_name(other.name, _names.code_of(other))
        if isinstance(other, str):
            if isinstance(self.vocabulary, tuple):
                return self._is_name(other, None)
            if self.vocabulary is not None:
                return self.graph.broadcast(False, self.node.shape)
        if isinstance(other, Traced) and other.vocabulary is not None and self.vocabulary:
            (a, b), _ = _names.unify([self, other])
            return self.graph.apply("equal", a, b)
        return None

    def _is_name(self, name: str, code: int | None) -> Node:
        if isinstance(self.vocabulary, tuple):
            return self.lookup(lambda names: names == name)
        return self.graph.apply("equal", self.node, code)

    def lookup(self, table: Callable[[np.ndarray], np.ndarray]) -> Node:
        """Apply a function of names to the static vocabulary, and gather."""
        return self.graph.apply("take", np.asarray(table(np.array(self.names))), self.node)

    def __eq__(self, other: Any) -> Any:
        same = self._compare(other)
        if same is not None:
            return Traced(same, mask=mask_of([self, other]))
        return NDArrayOperatorsMixin.__eq__(self, other)

    def __ne__(self, other: Any) -> Any:
        same = self._compare(other)
        if same is not None:
            return Traced(self.graph.apply("invert", same), mask=mask_of([self, other]))
        return NDArrayOperatorsMixin.__ne__(self, other)

    # ---- indexing

    def __getitem__(self, key: Any) -> Traced:
        return _indexing.get(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _indexing.put(self, key, value)

    # ---- methods

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        kind = np.dtype(dtype).kind if dtype not in (str, object) else "U"
        if kind in "UOS":
            return self.copy() if copy else self
        if kind in "mM":
            from ._dates import as_time

            return as_time(self, dtype)
        if isinstance(self.vocabulary, tuple):
            numbers = np.array([float(n) if n else 0.0 for n in self.names])
            codes = self.graph.apply("take", numbers, self.node)
            return Traced(self.graph.astype(codes, dtype), mask=self.mask)
        result = self.graph.astype(self.node, dtype)
        if result is self.node and not copy:
            return self if self.vocabulary is None else self.view()
        _words.check("astype", result, [self.node])
        return Traced(result, mask=self.mask)

    def decode_to_str(self) -> Traced:
        return Traced(self.node, tuple(self.names), self.mask)

    def decode(self) -> Traced:
        return self.copy()

    def copy(self) -> Traced:
        return Traced(self.node, self.vocabulary, self.mask)

    def sort(self, axis: int = -1) -> None:
        """Sort every row in place; sorting the rows themselves is for `np.sort` of a column."""
        if self.ndim != 2 or axis not in (1, -1):
            raise Untraceable("sorting rows in place")
        self.fail_if_not_own()
        self.node = _indexing.sorted_rows(self.node)

    def view(self, kind: type = np.ndarray) -> Traced:
        if not (isinstance(kind, type) and issubclass(kind, np.ndarray)):
            raise Untraceable("a view of an array's bits")
        return self.shown(lambda node: node, named=False)

    def shown(self, form: Callable[[Node], Node], named: bool = True) -> Traced:
        """A view of this array, of which `form` gives the node."""
        from ._views import view

        return view(self, form, named)

    def sum(self, axis: int | None = None, dtype: Any = None, **how: Any) -> Any:
        return np.sum(self, axis, dtype, **how)

    def any(self, axis: int | None = None, **how: Any) -> Any:
        return np.any(self, axis, **how)

    def all(self, axis: int | None = None, **how: Any) -> Any:
        return np.all(self, axis, **how)

    def max(self, axis: int | None = None, **how: Any) -> Any:
        return np.max(self, axis, **how)

    def min(self, axis: int | None = None, **how: Any) -> Any:
        return np.min(self, axis, **how)

    def mean(self, axis: int | None = None, **how: Any) -> Any:
        return np.mean(self, axis, **how)

    def cumsum(self, axis: int | None = None) -> Any:
        return np.cumsum(self, axis)

    def round(self, decimals: int = 0) -> Traced:
        return Traced(self.graph.apply("round", self.node, decimals=decimals), mask=self.mask)

    def clip(self, *bounds: Any, **how: Any) -> Any:
        return np.clip(self, *bounds, **how)

    def reshape(self, *shape: Any) -> Traced:
        return _rows.reshaped(self, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Traced:
        return self if self.ndim == 1 else self.reshape(-1)

    def flatten(self) -> Traced:
        return self.ravel().copy()

    def fillna(self, value: float) -> Traced:
        missing = self.graph.apply("isnan", self.node)
        return Traced(self.graph.apply("where", missing, value, self.node), mask=self.mask)

    # ---- numpy's protocols

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,
        **how: Any,
    ) -> Any:
        from ._numpy import ufunc_call
        from ._reduce import ufunc_accumulate, ufunc_reduce

        if method == "reduce":
            return ufunc_reduce(ufunc, inputs[0], **how)
        if method == "accumulate":
            return ufunc_accumulate(ufunc, inputs[0], **how)
        if method != "__call__":
            raise Untraceable(f"numpy.{ufunc.__name__}.{method}")
        return ufunc_call(self.graph, ufunc, inputs, **how)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from ._numpy import function_call

        return function_call(function, args, kwargs)


# ---- nodes of arguments


def to_node(graph: Graph, x: Any) -> Any:
    """The node of a traced value, the value itself otherwise (lists become stacks)."""
    if type(x) is Traced:
        return x.node
    if isinstance(found := held(x), Traced):
        return found.node
    if isinstance(x, list | tuple) and has_traced(x):
        if mask_of(x) is not None:
            raise Untraceable("a list of selected rows")
        nodes = [graph.constant(to_node(graph, i)) for i in x]
        shape = np.broadcast_shapes(*[n.shape for n in nodes])
        return graph.apply("stack", *[graph.broadcast(n, shape) for n in nodes], axis=0)
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray:
        return np.asarray(x)
    return x


def held(x: Any) -> Any:
    """The traced array that `x` stands for, else `x` itself."""
    if type(x) is Traced:  # `isinstance` would ask what it stands in for, a million times a law
        return x
    found = getattr(x, "traced", None)
    return found if isinstance(found, Traced) else x


def has_traced(x: Any) -> bool:
    """Whether a traced value is in `x`, however deep."""
    if type(x) is Traced or isinstance(x, Traced | _rows.Rows):
        return True
    return isinstance(x, list | tuple) and any(has_traced(i) for i in x)


def first_traced(x: Any) -> Traced | None:
    """The first traced value in a nested sequence."""
    if isinstance(x, Traced | _rows.Rows):
        return held(x)
    if isinstance(x, list | tuple):
        for i in x:
            if (found := first_traced(i)) is not None:
                return found
    return None


def mask_of(args: Any) -> Node | None:
    """The deferred selection that the arguments have in common.

    Raises:
        Untraceable: rows of one selection with those of another.
    """
    found = None
    for a in map(held, args):
        if type(a) is Traced or isinstance(a, Traced):
            mask = a.mask
        else:
            mask = mask_of(a) if isinstance(a, list | tuple) else None
        if mask is not None and mask is not found:
            if found is not None:
                raise Untraceable("operands with different selections of rows")
            found = mask
    return found
