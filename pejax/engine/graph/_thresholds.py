"""Numbers with which columns are compared: on their two sides a formula may go two ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._node import Node, reachable
from ._structure import is_structure, name_of

_COMPARED = {
    "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "maximum", "minimum",
    "search",
}  # fmt: skip
_MOST_COLUMNS = 4
"""What is made of more columns reaches a threshold in too many ways to look for one."""

_MOST_EACH = 200


def thresholds_of(roots: Sequence[Node]) -> dict[str, np.ndarray]:
    """By column the numbers of formulas and law with which it, or what is made of it and a few
    others, is compared; ascending.

    >>> from pejax.engine.graph._ir import Graph
    >>> graph = Graph({"person": 101})
    >>> age = graph.input("person.age", np.ones(101, int))
    >>> thresholds_of([graph.apply("greater", age, 64)])
    {'person.age': array([64.])}
    """
    made_of: dict[int, frozenset[str]] = {}
    found: dict[str, set[float]] = {}
    for node in reachable(list(roots)):
        made_of[node.index] = _columns(node, made_of)
        if node.op in _COMPARED:
            for side, other in (node.args, node.args[::-1]):
                if not other.data and len(made_of[side.index]) <= _MOST_COLUMNS:
                    for name in made_of[side.index]:
                        found.setdefault(name, set()).update(_numbers(other))
    return {name: _some(np.sort(list(values))) for name, values in found.items() if values}


def _columns(node: Node, made_of: dict[int, frozenset[str]]) -> frozenset[str]:
    """The columns of which a node is made; of more than a few, no matter which."""
    if node.op == "input":
        return frozenset() if is_structure(node) else frozenset([name_of(node)])
    together: frozenset[str] = frozenset()
    for argument in node.args:
        together |= made_of[argument.index]
        if len(together) > _MOST_COLUMNS:
            break
    return together


def _numbers(node: Node) -> list[float]:
    """The numbers of a literal, or of the law as it was traced."""
    values = np.unique(np.asarray(node.shadow, np.float64))
    return values[np.isfinite(values)].tolist()


def _some(values: np.ndarray) -> np.ndarray:
    return values[:: -(-len(values) // _MOST_EACH)]
