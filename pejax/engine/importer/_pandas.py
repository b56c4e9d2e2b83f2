"""The stand-in for the name `pd`: formulas that look codes up through pandas.

Series and frames of traced arrays are those of `frames`; everything else is pandas' own.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Any

from ..tracing._array import Traced, Untraceable
from .frames._access import Index
from .frames._frame import TracedFrame
from .frames._series import TracedSeries


class Pandas:
    """`pandas`, with series and frames that accept traced arrays."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("pandas"), name)

    def Series(  # noqa: N802 - pandas' name
        self, data: Any = None, index: Any = None, dtype: Any = None, **kwargs: Any
    ) -> Any:
        if isinstance(index, Index):
            made = TracedSeries.of(data, index.like, index.rows)
            return made if dtype is None else made.astype(dtype)
        if not isinstance(data, Traced | TracedSeries):
            return _static_series()(data, index=index, dtype=dtype, **kwargs)
        if index is not None:
            raise Untraceable("pandas.Series of a traced array with an index")
        made = data.copy() if isinstance(data, TracedSeries) else TracedSeries.of(data, data.node)
        return made if dtype is None else made.astype(dtype)

    def DataFrame(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - as above
        if isinstance(data, TracedFrame):
            return data.copy()
        if isinstance(data, Mapping) and any(_is_traced(v) for v in data.values()):
            if args or kwargs:
                raise Untraceable("pandas.DataFrame of traced arrays with an index or a type")
            return TracedFrame.of(data)
        return importlib.import_module("pandas").DataFrame(data, *args, **kwargs)

    def merge(self, left: Any, right: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(left, TracedFrame):
            return left.merge(right, *args, **kwargs)
        if isinstance(right, TracedFrame):
            raise Untraceable("pandas.merge of a static table with traced rows")
        return importlib.import_module("pandas").merge(left, right, *args, **kwargs)

    def isna(self, x: Any) -> Any:
        if isinstance(x, Traced):
            return self.Series(x).isna().to_numpy()
        return (
            x.isna() if isinstance(x, TracedSeries) else importlib.import_module("pandas").isna(x)
        )

    def notna(self, x: Any) -> Any:
        return ~self.isna(x)

    isnull, notnull = isna, notna


def _is_traced(x: Any) -> bool:
    return isinstance(x, TracedSeries) or (isinstance(x, Traced) and x.ndim > 0)


@functools.cache
def _static_series() -> type:
    """pandas' series, which can also be asked for the entries of traced labels."""

    class StaticSeries(importlib.import_module("pandas").Series):
        @property
        def _constructor(self) -> type:
            return StaticSeries

        def reindex(self, index: Any = None, **kwargs: Any) -> Any:
            if not isinstance(index, TracedSeries):
                return super().reindex(index, **kwargs)
            if kwargs or not self.index.is_unique:
                raise Untraceable("pandas.Series.reindex with repeated labels or options")
            return index.map(self)

    return StaticSeries
