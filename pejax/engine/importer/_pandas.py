"""The stand-in for the name `pd`: formulas that look a code up through a pandas series.

A dictionary becomes a host table and a gather. Other uses of pandas are refused by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..tracing._array import Traced, Untraceable, has_traced, is_name, unify


class Pandas:
    """`pandas`, with a `Series` that accepts traced arrays."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("pandas"), name)

    def Series(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - pandas' name
        if isinstance(data, Traced):
            return TracedSeries(data)
        return importlib.import_module("pandas").Series(data, *args, **kwargs)

    def DataFrame(self, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - as above
        if isinstance(data, Mapping) and has_traced(list(data.values())):
            raise Untraceable("pandas.DataFrame of traced arrays")
        return importlib.import_module("pandas").DataFrame(data, *args, **kwargs)


class TracedSeries:
    """A series of traced values: lookups and the few methods that formulas call on them."""

    def __init__(self, values: Traced) -> None:
        self.values = values

    def map(self, table: Any) -> TracedSeries:
        """Look every integer up in a dictionary; a key that is absent is refused, not guessed."""
        if not isinstance(table, Mapping) or self.values.vocabulary is not None:
            raise Untraceable("pandas.Series.map with anything but a dictionary of integers")
        keys = np.array(sorted(table))
        if keys.dtype.kind not in "iu":
            raise Untraceable("pandas.Series.map with keys that are not integers")
        graph = self.values.graph
        place = graph.apply("search", keys, self.values.node, side="left")
        found = Traced(graph.apply("equal", graph.apply("take", keys, place), self.values.node))
        if not bool(found.all()):
            raise Untraceable("a code that the formula's table does not hold")
        return TracedSeries(_choose([table[k] for k in keys.tolist()], place, self.values))

    def fillna(self, value: Any) -> TracedSeries:
        return TracedSeries(self.values.fillna(value)) if not is_name(value) else self

    def to_numpy(self) -> Traced:
        return self.values

    def between(self, left: Any, right: Any, inclusive: str = "both") -> Traced:
        from ._formulas import _between

        return _between(self.values, left, right, inclusive)


def _choose(options: list[Any], place: Any, like: Traced) -> Traced:
    graph = like.graph
    if any(is_name(o) for o in options):
        codes, vocabulary = unify(options)
        return Traced(graph.apply("take", np.array(codes), place), vocabulary)
    return Traced(graph.apply("take", np.array(options), place))
