"""A program in numpy with the law of each stratum on that stratum's own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.population._population import Population
from ..engine.graph._interpret import Interpreter, resolve
from ..engine.graph._node import Node, reachable
from ..engine.graph._ops import apply
from ..engine.graph._strata import Homes, Strata, homes
from ..engine.graph._structure import has_rows, is_structure, name_of
from ..engine.running._compact import own_rows


class Apart:
    """Evaluates nodes as a program that sets strata apart does, without a compiler.

    What the strata pass calls idle is zero, what it gives a home is computed there and zero
    elsewhere. Equal values on all rows say that the pass changes none.

    Args:
        roots: nodes of one graph.
        strata: the column.
        whole: an interpreter of the same graph on `population`.
    """

    def __init__(
        self, roots: Sequence[Node], strata: Strata, population: Population, whole: Interpreter
    ) -> None:
        self.homes: Homes = homes(roots, strata)
        self._whole = whole
        self._graph = roots[0].graph
        self._own = own_rows(population, strata)
        self._known: dict[tuple[int, int | None], Any] = {}
        for node in reachable(list(roots)):
            if node.index not in self.homes.idle:
                at = self.homes.of.get(node.index)
                self._known[node.index, at] = self._run(node, at)

    def __call__(self, root: Node) -> Any:
        """The value of a root, one entry a row of the whole population."""
        return self._value(root, None)

    def _run(self, node: Node, stratum: int | None) -> Any:
        if node.op in ("constant", "parameter") or (node.op == "input" and stratum is None):
            return self._whole(node)
        arguments = [self._value(a, stratum) for a in node.args]
        return apply(node.op, arguments, resolve(node, self._sizes(stratum)))

    def _value(self, node: Node, stratum: int | None) -> Any:
        """A node's value in one stratum, or everywhere."""
        if (node.index, stratum) not in self._known:
            self._known[node.index, stratum] = self._brought(node, stratum)
        return self._known[node.index, stratum]

    def _brought(self, node: Node, stratum: int | None) -> Any:
        home = self.homes.of.get(node.index)
        if stratum is None and home is not None:
            value = self._known[node.index, home]
            total = np.zeros((self._rows(node, None), *value.shape[1:]), value.dtype)
            total[self._links(home)[f"{self._entity(node)}.rows"]] = value
            return total
        if node.index in self.homes.idle or home not in (None, stratum):
            shape = [self._graph.length(n, self._sizes(stratum)) for n in node.shape]
            return np.zeros(shape, node.dtype)
        if stratum is None or not has_rows(node):
            return self._value(node, None) if stratum is not None else self._run(node, None)
        if is_structure(node):
            return self._links(stratum)[name_of(node)]
        if node.index in self.homes.structural:
            return self._run(node, stratum)
        return self._value(node, None)[self._links(stratum)[f"{self._entity(node)}.rows"]]

    def _entity(self, node: Node) -> str:
        return self._graph.entity_of[node.shape[0]]

    def _rows(self, node: Node, stratum: int | None) -> int:
        return self._sizes(stratum)[node.shape[0]]

    def _sizes(self, stratum: int | None) -> Mapping[int, int]:
        if stratum is None:
            return self._whole.sizes
        links = self._links(stratum)
        return {n: len(links[f"{e}.rows"]) for e, n in self._graph.sizes.items()}

    def _links(self, stratum: int) -> Mapping[str, np.ndarray]:
        return self._own[stratum]
