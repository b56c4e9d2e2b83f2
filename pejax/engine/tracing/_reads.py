"""What the branches of a trace share, and what the value being computed has read.

A read is a bit: of a variable, of a branch's name, of the inputs that there are. A value is shared
by two branches that do not differ in any bit it has read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ..graph._ir import Graph
from ..rules._system import System
from ._alike import Notes
from ._array import Traced, Untraceable
from ._decisions import Decisions
from ._groups import Links
from ._law_traced import Law
from ._laws import LAW, Laws, LawsInTurn
from ._ledger import Ledger
from ._replays import Record, Replay
from ._speakers import Given, Key, Speaker
from ._stand_in import Numpy

_WHICH = "which rows are given "
"""Begins the name of a bit that is no branch's."""


class GraphTooLarge(RuntimeError):
    """A trace has grown beyond what was allowed; not an error that a formula is refused for."""


Pending = tuple[str, Any, str]  # variable, period, branch: a branch may need what its parent awaits


@dataclasses.dataclass
class Trace:
    """What one trace shares among its branches.

    Attributes:
        links: by group.
        ledger: the parameters read.
        prepare: makes a formula ready to run on traced arrays.
        final: whether there are no other shadow sizes to try.
        refused: why formulas could not be traced.
        given: the population's inputs.
        speaker: the case that a formula runs for.
        unsettled: variables that only some cases give and of which a formula asked whether they
            are given, although it cannot run for each case: the answer is another for others;
            `which`, the bits of these; `divided`, whether a formula further up ran for some;
            `askers`, the variables whose formulas these are.
        record: of a formula that runs once for all cases, or is gone over for one.
        notes: of formulas that have run, by variable; `noting`, those of the one that runs.
        held: by variable, the keys under which a simulation has had an input or a value.
        before: its simulation under the law before a reform.
        asked: the variables of which a formula asked whether they are given.
        decisions: what Python asked.
        fresh: the branches and keys of values that are computed on trial.
        most_nodes: how large the graph may become, if that is limited.
    """

    system: System
    graph: Graph
    links: Mapping[str, Links]
    ledger: Ledger
    numpy: Numpy
    prepare: Callable[..., Any]
    law: Law | LawsInTurn
    bits: dict[str, int]
    final: bool = False
    stack: list[Pending] = dataclasses.field(default_factory=list)
    frames: list[int] = dataclasses.field(default_factory=lambda: [0])
    evaluated: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    given: Given = dataclasses.field(default_factory=lambda: Given({}))
    speaker: Speaker | None = None
    unsettled: set[str] = dataclasses.field(default_factory=set)
    askers: set[str] = dataclasses.field(default_factory=set)
    record: Record | None = None
    notes: dict[str, list[Notes]] = dataclasses.field(default_factory=dict)
    noting: Notes | None = None
    held: dict[str, set[Key]] = dataclasses.field(default_factory=lambda: defaultdict(set))
    which: int = 0
    divided: bool = False
    before: Any = None

    decisions: Decisions | None = None
    fresh: list[tuple[Any, Any]] | None = None

    most_nodes: int | None = None

    names: dict[str, int] = dataclasses.field(default_factory=dict)
    asked: set[str] = dataclasses.field(default_factory=set)

    @property
    def name(self) -> int:
        """The bit for the name of a branch, whatever it is."""
        return 1 << len(self.bits)

    @property
    def keys(self) -> int:
        """The bit for which inputs there are."""
        return 2 << len(self.bits)

    def named(self, name: str) -> int:
        """The bit for whether a branch has one name."""
        return self.names.setdefault(name, 4 << (len(self.bits) + len(self.names)))

    @contextlib.contextmanager
    def on_trial(self) -> Iterator[None]:
        """Within the context formulas run to see what they would give: it leaves nothing behind."""
        ledger, self.fresh = self.ledger, []
        kept = dict(self.refused), set(self.asked), dict(ledger.leaves), dict(ledger.static)
        self.refused.clear()
        frame = self.frames[-1]
        try:
            yield
        finally:
            self.frames[-1] = frame
            self.refused, self.asked, *read = kept
            ledger.put_back(*read)
            for branch, key in self.fresh:
                branch.cache.pop(key, None)
                branch.reads.pop(key, None)
            self.fresh = None

    def act(self, on: Any = None) -> None:
        """Note that a formula opens a branch, or changes one.

        Raises:
            Untraceable: it is on trial, which is to leave nothing.
            Divided: it runs for some of the cases, or would change twice what others see.
        """
        self.spoil()
        if self.fresh is not None:
            raise Untraceable("a branch on trial")
        if self.speaker is not None:
            self.speaker.act(on)
        if on is not None:
            on.marks |= self.frames[-1] & self.which

    @contextlib.contextmanager
    def for_all_cases(self, record: Record) -> Iterator[None]:
        """Within the context a formula runs for all cases at once, and asks for nobody's inputs."""
        outer, divided, above = self.speaker, self.divided, self.record
        self.divided, self.speaker, self.record = self.is_divided, None, record
        try:
            yield
        finally:
            self.speaker, self.divided, self.record = outer, divided, above
            if above is not None:
                above.computed += record.computed

    @contextlib.contextmanager
    def going_over(self, replay: Replay, speaker: Speaker) -> Iterator[None]:
        """Within the context a formula is gone over for one case."""
        outer, above = self.speaker, self.record
        self.speaker, self.record = speaker, replay
        try:
            yield
        finally:
            self.speaker, self.record = outer, above

    @property
    def here(self) -> Record | None:
        """The record of the formula that is being computed itself."""
        record = self.record
        at = record is not None and not record.busy and record.depth == len(self.stack)
        return record if at else None

    @property
    def goes_over(self) -> bool:
        """Whether a formula has run before, and is gone over for one case."""
        return self.speaker is not None and self.speaker.goes_over

    def asked_of(self, on: Any, name: str, period: Any) -> Traced:
        """The value of a variable that a formula asks a simulation for."""
        notes, self.noting = self.noting, None
        try:
            if self.record is None:
                found = on._value(name, period)
            else:
                found = self.told(on, (name, period), lambda: on._value(name, period))
        finally:
            self.noting = notes
        if notes is not None:
            notes.values.append((name, period, found))
            notes.whole = notes.whole and notes.simulation is on
        return found

    @contextlib.contextmanager
    def noted_in(self, notes: Notes | None) -> Iterator[None]:
        """Within the context a formula runs, and what it reads is noted."""
        outer, above = self.noting, self.ledger.parts
        self.noting, self.ledger.parts = notes, None if notes is None else notes.law
        try:
            yield
        finally:
            self.noting, self.ledger.parts = outer, above

    def spoil(self) -> None:
        """Note that the formula that runs looks at more than values and the law."""
        if self.noting is not None:
            self.noting.spoil()

    def told(self, on: Any, what: Any, run: Callable[[], Any]) -> Any:
        """What a formula is told by a simulation; from its record where it is gone over."""
        record = self.here
        return run() if record is None else record.step(on, (what,), run)

    def opened(self, on: Any, name: str, make: Callable[[str], Any]) -> Any:
        """A new branch of a simulation."""
        record = self.here
        run = functools.partial(make, name)
        branch = run() if record is None else record.open(on, name, run)
        branch.opened_at = len(self.stack)
        if self.speaker is not None:
            self.speaker.made.append(branch)
        return branch

    def changed(self, on: Any, *what: Any) -> None:
        """Note that a formula changes a branch."""
        if (record := self.here) is not None:
            record.change(on, what)

    @property
    def is_divided(self) -> bool:
        """Whether what is computed now is perhaps for some of the cases: a formula further up has
        asked what they are given, or has read what hangs on it."""
        if self.divided or (self.speaker is not None and self.speaker.is_divided):
            return True
        return bool(self.which) and any(frame & self.which for frame in self.frames)

    def some_have(self, key: Key, value: Traced | None) -> Traced | None:
        """Which rows are given an input; None for one that all are, or that a branch has set."""
        return self.given.some.get(key) if value is self.given.values.get(key) else None

    def gives(self, keys: Collection[Key]) -> bool:
        """Whether the case that a formula runs for gives any of some inputs that only some cases
        have; where it runs for all of them, the answer is noted as unsettled.

        Raises:
            Divided: it has left something behind before.
        """
        speaker = self._speaker_for(keys)
        return speaker is None or any(self.given.by_case[key][speaker.case] for key in keys)

    def _speaker_for(self, keys: Collection[Key]) -> Speaker | None:
        """The case that a formula runs for, which now asks what not all have alike; None where it
        runs for all of them, which leaves the answer unsettled."""
        self.spoil()
        if self.speaker is not None:
            self.speaker.asked.update(keys)
            self.speaker.fail_if_divided()
        elif (record := self.here) is not None:
            record.asked.update(keys)
        else:
            self.leave_unsettled(keys)
            self.askers.add(self.stack[-1][0])
        return self.speaker

    def take_in_turn(self, laws: Laws) -> None:
        """Read the law of the case that a formula runs for; where it runs for all, the first's."""
        own, read_at = self.law, laws.of_case
        trees = [own.of(tree) for tree in laws.trees]
        self.law = LawsInTurn(trees, lambda: read_at[self.speaker.case if self.speaker else 0])
        self.ledger.differing = laws.differing
        self.ledger.ask = lambda path: self._speaker_for([(path, LAW)]) and None

    def leave_law_unsettled(self) -> None:
        """Note that the value being computed depends on which law it is, as a whole."""
        if self.given.laws is not None:
            self.leave_unsettled((path, LAW) for path in self.given.laws.kinds)

    def leave_unsettled(self, keys: Iterable[Key]) -> int:
        """Note that the value being computed depends on which cases have something: an input, or
        a law of their own. Gives the bits."""
        self.spoil()
        bits = 0
        for name in dict.fromkeys(name for name, _ in keys):
            bits |= self.named(_WHICH + name)
            self.unsettled.add(name)
        self.which |= bits
        self.read(bits)
        return bits

    def unsettled_in(self, bits: int) -> frozenset[str]:
        """The variables of which what was read depends on who is given them, and the paths of the
        law of which it depends on who has which."""
        return frozenset(name for name in self.unsettled if bits & self.named(_WHICH + name))

    def asks_in(self, bits: int) -> bool:
        """Whether what was read depends on a variable whose own formula has left something
        unsettled. What others then computed is unsettled too, only because of when it was."""
        return any(bits & self.bits[name] for name in self.askers)

    def fail_if_too_large(self) -> None:
        """The graph is not larger than it may become.

        Raises:
            GraphTooLarge: it is.
        """
        if self.most_nodes is not None and len(self.graph.nodes) > self.most_nodes:
            raise GraphTooLarge(f"more than {self.most_nodes:,} nodes")

    def read(self, bits: int) -> None:
        """Note what the value that is being computed depends on."""
        self.frames[-1] |= bits


class BranchName(str):
    """The name of a branch, which notes what a formula compares it with."""

    _trace: Trace
    _bit: int

    def __new__(cls, name: str, trace: Trace, bit: int) -> BranchName:
        self = super().__new__(cls, name)
        self._trace, self._bit = trace, bit
        return self

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, BranchName):
            self._trace.read(self._trace.named(str(other)))
        return str.__eq__(self, other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __hash__(self) -> int:
        self._trace.read(self._bit)
        return str.__hash__(self)
