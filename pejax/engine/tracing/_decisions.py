"""What Python asked of the population while formulas ran, and for whom each answer holds.

An answer is recorded as a guard, and a program holds it for people of whom it is true. Two kinds
hold for more people. Whether anybody in a state is so holds where nobody lives in that state, if
the formula gives everybody else the same on both ways. How many members the largest group has holds
for smaller groups too, if visits to places where nobody is change nothing. Both are tried out: the
formula runs once more with the other answer, and what it then gives is compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core._validate import PejaxError
from ..graph._interpret import Interpreter
from ..graph._ir import DimensionClash, Graph
from ..graph._node import Node, reachable
from ..graph._strata import Strata
from ..graph._support import each_decides_in
from ._array import Traced

if TYPE_CHECKING:
    from ._reads import Trace

AT_MOST, OF_SOME = "at most", "bool of some"
_MORE = 3
"""Visits beyond the last member that are tried out; an odd number, so that no sign hides them."""

_MOST_TOGETHER = 4
"""Decisions of one formula that are tried out together; of more, none is held for other people."""

Key = tuple[int, str]


@dataclasses.dataclass(frozen=True)
class Guard:
    """A Python decision that a formula took on the population: a node and the value it had.

    `kind`: what Python asked for, `bool`, `int`, `float`, `str` or `array`; `order of` a scale, for
    thresholds that ascend; `at most`, for how many members the largest group has, where smaller
    groups are served by the same program; `bool of some`, for whether anybody is so (or all are),
    which is of no matter to those who live where nobody can be.
    """

    node: Node
    kind: str
    variable: str
    value: Any


@dataclasses.dataclass(frozen=True)
class People:
    """The real population, as a trace asks of it.

    Attributes:
        everybody: computes nodes for shadow sizes.
        strata: a column by whose values the law divides households.
        some: the same for some households outside of given strata, as they are and with other
            values, on both sides of the thresholds in given nodes too.
    """

    everybody: Callable[[dict[str, int]], Interpreter]
    strata: Strata | None
    some: Callable[[dict[str, int], Collection[int], Sequence[Node]], Sequence[Interpreter]]


class Decisions:
    """Answers what Python asks, and remembers what was answered."""

    def __init__(self, graph: Graph, people: People) -> None:
        self._graph, self._people = graph, people
        self._interpreter = people.everybody(graph.sizes)
        self._guards: dict[Key, Guard] = {}
        self._asking: list[list[Key]] = []
        self._other: dict[Key, Any] | None = None
        self._pairs: list[tuple[tuple[Key, ...], Traced, Traced]] = []
        self._probed: set[Key] = set()
        self._tries: set[Any] = set()
        self._strayed = False
        self._only_here: set[Key] = set()
        self._some: dict[tuple[int, ...], Sequence[Interpreter]] = {}

    def __call__(self, node: Node, kind: str) -> Any:
        if kind == "int" and is_place_count(node):
            kind = AT_MOST
        key = (node.index, kind)
        if self._asking:
            self._asking[-1].append(key)
        if self._other is not None and key in self._other:
            return self._other[key]
        if key in self._guards:
            return self._guards[key].value
        self._strayed = self._strayed or node.data
        value = self._interpreter(node)
        if self._other is None:
            origin = self._graph.origin
            self._guards[key] = Guard(node, kind, origin[-1] if origin else "", value)
        return value

    def look(self, node: Node) -> Any:
        """A node's value on the real population."""
        return self._interpreter(node)

    def of_one(self, state: Trace, run: Callable[[], Traced]) -> Traced:
        """What a formula gives; what it would give with other answers is kept for comparison."""
        if self._other is not None:
            return run()
        self._asking.append([])
        try:
            result = run()
        finally:
            asked = dict.fromkeys(self._asking.pop())
        others = {key: other for key in asked if (other := self._another(key)) is not None}
        self._probed |= others.keys()
        tried = (state.stack[-1][0], tuple(others), result.node.index)
        if tried not in self._tries:  # months that are alike are one
            self._tries.add(tried)
            self._try_out(state, run, result, others)
        return result

    def _try_out(
        self, state: Trace, run: Callable[[], Traced], result: Traced, others: Mapping[Key, Any]
    ) -> None:
        """Run a formula with other answers, one by one and together."""
        if len(others) > _MOST_TOGETHER:
            self._only_here |= others.keys()
            return
        for size in range(1, len(others) + 1):
            for keys in itertools.combinations(others, size):
                again = self._tried(state, run, {key: others[key] for key in keys})
                if again is None:
                    self._only_here.update(keys)
                elif (again.node, again.vocabulary) != (result.node, result.vocabulary):
                    self._pairs.append((keys, result, again))

    def _another(self, key: Key) -> Any:
        """The answer that is to be tried out, if the one given could hold for other people."""
        guard = self._guards.get(key)
        if guard is None:
            return None
        if guard.kind == AT_MOST:
            return np.asarray(guard.value) + _MORE
        asked = {"any": True, "all": False}.get(guard.node.op)
        if self._people.strata is None or guard.kind != "bool" or asked is not bool(guard.value):
            return None
        return not asked

    def _tried(
        self, state: Trace, run: Callable[[], Traced], answers: dict[Key, Any]
    ) -> Traced | None:
        """What the formula gives with other answers; None if it then fails, opens branches, or asks
        what it did not ask before: nobody knows how other people would answer."""
        self._strayed = False
        with self._on_trial(state, answers):
            try:
                result = run()
            except (PejaxError, DimensionClash):
                return None
            strayed = self._strayed and any(kind != AT_MOST for _, kind in answers)
            return None if state.refused or strayed else result

    @contextlib.contextmanager
    def _on_trial(self, state: Trace, answers: dict[Key, Any]) -> Iterator[None]:
        """Within the context nothing is recorded, and what is computed is forgotten afterwards."""
        self._other = answers
        with state.on_trial():
            try:
                yield
            finally:
                self._other = None

    # ---- for whom answers hold

    def guards(self) -> tuple[Guard, ...]:
        """The decisions that were taken, each of the kind that says for whom it holds."""
        strata = self._where()
        only_here = set(self._only_here)
        found = [(_joined(strata, keys), keys, one, other) for keys, one, other in self._pairs]
        for without, keys, one, other in sorted(found, key=lambda pair: pair[0]):
            if only_here.isdisjoint(keys) and not self._agree(one, other, without):
                only_here.update(keys)
        return tuple(
            dataclasses.replace(guard, kind=_kind(guard, key in self._probed - only_here))
            for key, guard in self._guards.items()
        )

    def _where(self) -> dict[Key, list[int]]:
        """The strata whose people each decision is about that gave something else on trial."""
        strata = self._people.strata
        asked = dict.fromkeys(key for keys, *_ in self._pairs for key in keys)
        keys = [key for key in asked if key[1] != AT_MOST]
        if strata is None or not keys:
            return {}
        nodes = [self._guards[key].node for key in keys]
        found = each_decides_in(nodes, strata.column, strata.values)
        return dict(zip(keys, found, strict=True))

    def _agree(self, one: Traced, other: Traced, without: Collection[int]) -> bool:
        """Whether two results are the same for people outside of some strata, if there are any;
        amounts that the formulas do not stand are no proof."""
        where = tuple(sorted(without))
        if where not in self._some:
            compared = [side.node for _, *pair in self._pairs for side in pair]
            self._some = {where: self._people.some(self._graph.sizes, where, compared)}
        with contextlib.suppress(ValueError, IndexError, TypeError):
            return all(
                _same(_named(one, compute(one.node)), _named(other, compute(other.node)))
                for compute in self._some[where]
            )
        return False


def _joined(strata: Mapping[Key, list[int]], keys: Sequence[Key]) -> list[int]:
    """The strata that any of some decisions is about."""
    return sorted({value for key in keys for value in strata.get(key, ())})


def _kind(guard: Guard, holds: bool) -> str:
    """For whom a decision holds; `holds`, whether a trial of the other answer changed nothing."""
    if guard.kind == AT_MOST:
        return AT_MOST if holds else "int"
    return OF_SOME if holds else guard.kind


def _named(result: Traced, values: Any) -> np.ndarray:
    """Values, those of codes as names."""
    found = np.asarray(values)
    return found if result.vocabulary is None else np.asarray(result.names)[found]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind in "fiub" and other.dtype.kind in "fiub":
        return bool(np.allclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True))
    return np.array_equal(one, other)


def is_place_count(node: Node) -> bool:
    """Whether a node is the largest place or size of a group, which no column can change."""
    while node.op in ("maximum", "add", "astype") and all(
        a.op == "constant" for a in node.args[1:]
    ):
        node = node.args[0]
    if node.op != "max":
        return False
    inputs = {str(n.attr("name")).rpartition(".")[2] for n in reachable([node]) if n.op == "input"}
    return bool(inputs) and inputs <= {"position", "size", "group", "first", "real"}
