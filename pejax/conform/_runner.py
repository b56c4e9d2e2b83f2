"""Cases answered by the graph of a country's rules, many at a time.

Cases of one calendar year under the same structural reforms, which replace the same formulas by
inputs, are one batch, whichever parameters they change; those whose graph would be most of the law
are put off, to share one whatever they replace.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..engine.rules._system import System
from ..engine.tracing._reads import GraphTooLarge
from ._answering import Answering, Asked, Law, law_of
from ._cases import Case, expected_of
from ._judge import LARGE, REFUSED, Verdict, stopped
from ._people import Key, Reader

_MANY = 1_000
"""Cases in a batch: more share a trace, but its graph grows with what each of them asks."""

MOST_NODES = 3_000
"""Nine of ten small graphs are smaller, and the large ones are fifty thousand nodes and more. It
takes a second to see that one is large."""

_TRIES = 2
"""Sets of inputs with which outputs are tried before their graphs are taken to be large."""


class Runner:
    """Answers cases of one country.

    Attributes:
        large: what made a graph too large: by outputs, the variables that were given instead of
            being computed. Whoever asks as much and gives no more has a large graph too, and what
            was large with several sets of inputs is not tried with another.
        late: outputs that are computed last, because of what their formulas ask; `first`, inputs by
            which cases are told apart before, because formulas asked for them first.

    Args:
        rules: the country's rules after the changes of a case.
        entities: plural by entity, the persons first.
        ends: the last day of variables that have one.
    """

    def __init__(
        self,
        rules: Callable[[Case], System],
        entities: Mapping[str, str],
        ends: Mapping[str, str] | None = None,
        in_jax: float = 0.0,
    ) -> None:
        self.in_jax = in_jax
        self.rules, self.entities, self.ends = rules, dict(entities), dict(ends or {})
        self.large: dict[frozenset[str], list[frozenset[str]]] = {}
        self.late: set[str] = set()

    def run(self, cases: Sequence[Case], most_nodes: int | None = None) -> list[Verdict]:
        """A verdict on each case, in their order.

        Args:
            most_nodes: how large a graph may become; cases with a larger one are `large`. Without,
                all cases of a year share one, whatever they give and whichever parameters of
                the law they change.
        """
        found: dict[str, Verdict] = {c.key: Verdict(REFUSED, c.problem) for c in cases if c.problem}
        for group in grouped([case for case in cases if not case.problem]):
            found |= self._of_structure(group, most_nodes)
        return [found[case.key] for case in cases]

    def _of_structure(self, cases: Sequence[Case], most_nodes: int | None) -> dict[str, Verdict]:
        """Verdicts on cases under the same structural reforms."""
        start = time.process_time()
        try:
            base = self.rules(dataclasses.replace(cases[0], law={}, tree={}))
        except Exception as problem:
            verdict = stopped(problem)
            return {case.key: verdict for case in cases}
        reader = Reader(base, self.entities, self.ends)
        systems: dict[Law, System] = {(): base}
        share = (time.process_time() - start) / len(cases)
        found: dict[str, Verdict] = {}
        kinds: dict[_Kind, list[Asked]] = {}
        for case in cases:
            try:
                if (law := law_of(case)) not in systems:
                    systems[law] = self.rules(case)
                asked = self._asked(case, reader)
                asked.seconds = share
                kinds.setdefault(self._kind_of(asked, reader, most_nodes), []).append(asked)
            except GraphTooLarge:
                found[case.key] = Verdict(LARGE, seconds=share)
            except Exception as problem:
                found[case.key] = stopped(problem)
        for kind, group in kinds.items():
            for k in range(0, len(group), _MANY):
                part = group[k : k + _MANY]
                year = reader.period(str(kind.year))
                share = 0.0 if most_nodes is None else self.in_jax
                answering = Answering(reader, systems, year, most_nodes, self.late, share)
                try:
                    found |= answering.verdicts(part)
                except GraphTooLarge:
                    self.large.setdefault(_variables(part), []).append(_names(kind.replaced))
                    found |= {one.case.key: Verdict(LARGE, seconds=one.seconds) for one in part}
        return found

    def _kind_of(self, asked: Asked, reader: Reader, most_nodes: int | None) -> _Kind:
        """The batch that a case is of.

        Raises:
            GraphTooLarge: it is known that its graph would be.
        """
        year = reader.period(asked.case.period).start.year
        switches = reader.system.abolitions
        law = law_of(asked.case)
        switched = bool(switches) and any(path.startswith(f"{switches}.") for path, _ in law)
        if not (switched or asked.case.tree):
            law = ()
        if most_nodes is None:
            return _Kind(year, frozenset(), law)
        replaced = frozenset(key for key in asked.people.given if reader.is_computed(key))
        if self._is_large(_variables([asked]), _names(replaced)):
            raise GraphTooLarge(f"more than {most_nodes:,} nodes")
        return _Kind(year, replaced, law)

    def _is_large(self, outputs: frozenset[str], given: frozenset[str]) -> bool:
        """Whether a graph is taken to be too large by what was seen before."""
        return any(
            len(instead) >= _TRIES or any(given <= one for one in instead)
            for large, instead in self.large.items()
            if large <= outputs
        )

    def _asked(self, case: Case, reader: Reader) -> Asked:
        people = reader.people(case)
        expected = expected_of(case, self.entities, reader.system.variables)
        for one in expected:
            reader.period(one.period)
        return Asked(case, people, expected)


class _Kind(NamedTuple):
    """What cases of one batch have in common: the calendar year, and what they give in the place of
    formulas. A formula that only some cases replace would be computed for all. Cases whose law
    switches variables off, or is a tree of its own, have that law in common too."""

    year: int
    replaced: frozenset[Any]
    law: Law


def _variables(asked: Iterable[Asked]) -> frozenset[str]:
    return frozenset(e.variable for one in asked for e in one.expected)


def _names(keys: Iterable[Key]) -> frozenset[str]:
    return frozenset(name for name, _ in keys)


def grouped(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases by their structural reforms, the order kept."""
    found: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        found.setdefault(case.reforms, []).append(case)
    return list(found.values())
