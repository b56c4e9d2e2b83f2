"""A bracketed scale at an instant: what formulas calculate with its thresholds and rates."""

from __future__ import annotations

import bisect
import copy
import dataclasses
import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..rules._law import LawParameter, LawScale
from ._array import ORDER, Traced, Untraceable, to_node
from ._ledger import Ledger


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
        self.path, self._read = scale.path, functools.partial(ledger.read, instant=instant)
        self._scale, self._instant = scale, instant
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

    @functools.cached_property
    def components(self) -> tuple[Any, ...]:
        """The brackets as they are written, those among them that are not in force."""
        return tuple(
            types.SimpleNamespace(
                **{
                    name: None if p.at(self._instant) is None else self._read(p)
                    for name, p in bracket.items()
                }
            )
            for bracket in self._scale.brackets
        )

    @property
    def brackets(self) -> list[tuple[Any, Any]]:
        return list(zip(self.thresholds, self.rates or self.amounts, strict=True))

    def copy(self) -> ScaleAt:
        """A scale whose thresholds a formula may exchange."""
        made = copy.copy(self)
        made.thresholds, made.rates, made.amounts = (
            list(held) for held in (self.thresholds, self.rates, self.amounts)
        )
        return made

    def calc(
        self,
        tax_base: Any,
        factor: Any = 1.0,
        round_base_decimals: int | None = None,
        right: bool = False,
    ) -> Traced:
        """The scale applied to a base, row by row; what lies within a bracket, its ends and what is
        due on it may be rounded, of marginal rates."""
        decimals = round_base_decimals
        if decimals is not None and self.kind != "rate":
            raise Untraceable(f"{self.path}: a rounded base of a scale that has no marginal rates")
        base = self._graph.constant(to_node(self._graph, tax_base))
        if self.kind in ("rate", "amount"):  # whose thresholds are an array of these
            base = self._graph.astype(base, np.float64)
        scaled = [self._times(t, factor) for t in self.thresholds]
        if not scaled:  # no bracket is in force yet
            result = self._graph.broadcast(0 if self.kind == "single" else 0.0, base.shape)
        elif self.kind == "rate":
            result = self._marginal(base, scaled, lambda x: self._rounded(x, decimals))
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

    def _rounded(self, x: Any, decimals: int | None) -> Any:
        g = self._graph
        return x if decimals is None else g.apply("round", g.constant(x), decimals=decimals)

    def _marginal(self, base: Node, thresholds: list[Any], rounded: Callable[[Any], Any]) -> Node:
        g, ends = self._graph, [rounded(t) for t in thresholds]
        total = g.constant(0.0)
        for low, high, rate in zip(ends, [*ends[1:], None], self.rates, strict=True):
            top = base if high is None else g.apply("minimum", base, high)
            within = rounded(g.apply("maximum", g.apply("subtract", top, low), 0))
            due = rounded(g.apply("multiply", to_node(g, rate), within))
            total = g.apply("add", total, due)
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


class MadeScale(ScaleAt):
    """A scale of marginal rates that a formula makes itself, bracket by bracket."""

    def __init__(
        self, graph: Graph, name: str | None = None, option: Any = None, unit: Any = None
    ) -> None:
        self.path, self.kind, self._graph = f"the scale {name}, which it makes,", "rate", graph
        self.thresholds, self.rates, self.amounts = [], [], []

    def add_bracket(self, threshold: Any, rate: Any) -> None:
        """A bracket in its place; a second one from the same threshold adds to the first."""
        at = [_number(t) for t in self.thresholds]
        place = bisect.bisect_left(at, _number(threshold))
        if place < len(at) and at[place] == _number(threshold):
            self.rates[place] = self.rates[place] + rate
        else:
            self.thresholds.insert(place, threshold)
            self.rates.insert(place, rate)

    def multiply_thresholds(self, factor: Any, decimals: int | None = None) -> MadeScale:
        if decimals is not None:
            raise Untraceable(f"{self.path} with rounded thresholds")
        self.thresholds = [t * factor for t in self.thresholds]
        return self

    def multiply_rates(self, factor: Any) -> MadeScale:
        self.rates = [rate * factor for rate in self.rates]
        return self

    def calc(self, tax_base: Any, *how: Any, **named: Any) -> Traced:
        _keep_order(self._graph, self.path, self.thresholds)
        return super().calc(tax_base, *how, **named)


def _number(threshold: Any) -> float:
    """Where a bracket begins, in the law as it is."""
    if isinstance(threshold, Traced) and (threshold.node.data or threshold.ndim):
        raise Untraceable("a scale whose thresholds differ by row")
    return float(threshold.node.shadow if isinstance(threshold, Traced) else threshold)


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
