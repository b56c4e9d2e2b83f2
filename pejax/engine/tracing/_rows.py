"""How many rows an array has: a shape when it is one, a value of the population otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..graph._ir import DimensionClash, Graph
from ..graph._node import Node
from . import _array


class Rows(NDArrayOperatorsMixin):
    """`person.count`, and the length of an array with one entry a row.

    As a shape it is the shadow size, which is resolved to a population's own. In arithmetic and
    comparisons it is the number of real rows, those selected if some were, so that no shadow size
    becomes a number: what asks for a plain integer is refused.

    Args:
        shadow: the shadow length of an entity or of joined columns.
        mask: the deferred selection.
    """

    def __init__(self, graph: Graph, shadow: int, mask: Node | None = None) -> None:
        self.graph, self.shadow, self.mask = graph, shadow, mask
        counted = graph.broadcast(1, (shadow,)) if mask is None else graph.astype(mask, int)
        self.traced = _array.Traced(graph.reduce("sum", counted, None))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*[_array.held(x) for x in inputs], **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from ._numpy import function_call

        return function_call(function, args, kwargs)

    def __hash__(self) -> int:
        return hash(self.shadow)

    def _is_same_length(self, other: Any) -> bool:
        if isinstance(other, Rows):
            return other.shadow == self.shadow and other.mask is self.mask
        if isinstance(other, _array.Traced):
            return False
        if isinstance(other, int | np.integer) and int(other) == self.shadow:
            raise DimensionClash(f"a number of rows is compared with {other}")
        return False

    def __eq__(self, other: Any) -> Any:
        return True if self._is_same_length(other) else self.traced == _array.held(other)

    def __ne__(self, other: Any) -> Any:
        return False if self._is_same_length(other) else self.traced != _array.held(other)

    def __mul__(self, other: Any) -> Any:
        """A list of one repeated as often is as long as a column."""
        if not isinstance(other, list | tuple):
            return self.traced * _array.held(other)
        if len(other) != 1:
            raise _array.Untraceable("several members repeated for every row")
        return Repeated(list(other) * self.shadow, self)

    __rmul__ = __mul__

    # ---- a number of rows is whole, and there are some

    def _itself(self, *_: Any) -> Rows:
        return self

    __abs__ = __pos__ = __round__ = __floor__ = __ceil__ = __trunc__ = _itself

    def __bool__(self) -> bool:
        return self.mask is None or bool(self.traced > 0)

    # ---- what needs the integer itself

    def __int__(self) -> int:
        raise _array.Untraceable("int() of a number of rows")

    __index__ = __int__

    def __float__(self) -> float:
        raise _array.Untraceable("float() of a number of rows")

    def __str__(self) -> str:
        raise _array.Untraceable("str() of a number of rows")

    def __format__(self, spec: str) -> str:
        raise _array.Untraceable("a number of rows as text")

    def __repr__(self) -> str:
        return f"<rows of {' and '.join(self.graph.entities(self.shadow))}>"


class Repeated(list[Any]):
    """A list that holds the same member for every row."""

    def __init__(self, members: list[Any], rows: Rows) -> None:
        super().__init__(members)
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        from ._loops import repeated

        return repeated(self.rows.graph, self[0]) or super().__iter__()


def counted(*bounds: Any) -> range:
    """`range`, which has no number of rows for a bound."""
    if any(isinstance(b, Rows) for b in bounds):
        raise _array.Untraceable("a Python loop over the rows of an array")
    return range(*bounds)


def shape_of(node: Node, mask: Node | None = None) -> tuple[Any, ...]:
    """A shape as a formula sees it: lengths of columns are `Rows`, the selected ones if any."""
    graph = node.graph
    masked = (mask,) if mask is not None else ()
    return tuple(
        Rows(graph, n, *(masked if place == 0 else ())) if graph.entities(n) else n
        for place, n in enumerate(node.shape)
    )


def shadow_shape(graph: Graph, shape: Any) -> tuple[int, ...]:
    """A shape that a formula gives as one of the trace.

    Raises:
        DimensionClash: a number that happens to be a shadow size.
    """
    given = shape if isinstance(shape, list | tuple) else (shape,)
    return tuple(shadow_length(graph, n) for n in given)


def shadow_length(graph: Graph, rows: Any) -> int:
    """One length of `shadow_shape`."""
    if isinstance(rows, Rows):
        return rows.shadow
    plain = int(rows)
    if graph.entities(plain):
        raise DimensionClash(f"an array of {plain} rows")
    return plain


def reshaped(x: Any, shape: Any) -> Any:
    """`x.reshape(shape)`, where rows stay rows."""
    graph, node = x.graph, x.node
    given = shape if isinstance(shape, list | tuple) else (shape,)
    target = tuple(-1 if _is_rest(n) else shadow_length(graph, n) for n in given)
    result = graph.apply("reshape", node, shape=target)
    moved = x.mask is not None and result.shape[:1] != node.shape[:1]
    if moved or _columns(graph, node.shape) != _columns(graph, result.shape):
        raise _array.Untraceable("a reshape that mixes rows")
    return x.shown(lambda now: graph.apply("reshape", now, shape=target))


def _is_rest(n: Any) -> bool:
    return isinstance(n, int) and n == -1


def _columns(graph: Graph, shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if graph.entities(n)]


def mask_of_shape(shape: Any) -> Node | None:
    """The selection that a shape's first length counts."""
    first = shape[0] if isinstance(shape, list | tuple) and len(shape) else shape
    return first.mask if isinstance(first, Rows) else None
