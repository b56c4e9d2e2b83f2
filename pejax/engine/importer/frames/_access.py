"""The parts through which a pandas series is reached: its index, `str` and `iloc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...graph._node import Node
from ...tracing._array import Traced, Untraceable
from ._column import constant, select, truth

if TYPE_CHECKING:
    from ._series import TracedSeries

_STRING_METHODS = frozenset(
    {
        *("capitalize", "casefold", "contains", "endswith", "extract", "find", "fullmatch", "get"),
        *("isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric", "len", "ljust", "lower"),
        *("lstrip", "match", "pad", "removeprefix", "removesuffix", "replace", "rjust", "rstrip"),
        *("slice", "startswith", "strip", "title", "upper", "zfill"),
    }
)


class Index:
    """The index of a traced series or frame, good for making another like it."""

    def __init__(self, like: Node, rows: Node | None) -> None:
        self.like = like
        self.rows = rows

    def __getattr__(self, name: str) -> Any:
        raise refused("Index", name)


class Strings:
    """The `str` accessor: methods that turn each text into one value."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getitem__(self, key: Any) -> TracedSeries:
        return self._series._each("str[]", lambda v: v.str[key])

    def __getattr__(self, name: str) -> Any:
        if name not in _STRING_METHODS:
            raise refused("Series.str", name)

        def method(*args: Any, **kwargs: Any) -> TracedSeries:
            if name == "extract" and kwargs.get("expand", True):
                raise Untraceable("pandas.Series.str.extract to a frame")
            return self._series._each(
                f"str.{name}", lambda v: getattr(v.str, name)(*args, **kwargs)
            )

        return method

    def cat(self, others: Any = None, sep: Any = None) -> TracedSeries:
        if not isinstance(others, type(self._series)):
            raise Untraceable("pandas.Series.str.cat of all rows")
        other = self._series._aligned(others)
        return self._series._with("str.cat", lambda a, b: a.str.cat(b, sep=sep), other)


class ByNumber:
    """`iloc`: rows by their numbers, where these are the rows' own."""

    def __init__(self, series: TracedSeries) -> None:
        self._series = series

    def __getitem__(self, key: Any) -> Any:
        raise Untraceable("pandas.Series.iloc[...]")

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, Traced) or key.node.op != "arange" or self._series.rows is not None:
            raise Untraceable("pandas.Series.iloc with any other numbers than the rows' own")
        every = constant(True, key.node).numbers()
        new = self._series.of(value, key.node, key.mask)
        if new.rows is not key.mask:
            raise Untraceable("pandas.Series.iloc: as many numbers as rows are needed")
        chosen = every if key.mask is None else key.mask
        self._series.column = select(truth(chosen), new.column, self._series.column)


def refused(kind: str, name: str) -> Exception:
    if name.startswith("_"):
        return AttributeError(name)
    return Untraceable(f"pandas.{kind}.{name}")
