"""A formula that asks who gives what and leaves branches behind: run once, then gone over again.

It runs once for all cases, as if each gave all that is asked for, and what it asks of simulations
is written down. Then it is gone over for each kind of case with that case's own answers; what it
asks of simulations is read from the record. If it asks for the same, in the same order, each row
has the result of its case. Else what it asked is noted as unsettled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._array import Traced
from ._speakers import Divided, Speaker, by_speaker, put_together

if TYPE_CHECKING:
    from ._evaluate import Simulation
    from ._reads import Trace

Key = tuple[str, Any]


class Strayed(BaseException):
    """A formula asks for something else than the record has; no error, and formulas that expect
    errors are not to see it."""


@dataclasses.dataclass
class Record:
    """What a formula asks of simulations, in turn.

    Attributes:
        depth: of the formula, by how many are being computed.
        steps: each request and what came of it.
        asked: inputs of which it asked whether they are given, and only some cases do.
        made: the branches that it has opened; `others`, simulations that were there before.
        known: by simulation, input and place in `steps`, what was computed of it by then.
        computed: what was computed meanwhile, by simulation.
        whole: whether all that it did can be gone over again.
        follows: whether it looked at what another formula has computed for some cases only.
    """

    depth: int
    steps: list[tuple[tuple[Any, ...], Any]] = dataclasses.field(default_factory=list)
    asked: set[Key] = dataclasses.field(default_factory=set)
    made: list[Any] = dataclasses.field(default_factory=list)
    others: list[Any] = dataclasses.field(default_factory=list)
    known: dict[tuple[int, Key, int], Any] = dataclasses.field(default_factory=dict)
    computed: list[tuple[Any, Key]] = dataclasses.field(default_factory=list)
    whole: bool = True
    follows: bool = False
    busy: bool = False

    def step(self, on: Any, what: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        """What a simulation gives when asked."""
        self.busy = True
        try:
            found = run()
        finally:
            self.busy = False
        self.steps.append(((self.number(on), *what), found))
        return found

    def open(self, on: Any, name: str, make: Callable[[], Any]) -> Any:
        """A new branch."""
        branch = self.step(on, ("open", name), make)
        self.made.append(branch)
        return branch

    def change(self, on: Any, what: tuple[Any, ...]) -> None:
        """Note a change of a branch."""
        self.whole = self.whole and any(on is one for one in self.made)
        self.steps.append(((self.number(on), *what), None))

    def computed_before(self, on: Any, key: Key) -> Any:
        """What a simulation has computed by now."""
        self.follows = self.follows or key in on.conditional
        found = on.cache.get(key)
        self.known[self.number(on), key, len(self.steps)] = found
        return found

    def number(self, on: Any) -> int:
        """Which simulation one is: of those made, or below 0 of the others."""
        for place, one in enumerate(self.made):
            if one is on:
                return place
        if not any(one is on for one in self.others):
            self.others.append(on)
        return -1 - next(i for i, one in enumerate(self.others) if one is on)


class Replay(Record):
    """A record that is read again."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.depth, others=list(record.others))
        self.record, self.place = record, 0

    def step(self, on: Any, what: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        return self._next((self.number(on), *what))

    def open(self, on: Any, name: str, make: Callable[[], Any]) -> Any:
        self._next((self.number(on), "open", name))
        branch = make()
        self.made.append(branch)
        return branch

    def change(self, on: Any, what: tuple[Any, ...]) -> None:
        self._next((self.number(on), *what))

    def computed_before(self, on: Any, key: Key) -> Any:
        """What a simulation had computed by then."""
        found = self.record.known.get((self.number(on), key, self.place), Strayed)
        if found is Strayed:
            raise Strayed
        return found

    def _next(self, request: tuple[Any, ...]) -> Any:
        if self.place == len(self.record.steps) or self.record.steps[self.place][0] != request:
            raise Strayed
        self.place += 1
        return self.record.steps[self.place - 1][1]

    def fail_if_not_over(self) -> None:
        if self.place != len(self.record.steps):
            raise Strayed


@dataclasses.dataclass(frozen=True)
class Formula:
    """A formula where cases give different inputs.

    Attributes:
        entity: whose rows its result has.
        run: gives it.
        failures: what it raises that cannot be traced.
    """

    simulation: Simulation
    entity: str
    run: Callable[[], Traced]
    failures: tuple[type[Exception], ...]

    def for_everybody(self) -> Traced:
        """Its result, each row's for the case that it is of."""
        simulation, before = self.simulation, dict(self.simulation.branches)
        state = simulation.trace_state
        try:
            return self._put_together(by_speaker(state, self.run, self.failures))
        except Divided:
            within = [b for b in simulation.branches.items() if b[1].opened_at > len(state.stack)]
            simulation.branches = {**dict(within), **before}
        return self._once_for_all()

    def _put_together(self, results: Iterable[tuple[np.ndarray, Traced]]) -> Traced:
        return put_together(self.simulation, self.entity, results)

    def _once_for_all(self) -> Traced:
        """What it gives that leaves something behind, which is to be of all cases."""
        state, before = self.simulation.trace_state, dict(self.simulation.branches)
        record = Record(len(state.stack))
        try:
            with state.for_all_cases(record):
                result = self.run()
        except self.failures:
            _leave_unsettled(state, record)
            raise
        if not record.asked:
            return result
        after, can_be = self.simulation.branches, record.whole and not record.follows
        try:
            parts = list(self._gone_over(record, before)) if can_be else []
        except (Strayed, Divided, *self.failures):
            parts = []
        finally:
            self.simulation.branches = after
        if not parts:
            _leave_unsettled(state, record)
            return result
        return self._put_together(parts)

    def _gone_over(
        self, record: Record, before: dict[str, Any]
    ) -> Iterator[tuple[np.ndarray, Traced]]:
        """The cases of each kind, with what it gives by their own answers.

        Args:
            before: the simulation's branches before it ran.

        Raises:
            Strayed: by these it asks simulations for something else.
        """
        state = self.simulation.trace_state
        left = np.ones(state.given.cases, bool)
        while left.any():
            replay, self.simulation.branches = Replay(record), dict(before)
            speaker = Speaker(int(left.argmax()), goes_over=True)
            with state.going_over(replay, speaker):
                result = self.run()
            replay.fail_if_not_over()
            same = left & state.given.like(speaker.case, speaker.asked)
            yield same, result
            left &= ~same


def _leave_unsettled(state: Trace, record: Record) -> None:
    """Note of all that a formula left behind that it depends on who gives what."""
    if not record.asked:
        return
    bits = state.leave_unsettled(record.asked)
    if not record.follows:
        state.askers.add(state.stack[-1][0])
    for branch in _with_their_own(record.made):
        branch.marks |= bits
        branch.reads = {key: reads | bits for key, reads in branch.reads.items()}
    for owner, key in record.computed:
        owner.conditional.add(key)


def _with_their_own(made: Iterable[Any]) -> Iterator[Any]:
    """Branches and those that were opened on them."""
    for branch in made:
        yield branch
        yield from _with_their_own(branch.branches.values())
