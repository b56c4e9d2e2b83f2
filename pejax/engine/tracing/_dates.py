"""numpy's dates and spans of time on traced arrays: whole days, months or years since 1970.

A program has no dates, only numbers; months become days, and days months, by the calendar's own
arithmetic. Dates of single days, months and years convert into each other as numpy has them:
towards the past.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ._array import Traced, Untraceable

_UNITS = ("Y", "M", "D")
"""From coarse to fine."""

_FROM_MARCH_0000, _CYCLE = 719_468, 146_097
"""Days from 0000-03-01 to 1970-01-01, and days in four hundred years."""

_IN_A_CYCLE = {"M": 4_800, "Y": 400}
"""So many months and years, by which numpy makes days months where it is told to."""


class Time:
    """An array of dates, or of spans of time.

    Args:
        node: how many units, since the beginning of 1970 for dates.
        unit: Y, M or D.
        span: whether these are spans.
        mask: the deferred selection.
    """

    __array_ufunc__ = None  # numpy's own dates and arrays leave operations with these to them

    def __init__(self, node: Node, unit: str, span: bool, mask: Node | None = None) -> None:
        self.node, self.unit, self.span, self.mask = node, unit, span, mask

    @property
    def graph(self) -> Graph:
        return self.node.graph

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(f"{'timedelta64' if self.span else 'datetime64'}[{self.unit}]")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise Untraceable("dates of a population as a plain array")

    def __array_function__(self, function: Any, types: Any, args: Any, how: Any) -> Any:
        if function.__name__ == "busday_count":
            return _days_between(*args, **how)
        raise Untraceable(f"numpy.{function.__name__} of dates")

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Dates in another unit, or how many units they are."""
        target = np.dtype(dtype)
        if target.kind in "iu":
            return Traced(self.graph.astype(self.node, target), mask=self.mask)
        if target.kind != ("m" if self.span else "M"):
            raise Untraceable(f"{self.dtype} as {target}")
        unit = _unit_of(target)
        if self.span and self.unit == "D" and unit in _IN_A_CYCLE:
            whole = self.graph.apply("multiply", self.node, np.int64(_IN_A_CYCLE[unit]))
            node = self.graph.apply("floor_divide", whole, np.int64(_CYCLE))
            return Time(node, unit, True, self.mask)
        return self.to(unit)

    def to(self, unit: str) -> Time:
        """The same in another unit."""
        if unit == self.unit:
            return self
        if self.span and "D" in (unit, self.unit):
            raise Untraceable(f"{self.dtype} in another unit: months and years differ in length")
        g, node = self.graph, self.node
        if self.unit == "D":
            node = _month_of(g, node)
        elif self.unit == "Y":
            node = g.apply("multiply", node, 12)
        if unit == "D":
            node = _first_day_of(g, node)
        elif unit == "Y":
            node = g.apply("floor_divide", node, 12)
        return Time(node, unit, self.span, self.mask)

    # ---- arithmetic and comparison

    def _added(self, other: Any, sign: int, swapped: bool = False) -> Any:
        """`self + sign * other`, or `other + sign * self`."""
        a, b = self, _time(self.graph, other, self)
        if swapped:
            a, b = b, a
        if not (a.span or b.span) and sign > 0:
            raise Untraceable("a date and a date added")
        if a.span and not b.span and sign < 0:
            raise Untraceable("a date taken from a span of time")
        unit = _finer(a, b)
        a, b = a.to(unit), b.to(unit)
        both = self.graph.apply("add" if sign > 0 else "subtract", a.node, b.node)
        is_span = a.span == b.span
        return Time(both, unit, is_span, _mask(a, b))

    def __add__(self, other: Any) -> Any:
        return self._added(other, 1)

    def __radd__(self, other: Any) -> Any:
        return self._added(other, 1, swapped=True)

    def __sub__(self, other: Any) -> Any:
        return self._added(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return self._added(other, -1, swapped=True)

    def __neg__(self) -> Time:
        if not self.span:
            raise Untraceable("a date below zero")
        return Time(self.graph.apply("negative", self.node), self.unit, True, self.mask)

    def __abs__(self) -> Time:
        if not self.span:
            raise Untraceable("a date without its sign")
        return Time(self.graph.apply("absolute", self.node), self.unit, True, self.mask)

    def __getitem__(self, key: Any) -> Time:
        chosen = Traced(self.node, mask=self.mask)[key]
        return Time(chosen.node, self.unit, self.span, chosen.mask)

    def _divided(self, other: Any, operation: str) -> Traced:
        """How many of other spans a span is."""
        by = _time(self.graph, other, self)
        if not (self.span and by.span and is_time(other)):
            raise Untraceable("dates divided")
        unit = _finer(self, by)
        parts = self.to(unit).node, by.to(unit).node
        return Traced(self.graph.apply(operation, *parts), mask=_mask(self, by))

    def __truediv__(self, other: Any) -> Traced:
        return self._divided(other, "divide")

    def __floordiv__(self, other: Any) -> Traced:
        return self._divided(other, "floor_divide")

    def compared(self, operation: str, other: Any) -> Traced:
        """Which rows are before, at or after others."""
        a, b = self, _time(self.graph, other, self)
        if a.span != b.span:
            raise Untraceable("a date compared with a span of time")
        unit = _finer(a, b)
        found = self.graph.apply(operation, a.to(unit).node, b.to(unit).node)
        return Traced(found, mask=_mask(a, b))

    def extreme(self, name: str, other: Any) -> Time:
        """The later, or the earlier, of each row."""
        a, b = self, _time(self.graph, other, self)
        if a.span != b.span:
            raise Untraceable("the later of a date and a span of time")
        unit = _finer(a, b)
        node = self.graph.apply(name, a.to(unit).node, b.to(unit).node)
        return Time(node, unit, a.span, _mask(a, b))

    def __lt__(self, other: Any) -> Traced:
        return self.compared("less", other)

    def __le__(self, other: Any) -> Traced:
        return self.compared("less_equal", other)

    def __gt__(self, other: Any) -> Traced:
        return self.compared("greater", other)

    def __ge__(self, other: Any) -> Traced:
        return self.compared("greater_equal", other)

    def __eq__(self, other: Any) -> Any:
        return self.compared("equal", other)

    def __ne__(self, other: Any) -> Any:
        return self.compared("not_equal", other)

    __hash__ = None  # type: ignore[assignment]


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


def is_time(x: Any) -> bool:
    """Whether a value is a date or a span of time, or an array of them."""
    return isinstance(x, Time) or (
        isinstance(x, np.ndarray | np.generic) and type(x) is not Traced and x.dtype.kind in "mM"
    )


def operate(name: str, a: Any, b: Any) -> Any:
    """An operation on texts that are dates and numpy's dates.

    Raises:
        Untraceable: an operation that dates do not have.
    """
    one, other = (as_time(x, "datetime64[D]") if isinstance(x, Traced) else x for x in (a, b))
    if name in ("maximum", "minimum"):
        this, beside = (one, other) if isinstance(one, Time) else (other, one)
        return this.extreme(name, beside)
    if name not in _OPERATORS:
        raise Untraceable(f"numpy.{name} of dates")
    return _OPERATORS[name](one, other)


def in_numbers(value: Any) -> Any:
    """A span of time as how many units it has, which is what a number's variable keeps of it."""
    return value.astype(np.int64) if isinstance(value, Time) and value.span else value


def _days_between(begin: Any, end: Any, weekmask: Any = "1111100", holidays: Any = ()) -> Traced:
    """`numpy.busday_count`, where every day of the week counts."""
    if isinstance(weekmask, Traced) or str(weekmask) != "1111111" or len(holidays):
        raise Untraceable("numpy.busday_count, but of all days of the week")
    return (end - begin).astype("timedelta64[D]").astype(np.int64)


def as_time(x: Traced, dtype: Any) -> Time:
    """Texts as dates, whole numbers as dates or spans."""
    target = np.dtype(dtype)
    unit = _unit_of(target)
    if isinstance(x.vocabulary, tuple) and target.kind == "M":
        dates = np.array(x.names, "datetime64[D]")
        if np.isnat(dates).any():
            raise Untraceable("texts as dates, of which one is none")
        days = dates.astype(np.int64)
        return Time(x.graph.apply("take", days, x.node), "D", False, x.mask).to(unit)
    if x.vocabulary is not None or x.node.dtype.kind not in "iu":
        raise Untraceable(f"{x.dtype} as {target}")
    return Time(x.graph.astype(x.node, np.int64), unit, target.kind == "m", x.mask)


def _finer(one: Time, other: Time) -> str:
    """The unit in which both are whole."""
    return max(one.unit, other.unit, key=_UNITS.index)


def _time(graph: Graph, other: Any, beside: Time) -> Time:
    """What stands beside dates: numpy's dates, whole numbers of their unit, texts."""
    if isinstance(other, Time):
        return other
    if isinstance(other, Traced):
        if isinstance(other.vocabulary, tuple):
            return as_time(other, "datetime64[D]")
        return as_time(other, f"timedelta64[{beside.unit}]")
    if isinstance(other, datetime.date):
        other = np.datetime64(other)
    array = np.asarray(other)
    if array.dtype.kind == "m" and np.datetime_data(array.dtype)[0] == "generic":
        array = array.astype(np.int64)  # of whatever it stands beside
    if array.dtype.kind in "mM":
        node = graph.constant(array.astype(np.int64))
        return Time(node, _unit_of(array.dtype), array.dtype.kind == "m")
    if array.dtype.kind in "iu":
        return Time(graph.constant(array), beside.unit, True)
    raise Untraceable(f"dates beside {other!r}")


def _unit_of(dtype: np.dtype) -> str:
    unit, count = np.datetime_data(dtype)
    if unit not in _UNITS or count != 1:
        raise Untraceable(f"dates in units of {dtype}")
    return unit


def _mask(a: Time, b: Time) -> Node | None:
    if a.mask is not None and b.mask is not None and a.mask is not b.mask:
        raise Untraceable("dates with different selections of rows")
    return b.mask if a.mask is None else a.mask


# ---- the calendar


def _first_day_of(g: Graph, month: Node) -> Node:
    """The days from 1970 to the first of a month, counted in months since 1970.

    Years are counted from March, so that a leap day is the last of its year.
    """
    since = g.apply("add", month, 12 * 1970 - 2)  # months since March of the year 0
    year = g.apply("floor_divide", since, 12)
    place = g.apply("remainder", since, 12)
    before = g.apply("floor_divide", g.apply("add", g.apply("multiply", place, 153), 2), 5)
    days = _sum(
        g,
        g.apply("multiply", year, 365),
        g.apply("floor_divide", year, 4),
        g.apply("negative", g.apply("floor_divide", year, 100)),
        g.apply("floor_divide", year, 400),
        before,
    )
    return g.apply("subtract", days, _FROM_MARCH_0000)


def _month_of(g: Graph, day: Node) -> Node:
    """The month of a day, both counted from 1970."""
    since = g.apply("add", day, _FROM_MARCH_0000)
    cycle = g.apply("floor_divide", since, _CYCLE)
    inside = g.apply("remainder", since, _CYCLE)
    counted = _sum(
        g,
        inside,
        g.apply("negative", g.apply("floor_divide", inside, 1_460)),
        g.apply("floor_divide", inside, 36_524),
        g.apply("negative", g.apply("floor_divide", inside, _CYCLE - 1)),
    )
    year = g.apply("floor_divide", counted, 365)  # of the cycle
    passed = _sum(
        g,
        g.apply("multiply", year, 365),
        g.apply("floor_divide", year, 4),
        g.apply("negative", g.apply("floor_divide", year, 100)),
    )
    rest = g.apply("subtract", inside, passed)
    place = g.apply("floor_divide", g.apply("add", g.apply("multiply", rest, 5), 2), 153)
    years = g.apply("add", g.apply("multiply", cycle, 400), year)
    months = g.apply("add", g.apply("multiply", years, 12), place)
    return g.apply("subtract", months, 12 * 1970 - 2)


def _sum(g: Graph, *parts: Node) -> Node:
    total = parts[0]
    for part in parts[1:]:
        total = g.apply("add", total, part)
    return total
