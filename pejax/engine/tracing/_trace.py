"""Tracing: a system's formulas run once on symbolic arrays and leave a graph."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core._validate import PejaxError
from .._inputs import Column
from ..graph._ir import DimensionClash, Graph
from ..rules._calendar import last_day
from ..rules._system import System
from ._array import Traced, deciding
from ._decisions import Decisions, Guard, People
from ._depth import FRAMES, deep
from ._evaluate import Simulation
from ._groups import Links
from ._input_nodes import input_values, link_nodes
from ._law_traced import Law, instant_reader
from ._ledger import Leaf, Ledger
from ._reads import Trace
from ._stand_in import Numpy

_ATTEMPTS = 4


class UntraceableRule(PejaxError):
    """Formulas that cannot become part of a program; `refused` has the reason by variable."""

    def __init__(self, refused: Mapping[str, str]) -> None:
        self.refused = dict(refused)
        rows = "\n".join(f"  {name} {reason}" for name, reason in self.refused.items())
        names = ", ".join(self.refused)
        super().__init__(
            f"{len(self.refused)} formulas cannot be traced:\n{rows}\nTheir values can be given as "
            f"columns, which then cut gradients: engine.importer.hoist(country, people, [{names}], "
            "period)"
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a trace leaves.

    Attributes:
        graph: where its nodes live.
        outputs: the node and vocabulary of each.
        guards: the decisions that were taken.
        leaves: the parameters read.
        static: its values that are none, and `looked`, the days for which they were read.
        evaluated: the periods for which each variable was computed.
        given: the variables that columns gave.
        asked: those of which formulas asked whether they are given.
    """

    graph: Graph
    outputs: dict[str, Traced]
    guards: tuple[Guard, ...]
    leaves: dict[str, Leaf]
    static: dict[str, Any]
    looked: dict[str, set[str]]
    evaluated: dict[str, set[str]]
    given: tuple[str, ...]
    period: Any
    asked: frozenset[str] = frozenset()


def trace(
    system: System,
    outputs: Sequence[str],
    period: Any,
    columns: tuple[Column, ...],
    people: People,
) -> Outcome:
    """Trace `outputs` for a population with these columns.

    Args:
        people: the real population, which decides what formulas ask of Python.
    """
    entities = (system.person, *system.groups)
    for attempt in range(_ATTEMPTS):
        primes = _primes(attempt * len(entities), len(entities))
        sizes = dict(zip(entities, primes, strict=True))
        final = attempt == _ATTEMPTS - 1
        try:
            return _attempt(system, outputs, period, columns, sizes, people, final)
        except DimensionClash:
            continue
    raise AssertionError("the last attempt refuses formulas instead of raising")


def _primes(skip: int, count: int) -> list[int]:
    """Shadow sizes: primes above a hundred, which few tables have as their length."""
    found = (n for n in itertools.count(101) if all(n % d for d in range(2, math.isqrt(n) + 1)))
    return list(itertools.islice(found, skip, skip + count))


def _attempt(
    system: System,
    outputs: Sequence[str],
    period: Any,
    columns: tuple[Column, ...],
    sizes: dict[str, int],
    people: People,
    final: bool,
) -> Outcome:
    graph = Graph(sizes)
    decisions = Decisions(graph, people)
    numpy = Numpy(graph)
    with system.tracing(numpy) as prepare, deciding(decisions):
        state = _state(system, graph, numpy, prepare, period, link_nodes(graph, system))
        state.final, state.decisions = final, decisions
        state.columns = tuple(c.said for c in columns)
        inputs = input_values(graph, system, columns, period)
        state.given = inputs
        results = _results(Simulation(state, inputs), outputs, period)
    if state.refused:
        raise UntraceableRule(state.refused)
    return Outcome(
        graph=graph,
        outputs=results,
        guards=decisions.guards(),
        leaves=state.ledger.leaves,
        static=state.ledger.static,
        looked=state.ledger.looked,
        evaluated=state.evaluated,
        given=tuple(sorted({name for name, _ in inputs})),
        period=period,
        asked=frozenset(state.asked),
    )


def _results(simulation: Simulation, outputs: Sequence[str], period: Any) -> dict[str, Traced]:
    """The outputs' nodes, by the formulas."""
    found = {}
    with deep():
        for name in outputs:
            try:
                found[name] = simulation.calculate(name, period)
            except RecursionError as too_deep:
                reason = f"for {period}: its formulas call each other more than {FRAMES} deep"
                raise UntraceableRule({name: reason}) from too_deep
    return found


def _state(
    system: System,
    graph: Graph,
    numpy: Numpy,
    prepare: Callable[..., Any],
    period: Any,
    links: dict[str, Links],
) -> Trace:
    first = str(period.start)
    last = last_day(period)
    ledger = Ledger(graph, system.law, first, last, system.missing)
    law = Law(system.law, ledger, instant_reader(system.period))
    return Trace(
        system=system,
        graph=graph,
        links=links,
        ledger=ledger,
        numpy=numpy,
        prepare=prepare,
        law=law,
        bits={name: 1 << i for i, name in enumerate(system.variables)},
    )
