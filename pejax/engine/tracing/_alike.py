"""Months that are alike, and branches: a formula that reads the same again gives the same.

While a formula runs, what it asks for is noted: values, the parts of the law, and whether it looks
at its period or at the simulation itself. For another month of the year, or on another branch, the
same requests are made again. Where each has the same result, so has the formula, and it is not run.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._array import Traced
from ._depth import CircularRule

if TYPE_CHECKING:
    from ..rules._system import Variable
    from ._evaluate import Simulation
    from ._ledger import Ledger

_KEPT = 4
"""Runs of a formula that are remembered, the latest first."""

_SAME = ("unit", "size", "size_in_months", "this_year", "__class__")
"""What periods of one unit and year have in common."""

_MADE_BY = ("__new__", "__init__", "__getattribute__", "__setattr__", "__delattr__", "__dir__",
            "__class__", "__doc__", "__dict__", "__init_subclass__", "__subclasshook__",
            "__class_getitem__", "__module__", "__slots__", "__weakref__")  # fmt: skip


@dataclasses.dataclass
class Notes:
    """What a formula read in one run.

    Attributes:
        simulation, period: for which it ran.
        values: what it asked the simulation for, with the results, in turn.
        law: parts of the law and the days on which it read them.
        whole: whether that is all that its result can depend on.
        result: what it gave; `bits`, what that depends on.
    """

    simulation: Simulation
    period: Any
    formula: Any
    values: list[tuple[str, Any, Traced]] = dataclasses.field(default_factory=list)
    law: dict[tuple[int, str], Any] = dataclasses.field(default_factory=dict)
    whole: bool = True
    result: Traced | None = None
    bits: int = 0

    def spoil(self) -> None:
        """Note that the result depends on something that is not noted."""
        self.whole = False

    def again(self, simulation: Simulation, period: Any, formula: Any) -> Traced | None:
        """The result for another period or branch, if what is read there is the same."""
        ran = self.simulation
        same = (ran.law, ran.system) == (simulation.law, simulation.system)
        if not (self.whole and same and formula is self.formula and self._is_like(period)):
            return None
        read = self._read_on(period, simulation.trace_state.ledger)
        if read is None:
            return None
        for name, own, expected in self.values:
            found = simulation.calculate(name, period if own == self.period else own)
            if (found.node, found.vocabulary) != (expected.node, expected.vocabulary):
                return None
        for part, day in read:
            simulation.trace_state.ledger.note_again(part, day)
        simulation.trace_state.read(self.bits)
        assert self.result is not None
        return Traced(self.result.node, self.result.vocabulary)

    def _read_on(self, period: Any, ledger: Ledger) -> list[tuple[Any, str]] | None:
        """The parts of the law that it reads for another period, and on which days; None where
        they are not as they were. Who reads the law of the first day of a year in January may mean
        the month or the year, which matters to the days on which switches count as looked at."""
        first, now = _day(self.period), _day(period)
        either = first != now and first == _day(self.period.this_year)
        found = []
        for (_, day), part in self.law.items():
            own = day == first
            unclear = own and either and ledger.has_switches(part)
            if unclear or not ledger.is_same(part, day, now if own else day):
                return None
            found.append((part, now if own else day))
        return found

    def _is_like(self, period: Any) -> bool:
        one, other = self.period, period
        sizes = [getattr(p, "size", 1) for p in (one, other)]
        return (
            one.unit == other.unit and sizes[0] == sizes[1] and one.start.year == other.start.year
        )


def _day(period: Any) -> str:
    return str(period.start)


def computed(simulation: Simulation, variable: Variable, period: Any) -> Traced:
    """What a formula gives, from what it gave before where it reads the same."""
    state, formula = simulation.trace_state, variable.formula(period)
    if state.fresh is not None:  # on trial, which is to leave nothing
        with state.noted_in(None):
            return simulation.evaluated(variable, period)
    known = state.notes.setdefault(variable.name, [])
    for notes in known:
        found = _again(notes, simulation, period, formula)
        if found is not None:
            return found
    notes = Notes(simulation, period, formula)
    with state.noted_in(notes):
        notes.result = simulation.evaluated(variable, period)
    notes.bits = state.frames[-1]
    if notes.whole and variable.name not in state.refused:
        known[:] = [notes, *known[: _KEPT - 1]]
    return notes.result


def _again(notes: Notes, simulation: Simulation, period: Any, formula: Any) -> Traced | None:
    """`notes.again`; what fails there fails in the formula too, which may expect it."""
    try:
        return notes.again(simulation, period, formula)
    except CircularRule:
        return None


class Watched:
    """A period that notes whether a formula looks at it, and not only passes it on."""


def watched(period: Any, notes: Notes | None) -> Any:
    """A period for a formula."""
    if notes is None:
        return period
    kind = _watched(type(period))
    made = tuple.__new__(kind, period) if isinstance(period, tuple) else object.__new__(kind)
    object.__getattribute__(made, "__dict__").update(plain=period, looked=notes.spoil)
    return made


def plain(period: Any) -> Any:
    """A period as it is."""
    return _own(period)["plain"] if issubclass(type(period), Watched) else period


def _own(period: Any) -> dict[str, Any]:
    return object.__getattribute__(period, "__dict__")


@functools.cache
def _watched(kind: type) -> type:
    """A class of periods that are watched."""

    def attribute(self: Any, name: str) -> Any:
        if name not in _SAME:
            _own(self)["looked"]()
        return getattr(_own(self)["plain"], name)

    special = {n for c in kind.__mro__ for n in vars(c) if n.startswith("__")} - {*_MADE_BY}
    body = {name: _passed_on(name) for name in special if callable(getattr(kind, name))}
    body |= {"__getattribute__": attribute, "__module__": kind.__module__}
    return type(kind.__name__, (Watched, kind), body)


def _passed_on(name: str) -> Callable[..., Any]:
    """A special method, which Python calls without asking for it."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        _own(self)["looked"]()
        return getattr(_own(self)["plain"], name)(*args, **kwargs)

    return method
