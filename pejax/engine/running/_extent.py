"""What a compiled segment is made for, besides its content: how many rows, and in what order."""

from __future__ import annotations

import dataclasses

from ..graph._ir import Graph


@dataclasses.dataclass(frozen=True)
class Extent:
    """Rows by entity, and the groups whose members stand together in ascending order.

    Ordered links let a sum over members run through memory once, which halves its time.
    """

    sizes: tuple[tuple[str, int], ...]
    ordered: frozenset[str] = frozenset()

    def rows(self, graph: Graph) -> dict[int, int]:
        """Row counts by shadow size."""
        sizes = dict(self.sizes)
        return {n: sizes[e] for e, n in graph.sizes.items() if e in sizes}

    def in_order(self, graph: Graph) -> frozenset[int]:
        """Shadow sizes of the ordered groups."""
        return frozenset(n for e, n in graph.sizes.items() if e in self.ordered)
