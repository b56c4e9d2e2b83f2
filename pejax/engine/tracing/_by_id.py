"""Values found by ids: numpy's idiom of `unique`, `searchsorted` and an index.

How many distinct ids there are is a matter of the population, so the sorted list of them is never
made. What a formula does with it is kept as it is meant: a place in the list is a row that has the
id, a sum by ids stands in the first of these rows. An id that is not there finds the next larger
one, or the largest, as `searchsorted` within the list does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph._node import Node
from ._array import Traced, Untraceable

_NOBODY = np.iinfo(np.int32).min
"""The id of no row, where a case has none."""


class _Strict:
    """What allows nothing but what it says."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise Untraceable(
            "numpy.unique of ids, but for values found by them: how many there are is known only "
            "with the population"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "traced":
            raise AttributeError(name)
        return self._refuse()

    __iter__ = __len__ = __getitem__ = __array__ = __eq__ = __ne__ = __lt__ = __gt__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __index__ = __bool__ = _refuse
    __hash__ = None  # type: ignore[assignment]


class DistinctIds(_Strict):
    """The sorted, distinct ids of selected rows.

    Args:
        ids: whole numbers, one a row.
    """

    def __init__(self, ids: Traced) -> None:
        graph, (rows,) = ids.graph, ids.node.shape
        chosen = graph.broadcast(True, (rows,)) if ids.mask is None else ids.mask
        self.ids, self.among = _as_it_is(ids), graph.real_rows(chosen, False)

    @property
    def own(self) -> Place:
        """Where each row's own id is."""
        return Place(self, self.ids, inside=True, is_own=True)

    def place_of(self, sought: Any) -> Place:
        """Where ids are, or would be put."""
        return Place(self, sought)

    def __getitem__(self, place: Any) -> Traced:
        return ByIds(self, self.ids.node)[place]

    def summed(self, own: Place, weights: Any, minlength: Any) -> ByIds:
        """Sums by ids, of the rows that have them."""
        if not own.is_own or own.of is not self or getattr(minlength, "of", None) is not self:
            self._refuse()
        graph, (rows,) = self.ids.graph, self.ids.node.shape
        values: Any = graph.broadcast(1, (rows,))
        if weights is not None:
            if not isinstance(weights, Traced) or weights.mask is not self.ids.mask:
                self._refuse()
            values = graph.astype(weights.node, float)
        values = graph.apply("where", self.among, values, 0)
        where = graph.apply("where", self.among, graph.apply("maximum", own.node, 0), 0)
        return ByIds(self, graph.apply("segment_sum", values, where, num=rows))


def _as_it_is(array: Traced) -> Traced:
    """An array that no later change in place reaches."""
    return Traced(array.node, mask=array.mask)


class Place(_Strict):
    """Places of ids among the distinct ones, as rows that have these.

    Args:
        sought: an id a row.
        inside: whether it is known to be a place in the list, not after its end.
        is_own: whether each row's own id is sought.
    """

    def __init__(
        self, of: DistinctIds, sought: Any, inside: bool = False, is_own: bool = False
    ) -> None:
        if not isinstance(sought, Traced) or sought.ndim != 1 or sought.node.dtype.kind not in "iu":
            self._refuse()
        self.of, self.sought, self.inside, self.is_own = of, _as_it_is(sought), inside, is_own
        self.mask = sought.mask
        graph, ids = sought.graph, of.ids
        keys = [ids.node, sought.node]
        if graph.by_case is not None:  # the same id of another case is another one
            case_of = graph.by_case.case_of_rows
            keys = [case_of(ids.node.shape[0]), keys[0], case_of(sought.node.shape[0]), keys[1]]
        self.node: Node = graph.apply("find", of.among, *keys)

    def within(self, low: Any, high: Any) -> Place:
        """`numpy.clip` to the list."""
        if low != 0 or not isinstance(high, Last) or high.of is not self.of:
            self._refuse()
        return Place(self.of, self.sought, inside=True)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from ._numpy import function_call

        return function_call(function, args, kwargs)


class FirstRow(_Strict):
    """The first row of each distinct id among those selected, an index of these."""

    def __init__(self, of: DistinctIds) -> None:
        self.of = of

    def taken(self, array: Traced) -> ByIds:
        if array.mask is not self.of.ids.mask or array.node.shape != self.of.ids.node.shape:
            self._refuse()
        return ByIds(self.of, array.node)


class ByIds(_Strict):
    """A value for each distinct id, kept in the first row that has it."""

    def __init__(self, of: DistinctIds, node: Node) -> None:
        self.of, self.node = of, node

    def __getitem__(self, place: Any) -> Traced:
        if not isinstance(place, Place) or place.of is not self.of or not place.inside:
            self._refuse()
        graph, nothing = self.node.graph, 0 if self.node is not self.of.ids.node else _NOBODY
        there = graph.apply("greater_equal", place.node, 0)
        value = graph.apply("take", self.node, graph.apply("maximum", place.node, 0))
        found = graph.apply("where", there, value, nothing)
        return Traced(graph.astype(found, self.node.dtype), mask=place.mask)


class HowMany(_Strict):
    """How many distinct ids there are."""

    def __init__(self, of: DistinctIds) -> None:
        self.of = of

    def __sub__(self, other: Any) -> Last:
        if type(other) is not int or other != 1:
            self._refuse()
        return Last(self.of)


class Last(_Strict):
    """The last place of a list of distinct ids."""

    def __init__(self, of: DistinctIds) -> None:
        self.of = of
