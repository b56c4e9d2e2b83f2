"""Whether whole numbers may not fit, asked by a program of itself.

What ends cannot clear beforehand (`_bounds`) is what is made whole of a float, and what is asked
for by place. A program computes these numbers anyway: a limit is one more truth value of it,
whether a row has a number beyond half the room, or a place that is not there. Only where one is
true do the numbers themselves have to be looked at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from ._bounds import WORD, Ends, is_watched, room
from ._ir import Graph
from ._node import Node, reachable
from ._strata import Strata, homes
from ._structure import name_of, row_numbers


@dataclasses.dataclass(frozen=True)
class Limit:
    """A question about a whole number.

    Attributes:
        node: whether anybody's may not fit, or is a place that is not there.
        of: the number.
    """

    node: Node
    of: Node


def limits_of(graph: Graph, roots: Sequence[Node], strata: Strata | None) -> list[Limit]:
    """The limits of what some roots reckon with; one that belongs to a stratum asks its rows alone,
    so that the others still need not compute it."""
    nodes = reachable(list(roots))
    numbers = row_numbers(nodes)
    asked = [n for n in nodes if _can_be_asked(n) and not _is_row_number(n, numbers)]
    if not asked:
        return []
    if strata is None:
        return [Limit(_asked(graph, node, None), node) for node in asked]
    held, masks, found = homes(roots, strata), _Masks(graph, strata), []
    for node in asked:
        at = held.of.get(node.index)
        mask = None if at is None else masks(node, at)
        if node.index not in held.idle and (at is None) == (mask is None):
            found.append(Limit(_asked(graph, node, mask), node))
    return found


def within(limit: Limit) -> Ends:
    """The ends of a number whose limit is false."""
    node = limit.of
    return (0, int(WORD.max)) if node.op == "from_end" else _half_of_its_room(node)


def _half_of_its_room(node: Node) -> Ends:
    """Ends within which a whole number surely fits, however a float was rounded."""
    low, high = room(node)
    return int(low / 2), high // 2


def _can_be_asked(node: Node) -> bool:
    if not is_watched(node):
        return False
    return node.op == "from_end" or (node.op == "astype" and node.args[0].dtype.kind == "f")


def _is_row_number(node: Node, numbers: Mapping[int, object]) -> bool:
    return node.op == "from_end" and node.args[0].index in numbers


class _Masks:
    """Which rows of a column of a graph lie in a stratum."""

    def __init__(self, graph: Graph, strata: Strata) -> None:
        self._graph, self._strata = graph, strata
        self._inputs = {name_of(node): node for node in graph.nodes if node.op == "input"}

    def __call__(self, node: Node, stratum: int) -> Node | None:
        """Of a node's rows; None where they are not those of one entity."""
        graph, household = self._graph, self._strata.column.partition(".")[0]
        entity = graph.entity_of.get(node.shape[0]) if node.ndim == 1 else None
        if entity is None:
            return None
        inside = self._households_in(stratum)
        if entity == household:
            return inside
        of_persons = graph.apply("take", inside, self._inputs[f"{household}.group"])
        first = self._inputs.get(f"{entity}.first")
        return of_persons if first is None else graph.apply("take", of_persons, first)

    def _households_in(self, stratum: int) -> Node:
        """Those of no other stratum: one whose value is none of the strata's may be anywhere."""
        others = [v for k, v in enumerate(self._strata.values) if k != stratum]
        values = self._inputs[self._strata.column]
        return self._graph.apply("invert", self._graph.apply("isin", values, np.array(others)))


def _asked(graph: Graph, node: Node, inside: Node | None) -> Node:
    graph.origin.append(node.origin)
    try:
        beyond = _is_not_there(graph, node) if node.op == "from_end" else _is_beyond(graph, node)
        if inside is not None:
            beyond = graph.apply("bitwise_and", inside, beyond)
        return graph.reduce("any", beyond, None) if beyond.ndim else beyond
    finally:
        graph.origin.pop()


def _is_not_there(graph: Graph, node: Node) -> Node:
    """Whether a place, counted from either end, is outside."""
    index, count = node.args
    before = graph.apply("less", index, graph.apply("negative", count))
    return graph.apply("bitwise_or", graph.apply("greater_equal", index, count), before)


def _is_beyond(graph: Graph, node: Node) -> Node:
    """Whether a float is no number, or too large for half the room."""
    (value,) = node.args
    low, high = _half_of_its_room(node)
    above = graph.apply("greater", value, low - 1.0)
    return graph.apply(
        "invert", graph.apply("bitwise_and", above, graph.apply("less", value, high + 1.0))
    )
