"""One trace for cases that are asked under different laws.

A formula that reads a number, a text or a list that is not the same in all of them runs for one
case after the other, as one that asks what a case is given (`_speakers`). Whatever else it reads is
the same whoever speaks.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..rules._law import LawNode
from ._law_traced import Law

LAW = "law"
"""Where a key of what cases give has a period, one of what their laws have differently has this."""


@dataclasses.dataclass(frozen=True)
class Laws:
    """The laws of the cases of a trace.

    Attributes:
        trees: each law once.
        of_case: which of them each case is asked under.
        kinds: by path of a parameter or scale that is not the same in all laws, a number for what
            each case has there: equal numbers, equal law.
    """

    trees: tuple[LawNode, ...]
    of_case: np.ndarray
    kinds: Mapping[str, np.ndarray]

    @classmethod
    def of_changes(
        cls, trees: Sequence[LawNode], changes: Sequence[Mapping[str, Any]], of_case: Sequence[int]
    ) -> Laws:
        """The laws that some changes make of one.

        Args:
            trees: the laws.
            changes: by law, its values by path; a path may lead into a scale.
            of_case: which law each case is asked under.
        """
        held: dict[str, list[dict[str, str]]] = {}
        for i, own in enumerate(changes):
            for path, value in own.items():
                held.setdefault(whole(path), [{} for _ in changes])[i][path] = repr(value)
        cases, kinds = np.asarray(of_case, np.int64), {}
        for path, values in held.items():
            forms = [tuple(sorted(value.items())) for value in values]
            number = {form: k for k, form in enumerate(dict.fromkeys(forms))}
            kinds[path] = np.array([number[form] for form in forms])[cases]
        return cls(tuple(trees), cases, {p: k for p, k in kinds.items() if (k != k[0]).any()})

    @functools.cached_property
    def differing(self) -> dict[str, frozenset[str]]:
        """By path of a branch, the names right below it that are not the same in all laws."""
        found: dict[str, frozenset[str]] = {}
        for path in self.kinds:
            branch, _, name = path.rpartition(".")
            found[branch] = found.get(branch, frozenset()) | {name}
        return found


def whole(path: str) -> str:
    """The path of the parameter, or of the scale that it is of."""
    return path.partition("[")[0]


class LawsInTurn:
    """The undated root of the law that the case is asked under which a formula runs for.

    Args:
        laws: each law once.
        which: the one that is read now.
    """

    def __init__(self, laws: Sequence[Law], which: Callable[[], int]) -> None:
        self._laws, self._which = laws, which

    @property
    def _now(self) -> Law:
        return self._laws[self._which()]

    def __call__(self, period: Any) -> Any:
        return self._now(period)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._now, name)

    def of(self, node: LawNode, own: bool = False) -> Law:
        """Another law, read into the same ledger."""
        return self._now.of(node, own)

    @property
    def node(self) -> LawNode:
        return self._now.node

    def value(self, path: str, period: Any) -> Any:
        """The traced value at a dotted path."""
        return self._now.value(path, period)
