"""The law's numbers: a tree of dated parameters and scales, before any tracing.

Paths are the country's own (`gov.irs.credits.ctc.amount.base[0].amount`). A tree is immutable; a
reform is a set of `Edits` laid over it.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...core._arguments import shown
from ...core._validate import BadInputError, UnknownNameError, suggest
from ._reform import Edit, Edits, Value

FOR_GOOD = "9999-12-31"
"""The last day of a value that nothing follows."""


@dataclasses.dataclass(frozen=True)
class LawParameter:
    """One parameter through time.

    Attributes:
        path: by which it is addressed.
        entries: `(start, value)` in order of start.
        label, unit, reference: as the country documents them.
        notes: by start, what the country says of single values.
        same_as: the parameter whose values this one shows under another name.
    """

    path: str
    entries: tuple[tuple[str, Value], ...]
    label: str = ""
    unit: str = ""
    reference: str = ""
    notes: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )
    same_as: str = ""

    def at(self, instant: str) -> Value:
        """The value in force, or None before the first."""
        place = self._place(instant)
        return None if place < 0 else self.entries[place][1]

    def start(self, instant: str) -> str:
        """When the value in force at `instant` came into force."""
        return self.entries[self._place(instant)][0]

    def stop(self, instant: str) -> str:
        """The last day of the value in force at `instant`."""
        later = self.after(instant)
        return day_before(later[0][0]) if later else FOR_GOOD

    def after(self, instant: str) -> tuple[tuple[str, Value], ...]:
        """The entries that follow the value in force at `instant`."""
        return self.entries[self._place(instant) + 1 :]

    def _place(self, instant: str) -> int:
        return bisect.bisect_right(self._starts, instant) - 1

    @functools.cached_property
    def _starts(self) -> list[str]:
        return [start for start, _ in self.entries]

    def edited(self, edits: tuple[Edit, ...]) -> LawParameter:
        """The parameter with dated values laid over it, in order."""
        entries = list(self.entries)
        for edit in edits:
            kept = [e for e in entries if e[0] < edit.start]
            entries = [*kept, (edit.start, edit.value), *self._after(entries, edit.stop)]
        return dataclasses.replace(self, entries=tuple(entries))

    @staticmethod
    def _after(entries: list[tuple[str, Value]], stop: str | None) -> list[tuple[str, Value]]:
        """The entries behind an edit: the value that it interrupts is taken up again."""
        if stop is None:
            return []
        later = [e for e in entries if e[0] > stop]
        resumed = next_day(stop)
        if later and later[0][0] == resumed:
            return later
        before = [v for s, v in entries if s <= stop]
        return [(resumed, before[-1] if before else None), *later]


@dataclasses.dataclass(frozen=True)
class LawScale:
    """A bracketed scale: `brackets` of parameters named threshold, rate, amount, ..."""

    path: str
    brackets: tuple[Mapping[str, LawParameter], ...]
    single_amount: bool = False


class Children(Mapping[str, Any]):
    """The children of a branch, each made when first asked for: a country's law is large."""

    def __init__(self, names: Iterable[str], make: Callable[[str], Any]) -> None:
        self._names = dict.fromkeys(names)
        self._make = make
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclasses.dataclass(frozen=True)
class LawNode:
    """A branch of the tree.

    Attributes:
        path: where it stands.
        called: the country's own name of it, where that is another one, which formulas may read.
    """

    path: str
    children: Mapping[str, LawNode | LawScale | LawParameter]
    called: str = ""

    def find(self, path: str) -> LawNode | LawScale | LawParameter:
        """Follow a dotted path, through `[i]` for a scale's brackets.

        Raises:
            UnknownNameError: with the nearest names at the step that fails.
        """
        at: Any = self
        walked = ""
        for step in path.split("."):
            name, _, bracket = step.partition("[")
            options: Mapping[str, Any] = at.children if isinstance(at, LawNode) else at
            if not isinstance(options, Mapping) or name not in options:
                raise _unknown_step(path, walked, name, options)
            at = options[name]
            if bracket:
                at = _bracket(path, at, bracket.rstrip("]"))
            walked = f"{walked}.{step}" if walked else step
        return at


def _bracket(path: str, scale: Any, index: str) -> Mapping[str, LawParameter]:
    if not isinstance(scale, LawScale) or not index.isdigit():
        raise UnknownNameError(f"{path}: {index!r} is not a bracket of a scale")
    if int(index) >= len(scale.brackets):
        raise UnknownNameError(
            f"{path}: {scale.path} has {len(scale.brackets)} brackets, counted from [0]"
        )
    return scale.brackets[int(index)]


def _unknown_step(path: str, walked: str, name: str, options: Any) -> UnknownNameError:
    names = list(options) if isinstance(options, Mapping) else []
    near = suggest(name, names) or sorted(names)[:3]
    prefix = f"{walked}." if walked else ""
    hint = ", ".join(prefix + n for n in near) or "none: the path ends here"
    return UnknownNameError(f"no parameter {path!r}: nothing is called {name!r}. Nearest: {hint}")


def fail_if_another_kind(parameter: Any, path: str, edits: tuple[Edit, ...]) -> None:
    """An edit keeps what its parameter is: a number, a boolean, a text or a list.

    Raises:
        BadInputError: a path that is a branch or a scale of the tree, and values of another
            kind than those in the law. None, the end of a parameter, is of every kind.
    """
    if not isinstance(parameter, LawParameter):
        named = next((p.path for p in parameters_under(parameter)), "none")
        raise BadInputError(f"{path} is not one parameter. Those under it begin with {named}")
    if parameter.same_as:
        raise BadInputError(f"{path} is another name of {parameter.same_as}: change that one")
    known = {_kind(v) for _, v in parameter.entries} - {"nothing"}
    for edit in edits:
        kind = _kind(edit.value)
        if known and kind != "nothing" and kind not in known:
            raise BadInputError(
                f"{path} is a {' or '.join(sorted(known))} in this law; {shown(edit.value)} is not"
            )


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple | set) else "number"


def edited(law: Any, edits: Edits) -> Any:
    """`law` with `edits` laid over the parameters that they name."""
    if isinstance(law, LawParameter):
        return law.edited(edits[law.path]) if law.path in edits else law
    if not any(path.startswith(law.path) for path in edits):
        return law
    if isinstance(law, LawScale):
        brackets = tuple({n: edited(p, edits) for n, p in b.items()} for b in law.brackets)
        return dataclasses.replace(law, brackets=brackets)
    children = law.children
    made = Children(children, lambda name: edited(children[name], edits))
    return dataclasses.replace(law, children=made)


def parameters_under(node: LawNode | LawScale | LawParameter) -> Iterator[LawParameter]:
    """Every parameter at or below a node."""
    if isinstance(node, LawParameter):
        yield node
    elif isinstance(node, LawScale):
        for bracket in node.brackets:
            yield from bracket.values()
    else:
        for child in node.children.values():
            yield from parameters_under(child)


def next_day(date: str) -> str:
    """The day after an ISO date."""
    return str(datetime.date.fromisoformat(date) + datetime.timedelta(days=1))


def day_before(date: str) -> str:
    """The day before an ISO date."""
    return str(datetime.date.fromisoformat(date) - datetime.timedelta(days=1))
