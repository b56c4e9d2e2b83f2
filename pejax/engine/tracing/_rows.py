"""How many rows an entity has: a shape when it is one, a value of the population otherwise."""

from __future__ import annotations

from typing import Any

from ..graph._ir import Graph
from ._array import Traced


class Rows(int):
    """`person.count`, and `len` of an array with one entry a row.

    As a shape it is the shadow size, which is resolved to a population's own. In arithmetic and
    comparisons it is the number of real rows, so that no shadow size becomes a number.
    """

    traced: Traced

    def __new__(cls, graph: Graph, entity: str) -> Rows:
        size = super().__new__(cls, graph.sizes[entity])
        ones = graph.broadcast(1, (int(size),))
        size.traced = Traced(graph.reduce("sum", ones, None))
        return size

    __hash__ = int.__hash__

    def _is_shape(self, other: Any) -> bool:
        return isinstance(other, Rows) or (
            isinstance(other, int) and int(other) in self.traced.graph.entity_of
        )

    def __eq__(self, other: Any) -> Any:
        return int(self) == int(other) if self._is_shape(other) else self.traced == other

    def __ne__(self, other: Any) -> Any:
        return int(self) != int(other) if self._is_shape(other) else self.traced != other

    def __lt__(self, other: Any) -> Any:
        return self.traced < other

    def __le__(self, other: Any) -> Any:
        return self.traced <= other

    def __gt__(self, other: Any) -> Any:
        return self.traced > other

    def __ge__(self, other: Any) -> Any:
        return self.traced >= other

    def __add__(self, other: Any) -> Any:
        return self.traced + other

    def __sub__(self, other: Any) -> Any:
        return self.traced - other

    def __mul__(self, other: Any) -> Any:
        return self.traced * other

    def __truediv__(self, other: Any) -> Any:
        return self.traced / other

    __radd__ = __add__

    def __rmul__(self, other: Any) -> Any:
        """A list repeated as often is as long as a column."""
        return other * int(self) if isinstance(other, list | tuple) else self.traced * other

    def __rsub__(self, other: Any) -> Any:
        return other - self.traced

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.traced
