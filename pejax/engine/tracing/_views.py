"""Views: arrays that share another array's values, before and after these change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph._node import Node
from ._array import Traced


class View(Traced):
    """Another array in another form, whatever that array becomes; it is read, not written.

    Args:
        base: the array whose values it shows.
        shown: its node, of the node of `base`.
        named: whether the names behind codes are those of `base`; if not, it has numbers.
    """

    __slots__ = ("_base", "_named", "_seen", "_shown", "_value")

    def __init__(self, base: Traced, shown: Callable[[Node], Node], named: bool = True) -> None:
        self._base, self._shown, self._named = base, shown, named
        self._seen = base.node
        self._value = shown(self._seen)
        self.owner = base.lender

    @property
    def node(self) -> Node:  # pyright: ignore[reportIncompatibleVariableOverride]
        # A view has no value of its own, so what an array sets once is asked for here.
        if self._base.node is not self._seen:
            self._seen = self._base.node
            self._value = self._shown(self._seen)
        return self._value

    @property
    def vocabulary(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride] - as above
        return self._base.vocabulary if self._named else None

    @property
    def mask(self) -> Node | None:  # pyright: ignore[reportIncompatibleVariableOverride] - as above
        return self._base.mask


def view(base: Traced, shown: Callable[[Node], Node], named: bool = True) -> Traced:
    """A view of an array; a single value is a copy, as in numpy."""
    found = View(base, shown, named)
    return found if found.ndim else Traced(found.node, found.vocabulary)
