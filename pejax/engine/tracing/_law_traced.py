"""The law as a formula sees it: dated views whose numbers are traced.

A number becomes a parameter node named by its path and the start of the value in force, so the
months of a year share it and a reform is a change of input. Booleans, strings and lists stay
Python values: they decide the shape of the program.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..rules._law import LawNode, LawParameter, LawScale
from ._array import ORDER, Traced, Untraceable, to_node
from ._names import is_name


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A traced number: its parameter, the start of its value, and when it was read.

    `era` is `""` for a value in force within the program's period, `"before"` or `"after"` for one
    that a formula read at another time, so that a reform of the period never leaks into it.
    """

    parameter: LawParameter
    start: str
    era: str
    value: float

    @property
    def key(self) -> str:
        return f"{self.parameter.path}@{self.start}{'|' + self.era if self.era else ''}"


class Ledger:
    """Collects every number of the law that a trace reads.

    **Arguments:** `graph`; `law`, as it is in force; `first` and `last`, the program's period as
    ISO dates; `missing`, the error a country raises for a path without a value.
    """

    def __init__(
        self,
        graph: Graph,
        law: LawNode,
        first: str,
        last: str,
        missing: Callable[[str, str], Exception],
    ) -> None:
        self.graph = graph
        self.law = law
        self.first, self.last = first, last
        self.missing = missing
        self.leaves: dict[str, Leaf] = {}
        self.static: dict[str, Any] = {}

    def read(self, parameter: LawParameter, instant: str) -> Any:
        """The value in force: traced if it is a number."""
        value = parameter.at(instant)
        if value is None:
            raise self.not_in_force(parameter, instant)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.static[parameter.path] = value
            return value
        leaf = self._leaf(parameter, instant, float(value))
        return Traced(self.graph.parameter(leaf.key, leaf.value))

    def not_in_force(self, parameter: LawParameter, instant: str) -> Exception:
        """The country's own error, which formulas may catch, with the dates that have a value."""
        problem = self.missing(parameter.path, instant)
        dates = [start for start, value in parameter.entries if value is not None]
        begins = f"It begins on {dates[0]}" if dates else "It is never in force"
        problem.add_note(f"{begins}: compile for a year in which every number has a value")
        return problem

    def _leaf(self, parameter: LawParameter, instant: str, value: float) -> Leaf:
        era = "before" if instant < self.first else "after" if instant > self.last else ""
        start = parameter.start(instant)
        if not era and self._is_of_another_time(parameter, instant, value):
            era = "before"
        if not era:
            start = max(start, self.first)
        leaf = Leaf(parameter, start, era, value)
        return self.leaves.setdefault(leaf.key, leaf)

    def _is_of_another_time(self, parameter: LawParameter, instant: str, value: float) -> bool:
        """Whether a formula reads a value that the law in force does not have at this instant."""
        current = self.law.find(parameter.path)
        return current is not parameter and current.at(instant) != value  # type: ignore[union-attr]


def view(law: Any, instant: str, ledger: Ledger) -> Any:
    """What `law` (a node, scale or parameter) is at `instant`."""
    if isinstance(law, LawNode):
        return NodeAt(law, instant, ledger)
    if isinstance(law, LawScale):
        return ScaleAt(law, instant, ledger)
    return ledger.read(law, instant)


class Law:
    """The undated root: `parameters(period)` or `parameters.gov.irs(period)`."""

    def __init__(self, node: LawNode, ledger: Ledger, instant_of: Callable[[Any], str]) -> None:
        self._node = node
        self._ledger = ledger
        self._instant_of = instant_of
        self._views: dict[str, Any] = {}

    def __call__(self, period: Any) -> Any:
        instant = self._instant_of(period)
        if instant not in self._views:
            self._views[instant] = view(self._node, instant, self._ledger)
        return self._views[instant]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._node.children:
            raise AttributeError(name)
        child = self._node.children[name]
        if isinstance(child, LawParameter):
            return Series(child, self._ledger, self._instant_of)
        return Law(child, self._ledger, self._instant_of)  # type: ignore[arg-type]

    def of(self, node: LawNode) -> Law:
        """Another law, read into the same ledger."""
        return Law(node, self._ledger, self._instant_of)

    def value(self, path: str, period: Any) -> Any:
        """The traced value at a dotted path."""
        return view(self._node.find(path), self._instant_of(period), self._ledger)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A value of a parameter and the date from which it is in force."""

    instant_str: str
    value: Any


class Series:
    """A parameter with its dates: `parameters.gov.irs.rate`, called with a period for its value.

    Formulas that look for the last value of a kind copy it and edit `values_list`, newest first.
    """

    def __init__(
        self, parameter: LawParameter, ledger: Ledger, instant_of: Callable[[Any], str]
    ) -> None:
        self._parameter = parameter
        self._ledger = ledger
        self._instant_of = instant_of
        self.values_list = [Entry(*entry) for entry in reversed(parameter.entries)]

    def clone(self) -> Series:
        copy = Series(self._parameter, self._ledger, self._instant_of)
        copy.values_list = list(self.values_list)
        return copy

    def __call__(self, period: Any) -> Any:
        entries = tuple((e.instant_str, e.value) for e in reversed(self.values_list))
        own = self._parameter
        edited = own if entries == own.entries else dataclasses.replace(own, entries=entries)
        return self._ledger.read(edited, self._instant_of(period))


class NodeAt:
    """A branch of the law at an instant; indexing it with an array gives a `TableAt`."""

    def __init__(self, node: LawNode, instant: str, ledger: Ledger) -> None:
        self._node, self._instant, self._ledger = node, instant, ledger
        self._name = node.path
        self._views: dict[str, Any] = {}

    def _has(self, name: str) -> bool:
        child = self._node.children.get(name)
        if isinstance(child, LawParameter):
            return child.at(self._instant) is not None
        return child is not None

    def _absent(self, name: str) -> Exception:
        child = self._node.children.get(name)
        if isinstance(child, LawParameter):
            return self._ledger.not_in_force(child, self._instant)
        return self._ledger.missing(f"{self._node.path}.{name}", self._instant)

    def _child(self, name: str) -> Any:
        if name not in self._views:
            if not self._has(name):
                raise self._absent(name)
            self._views[name] = view(self._node.children[name], self._instant, self._ledger)
        return self._views[name]

    @property
    def _children(self) -> dict[str, Any]:
        return {name: self._child(name) for name in self}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._child(name)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name in self._node.children if self._has(name)])

    def __contains__(self, name: str) -> bool:
        return self._has(name)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, Traced):
            grid = np.empty((), object)
            grid[()] = self
            return TableAt(grid, ())[key]
        if isinstance(key, np.ndarray) and key.ndim:
            key = _one_name(self._name, key)
        name = key.name if isinstance(key, enum.Enum) else str(key)
        if not self._has(name):
            raise KeyError(name)
        return self._child(name)


class TableAt:
    """A grid of branches selected by arrays of names; attributes and further keys descend."""

    def __init__(self, grid: np.ndarray, picks: tuple[Node, ...]) -> None:
        self._grid, self._picks = grid, picks

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._descend(lambda node: node._child(name) if node._has(name) else None)

    def _descend(self, step: Callable[[NodeAt], Any]) -> Any:
        cells = np.empty(self._grid.shape, object)
        for at in np.ndindex(*self._grid.shape):
            node: Any = self._grid[at]
            cells[at] = None if node is None else step(node)
        return _table(cells, self._picks, None)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, np.ndarray):
            key = _one_name("a table", key)
        if isinstance(key, str | enum.Enum):
            return getattr(self, key if isinstance(key, str) else key.name)
        names = self._names()
        pick, gaps = _pick(key, names)
        cells = np.empty((*self._grid.shape, len(names) + gaps), object)
        for at in np.ndindex(*self._grid.shape):
            node: Any = self._grid[at]
            for place, name in enumerate(names):
                has = node is not None and node._has(name)
                cells[(*at, place)] = node._child(name) if has and node is not None else None
        return _table(cells, (*self._picks, pick), key.mask)

    def _names(self) -> list[str]:
        return list(
            dict.fromkeys(n for node in self._grid.ravel() if node is not None for n in node)
        )


def _one_name(branch: str, key: np.ndarray) -> Any:
    """The name that a plain array holds in every row."""
    if len(set(key.tolist())) != 1:
        raise Untraceable(f"{branch} indexed by a plain array")
    return key.flat[0]


def _pick(key: Traced, names: list[str]) -> tuple[Node, bool]:
    """The column of a table for each row of `key`, and whether some keys have none.

    A key without a column picks the one past the last, which holds NaN as in the source engine.
    """
    column = {name: i for i, name in enumerate(names)}
    absent = len(names)
    graph = key.graph
    if key.vocabulary is not None:
        gaps = any(n not in column for n in key.names)
        return key.lookup(lambda v: np.array([column.get(str(n), absent) for n in v])), gaps
    if key.node.dtype == np.bool_:
        yes = column.get("True", column.get("true", 0))
        no = column.get("False", column.get("false", 0))
        return graph.apply("where", key.node, yes, no), False
    by_number = {int(float(n)): i for n, i in column.items() if _is_number(n)}
    low, high = min(by_number) - 1, max(by_number) + 1
    codes = np.array([by_number.get(i, absent) for i in range(low, high + 1)])
    whole = graph.astype(key.node, np.int64)
    inside = graph.apply("minimum", graph.apply("maximum", whole, low), high)
    return graph.apply("take", codes, graph.apply("subtract", inside, low)), True


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


def _table(cells: np.ndarray, picks: tuple[Node, ...], mask: Node | None) -> Any:
    """A grid of views: a further `TableAt`, or the gathered numbers."""
    present = [c for c in cells.ravel() if c is not None]
    if present and isinstance(present[0], NodeAt):
        return TableAt(cells, picks)
    if present and isinstance(present[0], ScaleAt):
        raise Untraceable("a scale chosen by an array")
    if any(is_name(c) for c in present):
        raise Untraceable("a text parameter chosen by an array")
    graph = picks[0].graph
    numbers = [np.nan if c is None else to_node(graph, c) for c in cells.ravel()]
    traced = any(isinstance(n, Node) for n in numbers)
    table = graph.apply("pack", *numbers) if traced else graph.constant(np.array(numbers, float))
    flat: Any = 0
    for length, pick in zip(cells.shape, picks, strict=True):
        flat = graph.apply("add", graph.apply("multiply", flat, length), pick)
    return Traced(graph.apply("take", table, flat), mask=mask)


@dataclasses.dataclass(frozen=True)
class Row:
    """One bracket in force."""

    threshold: Any
    value: Any
    order: float


class ScaleAt:
    """A bracketed scale at an instant, with the source engine's reading of it.

    `kind`: `"rate"` (marginal), `"amount"` (cumulative) or `"single"` (the bracket's own amount).
    """

    def __init__(self, scale: LawScale, instant: str, ledger: Ledger) -> None:
        self.path = scale.path
        present = [
            {n: p for n, p in b.items() if p.at(instant) is not None} for b in scale.brackets
        ]
        self.kind = _kind(scale, present)
        value = {"rate": "rate", "average": "average_rate"}.get(self.kind, "amount")
        rows = [
            _row(bracket, value, instant, ledger)
            for bracket in present
            if value in bracket and "threshold" in bracket
        ]
        rows.sort(key=lambda r: r.order)
        self.thresholds = [r.threshold for r in rows]
        values = [r.value for r in rows]
        self.rates = values if self.kind in ("rate", "average") else []
        self.amounts = values if self.kind in ("single", "amount") else []
        self._graph = ledger.graph
        _keep_order(self._graph, self.path, self.thresholds)

    @property
    def brackets(self) -> list[tuple[Any, Any]]:
        return list(zip(self.thresholds, self.rates or self.amounts, strict=True))

    def calc(
        self,
        tax_base: Any,
        factor: Any = 1.0,
        round_base_decimals: int | None = None,
        right: bool = False,
    ) -> Traced:
        """The scale applied to a base, row by row."""
        if round_base_decimals is not None:
            raise Untraceable("a scale with a rounded base")
        base = self._graph.constant(to_node(self._graph, tax_base))
        scaled = [self._times(t, factor) for t in self.thresholds]
        if self.kind == "rate":
            result = self._marginal(base, scaled)
        elif self.kind == "amount":
            result = self._cumulative(base, scaled)
        elif self.kind == "single":
            result = self._single(base, scaled, right)
        else:
            raise Untraceable(f"{self.path}: a scale of average rates")
        return Traced(result, mask=tax_base.mask if isinstance(tax_base, Traced) else None)

    def marginal_rates(self, tax_base: Any, factor: Any = 1.0, **_: Any) -> Traced:
        """The rate of the bracket that holds each base (below the first: the last)."""
        g = self._graph
        base = g.constant(to_node(g, tax_base))
        rate = g.broadcast(to_node(g, self.rates[-1]), base.shape)
        for threshold, value in zip(self.thresholds, self.rates, strict=True):
            above = g.apply("greater_equal", base, self._times(threshold, factor))
            rate = g.apply("where", above, to_node(g, value), rate)
        return Traced(rate)

    def _times(self, threshold: Any, factor: Any) -> Any:
        node = to_node(self._graph, threshold)
        if not isinstance(factor, Traced | np.ndarray) and factor == 1:
            return node
        return self._graph.apply("multiply", node, to_node(self._graph, factor))

    def _marginal(self, base: Node, thresholds: list[Any]) -> Node:
        g = self._graph
        total = g.constant(0.0)
        for low, high, rate in zip(thresholds, [*thresholds[1:], None], self.rates, strict=True):
            top = base if high is None else g.apply("minimum", base, high)
            within = g.apply("maximum", g.apply("subtract", top, low), 0)
            total = g.apply("add", total, g.apply("multiply", to_node(g, rate), within))
        return total

    def _cumulative(self, base: Node, thresholds: list[Any]) -> Node:
        g = self._graph
        total = g.constant(0)
        for threshold, amount in zip(thresholds, self.amounts, strict=True):
            reached = g.apply("greater", base, threshold)
            total = g.apply("add", total, g.apply("multiply", to_node(g, amount), reached))
        return total

    def _single(self, base: Node, thresholds: list[Any], right: bool) -> Node:
        g = self._graph
        if self.amounts and all(isinstance(a, bool) for a in self.amounts):
            table = g.constant(np.array([False, *self.amounts]))
        else:
            table = g.apply("pack", 0.0, *[to_node(g, a) for a in self.amounts])
        edges = g.apply("pack", *thresholds)
        place = g.apply("search", edges, base, side="left" if right else "right")
        return g.apply("take", table, place)


def _kind(scale: LawScale, brackets: list[dict[str, LawParameter]]) -> str:
    if scale.single_amount:
        return "single"
    if any("amount" in b for b in brackets):
        return "amount"
    return "average" if any("average_rate" in b for b in brackets) else "rate"


def _row(bracket: Mapping[str, LawParameter], value: str, instant: str, ledger: Ledger) -> Row:
    worth = ledger.read(bracket[value], instant)
    if "base" in bracket and value in ("rate", "average_rate"):
        worth = worth * ledger.read(bracket["base"], instant)
    threshold = bracket["threshold"]
    return Row(ledger.read(threshold, instant), worth, float(threshold.at(instant)))  # type: ignore


def _keep_order(graph: Graph, path: str, thresholds: list[Any]) -> None:
    """Record that thresholds ascend: sorting them is a decision a reform could move."""
    nodes = [graph.constant(to_node(graph, t)) for t in thresholds]
    if len(nodes) > 1 and any(n.law for n in nodes):
        packed = graph.apply("pack", *nodes)
        upper = graph.getitem(packed, slice(1, None))
        lower = graph.getitem(packed, slice(None, -1))
        ascend = Traced(graph.apply("all", graph.apply("greater_equal", upper, lower), axis=None))
        if not ascend.decide(f"{ORDER}{path}"):
            raise Untraceable(f"the thresholds of {path} do not ascend")
