"""What a formula sees: an array that answers numpy's dispatch protocols with graph nodes.

Formulas keep calling real numpy. NEP 13 (`__array_ufunc__`) and NEP 18 (`__array_function__`) bring
every call that involves a `Traced` here, where it becomes one or more nodes. Two things numpy has
and a compiled program has not are carried beside the node:

- a *vocabulary*: enums and strings are integer codes into a static tuple of names;
- a deferred *mask*: `x[condition]` keeps its rows and remembers the condition, which reductions
  and assignments then apply.

A Python decision (`if x.any():`) asks for `bool(x)`; `Decisions` answers it from the real
population and records the answer, so that the program can check it later.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import index_key, neutral
from . import _grid


class Untraceable(Exception):
    """A formula asked for something a program cannot express."""


_LOOP = 1009
"""A loop over names is padded to a multiple of this, a length that nothing else has."""

Decider = Callable[[Node, str], Any]
_decider: ContextVar[Decider] = ContextVar("decider")


@contextlib.contextmanager
def deciding(decider: Decider) -> Iterator[None]:
    """Answer Python decisions on traced values with `decider(node, kind)`."""
    token = _decider.set(decider)
    try:
        yield
    finally:
        _decider.reset(token)


class Traced(NDArrayOperatorsMixin):
    """A symbolic numpy array, one entry a row of an entity (or a scalar).

    **Arguments:** `node`; `vocabulary`, the names behind integer codes (an enum class or a tuple
    of strings), or None for numbers; `mask`, the deferred selection.
    """

    __array_priority__ = 1000.0
    __slots__ = ("mask", "node", "vocabulary")

    def __init__(self, node: Node, vocabulary: Any = None, mask: Node | None = None) -> None:
        self.node = node
        self.vocabulary = vocabulary
        self.mask = mask

    # ---- what numpy arrays have

    @property
    def graph(self) -> Graph:
        return self.node.graph

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape

    @property
    def ndim(self) -> int:
        return self.node.ndim

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(object) if isinstance(self.vocabulary, tuple) else self.node.dtype

    @property
    def T(self) -> Traced:  # noqa: N802 - numpy's name
        return Traced(self.graph.apply("transpose", self.node))

    @property
    def values(self) -> Traced:
        return self

    @property
    def possible_values(self) -> Any:
        return self.vocabulary

    @property
    def names(self) -> list[str]:
        """The vocabulary's names, in code order."""
        return names_of(self.vocabulary)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 1 and self.shape[0] in self.graph.entity_of:
            return self._each_name()
        return (Traced(self.graph.getitem(self.node, i)) for i in range(self.shape[0]))

    def _each_name(self) -> Iterator[str]:
        """A Python loop over rows of text: it sees every name once, and `by_name` gathers."""
        if not isinstance(self.vocabulary, tuple):
            raise Untraceable("a Python loop over the rows of an array")
        self.graph.looped = self
        return iter([*self.names, *[""] * (_LOOP - len(self.names) % _LOOP)])

    def __hash__(self) -> int:
        return id(self)

    # ---- decisions

    def _decide(self, kind: str) -> Any:
        if self.node.ndim and self.size != 1:
            raise Untraceable(f"{kind}() of a whole array")
        if self.node.op == "constant":
            return self.node.shadow
        return np.asarray(_decider.get()(self.node, kind)).item()

    def __bool__(self) -> bool:
        return bool(self._decide("bool"))

    def __float__(self) -> float:
        return float(self._decide("float"))

    def __int__(self) -> int:
        return int(self._decide("int"))

    __index__ = __int__

    def item(self) -> float:
        return float(self)

    def __str__(self) -> str:
        if self.vocabulary is not None or self.node.data:
            return object.__repr__(self)
        value = self._decide("str")
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
            return self._is_name(other.name, code_of(other))
        if isinstance(other, str):
            if isinstance(self.vocabulary, tuple):
                return self._is_name(other, None)
            if self.vocabulary is not None:
                return self.graph.broadcast(False, self.shape)
        if isinstance(other, Traced) and other.vocabulary is not None and self.vocabulary:
            (a, b), _ = unify([self, other])
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
            return Traced(same, mask=self.mask)
        return NDArrayOperatorsMixin.__eq__(self, other)

    def __ne__(self, other: Any) -> Any:
        same = self._compare(other)
        if same is not None:
            return Traced(self.graph.apply("invert", same), mask=self.mask)
        return NDArrayOperatorsMixin.__ne__(self, other)

    # In-place operators rebind: nodes never change.
    def __iadd__(self, other: Any) -> Traced:
        return self + other

    def __isub__(self, other: Any) -> Traced:
        return self - other

    def __imul__(self, other: Any) -> Traced:
        return self * other

    def __itruediv__(self, other: Any) -> Traced:
        return self / other

    def __iand__(self, other: Any) -> Traced:
        return self & other

    def __ior__(self, other: Any) -> Traced:
        return self | other

    # ---- indexing

    def __getitem__(self, key: Any) -> Traced:
        if isinstance(key, tuple) and any(isinstance(k, Traced) for k in key):
            return _grid.get(self, key)
        if isinstance(key, Traced):
            if key.node.dtype != np.bool_:
                taken = self.graph.apply("take", self.node, key.node)
                return Traced(taken, self.vocabulary, key.mask)
            if key.ndim != 1 or key.shape[0] != self.shape[0]:
                raise Untraceable("a boolean index of another shape")
            return Traced(self.node, self.vocabulary, mask=key.node)
        if isinstance(key, np.ndarray):
            return Traced(self.graph.apply("take", self.node, key), self.vocabulary)
        self._fail_if_rows_by_number(key)
        return Traced(self.graph.getitem(self.node, key), self.vocabulary)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.vocabulary is not None or is_name(value):
            (self.node, new), self.vocabulary = unify([self, value])
        else:
            new = to_node(self.graph, value)
        if isinstance(key, tuple) and any(isinstance(k, Traced) for k in key):
            self.node = _grid.put(self, key, new)
        elif isinstance(key, Traced) and key.node.dtype == np.bool_:
            test = _grid.along_rows(key.node, self.ndim)
            chosen = self.graph.apply("where", test, new, self.node)
            self.node = self.graph.astype(chosen, self.node.dtype)
        elif isinstance(key, Traced):
            self.node = self.graph.apply("scatter", self.node, key.node, new)
        else:
            self._fail_if_rows_by_number(key)
            self.node = self.graph.apply("set", self.node, new, key=index_key(key))

    def _fail_if_rows_by_number(self, key: Any) -> None:
        """Padding comes after the rows that formulas see, so only the first has a fixed place."""
        first = key[0] if isinstance(key, tuple) and key else key
        whole = first is None or first is Ellipsis or first == slice(None)
        if not whole and first != 0 and self.ndim and self.shape[0] in self.graph.entity_of:
            raise Untraceable(f"rows of an array by their number, [{key!r}]")

    # ---- methods

    def astype(self, dtype: Any, copy: bool = True) -> Traced:
        kind = np.dtype(dtype).kind if dtype not in (str, object) else "U"
        if kind in "UOS":
            return self
        if isinstance(self.vocabulary, tuple):
            numbers = np.array([float(n) if n else 0.0 for n in self.names])
            codes = self.graph.apply("take", numbers, self.node)
            return Traced(self.graph.astype(codes, dtype))
        return Traced(self.graph.astype(self.node, dtype), mask=self.mask)

    def decode_to_str(self) -> Traced:
        return Traced(self.node, tuple(self.names), self.mask)

    def decode(self) -> Traced:
        return self

    def copy(self) -> Traced:
        return Traced(self.node, self.vocabulary, self.mask)

    def sort(self, axis: int = -1) -> None:
        """Sort every row in place; sorting the rows themselves is for `np.sort` of a column."""
        if self.ndim != 2 or axis not in (1, -1):
            raise Untraceable("sorting rows in place")
        self.node = _grid.sorted_rows(self.node)

    def view(self, *_: Any) -> Traced:
        return Traced(self.node, mask=self.mask)

    def reduce(self, op: str, axis: int | None) -> Traced:
        """A reduction over the rows that are real and, if some were selected, selected."""
        node = self.node
        if self.mask is not None:
            node = self.graph.apply("where", self.mask, node, neutral(op, node.dtype))
        return Traced(self.graph.reduce(op, node, axis))

    def sum(self, axis: int | None = None, **_: Any) -> Traced:
        return self.reduce("sum", axis)

    def any(self, axis: int | None = None, **_: Any) -> Traced:
        return self.reduce("any", axis)

    def all(self, axis: int | None = None, **_: Any) -> Traced:
        return self.reduce("all", axis)

    def max(self, axis: int | None = None, **_: Any) -> Traced:
        return self.reduce("max", axis)

    def min(self, axis: int | None = None, **_: Any) -> Traced:
        return self.reduce("min", axis)

    def mean(self, axis: int | None = None, **_: Any) -> Traced:
        reduced = self.shape if axis is None else self.shape[axis : axis + 1 or None]
        if self.mask is not None or any(n in self.graph.entity_of for n in reduced):
            raise Untraceable("a mean over rows")
        return Traced(self.graph.apply("mean", self.node, axis=axis))

    def round(self, decimals: int = 0) -> Traced:
        return Traced(self.graph.apply("round", self.node, decimals=decimals), mask=self.mask)

    def clip(self, low: Any = None, high: Any = None) -> Traced:
        return np.clip(self, low, high)  # type: ignore[return-value]

    def reshape(self, *shape: Any) -> Traced:
        target = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return Traced(self.graph.apply("reshape", self.node, shape=tuple(target)))

    def ravel(self) -> Traced:
        return self if self.ndim == 1 else self.reshape(self.size)

    flatten = ravel

    def fillna(self, value: float) -> Traced:
        missing = self.graph.apply("isnan", self.node)
        return Traced(self.graph.apply("where", missing, value, self.node))

    # ---- numpy's protocols

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,
        out: Any = None,
        where: Any = True,
        **_: Any,
    ) -> Any:
        from ._numpy import ufunc_call, ufunc_reduce

        if method == "reduce":
            return ufunc_reduce(ufunc, inputs[0], _.get("axis", 0))
        if method != "__call__":
            raise Untraceable(f"numpy.{ufunc.__name__}.{method}")
        return ufunc_call(self.graph, ufunc, inputs, out, where)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from ._numpy import function_call

        return function_call(function, args, kwargs)


# ---- vocabularies


def names_of(vocabulary: Any) -> list[str]:
    """Names in code order."""
    if vocabulary is None:
        raise Untraceable("names of a numeric array")
    return list(vocabulary) if isinstance(vocabulary, tuple) else [m.name for m in vocabulary]


def code_of(member: enum.Enum) -> int:
    """A member's place in its enum."""
    return list(type(member)).index(member)


def is_name(x: Any) -> bool:
    """Whether `x` stands for names: an enum member, a string, or a traced array of codes."""
    if isinstance(x, Traced):
        return x.vocabulary is not None
    return isinstance(x, enum.Enum | str)


def unify(choices: Sequence[Any]) -> tuple[list[Any], Any]:
    """Codes of each choice in one common vocabulary, and that vocabulary."""
    shared = _shared_enum(choices)
    if shared is not None:
        table = {m.name: code_of(m) for m in shared}
        return [_enum_code(c, table) for c in choices], shared
    names: list[str] = []

    def code(name: str) -> int:
        if name not in names:
            names.append(name)
        return names.index(name)

    codes: list[Any] = []
    for c in choices:
        if isinstance(c, Traced):
            table = np.array([code(n) for n in c.names])
            codes.append(c.graph.apply("take", table, c.node))
        else:
            codes.append(code(c.name if isinstance(c, enum.Enum) else str(c)))
    return codes, tuple(names)


def _shared_enum(choices: Sequence[Any]) -> Any:
    if any(isinstance(c, Traced) and isinstance(c.vocabulary, tuple) for c in choices):
        return None
    for c in choices:
        if isinstance(c, enum.Enum):
            return type(c)
        if isinstance(c, Traced) and c.vocabulary is not None:
            return c.vocabulary
    return None


def _enum_code(choice: Any, table: dict[str, int]) -> Any:
    if isinstance(choice, Traced):
        return choice.node
    name = choice.name if isinstance(choice, enum.Enum) else choice
    if isinstance(name, str):
        if name not in table:
            raise Untraceable(f"{name!r} is not one of {', '.join(table)}")
        return table[name]
    return int(name)


def by_name(graph: Graph, made: Any) -> Any:
    """What a loop over the rows of a text made, gathered to those rows; else `made` itself."""
    looped = graph.looped
    if looped is None or has_traced(made) or np.ndim(made) != 1:
        return made
    if len(made) <= len(looped.names) or len(made) % _LOOP:
        return made
    graph.looped = None
    options = list(made)[: len(looped.names)]
    if any(is_name(o) for o in options):
        codes, vocabulary = unify(options)
        return Traced(graph.apply("take", np.array(codes), looped.node), vocabulary)
    return Traced(graph.apply("take", np.array(options), looped.node))


def to_node(graph: Graph, x: Any) -> Any:
    """The node of a traced value, the value itself otherwise (lists become stacks)."""
    if isinstance(x, Traced):
        return x.node
    if isinstance(held := getattr(x, "traced", None), Traced):
        return held.node
    if isinstance(x, list | tuple) and has_traced(x):
        nodes = [graph.constant(to_node(graph, i)) for i in x]
        shape = np.broadcast_shapes(*[n.shape for n in nodes])
        return graph.apply("stack", *[graph.broadcast(n, shape) for n in nodes], axis=0)
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray:
        return np.asarray(x)
    return x


def has_traced(x: Any) -> bool:
    """Whether a traced value is in `x`, however deep."""
    if isinstance(x, Traced):
        return True
    return isinstance(x, list | tuple) and any(has_traced(i) for i in x)


def first_traced(x: Any) -> Traced | None:
    """The first traced value in a nested sequence."""
    if isinstance(x, Traced):
        return x
    if isinstance(x, list | tuple):
        for i in x:
            if (found := first_traced(i)) is not None:
                return found
    return None


def mask_of(args: Any) -> Node | None:
    """The deferred selection of the first argument that has one."""
    for a in args:
        if isinstance(a, Traced) and a.mask is not None:
            return a.mask
        if isinstance(a, list | tuple) and (found := mask_of(a)) is not None:
            return found
    return None
