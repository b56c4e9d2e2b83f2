"""`numpy.unique` of names, of the kinds of rows, of whole numbers to loop over, and of ids."""

from __future__ import annotations

from typing import Any

from . import _indexing
from ._array import Traced, Untraceable, mask_of
from ._by_id import DistinctIds, FirstRow
from ._distinct import DistinctNames
from ._loops import distinct
from ._numpy import handles, only
from ._plain import indexable


class Unknown:
    """A value that no program has: any use of it is refused."""

    def __init__(self, what: str) -> None:
        self.__dict__["_what"] = what

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(self._what)


def _is_whole(x: Any) -> bool:
    """Whether an array holds one whole number a row."""
    if not isinstance(x, Traced) or x.vocabulary is not None or x.ndim != 1:
        return False
    return x.node.dtype.kind in "iu" and bool(x.graph.entities(x.node.shape[0]))


@handles("unique")
def _unique(
    x: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    **other: Any,
) -> Any:
    """Of names those that may occur; of numbers only the inverse is known, up to its order."""
    index, other = return_index, other | ({"return_counts": True} if return_counts else {})
    if isinstance(x, Traced) and x.vocabulary is not None and not (return_inverse or index):
        only("unique", other)
        return DistinctNames(x)
    if _is_whole(x) and axis in (None, 0) and (index or (return_inverse and x.mask is not None)):
        only("unique", other)
        return _unique_ids(DistinctIds(x), index, return_inverse)
    if _is_whole(x) and not return_inverse and axis in (None, 0):
        only("unique", other)
        return indexable(distinct(x))
    if mask_of([x]) is not None:
        raise Untraceable("numpy.unique of selected rows")
    if not isinstance(x, Traced) or not return_inverse or index or other or axis not in (None, 0):
        raise Untraceable("numpy.unique of numbers")
    return Unknown("the distinct values of an array"), Traced(_indexing.groups_of(x.graph, x.node))


def _unique_ids(ids: DistinctIds, index: bool, inverse: bool) -> tuple[Any, ...]:
    return (ids, *([FirstRow(ids)] if index else []), *([ids.own] if inverse else []))
