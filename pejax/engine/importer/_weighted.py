"""The stand-in for weighted series (`microdf.MicroSeries`), by which formulas rank households.

Everybody is ranked among all: such a formula is about the population as it stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tracing._array import Traced, Untraceable, held, to_node
from ..tracing._asked import InPlaceOf
from ..tracing._indexing import groups_of

_MODULE, _NAME = "microdf", "MicroSeries"


def is_weighted_series(kind: type) -> bool:
    """Whether a class is that of weighted series."""
    return kind.__name__ == _NAME and kind.__module__.partition(".")[0] == _MODULE


def in_place_of(original: type) -> type:
    """The class of weighted series, of which a formula may make one of traced amounts."""

    class Making(InPlaceOf):
        def __call__(self, values: Any = None, *args: Any, weights: Any = None, **how: Any) -> Any:
            if not isinstance(held(values), Traced):
                return original(values, *args, weights=weights, **how)
            if args or how:
                raise Untraceable(f"{_NAME} of a traced array with an index or a type")
            return WeightedSeries(held(values), weights)

    return Making(original.__name__, (), {"python": original, "__module__": original.__module__})


class WeightedSeries:
    """Amounts of everybody with their weights.

    Attributes:
        traced: the amounts.
        weights: of the rows; each counts as one where none are given.
    """

    def __init__(self, values: Traced, weights: Any = None) -> None:
        if values.mask is not None or values.ndim != 1 or values.vocabulary is not None:
            raise Untraceable(f"{_NAME} of selected rows, or of what is no amount")
        graph = values.graph
        given = graph.constant(to_node(graph, 1.0 if weights is None else held(weights)))
        rows = graph.broadcast(graph.astype(given, np.float64), values.node.shape)
        self.traced, self.weights = values, Traced(graph.real_rows(rows, 0.0))

    @property
    def values(self) -> Traced:
        return self.traced

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"{_NAME}.{name}")

    def rank(self, pct: bool = False) -> WeightedSeries:
        """The weight of all whose amount is at most one's own, those who have as much included."""
        graph, total = self.traced.graph, self.weights.sum()
        if bool(total == 0):
            raise ZeroDivisionError("ranks of a population without weight")
        node, kinds = self.traced.node, groups_of(graph, self.traced.node)
        order: Any = np.lexsort((self.traced,))
        below: Any = np.cumsum(self.weights[order])
        theirs = graph.apply("take", kinds, order.node)
        ends = graph.apply("segment_max", below.node, theirs, num=node.shape[0])
        found = Traced(graph.apply("take", ends, kinds))
        return self._like(np.minimum(found / total, 1.0) if pct else found)

    def _steps(self, many: int) -> WeightedSeries:
        return self._like(np.minimum(np.ceil(self.rank(pct=True).traced * many), many))

    def _like(self, values: Traced) -> WeightedSeries:
        return WeightedSeries(values, self.weights)

    def decile_rank(self, negatives_in_zero: bool = False) -> WeightedSeries:
        if negatives_in_zero:
            raise Untraceable(f"{_NAME}.decile_rank(negatives_in_zero=True)")
        return self._steps(10)

    def quartile_rank(self) -> WeightedSeries:
        return self._steps(4)

    def quintile_rank(self) -> WeightedSeries:
        return self._steps(5)

    def percentile_rank(self) -> WeightedSeries:
        return self._steps(100)
