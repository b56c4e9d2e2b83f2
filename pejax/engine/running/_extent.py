"""What a compiled segment is made for, besides its content: how many rows, and in what order."""

from __future__ import annotations

import dataclasses

from ..graph._ir import Graph


@dataclasses.dataclass(frozen=True)
class Extent:
    """Rows by entity, and the groups whose members stand together in ascending order.

    Ordered links let a sum over members run through memory once, which halves its time, and a rank
    compare neighbours instead of sorting.

    Attributes:
        sizes: rows by entity.
        ordered: groups whose members stand together in ascending order.
        largest: the members of the largest group of each kind, where known.
    """

    sizes: tuple[tuple[str, int], ...]
    ordered: frozenset[str] = frozenset()
    largest: tuple[tuple[str, int], ...] = ()

    def rows(self, graph: Graph) -> dict[int, int]:
        """Row counts by shadow size."""
        sizes = dict(self.sizes)
        return {n: sizes[e] for e, n in graph.sizes.items() if e in sizes}

    def neighbours(self, graph: Graph) -> dict[int, int]:
        """By shadow size of an ordered group, how far apart two members can stand."""
        return {graph.sizes[g]: n - 1 for g, n in self.largest if g in self.ordered}

    def in_order(self, graph: Graph) -> frozenset[int]:
        """Shadow sizes of the ordered groups."""
        return frozenset(n for e, n in graph.sizes.items() if e in self.ordered)
