"""The intermediate representation: hash-consed array operations with numpy's own dtypes.

A formula runs once on symbolic arrays and leaves a graph of `Node`s. Asking twice for the same
operation on the same arguments gives the same node, so common subexpressions cost nothing and two
months with equal inputs share one value. Each node carries a *shadow*: its value on a tiny
made-up population, from which it takes the dtype and rank that numpy would give it. Python scalars
stay weakly typed.

Sizes are symbolic. The shadow population has a different prime number of rows for every entity,
so a length names its entity; an array of data that happens to have such a length is refused
(`DimensionClash`) and the caller traces again with other primes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from ._by_case import CASE, ByCase
from ._fold import simplify
from ._node import Attrs, Node, literal_of, scalar_of
from ._ops import OPS, apply, index_key, is_weak, neutral
from ._trend import Trend, trend_of

Beside = Callable[["Graph", str, str], Node | None]
"""From two entities, the rows of the one that stand beside those of the other; None if none do."""


class DimensionClash(Exception):
    """A length that is no entity's coincides with a shadow size, or two joined lengths do."""


class Graph:
    """Builds and interns nodes. `sizes` maps an entity to its shadow row count."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = dict(sizes)
        self.entity_of = {n: e for e, n in self.sizes.items()}
        self.joined: dict[int, tuple[str, ...]] = {}  # lengths of columns put one after the other
        self.things: dict[str, int] = {}  # columns that may rise, by name, as bits of a trend
        self.integers: set[str] = set()  # parameters that are written without a fraction
        self.beside: Beside | None = None  # rows of one entity next to another's, if they may be
        self.by_case: ByCase | None = None  # what numbers of all rows are to each of many cases
        self.nodes: list[Node] = []
        self.origin: list[str] = []
        self.looped: Any = None  # the loop of a formula over rows in Python
        self.idle_loops = False  # whether such loops end before they begin
        self._table: dict[Hashable, Node] = {}

    def divide_by_case(self, case_of: Mapping[str, Node]) -> None:
        """Tell cases apart in numbers of all rows; `case_of` says by entity whose each row is."""
        taken = self.sizes.values()
        self.sizes[CASE] = next(n for n in range(max(taken) + 2, 2 * max(taken)) if _is_prime(n))
        self.entity_of[self.sizes[CASE]] = CASE
        self.by_case = ByCase(self, case_of)

    # ---- leaves

    def constant(self, value: Any) -> Node:
        """A literal; arrays that are uniform along an entity become broadcast scalars."""
        if isinstance(value, Node):
            return value
        if is_weak(value):
            return self._intern("constant", (), (), value, ("c", type(value).__name__, repr(value)))
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"an array of dtype {array.dtype} has no place in a program")
        if array.ndim == 0:
            array = array[()]
        elif self.entities(array.shape[0]):
            if (
                array.shape[0] in self.joined
                or not array.size
                or not (array == array.flat[0]).all()
            ):
                raise DimensionClash(f"a table of {array.shape[0]} rows")
            return self.broadcast(self.constant(array.flat[0]), array.shape)
        key = ("c", array.dtype.str, array.shape, array.tobytes())
        return self._intern("constant", (), (), array, key)

    def input(self, name: str, shadow: np.ndarray) -> Node:
        """A column or link of the population."""
        return self._intern("input", (), (("name", name),), shadow, ("i", name))

    def parameter(self, name: str, value: float) -> Node:
        """A parameter: a weakly typed float that the program takes as an argument."""
        return self._intern("parameter", (), (("name", name),), float(value), ("p", name))

    # ---- operations

    def apply(self, op: str, *args: Any, **attrs: Hashable) -> Node:
        """Intern one operation, folding it where that is exact."""
        nodes = tuple(self.constant(a) for a in args)
        if op == "concatenate" and attrs.get("axis", 0) == 0:
            self.join(nodes)
        op = _logical(op, nodes)
        static = tuple(sorted(attrs.items()))
        key = (op, tuple(n.index for n in nodes), static)
        if (known := self._table.get(key)) is None:
            known = self.by_case and self.by_case.instead(op, nodes, attrs)
            known = known or self._next_to_each_other(op, nodes, attrs)
            known = known or self._uniform(op, nodes, attrs)
            if known is None:
                shadow = apply(op, [n.shadow for n in nodes], dict(static))
                self._fail_if_coincident(op, nodes, attrs, shadow)
                known = simplify(self, op, nodes, static, shadow)
                if known is None:
                    known = self._intern(op, nodes, static, shadow, key)
                if self.by_case is not None:
                    self.by_case.follow(op, nodes, attrs, known)
            self._table[key] = known
        return known

    def broadcast(self, x: Any, shape: tuple[int, ...]) -> Node:
        node = self.constant(x)
        shape = tuple(int(n) for n in shape)
        return node if node.shape == shape else self.apply("broadcast", node, shape=shape)

    def as_rows_of(self, x: Any, rows: int) -> Node:
        """A column for so many rows: that of another entity where their rows stand side by side."""
        node = self.constant(x)
        if self.beside is not None and node.ndim == 1 and node.shape != (rows,):
            whose = [e for length in (*node.shape, rows) for e in self.entities(length)]
            if len(whose) == 2 and (place := self.beside(self, whose[0], whose[1])) is not None:
                return self.apply("take", node, place)
        return self.broadcast(node, (rows,))

    def astype(self, x: Any, dtype: Any) -> Node:
        node = self.constant(x)
        target = np.dtype(dtype)
        if not node.weak and node.dtype == target:
            return node
        return self.apply("astype", node, dtype=target.str)

    def getitem(self, x: Node, key: Any) -> Node:
        return self.apply("getitem", x, key=index_key(key))

    def reduce(self, op: str, x: Node, axis: int | None) -> Node:
        """Reduce (or accumulate) over an axis: of an entity's rows, over the real ones only."""
        counts, uniform = op in ("sum", "prod", "cumsum"), scalar_of(x) is not None
        if counts or not uniform:
            x = self.real_rows(x, neutral(op, x.dtype), axis)
        found = self.apply(op, x, axis=axis)
        if self.by_case is not None and op == "sum" and not uniform:
            self.by_case.summed(x, found)
        return found

    def real_rows(self, x: Node, otherwise: Any, axis: int | None = None) -> Node:
        """`x` with `otherwise` in the rows of padding, along every axis or one."""
        for place, rows in enumerate(x.shape):
            entities = self.entities(rows)
            if entities and axis in (None, place, place - x.ndim):
                masks = [self.input(f"{e}.real", np.ones(self.sizes[e], bool)) for e in entities]
                real = masks[0] if len(masks) == 1 else self.apply("concatenate", *masks, axis=0)
                after = (1,) * (x.ndim - 1 - place)
                aligned = self.apply("reshape", real, shape=(rows, *after)) if after else real
                x = self.apply("where", aligned, x, otherwise)
        return x

    def entities(self, rows: int) -> tuple[str, ...]:
        """Whose rows a shadow length counts; nobody's if it is that of a table."""
        if rows in self.joined:
            return self.joined[rows]
        return (self.entity_of[rows],) if rows in self.entity_of else ()

    def length(self, rows: int, sizes: Mapping[int, int]) -> int:
        """A shadow length in a population with these sizes."""
        if rows in self.joined:
            return sum(sizes[self.sizes[entity]] for entity in self.joined[rows])
        return sizes.get(rows, rows)

    def join(self, nodes: tuple[Node, ...]) -> None:
        """Remember which entities' rows a concatenation holds."""
        parts = [self.entities(n.shape[0]) for n in nodes]
        if len(parts) < 2 or not all(parts):
            return
        total, whose = sum(n.shape[0] for n in nodes), tuple(e for part in parts for e in part)
        if total not in self.joined and any(total in n.shape for n in self.nodes):
            raise DimensionClash(f"a table and joined columns of {total} rows")
        if self.joined.setdefault(total, whose) != whose:
            raise DimensionClash(f"columns of other entities, joined to {total} rows")

    # ---- inside

    def _fail_if_coincident(
        self, op: str, nodes: tuple[Node, ...], attrs: dict[str, Any], shadow: Any
    ) -> None:
        """A result has an entity's length only if an argument or an attribute says so."""
        lengths = (self.entity_of.keys() | self.joined.keys()) & set(np.shape(shadow))
        said = {attrs.get("num"), *attrs.get("shape", ())}
        if op == "concatenate" and attrs.get("axis", 0) == 0:
            said |= self.joined.keys()
        if lengths - said - {n for node in nodes for n in node.shape}:
            raise DimensionClash(f"{op} gives {min(lengths)} rows")

    def _next_to_each_other(
        self, op: str, nodes: tuple[Node, ...], attrs: dict[str, Any]
    ) -> Node | None:
        """An operation on columns of several entities, where their rows may stand side by side."""
        if self.beside is None or op not in OPS or not OPS[op].elementwise:
            return None
        own = [self.entity_of.get(n.shape[0]) if n.ndim == 1 else None for n in nodes]
        whose = list(dict.fromkeys(entity for entity in own if entity is not None))
        for target in whose if len(whose) > 1 else ():
            places = {e: self.beside(self, e, target) for e in whose if e != target}
            if all(place is not None for place in places.values()):
                there = [
                    self.apply("take", n, places[e]) if e in places else n
                    for n, e in zip(nodes, own, strict=True)
                ]
                return self.apply(op, *there, **attrs)
        return None

    def _uniform(self, op: str, nodes: tuple[Node, ...], attrs: dict[str, Any]) -> Node | None:
        """Compute on one row what is the same on every row."""
        if op not in OPS or not OPS[op].elementwise or not any(n.ndim for n in nodes):
            return None
        rows = [scalar_of(n) for n in nodes]
        if any(r is None for r in rows):
            return None
        shape = np.broadcast_shapes(*[n.shape for n in nodes])
        if len(shape) != 1:
            return None
        cast = [
            self.astype(r, n.dtype) if n.ndim and r is not None and r.weak else r
            for r, n in zip(rows, nodes, strict=True)
        ]
        return self.broadcast(self.apply(op, *cast, **attrs), shape)

    def _intern(
        self, op: str, args: tuple[Node, ...], attrs: Attrs, shadow: Any, key: Hashable
    ) -> Node:
        if (known := self._table.get(key)) is not None:
            return known
        node = Node(
            index=len(self.nodes),
            op=op,
            args=args,
            attrs=attrs,
            shadow=shadow,
            data=op == "input" or any(a.data for a in args),
            law=op == "parameter" or any(a.law for a in args),
            finite=_finite(op, args, shadow),
            trend=self._trend(op, args, attrs, shadow),
            origin=self.origin[-1] if self.origin else "",
            graph=self,
        )
        self.nodes.append(node)
        self._table[key] = node
        return node

    def _trend(self, op: str, args: tuple[Node, ...], attrs: Attrs, shadow: Any) -> Trend:
        if op == "input":
            if np.result_type(shadow).kind != "f":
                return Trend()
            return Trend(self.things.setdefault(str(attrs[0][1]), 2 << len(self.things)))
        if op == "subtract":
            opposite = self._table.get((op, (args[1].index, args[0].index), ()))
            if opposite is not None and opposite.op == op:
                return opposite.trend.times(-1)
        return trend_of(op, args, shadow)


def _is_prime(n: int) -> bool:
    return all(n % d for d in range(2, math.isqrt(n) + 1))


def _logical(op: str, nodes: tuple[Node, ...]) -> str:
    """Between booleans the logical operations are the bitwise ones: one spelling each."""
    both = {"logical_and": "bitwise_and", "logical_or": "bitwise_or", "logical_xor": "bitwise_xor"}
    if op in both and all(n.dtype == np.bool_ for n in nodes):
        return both[op]
    if op == "logical_not" and nodes[0].dtype == np.bool_:
        return "invert"
    return op


def _finite_division(args: tuple[Node, ...]) -> bool:
    below = literal_of(args[1])
    return args[0].finite and below is not None and bool(below != 0 and np.isfinite(below))


_FINITE: dict[str, Callable[[tuple[Node, ...]], bool]] = {
    "divide": _finite_division,
    "floor_divide": _finite_division,
    "remainder": _finite_division,
    "segment_max": lambda args: False,
    "segment_min": lambda args: False,
    "exp": lambda args: False,
    "log": lambda args: False,
    "log10": lambda args: False,
    "power": lambda args: False,
    "float_power": lambda args: False,
    "sqrt": lambda args: False,
    "nan_to_num": lambda args: True,
    "input": lambda args: True,
}


def _finite(op: str, args: tuple[Node, ...], shadow: Any) -> bool:
    if op in ("constant", "parameter"):
        return bool(np.isfinite(shadow).all())
    if np.result_type(shadow).kind != "f":
        return True
    return _FINITE[op](args) if op in _FINITE else all(a.finite for a in args)
