"""The law as a formula sees it: dated views whose numbers are traced.

A number becomes a parameter node named by its path and the start of the value in force, so the
months of a year share it and a reform is a change of input. Booleans, strings and lists stay
Python values: they decide the shape of the program.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..rules._law import LawNode, LawParameter, LawScale
from ._alike import plain
from ._array import Traced, Untraceable, to_node
from ._ledger import Ledger
from ._names import is_name
from ._scale_traced import ScaleAt


def view(law: Any, instant: str, ledger: Ledger) -> Any:
    """What `law` (a node, scale or parameter) is at `instant`."""
    if isinstance(law, LawNode):
        return NodeAt(law, instant, ledger)
    if isinstance(law, LawScale):
        return ScaleAt(law, instant, ledger)
    return ledger.read(law, instant)


def instant_reader(period_of: Callable[[Any], Any]) -> Callable[[Any], str]:
    """What turns a period, an instant or a text into the day at which the law is read."""

    def read(given: Any) -> str:
        given = plain(given)
        bare = isinstance(given, str | int) and len(str(given)) < len("2025-01-01")
        return str(getattr(period_of(given) if bare else given, "start", given))

    return read


class Law:
    """The undated root: `parameters(period)` or `parameters.gov.irs(period)`.

    Args:
        own: whether it is one branch's own, which may put parts of another law into it.
    """

    def __init__(
        self, node: LawNode, ledger: Ledger, instant_of: Callable[[Any], str], own: bool = False
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._instant_of = instant_of
        self._own = own
        self._views: dict[str, Any] = {}

    def __call__(self, period: Any) -> Any:
        instant = self._instant_of(period)
        if not isinstance(self._node, LawNode):
            self._ledger.touch(self._node, instant)
        if instant not in self._views:
            self._views[instant] = view(self._node, instant, self._ledger)
        return self._views[instant]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or isinstance(self._node, LawScale | LawParameter):
            raise AttributeError(name)
        if name not in self._node.children:
            if name == "children":  # unless the law has one of that name
                return {child: getattr(self, child) for child in self._node.children}
            raise AttributeError(name)
        return self._below(self._node.children[name])

    def _below(self, child: Any) -> Any:
        self._ledger.note(child.path)
        if isinstance(child, LawParameter):
            return Series(child, self._ledger, self._instant_of)
        kind: Any = LawOfScale if isinstance(child, LawScale) else Law
        return kind(child, self._ledger, self._instant_of)

    def __setattr__(self, name: str, value: Any) -> None:
        """Put the same part of another law in the place of this one's."""
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        part = self._node.children.get(name) if self._own else None
        if (
            not (isinstance(part, LawNode) and isinstance(value, Law))
            or value._node.path != part.path
        ):
            raise Untraceable(
                f"{name} of the law set, other than by the same part of another law, on a branch "
                "with rules of its own"
            )
        if value._node is not part:
            children = {**self._node.children, name: value._node}
            self._node, self._views = dataclasses.replace(self._node, children=children), {}

    @property
    def node(self) -> LawNode:
        return self._node

    def of(self, node: LawNode, own: bool = False) -> Law:
        """Another law, read into the same ledger."""
        return Law(node, self._ledger, self._instant_of, own)

    def value(self, path: str, period: Any) -> Any:
        """The traced value at a dotted path."""
        self._ledger.note(path)
        found, instant = self._node.find(path), self._instant_of(period)
        self._ledger.touch(found, instant)
        return view(found, instant, self._ledger)


class LawOfScale(Law):
    """A scale through time: called with a period for what it is then; its brackets are those that
    are written, each with its parameters."""

    @property
    def brackets(self) -> list[Any]:
        return [
            types.SimpleNamespace(**{name: self._below(p) for name, p in bracket.items()})
            for bracket in self._node.brackets  # type: ignore[attr-defined]
        ]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A value of a parameter and the date from which it is in force."""

    instant_str: str
    value: Any
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Series:
    """A parameter with its dates: `parameters.gov.irs.rate`, called with a period for its value.

    Formulas that look for the last value of a kind copy it and edit `values_list`, newest first.
    Which entries there are is then fixed for the program: a reform adds some.
    """

    def __init__(
        self, parameter: LawParameter, ledger: Ledger, instant_of: Callable[[Any], str]
    ) -> None:
        self._parameter = parameter
        self._ledger = ledger
        self._instant_of = instant_of
        notes = parameter.notes
        self._entries = [Entry(*e, notes.get(e[0], {})) for e in reversed(parameter.entries)]

    @property
    def values_list(self) -> list[Entry]:
        for entry in self._entries:
            self._ledger.fixed(self._parameter, "a series", entry.instant_str)
        return self._entries

    @values_list.setter
    def values_list(self, entries: list[Entry]) -> None:
        self._entries = entries

    def clone(self) -> Series:
        copy = Series(self._parameter, self._ledger, self._instant_of)
        copy._entries = list(self._entries)
        return copy

    def __call__(self, period: Any) -> Any:
        """The value in force, None before the first."""
        entries = tuple((e.instant_str, e.value) for e in reversed(self._entries))
        own, instant = self._parameter, self._instant_of(period)
        self._ledger.touch(own, instant)
        edited = own if entries == own.entries else dataclasses.replace(own, entries=entries)
        if edited.at(instant) is None:
            self._ledger.fixed(own, "a series", instant)
            return None
        return self._ledger.read(edited, instant)


class NodeAt:
    """A branch of the law at an instant; indexing it with an array gives a `TableAt`."""

    def __init__(self, node: LawNode, instant: str, ledger: Ledger) -> None:
        self._node, self._instant, self._ledger = node, instant, ledger
        self._name = node.called or node.path
        self._views: dict[str, Any] = {}
        self._tables: dict[bool, _Cells] = {}
        self._epoch = ledger.epoch
        self._differing = ledger.differing.get(node.path, frozenset())

    @functools.cached_property
    def _present(self) -> list[str]:
        """The children that there are at the instant."""
        self._ledger.touch(self._node, self._instant)
        return [name for name in self._node.children if self._has(name)]

    def _note(self, *names: str) -> None:
        """Note that children are about to be looked at which are not the same in all laws."""
        for name in self._differing.intersection(names):
            self._ledger.note(self._node.children[name].path)

    def _has(self, name: str) -> bool:
        self._note(name)
        child = self._node.children.get(name)
        if isinstance(child, LawParameter):
            self._ledger.touch(child, self._instant)
            return child.at(self._instant) is not None
        return child is not None

    def _child(self, name: str) -> Any:
        self._note(name)
        self._forget_what_is_not_noted()
        child = self._node.children.get(name)
        if not isinstance(child, LawNode):
            self._ledger.touch(child, self._instant)
        if name not in self._views:
            if not self._has(name):
                raise self._ledger.absent(self._node, name, self._instant)
            found = view(self._node.children[name], self._instant, self._ledger)
            if isinstance(found, list | tuple):  # each formula that reads one notes it anew
                return found
            self._views[name] = found
        return self._views[name]

    def _forget_what_is_not_noted(self) -> None:
        """What was read on a trial has left no note: it is to be read again."""
        if self._epoch != self._ledger.epoch:
            self._views, self._tables, self._epoch = {}, {}, self._ledger.epoch

    @property
    def _children(self) -> dict[str, Any]:
        return {name: self._child(name) for name in self}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._child(name)

    def __iter__(self) -> Iterator[str]:
        self._note(*self._differing)
        self._ledger.touch(self._node, self._instant)
        return iter(self._present)

    def __contains__(self, name: str) -> bool:
        return self._has(name)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, Traced):
            return self._looked_up(key)
        if isinstance(key, np.ndarray) and key.ndim:
            key = _one_name(self._name, key)
        name = key.name if isinstance(key, enum.Enum) else str(key)
        if not self._has(name):
            raise KeyError(name)
        return self._child(name)

    def _looked_up(self, key: Traced) -> Any:
        """The child that each row names, as `TableAt` has it; the table is made once."""
        self._note(*self._differing)
        self._ledger.touch(self._node, self._instant)
        self._forget_what_is_not_noted()
        pick, gaps = _pick(key, self._present)
        if gaps not in self._tables:
            with self._ledger.in_a_table():
                held = [*map(self._child, self._present), *([None] if gaps else [])]
            cells = np.empty(len(held), object)
            for place, child in enumerate(held):  # numpy would make arrays of traced values
                cells[place] = child
            self._tables[gaps] = _Cells(cells)
        return self._tables[gaps].at((pick,), key.mask)


class TableAt:
    """A grid of branches selected by arrays of names; attributes and further keys descend."""

    def __init__(self, grid: np.ndarray, picks: tuple[Node, ...]) -> None:
        self._grid, self._picks = grid, picks

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._descend(lambda node: node._child(name) if node._has(name) else None)

    def _descend(self, step: Callable[[NodeAt], Any]) -> Any:
        cells = np.empty(self._grid.shape, object)
        with self._ledger.in_a_table():
            for at in np.ndindex(*self._grid.shape):
                node: Any = self._grid[at]
                cells[at] = None if node is None else step(node)
        return _Cells(cells).at(self._picks, None)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, np.ndarray) and not isinstance(key, Traced):
            key = _one_name("a table", key)
        if isinstance(key, str | enum.Enum):
            return getattr(self, key if isinstance(key, str) else key.name)
        with self._ledger.in_a_table():
            names = list(dict.fromkeys(n for node in self._nodes for n in node))
            pick, gaps = _pick(key, names)
            cells = np.empty((*self._grid.shape, len(names) + gaps), object)
            for at in np.ndindex(*self._grid.shape):
                node: Any = self._grid[at]
                for place, name in enumerate(names):
                    has = node is not None and node._has(name)
                    cells[(*at, place)] = node._child(name) if has and node is not None else None
        return _Cells(cells).at((*self._picks, pick), key.mask)

    @property
    def _nodes(self) -> list[NodeAt]:
        return [node for node in self._grid.ravel() if node is not None]

    @property
    def _ledger(self) -> Ledger:
        return self._nodes[0]._ledger


def _one_name(branch: str, key: np.ndarray) -> Any:
    """The name that a plain array holds in every row."""
    if len(set(key.tolist())) != 1:
        raise Untraceable(f"{branch} indexed by a plain array")
    return key.flat[0]


def _pick(key: Traced, names: list[str]) -> tuple[Node, bool]:
    """The column of a table for each row of `key`, and whether some keys have none.

    A key without a column picks the one past the last, which holds NaN as in the source engine.
    """
    column = {name: i for i, name in enumerate(names)}
    absent = len(names)
    graph = key.graph
    if key.vocabulary is not None:
        gaps = any(n not in column for n in key.names)
        return key.lookup(lambda v: np.array([column.get(str(n), absent) for n in v])), gaps
    if key.node.dtype == np.bool_:
        return graph.apply("where", key.node, *_truths(column)), False
    by_number = {int(float(n)): i for n, i in column.items() if _is_number(n)}
    low, high = min(by_number) - 1, max(by_number) + 1
    codes = np.array([by_number.get(i, absent) for i in range(low, high + 1)])
    whole = graph.astype(key.node, np.int64)
    inside = graph.apply("minimum", graph.apply("maximum", whole, low), high)
    return graph.apply("take", codes, graph.apply("subtract", inside, low)), True


def _truths(column: dict[str, int]) -> list[int]:
    """The columns for true and for false.

    Raises:
        Untraceable: where a table has none.
    """
    found = [column.get(name, column.get(name.lower())) for name in ("True", "False")]
    if None in found:
        raise Untraceable(
            f"a table of the law with the keys {', '.join(column)}, indexed by truth values: "
            "name its keys True and False"
        )
    return [place for place in found if place is not None]


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdigit()


class _Cells:
    """A grid of views, None where there is none."""

    def __init__(self, cells: np.ndarray) -> None:
        self.cells = cells
        self._packed: Node | None = None

    def at(self, picks: tuple[Node, ...], mask: Node | None) -> Any:
        """Those that arrays of places pick: a further `TableAt`, or the gathered numbers."""
        graph = picks[0].graph
        if self._packed is None:
            present = [c for c in self.cells.ravel() if c is not None]
            if present and isinstance(present[0], NodeAt):
                return TableAt(self.cells, picks)
            if present and isinstance(present[0], ScaleAt):
                raise Untraceable("a scale chosen by an array")
            if any(is_name(c) for c in present):
                raise Untraceable("a text parameter chosen by an array")
            self._packed = self._pack(graph)
        flat: Any = 0
        for length, pick in zip(self.cells.shape, picks, strict=True):
            flat = graph.apply("add", graph.apply("multiply", flat, length), pick)
        return Traced(graph.apply("take", self._packed, flat), mask=mask)

    def _pack(self, graph: Graph) -> Node:
        """The numbers side by side, NaN where there is none."""
        numbers = [np.nan if c is None else to_node(graph, c) for c in self.cells.ravel()]
        if any(isinstance(n, Node) for n in numbers):
            return graph.apply("pack", *numbers)
        return graph.constant(np.array(numbers, float))
