"""Who gives an input, where one trace serves several cases that give different ones.

A formula that asks whether an input is given has no one answer then. It runs for the first case,
which speaks for all that give the same of what it asked for, then for the first of the others, and
so on; each row has the result of its case. A formula that besides opens branches, or changes what a
simulation holds, runs once for everybody (`_replays`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core._validate import PejaxError
from ..graph._ir import DimensionClash
from ..graph._node import Node
from ._array import Traced

if TYPE_CHECKING:
    from ._evaluate import Simulation
    from ._laws import Laws
    from ._reads import Trace

Key = tuple[str, Any]


@dataclasses.dataclass(frozen=True)
class Given:
    """What a trace is given.

    Attributes:
        values: inputs, by variable and period.
        names: of the variables, as the population has them.
        some: by variable and period, for inputs that only some rows have: which do. The others have
            what the formula gives.
        by_case: the same by case, and `case_of`, by entity, the case that each row is of.
        laws: those that the cases are asked under, where they are not all one.
        role_of: by group, the number of each person's role in it.
    """

    values: Mapping[Key, Traced]
    names: tuple[str, ...] = ()
    some: Mapping[Key, Traced] = dataclasses.field(default_factory=dict)
    by_case: Mapping[Key, np.ndarray] = dataclasses.field(default_factory=dict)
    case_of: Mapping[str, Node] = dataclasses.field(default_factory=dict)
    laws: Laws | None = None
    role_of: Mapping[str, Node] = dataclasses.field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many there are."""
        return len(next(iter(self.by_case.values()))) if self.by_case else 1

    def keys_of(self, name: str) -> list[Key]:
        """The inputs of a variable."""
        return self._by_name.get(name, [])

    @functools.cached_property
    def _by_name(self) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = {}
        for key in self.values:
            found.setdefault(key[0], []).append(key)
        return found

    def like(self, case: int, keys: Iterable[Key]) -> np.ndarray:
        """The cases that give those of some inputs that one of them gives."""
        asked = frozenset(keys)
        if asked not in self._kinds:
            given = [np.asarray(self.by_case[key], np.int64) for key in asked]
            table = np.stack(given) if given else np.zeros((1, self.cases), np.int64)
            self._kinds[asked] = np.unique(table, axis=1, return_inverse=True)[1].ravel()
        kinds = self._kinds[asked]
        return kinds == kinds[case]

    @functools.cached_property
    def _kinds(self) -> dict[frozenset[Key], np.ndarray]:
        """By inputs, a number for each case that those share which give the same of them."""
        return {}

    def rows_of(self, cases: np.ndarray, entity: str) -> Traced:
        """Which rows of an entity are of some cases."""
        node = self.case_of[entity]
        table = np.zeros(_length_beside(len(cases), node.graph.sizes.values()), bool)
        table[: len(cases)] = cases
        return Traced(node.graph.apply("take", table, node))


def _length_beside(least: int, shadows: Collection[int]) -> int:
    """A length that no column of a trace has."""
    return next(n for n in range(least, least + len(shadows) + 1) if n not in shadows)


@dataclasses.dataclass
class Speaker:
    """The case that a formula runs for.

    Attributes:
        asked: inputs of which the formula asked whether they are given, and only some cases do.
        acted: whether it did something that stays behind.
        stopped: whether it was to run no further.
        made: the branches that it has opened itself.
        outer: the case that the formula further up runs for, which asked for this one's result.
        goes_over: whether the formula has run before and only says what it would do.
    """

    case: int
    outer: Speaker | None = None
    asked: set[Key] = dataclasses.field(default_factory=set)
    acted: bool = False
    stopped: bool = False
    made: list[Any] = dataclasses.field(default_factory=list)
    goes_over: bool = False

    def act(self, on: Any = None) -> None:
        """Note that the formula opens a branch, or changes one.

        Raises:
            Divided: one that others see, which a second run would change again; or what stays
                behind would be of some cases.
        """
        if self.goes_over:
            return
        self.acted = True
        self.stopped |= on is not None and not any(on is one for one in self.made)
        self.fail_if_divided()

    @property
    def is_divided(self) -> bool:
        """Whether what is computed now is for some of the cases, by what was asked before."""
        return bool(self.asked) or (self.outer is not None and self.outer.is_divided)

    def fail_if_divided(self) -> None:
        """What stays behind is of all cases.

        Raises:
            Divided: it would be of some.
        """
        if self.goes_over:
            return
        self.stopped = self.stopped or (self.acted and bool(self.asked))
        if self.stopped:
            raise Divided


class Divided(BaseException):
    """A formula leaves something behind that is not of all cases; no error, and formulas that
    expect errors are not to see it."""


def by_speaker(
    state: Trace, run: Callable[[], Traced], failures: tuple[type[Exception], ...]
) -> Iterator[tuple[np.ndarray, Traced]]:
    """What a formula gives: the cases that one of them speaks for, with its result, until there is
    none left.

    Args:
        failures: what a formula raises that cannot be traced.

    Raises:
        Divided: it cannot be run for some of the cases.
    """
    outer, left = state.speaker, np.ones(state.given.cases, bool)
    while left.any():
        state.speaker = speaker = Speaker(int(left.argmax()), outer)
        try:
            result = run()
            speaker.fail_if_divided()  # a formula's own `except:` may have caught it
        except (DimensionClash, PejaxError):  # of the trace, not of this formula
            raise
        except failures:
            if speaker.asked or not left.all():
                raise Divided from None
            raise
        finally:
            state.speaker = outer
        same = left & state.given.like(speaker.case, speaker.asked)
        yield same, result
        left &= ~same


def put_together(
    simulation: Simulation, entity: str, results: Iterable[tuple[np.ndarray, Traced]]
) -> Traced:
    """Cases with the result that each has, as one with a row of an entity each."""
    parts: dict[Any, tuple[np.ndarray, Traced]] = {}
    for cases, result in results:
        same = (result.node.index, result.vocabulary)
        before = parts[same][0] if same in parts else False
        parts[same] = cases | before, result
    (_, whole), *others = parts.values()
    for cases, result in others:
        rows = simulation.trace_state.given.rows_of(cases, entity)
        whole = simulation._chosen(rows, result, whole)
    return whole


class GivenName(str):
    """The name of an input that only some cases have, which notes that a formula has found it among
    the inputs. What is no input of anybody's is none for every row."""

    _trace: Trace
    _keys: tuple[Key, ...]

    def __new__(cls, name: str, trace: Trace, keys: Iterable[Key]) -> GivenName:
        self = super().__new__(cls, name)
        self._trace, self._keys = trace, tuple(keys)
        return self

    def __eq__(self, other: Any) -> bool:
        return str.__eq__(self, other) is True and self._trace.gives(self._keys)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__
