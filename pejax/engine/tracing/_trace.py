"""Tracing: a system's formulas run once on symbolic arrays and leave a graph."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core._validate import PejaxError
from ..graph._ir import DimensionClash, Graph
from ..rules._calendar import dated, law_days
from ..rules._roles import role_column
from ..rules._system import System
from ._array import Traced, deciding
from ._decisions import Decisions, Guard, People
from ._depth import FRAMES, deep
from ._evaluate import Simulation
from ._groups import Links
from ._input_nodes import link_nodes
from ._law_traced import Law, instant_reader
from ._ledger import Leaf, Ledger
from ._reads import Trace
from ._speakers import Given
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
        asked: those of which formulas asked whether they are given, and `unsettled`, by output
            those that only some rows are given; `askers`, the outputs that read a variable whose
            formula asked.
        refused: the formulas that could not be traced, with the reasons, and `cut`, by output the
            ones that it reads, or itself: where a refusal was not to end the trace.
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
    unsettled: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    askers: frozenset[str] = frozenset()
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cut: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


def trace(
    system: System,
    outputs: Sequence[str],
    period: Any,
    given: Callable[[Graph], Given],
    people: People,
    *,
    forgiving: bool = False,
    most_nodes: int | None = None,
) -> Outcome:
    """Trace `outputs` for a population.

    Args:
        given: the inputs, made for the graph of an attempt.
        people: the real population, which decides what formulas ask of Python.
        forgiving: whether outputs that no refused formula touches are worth having; then decisions
            are not tried out for other people.
        most_nodes: how large the graph may become.

    Raises:
        UntraceableRule: formulas that cannot be traced, unless `forgiving`.
        GraphTooLarge: it would become larger.
    """
    entities = (system.person, *system.groups)
    for attempt in range(_ATTEMPTS):
        primes = _primes(attempt * len(entities), len(entities))
        sizes = dict(zip(entities, primes, strict=True))
        final = attempt == _ATTEMPTS - 1
        try:
            ask = _Question(outputs, period, given, people, forgiving, most_nodes)
            return _attempt(system, ask, sizes, final)
        except DimensionClash:
            continue
    raise AssertionError("the last attempt refuses formulas instead of raising")


def _primes(skip: int, count: int) -> list[int]:
    """Shadow sizes: primes above a hundred, which few tables have as their length."""
    found = (n for n in itertools.count(101) if all(n % d for d in range(2, math.isqrt(n) + 1)))
    return list(itertools.islice(found, skip, skip + count))


@dataclasses.dataclass(frozen=True)
class _Question:
    """What is asked of a system, as `trace` has it."""

    outputs: Sequence[str]
    period: Any
    given: Callable[[Graph], Given]
    people: People
    forgiving: bool
    most_nodes: int | None


def _attempt(system: System, ask: _Question, sizes: dict[str, int], final: bool) -> Outcome:
    graph, period, forgiving = Graph(sizes), ask.period, ask.forgiving
    decisions = Decisions(graph, ask.people)
    numpy = Numpy(graph)
    with system.tracing(numpy) as prepare, deciding(decisions):
        state = _state(system, graph, numpy, prepare, period, link_nodes(graph, system))
        state.final, state.decisions = final, None if forgiving else decisions
        state.given, state.most_nodes = ask.given(graph), ask.most_nodes
        for key in state.given.values:
            state.held[key[0]].add(key)
        if state.given.laws is not None:
            state.take_in_turn(state.given.laws)
        simulation = Simulation(state, state.given.values)
        results, reads = _results(simulation, ask.outputs, period, forgiving)
    if state.refused and not forgiving:
        raise UntraceableRule(state.refused)
    return Outcome(
        graph=graph,
        outputs=results,
        guards=decisions.guards(),
        leaves=state.ledger.leaves,
        static=state.ledger.static,
        looked=state.ledger.looked,
        evaluated=state.evaluated,
        given=_given_in(state),
        period=period,
        asked=frozenset(state.asked),
        unsettled={name: state.unsettled_in(bits) for name, bits in reads.items()},
        askers=frozenset(name for name, bits in reads.items() if state.asks_in(bits)),
        refused=state.refused,
        cut={name: cut for name, bits in reads.items() if (cut := _cut(state, name, bits))},
    )


def _given_in(state: Trace) -> tuple[str, ...]:
    """The variables that columns gave, those of roles included."""
    roles = {role_column(g) for g in state.given.role_of if g in state.system.with_roles}
    return tuple(sorted({name for name, _ in state.given.values} | roles))


def _cut(state: Trace, output: str, bits: int) -> tuple[str, ...]:
    """The refused variables that an output reads."""
    own = [output] if output in state.refused else []
    return (*own, *(n for n in state.refused if n in state.bits and bits & state.bits[n]))


def _results(
    simulation: Simulation, outputs: Sequence[str], period: Any, forgiving: bool
) -> tuple[dict[str, Traced], dict[str, int]]:
    """The outputs' nodes, by the formulas, and what each of them reads."""
    found, reads, state = {}, {}, simulation.trace_state
    with deep():
        for asked in outputs:
            name, own = dated(asked)
            state.frames[:] = [0]
            try:
                found[asked] = simulation.calculate(name, own or period)
            except RecursionError as too_deep:
                reason = f"for {period}: its formulas call each other more than {FRAMES} deep"
                if not forgiving:
                    raise UntraceableRule({name: reason}) from too_deep
                state.refused[asked] = reason
            except PejaxError as problem:
                if not forgiving:
                    raise
                state.refused[asked] = f"{type(problem).__name__}: {problem}"
            reads[asked] = state.frames[0]
    return found, reads


def _state(
    system: System,
    graph: Graph,
    numpy: Numpy,
    prepare: Callable[..., Any],
    period: Any,
    links: dict[str, Links],
) -> Trace:
    ledger = Ledger(graph, system.law, *law_days(period), system.missing)
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
