"""Numbers of all rows, case by case: a sum over everybody is to each case the sum of its own rows.

Cases that share a graph are one population. A formula that adds up a whole column then adds up the
rows of all of them. Here each such number is kept twice: as it is, for what Python decides by it,
and as a column with one row a case, which arithmetic with other columns uses in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._ops import OPS

if TYPE_CHECKING:
    from ._ir import Graph
    from ._node import Node


CASE = "one case"
"""Whose rows these columns have."""


class ByCase:
    """What numbers of all rows are to each case.

    Args:
        graph: that they are of.
        case_of: by entity, the case that each row is of.
    """

    def __init__(self, graph: Graph, case_of: Mapping[str, Node]) -> None:
        self._graph, self._case_of = graph, case_of
        self._rows = graph.sizes[CASE]
        self._each: dict[int, Node] = {}
        self._listed: set[int] = set()  # of several such numbers

    def case_of_rows(self, rows: int) -> Node:
        """The case that each row is of.

        Raises:
            ValueError: they are not the rows of one entity.
        """
        whose = self._graph.entities(rows)
        if len(whose) != 1 or whose[0] not in self._case_of:
            raise ValueError("an id that is sought in other rows than a case has")
        return self._case_of[whose[0]]

    def summed(self, x: Node, found: Node) -> None:
        """Note what the sum of a column is to each case. Sums alone: how many rows there are, and
        the largest value, make keys by which formulas find rows among all of them."""
        whose = self._graph.entities(x.shape[0]) if x.ndim == 1 else ()
        if found.ndim or not found.data or len(whose) != 1:
            return
        if x.dtype == np.bool_:
            x = self._graph.astype(x, np.int64)
        case = self._case_of[whose[0]]
        each = self._graph.apply("segment_sum", x, case, num=self._rows)
        self._each[found.index] = self._graph.astype(each, found.dtype)

    def instead(self, op: str, nodes: tuple[Node, ...], attrs: dict[str, Any]) -> Node | None:
        """An operation on such numbers and on columns, whose rows take what is theirs; None for any
        other.

        Raises:
            ValueError: it does more than arithmetic with such a number.
        """
        if any(n.index in self._listed for n in nodes):
            raise ValueError(f"{op} of a list of numbers of all rows: each case has its own")
        each = self._of(nodes)
        if each == nodes:
            return None
        if op == "broadcast" and len(attrs["shape"]) == 1:
            return self._graph.as_rows_of(each[0], attrs["shape"][0])
        if op in OPS and OPS[op].elementwise and all(n.ndim < 2 for n in nodes):
            rows = next((n.shape[0] for n in nodes if n.ndim), None)
            return None if rows is None else self._in_rows(op, nodes, each, rows, attrs)
        if op == "stack" or (op == "take" and nodes[0] is each[0] and not nodes[1].ndim):
            return None
        raise ValueError(f"{op} with a number of all rows: each case has its own")

    def _in_rows(
        self,
        op: str,
        nodes: tuple[Node, ...],
        each: tuple[Node, ...],
        rows: int,
        attrs: dict[str, Any],
    ) -> Node:
        pairs = zip(nodes, each, strict=True)
        there = [n if n is own else self._graph.as_rows_of(own, rows) for n, own in pairs]
        return self._graph.apply(op, *there, **attrs)

    def follow(self, op: str, nodes: tuple[Node, ...], attrs: dict[str, Any], found: Node) -> None:
        """Note what a number that was made of others is to each case."""
        each = self._of(nodes)
        if each != nodes and found.ndim:
            self._listed.add(found.index)
        elif each != nodes and found.data:
            self._each[found.index] = self._graph.apply(op, *each, **attrs)

    def _of(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(self._each.get(n.index, n) for n in nodes) if self._each else nodes
