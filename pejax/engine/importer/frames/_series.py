"""The stand-in for a pandas series with one entry a row of the population.

Rows are never dropped: a selection is deferred as a mask, as it is for traced arrays, and two
series combine only if the same rows are selected in both.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ...graph._node import Node
from ...tracing._array import Traced, Untraceable
from ._access import ByNumber, Index, Strings, refused
from ._column import Column, elementwise, lift, pandas, same_codes, select, truth
from ._join import gathered, join


class TracedSeries:
    """A series of traced values.

    Args:
        column: the codes of the values.
        rows: the deferred selection.
    """

    def __init__(self, column: Column, rows: Node | None = None) -> None:
        self.column = column
        self.rows = rows

    @classmethod
    def of(cls, x: Any, like: Node, rows: Node | None = None) -> TracedSeries:
        """A series of a traced array, a scalar (on the selected rows) or another series."""
        if isinstance(x, TracedSeries):
            return cls(x.column, x.rows)
        if isinstance(x, Traced) and x.ndim:
            rows = x.mask
        return cls(lift(x, like), rows)

    def __getattr__(self, name: str) -> Any:
        raise refused("Series", name)

    # ---- as an array

    @property
    def traced(self) -> Traced:
        return self.column.traced(self.rows)

    @property
    def values(self) -> Traced:
        return self.traced

    def to_numpy(self, dtype: Any = None, **_: Any) -> Traced:
        return (self if dtype is None else self.astype(dtype)).traced

    @property
    def index(self) -> Index:
        return Index(self.column.codes, self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)

    def __len__(self) -> int:
        if self.rows is not None:
            raise Untraceable("the number of selected rows of a pandas.Series")
        return self.column.codes.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise Untraceable("conversion of a traced pandas.Series to a plain numpy array")

    def __iter__(self) -> Iterator[Any]:
        raise Untraceable("a Python loop over the rows of a pandas.Series")

    def __bool__(self) -> bool:
        raise Untraceable("bool() of a pandas.Series")

    def __str__(self) -> str:
        raise Untraceable("str() of a pandas.Series")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_as_arrays(inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        named = dict(zip(kwargs, _as_arrays(kwargs.values()), strict=True))
        return function(*_as_arrays(args), **named)

    # ---- selection and assignment

    def __getitem__(self, key: Any) -> TracedSeries:
        return TracedSeries(self.column, narrowed(self, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        chosen = narrowed(self, key)
        new = TracedSeries.of(value, self.column.codes, chosen)
        by_label = isinstance(value, TracedSeries) and new.rows is self.rows is None
        if new.rows is not chosen and not by_label:
            raise Untraceable("an assignment to other rows of a pandas.Series than selected")
        self.column = select(truth(chosen), new.column, self.column)

    @property
    def loc(self) -> TracedSeries:
        return self

    @property
    def iloc(self) -> ByNumber:
        return ByNumber(self)

    # ---- values one by one

    @property
    def str(self) -> Strings:
        return Strings(self)

    def astype(self, dtype: Any, **_: Any) -> TracedSeries:
        if self.column.values is not None:
            return self._each("astype", lambda v: v.astype(dtype))
        if np.dtype(dtype).kind not in "biuf":
            raise Untraceable("pandas.Series.astype from numbers to texts")
        node = self.column.graph.astype(self.column.codes, dtype)
        return self._like(truth(node) if node.dtype == np.bool_ else Column(node))

    def map(self, table: Any, **_: Any) -> TracedSeries:
        """Look every value up in a dictionary or a static series, or apply a function."""
        if self.column.values is not None:
            return (
                self.apply(table) if callable(table) else self._each("map", lambda v: v.map(table))
            )
        if not isinstance(table, Mapping | pandas().Series) or hasattr(table, "__missing__"):
            raise Untraceable("pandas.Series.map with a function of numbers")
        static = table if isinstance(table, pandas().Series) else pandas().Series(dict(table))
        entries = {"key": static.index, "value": static.to_numpy()}
        rows, found = join([self.column], pandas().DataFrame(entries), ["key"])
        return self._like(gathered(rows, found["value"]))

    def apply(self, function: Callable[..., Any]) -> TracedSeries:
        """A Python function of every value; it is not asked about missing ones."""
        self.column.fail_if_missing(self.rows, "pandas.Series.apply to a missing value")
        return self._each("apply", lambda v: v.map(function, na_action="ignore"))

    def isin(self, values: Any) -> TracedSeries:
        if self.column.values is not None:
            return self._each("isin", lambda v: v.isin(list(values)))
        found = self.column.graph.apply("isin", self.column.codes, np.array(list(values)))
        return self._like(truth(found))

    def isna(self) -> TracedSeries:
        return self._like(self.column.missing())

    def notna(self) -> TracedSeries:
        return ~self.isna()

    isnull, notnull = isna, notna

    def fillna(self, value: Any) -> TracedSeries:
        other = self._aligned(value)
        if same_codes(self.column, other.column):
            return self._with("fillna", lambda v, o: v.fillna(o), other)
        return self.where(self.notna(), other)

    def where(self, test: Any, other: Any = np.nan) -> TracedSeries:
        test, other = self._aligned(test), self._aligned(other)
        return self._like(select(test.column, self.column, other.column))

    def mask(self, test: Any, other: Any = np.nan) -> TracedSeries:
        return self.where(~self._aligned(test), other)

    def between(self, left: Any, right: Any, inclusive: str = "both") -> TracedSeries:
        above = self >= left if inclusive in ("both", "left") else self > left
        return above & (self <= right if inclusive in ("both", "right") else self < right)

    def copy(self, deep: bool = True) -> TracedSeries:
        return TracedSeries(self.column, self.rows)

    def any(self) -> Traced:
        return self.traced.any()

    def all(self) -> Traced:
        return self.traced.all()

    # ---- operators

    def _operate(self, name: str, other: Any, reverse: bool = False) -> TracedSeries:
        pair = (self.column, self._aligned(other).column)
        a, b = pair[::-1] if reverse else pair
        if same_codes(a, b) or not (a.is_numeric and b.is_numeric):
            function = getattr(operator, _PYTHON.get(name, name))
            return self._like(elementwise(f"Series.{name}", function, a, b))
        node = a.graph.apply(name, a.operand(), b.operand())
        return self._like(truth(node) if node.dtype == np.bool_ else Column(node))

    def __invert__(self) -> TracedSeries:
        return self._each("invert", lambda v: ~v)

    def __hash__(self) -> int:
        return id(self)

    # ---- inside

    def _like(self, column: Column) -> TracedSeries:
        return TracedSeries(column, self.rows)

    def _each(self, what: str, function: Callable[[Any], Any]) -> TracedSeries:
        return self._like(elementwise(f"Series.{what}", function, self.column))

    def _with(
        self, what: str, function: Callable[[Any, Any], Any], other: TracedSeries
    ) -> TracedSeries:
        column = elementwise(f"Series.{what}", function, self.column, other.column)
        return self._like(column)

    def _aligned(self, other: Any) -> TracedSeries:
        """The other operand, which must have the same rows selected."""
        found = TracedSeries.of(other, self.column.codes, self.rows)
        if found.rows is not self.rows:
            raise Untraceable("pandas.Series with different selections of rows")
        return found


_PYTHON = {
    "subtract": "sub", "multiply": "mul", "divide": "truediv", "equal": "eq", "not_equal": "ne",
    "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
    "bitwise_and": "and_", "bitwise_or": "or_",
}  # fmt: skip
_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "eq": "equal",
    "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "and": "bitwise_and", "or": "bitwise_or",
}  # fmt: skip
for _name, _op in _OPERATORS.items():
    _forward = lambda self, other, _op=_op: self._operate(_op, other)  # noqa: E731
    _backward = lambda self, other, _op=_op: self._operate(_op, other, reverse=True)  # noqa: E731
    setattr(TracedSeries, f"__{_name}__", _forward)
    setattr(TracedSeries, f"__r{_name}__", _backward)


def narrowed(holder: Any, key: Any) -> Node:
    """The rows of a series or frame that are selected after `holder[key]`."""
    test = TracedSeries.of(key, key.node, key.mask) if isinstance(key, Traced) else key
    if not isinstance(test, TracedSeries):
        raise Untraceable(f"pandas.{type(holder).__name__.removeprefix('Traced')}[{key!r}]")
    node = test.column.numbers()
    if node.dtype != np.bool_ or test.rows not in (None, holder.rows):
        raise Untraceable("a pandas selection by anything but truth values of the same rows")
    return node if holder.rows is None else node.graph.apply("bitwise_and", holder.rows, node)


def _as_arrays(items: Any) -> tuple[Any, ...]:
    return tuple(
        i.traced
        if isinstance(i, TracedSeries)
        else type(i)(_as_arrays(i))
        if isinstance(i, list | tuple)
        else i
        for i in items
    )
