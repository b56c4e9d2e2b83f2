"""The stand-in for the name `np` in a formula's module: numpy, and what numpy cannot dispatch.

Array creation and functions of lists that hold traced arrays never reach numpy's protocols.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import neutral
from . import (
    _compare,  # noqa: F401 - registers what it has
    _dates,
    _unique,  # noqa: F401
)
from ._array import Traced, Untraceable, has_traced, held, mask_of, to_node
from ._indexing import fail_unless_within
from ._loops import by_row
from ._names import is_name, unify
from ._numpy import HANDLERS, only, stack
from ._plain import indexable
from ._reduce import REDUCED_BY, ufunc_reduce
from ._rows import Repeated, Rows, mask_of_shape, shadow_shape

_AT = {"minimum": "segment_min", "maximum": "segment_max", "add": "segment_sum"}


def _combined_at(name: str, target: Traced, index: Any, values: Any) -> Node:
    """`target` after `ufunc.at(target, index, values)`, of the selected rows."""
    if name not in _AT or not isinstance(index, Traced) or index.ndim != 1 or target.mask:
        raise Untraceable(f"numpy.{name}.at")
    target.fail_if_not_own()
    graph, rows = target.graph, mask_of([index, values])
    nothing = 0 if name == "add" else neutral(name[:3], target.node.dtype)
    new = graph.broadcast(to_node(graph, values), index.node.shape)
    groups = index.node
    if rows is not None:
        new = graph.apply("where", rows, new, nothing)
        groups = graph.apply("where", rows, groups, 0)
    new = graph.real_rows(new, nothing)
    fail_unless_within(groups, target.node.shape[0])
    found = graph.apply(_AT[name], new, groups, num=target.node.shape[0])
    return graph.astype(graph.apply(name, target.node, found), target.node.dtype)


class Numpy:
    """The module that stands in for `numpy` in a formula's globals."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        original = getattr(np, name)
        if name in HANDLERS:
            handler = HANDLERS[name]
            return lambda *a, **k: (
                handler(*a, **k)
                if has_traced(a) or has_traced(tuple(k.values()))
                else _open(original(*a, **k))
            )
        if name in REDUCED_BY:
            return _Ufunc(original)
        return original

    def array(self, x: Any, dtype: Any = None, copy: Any = True, **kwargs: Any) -> Any:
        made = self.asarray(x, dtype, **kwargs)
        own = held(x)
        return made.copy() if copy and (made is own or getattr(made, "base", None) is own) else made

    def asarray(self, x: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if isinstance(x, Repeated):
            return self._repeated(x, dtype)
        x = by_row(self._graph, held(x))
        if not has_traced(x):
            made = np.asarray(x, dtype=dtype, **kwargs)
            shadow_shape(self._graph, made.shape[:1])
            return indexable(made)
        stacked = stack(x, **kwargs)
        return stacked if dtype is None else stacked.astype(dtype, copy=False)

    def _repeated(self, members: Repeated, dtype: Any) -> Any:
        """An array of one member a row; names stay a plain array, of which laws are looked up."""
        if isinstance(members[0], str):
            return np.asarray(list(members), dtype=dtype)
        return self.full(members.rows, members[0], dtype)

    def arange(self, *args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(a, Rows) for a in args):
            return np.arange(*args, **kwargs)
        rows = args[-1]
        if len(args) == 2 and args[0] == 0:
            args = args[1:]
        if len(args) != 1 or rows.mask is not None:
            raise Untraceable("numpy.arange over some of the rows")
        numbers = Traced(self._graph.apply("arange", num=rows.shadow))
        dtype = kwargs.pop("dtype", None)
        only("arange", kwargs)
        return numbers if dtype is None else numbers.astype(dtype)

    def zeros(self, shape: Any, dtype: Any = float, **other: Any) -> Any:
        return self.full(shape, 0, dtype, **other)

    def empty(self, shape: Any, dtype: Any = float, **other: Any) -> Any:
        return self.full(shape, 0, dtype, **other)

    def ones(self, shape: Any, dtype: Any = float, **other: Any) -> Any:
        return self.full(shape, 1, dtype, **other)

    def full(self, shape: Any, fill_value: Any, dtype: Any = None, **other: Any) -> Traced:
        only("full", other, order="C")
        target, mask = shadow_shape(self._graph, shape), mask_of_shape(shape)
        if dtype in (object, str) and not is_name(fill_value):
            fill_value = ""
        if is_name(fill_value):
            (code,), vocabulary = unify([fill_value])
            return Traced(self._graph.broadcast(code, target), vocabulary, mask)
        node = self._graph.constant(to_node(self._graph, fill_value))
        node = self._graph.astype(node, dtype or node.dtype)
        return Traced(self._graph.broadcast(node, target), mask=mask)


def _open(made: Any) -> Any:
    """What numpy makes of plain arrays may be indexed by traced ones."""
    return indexable(made) if type(made) is np.ndarray else made


class _Ufunc:
    """A ufunc whose `reduce` accepts a list of traced arrays."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self._ufunc = ufunc
        self.__name__ = ufunc.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 2 and not kwargs and any(isinstance(a, _dates.Time) for a in args):
            return _dates.operate(self.__name__, *args)
        return self._ufunc(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)

    def at(self, target: Any, index: Any, values: Any) -> None:
        if not isinstance(target, Traced):
            self._ufunc.at(target, index, values)
        else:
            target.node = _combined_at(self._ufunc.__name__, target, index, values)

    def reduce(self, x: Any, axis: int | None = 0, **kwargs: Any) -> Any:
        if has_traced(x):
            return ufunc_reduce(self._ufunc, x, axis, **kwargs)
        return self._ufunc.reduce(x, axis=axis, **kwargs)
