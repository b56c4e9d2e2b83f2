"""The stand-in for a pandas frame with one row a row of the population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...graph._node import Node
from ...tracing._array import Traced, Untraceable
from ._access import Index
from ._column import Column, lift, pandas, select, truth
from ._join import gathered, join
from ._series import TracedSeries, narrowed


class TracedFrame:
    """Columns with the same rows.

    Args:
        columns: by name.
        rows: the deferred selection.
    """

    def __init__(self, columns: Mapping[str, Column], rows: Node | None = None) -> None:
        self._columns = dict(columns)
        self.rows = rows

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> TracedFrame:
        """A frame of traced arrays, series and scalars."""
        arrays = [v for v in data.values() if isinstance(v, TracedSeries)]
        arrays += [
            TracedSeries.of(v, v.node) for v in data.values() if isinstance(v, Traced) and v.ndim
        ]
        first = arrays[0]
        if any(a.rows is not first.rows for a in arrays):
            raise Untraceable("pandas.DataFrame of columns with different selections of rows")
        like = first.column.codes
        return cls({k: TracedSeries.of(v, like).column for k, v in data.items()}, first.rows)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._columns:
            return self[name]
        raise Untraceable(f"pandas.DataFrame.{name}")

    @property
    def _like(self) -> Node:
        return next(iter(self._columns.values())).codes

    # ---- rows and columns

    @property
    def columns(self) -> Any:
        return pandas().Index(self._columns)

    @property
    def index(self) -> Index:
        return Index(self._like, self.rows)

    def __len__(self) -> int:
        return len(TracedSeries(next(iter(self._columns.values())), self.rows))

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: Any) -> bool:
        return name in self._columns

    def __bool__(self) -> bool:
        raise Untraceable("bool() of a pandas.DataFrame")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise Untraceable("conversion of a traced pandas.DataFrame to a plain numpy array")

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return TracedSeries(self._columns[key], self.rows)
        if isinstance(key, list | pandas().Index):
            return TracedFrame({k: self._columns[k] for k in key}, self.rows)
        return TracedFrame(self._columns, narrowed(self, key))

    def __setitem__(self, key: str, value: Any) -> None:
        new = TracedSeries.of(value, self._like, self.rows)
        if not isinstance(key, str) or new.rows is not self.rows:
            raise Untraceable("pandas.DataFrame: a column with another selection of rows")
        self._columns[key] = new.column

    @property
    def loc(self) -> _ByLabel:
        return _ByLabel(self)

    # ---- frames from frames

    def copy(self, deep: bool = True) -> TracedFrame:
        return TracedFrame(self._columns, self.rows)

    def assign(self, **columns: Any) -> TracedFrame:
        new = self.copy()
        for name, value in columns.items():
            new[name] = value(new) if callable(value) else value
        return new

    def astype(self, dtype: Any, **_: Any) -> TracedFrame:
        wanted = dtype if isinstance(dtype, Mapping) else dict.fromkeys(self._columns, dtype)
        return self.assign(**{name: self[name].astype(kind) for name, kind in wanted.items()})

    def fillna(self, value: Any) -> TracedFrame:
        wanted = value if isinstance(value, Mapping) else dict.fromkeys(self._columns, value)
        return self.assign(**{name: self[name].fillna(v) for name, v in wanted.items()})

    def dropna(self, subset: Any = None) -> TracedFrame:
        """Deselect the rows with something missing."""
        names = [subset] if isinstance(subset, str) else list(subset or self._columns)
        new = self
        for name in names:
            new = new[new[name].notna()]
        return new

    def sort_values(self, by: Any) -> TracedFrame:
        """Rows are in their own order already; any other order is refused."""
        (name,) = [by] if isinstance(by, str) else by
        if self._columns[name].codes.op != "arange" or self._columns[name].values is not None:
            raise Untraceable("pandas.DataFrame.sort_values by anything but the rows' numbers")
        return self.copy()

    def to_numpy(self) -> Traced:
        nodes = [c.numbers() for c in self._columns.values()]
        return Traced(self._like.graph.apply("stack", *nodes, axis=1), mask=self.rows)

    @property
    def values(self) -> Traced:
        return self.to_numpy()

    def merge(
        self,
        right: Any,
        how: str = "inner",
        on: Any = None,
        left_on: Any = None,
        right_on: Any = None,
        suffixes: tuple[str, str] = ("_x", "_y"),
        **options: Any,
    ) -> TracedFrame:
        """A left join with a static table; the table may hold every key once."""
        one_row_each = options.pop("validate", None) in (None, "many_to_one", "m:1")
        if how != "left" or options or not one_row_each:
            raise Untraceable("pandas.merge other than a left join on columns")
        if not isinstance(right, pandas().DataFrame):
            raise Untraceable("pandas.merge with a table that is not static")
        mine, theirs = _names(on, left_on), _names(on, right_on)
        rows, found = join([self._columns[n] for n in mine], right, theirs)
        shared = {m for m, t in zip(mine, theirs, strict=True) if m == t}
        both = (self._columns.keys() & set(right.columns)) - shared
        joined = {k + suffixes[0] * (k in both): c for k, c in self._columns.items()}
        for k in right.columns:
            if k not in shared:
                joined[k + suffixes[1] * (k in both)] = gathered(rows, found[k])
        return TracedFrame(joined, self.rows)


class _ByLabel:
    """`loc`: rows by a truth value each, columns by name."""

    def __init__(self, frame: TracedFrame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple):
            return self._frame[key]
        rows, columns = key
        whole = isinstance(rows, slice) and rows == slice(None)
        return (self._frame if whole else self._frame[rows])[columns]

    def __setitem__(self, key: Any, value: Any) -> None:
        rows, name = key
        chosen = narrowed(self._frame, rows)
        new = TracedSeries.of(value, self._frame._like, chosen)
        if not isinstance(name, str) or new.rows is not chosen:
            raise Untraceable("an assignment to other rows of a pandas.DataFrame than selected")
        old = self._frame._columns.get(name, lift(np.nan, self._frame._like))
        self._frame._columns[name] = select(truth(chosen), new.column, old)


def _names(on: Any, other: Any) -> list[str]:
    names = on if on is not None else other
    if names is None:
        raise Untraceable("pandas.merge without the names of its keys")
    return [names] if isinstance(names, str) else list(names)
