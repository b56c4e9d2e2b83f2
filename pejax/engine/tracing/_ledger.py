"""Every number of the law that a trace reads, each once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..graph._ir import Graph
from ..rules._law import LawNode, LawParameter
from ._array import Traced


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A traced number: its parameter, the start of its value, and when it was read.

    `era` is `""` for a value in force within the program's period, `"before"` or `"after"` for one
    that a formula read at another time, so that a reform of the period never leaks into it.
    """

    parameter: LawParameter
    start: str
    era: str
    value: float

    @property
    def key(self) -> str:
        return f"{self.parameter.path}@{self.start}{'|' + self.era if self.era else ''}"


class Ledger:
    """Collects every number of the law that a trace reads.

    **Arguments:** `graph`; `law`, as it is in force; `first` and `last`, the program's period as
    ISO dates; `missing`, the error a country raises for a path without a value.
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

    def read(self, parameter: LawParameter, instant: str) -> Any:
        """The value in force: traced if it is a number."""
        value = parameter.at(instant)
        if value is None:
            raise self.not_in_force(parameter, instant)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.static[parameter.path] = value
            return value
        leaf = self._leaf(parameter, instant, float(value))
        return Traced(self.graph.parameter(leaf.key, leaf.value))

    def absent(self, node: LawNode, name: str, instant: str) -> Exception:
        """The country's own error, which formulas may catch."""
        child = node.children.get(name)
        if isinstance(child, LawParameter):
            return self.not_in_force(child, instant)
        return self.missing(f"{node.path}.{name}", instant)

    def not_in_force(self, parameter: LawParameter, instant: str) -> Exception:
        """The same for a number without a value yet; it says which dates have one."""
        problem = self.missing(parameter.path, instant)
        dates = [start for start, value in parameter.entries if value is not None]
        begins = f"It begins on {dates[0]}" if dates else "It is never in force"
        problem.add_note(f"{begins}: compile for a year in which every number has a value")
        return problem

    def _leaf(self, parameter: LawParameter, instant: str, value: float) -> Leaf:
        era = "before" if instant < self.first else "after" if instant > self.last else ""
        start = parameter.start(instant)
        if not era and self._is_of_another_time(parameter, instant, value):
            era = "before"
        if not era:
            start = max(start, self.first)
        leaf = Leaf(parameter, start, era, value)
        return self.leaves.setdefault(leaf.key, leaf)

    def _is_of_another_time(self, parameter: LawParameter, instant: str, value: float) -> bool:
        """Whether a formula reads a value that the law in force does not have at this instant."""
        current = self.law.find(parameter.path)
        return current is not parameter and current.at(instant) != value  # type: ignore[union-attr]
