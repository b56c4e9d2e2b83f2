"""Every parameter that a trace reads, each once."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

from ..graph._ir import Graph
from ..graph._node import Node
from ..rules._law import FOR_GOOD, LawNode, LawParameter, day_before, next_day, parameters_under
from ..rules._reform import EVER
from ._array import Traced

_PINNED_SINCE = "2000-01-01"
"""Rules of an earlier day are not what formulas look back to."""


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A traced number: its parameter, its value, and from when to when the law has it.

    `start` and `stop` lie within one year: the program's period, for which `era` is `""`, or a
    year `"before"` or `"after"` it that a formula looked at. `"pinned"` is a number that a formula
    took from other rules: its dates are those at which the law in force has it.
    """

    parameter: LawParameter
    start: str
    stop: str
    era: str
    value: float

    @property
    def key(self) -> str:
        return f"{self.parameter.path}@{self.start}{'|' + self.era if self.era else ''}"


class _Held(NamedTuple):
    """A part of the law, the days on which any of it changes, and its parameters that are not all
    numbers."""

    part: Any
    days: list[str]
    fixed: list[LawParameter]


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


class Ledger:
    """Collects every parameter that a trace reads; `looked`, when it read a static value; `empty`,
    by variable the lists without an entry that it read, and when; `epoch` counts the trials
    that read what had not been read before: what they read is not among the leaves. Where cases
    are asked under different laws, `differing` has by branch the names below it of what is not the
    same in all of them, and `ask` is called with its path before it is read. `parts`: what the
    formula that runs reads, and on which days.

    Args:
        graph: where its nodes live.
        law: as it is in force.
        first, last: the program's period as ISO dates.
        missing: the error a country raises for a path without a value.
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
        self.looked: dict[str, set[str]] = {}
        self.empty: dict[str, dict[str, str]] = {}
        self.epoch = 0
        self.differing: Mapping[str, frozenset[str]] = {}
        self.ask: Callable[[str], None] = lambda path: None
        self.parts: dict[tuple[int, str], Any] | None = None
        self._parts: dict[int, _Held] = {}
        self._found: dict[str, Any] = {}
        self._numbers: dict[tuple[int, str], tuple[LawParameter, Leaf, Node]] = {}

    def read(self, parameter: LawParameter, instant: str) -> Any:
        """The value in force: traced if it is a number."""
        if parameter.same_as:  # a reform is of the one that has the values
            parameter = dataclasses.replace(parameter, path=parameter.same_as, same_as="")
        key = (id(parameter), instant)
        if key in self._numbers:  # which holds the parameter: no other one has its id
            _, leaf, node = self._numbers[key]
            # A trial leaves no leaf behind; by now its name may be that of another value.
            if self.leaves.setdefault(leaf.key, leaf).value == leaf.value:
                return Traced(node)
        value = parameter.at(instant)
        if value is None:
            raise self.not_in_force(parameter, instant)
        if not _is_number(value):
            self.fixed(parameter, value, instant)
            return value
        leaf = self._leaf(parameter, instant, float(value))
        if isinstance(value, int):
            self.graph.integers.add(leaf.key)
        node = self.graph.parameter(leaf.key, leaf.value)
        self._numbers[key] = parameter, leaf, node
        return Traced(node)

    def touch(self, part: Any, instant: str) -> None:
        """Note that a formula reads a part of the law: a parameter, a scale or a branch."""
        if self.parts is not None:
            self.parts[id(part), instant] = part

    def is_same(self, part: Any, one: str, other: str) -> bool:
        """Whether a part of the law is the same on two days, and its numbers have one name."""
        if one == other or part is None:
            return True
        days = self._held(part).days
        same = bisect.bisect_right(days, one) == bisect.bisect_right(days, other)
        return same and self._year(one) == self._year(other)

    def has_switches(self, part: Any) -> bool:
        """Whether a part of the law has values that formulas take as they are."""
        return part is not None and bool(self._held(part).fixed)

    def note_again(self, part: Any, instant: str) -> None:
        """Note the values that formulas take as they are: they were read on this day too."""
        for parameter in self._held(part).fixed if part is not None else ():
            value = parameter.at(instant)
            if value is not None and not _is_number(value):
                self.read(parameter, instant)

    @contextlib.contextmanager
    def in_a_table(self) -> Iterator[None]:
        """Within the context parts of a branch are read that has been touched as a whole."""
        parts, self.parts = self.parts, None
        try:
            yield
        finally:
            self.parts = parts

    def _held(self, part: Any) -> _Held:
        if id(part) not in self._parts:
            every = list(parameters_under(part))
            days = sorted({start for p in every for start, _ in p.entries})
            fixed = [p for p in every if not all(_is_number(v) for _, v in p.entries)]
            self._parts[id(part)] = _Held(part, days, fixed)
        return self._parts[id(part)]

    def note(self, path: str) -> None:
        """Note that a parameter or scale, or part of one, is about to be read."""
        if self.differing:
            branch, _, name = path.partition("[")[0].rpartition(".")
            if name in self.differing.get(branch, ()):
                self.ask(f"{branch}.{name}" if branch else name)

    def put_back(self, leaves: dict[str, Leaf], static: dict[str, Any]) -> None:
        """What had been read before a trial."""
        self.epoch += (len(self.leaves), len(self.static)) != (len(leaves), len(static))
        self.leaves, self.static = leaves, static

    def absent(self, node: LawNode, name: str, instant: str) -> Exception:
        """The country's own error, which formulas may catch."""
        child = node.children.get(name)
        if isinstance(child, LawParameter):
            return self.not_in_force(child, instant)
        return self.missing(f"{node.path}.{name}", instant)

    def not_in_force(self, parameter: LawParameter, instant: str) -> Exception:
        """The same for a number without a value, yet or any more; it says which dates have one."""
        problem = self.missing(parameter.path, instant)
        dates = [start for start, value in parameter.entries if value is not None]
        if dates and dates[0] < instant:
            problem.add_note(f"It ends on {parameter.start(instant)}: give it a value from then on")
            return problem
        begins = f"It begins on {dates[0]}" if dates else "It is never in force"
        problem.add_note(f"{begins}: compile for a year in which every number has a value")
        return problem

    def fixed(self, parameter: LawParameter, value: Any, instant: str) -> None:
        """Note a value that a formula takes as it is: no reform of the program can change it."""
        self.static[parameter.path] = value
        if isinstance(value, list | tuple) and not value and self.graph.origin:
            self.empty.setdefault(self.graph.origin[-1], {})[parameter.path] = instant
        self.looked.setdefault(parameter.path, set()).add(instant)

    def explain(self, variable: str, failure: Exception) -> None:
        """Add to a formula's error the lists without an entry that it met: a sum over none of them
        is nothing, not 0."""
        if isinstance(failure, TypeError):
            for path, instant in self.empty.get(variable, {}).items():
                failure.add_note(
                    f"The list {path} is empty on {instant}, and the formula does not provide for "
                    "that: leave an entry in it, or put one that is zero for everybody"
                )

    def _leaf(self, parameter: LawParameter, instant: str, value: float) -> Leaf:
        if self._is_of_other_rules(parameter, instant, value):
            return self._pinned(parameter, value)
        era, first, last = self._year(instant)
        start = max(parameter.start(instant), first)
        leaf = Leaf(parameter, start, min(parameter.stop(instant), last), era, value)
        return self.leaves.setdefault(leaf.key, leaf)

    def _year(self, instant: str) -> tuple[str, str, str]:
        """The program's period, or the days of another year: its era, first and last day."""
        if self.first <= instant <= self.last:
            return "", self.first, self.last
        first, last = f"{instant[:4]}-01-01", f"{instant[:4]}-12-31"
        if instant < self.first:
            return "before", first, min(last, day_before(self.first))
        return "after", max(first, next_day(self.last)), last

    def _pinned(self, parameter: LawParameter, value: float) -> Leaf:
        """A number of other rules, dated by when the law in force has it: a reform of all those
        days would have been copied, one of other days would not."""
        current = self._in_force(parameter.path)
        spans = [(s, current.stop(s)) for s, v in current.entries if v == value and s < self.first]
        start = max(spans[0][0], _PINNED_SINCE) if spans else EVER
        stop = min(spans[-1][1] if spans else FOR_GOOD, day_before(self.first))
        leaf = Leaf(parameter, start, stop, "pinned", value)
        others = itertools.count(2)
        while self.leaves.setdefault(leaf.key, leaf).value != value:
            leaf = dataclasses.replace(leaf, era=f"pinned {next(others)}")
        return self.leaves[leaf.key]

    def _is_of_other_rules(self, parameter: LawParameter, instant: str, value: float) -> bool:
        """Whether other rules than those in force have set this value, or an end to it."""
        current = self._in_force(parameter.path)
        if current is parameter or current.entries == parameter.entries:
            return False
        return current.at(instant) != value or current.after(instant) != parameter.after(instant)

    def _in_force(self, path: str) -> Any:
        """A parameter of the law in force."""
        if path not in self._found:
            self._found[path] = self.law.find(path)
        return self._found[path]
