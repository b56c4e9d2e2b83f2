"""A left join of traced rows with a static table: one host table of row numbers, one gather."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph._node import Node
from ...tracing._array import Untraceable
from ._column import Column, mixed_radix, pandas

_MOST_ENTRIES = 4_000_000
"""The combinations of keys that a table of row numbers may have; more are refused."""


def join(keys: list[Column], table: Any, names: list[str]) -> tuple[Node, Any]:
    """For every row its number in the table, and the rows of the table that any row may match.

    A row without a match gets the number after the last.
    """
    for key, name in zip(keys, names, strict=True):
        _fail_unless_comparable(key, table[name])
        if key.values is not None:
            table = table[table[name].isin(key.values)]
    table = table.reset_index(drop=True)
    _fail_if_ambiguous(table, names)
    distinct = [pandas().Index(table[name].unique()) for name in names]
    sizes = tuple(len(d) + 1 for d in distinct)
    if np.prod(sizes, dtype=float) > _MOST_ENTRIES:
        shape = " x ".join(map(str, sizes))
        raise Untraceable(f"pandas.merge on {', '.join(names)}: a table of {shape} keys")
    rows = np.full(sizes, len(table), np.int32)
    rows[tuple(d.get_indexer(table[n]) for d, n in zip(distinct, names, strict=True))] = table.index
    places = [_places(key, d) for key, d in zip(keys, distinct, strict=True)]
    place = mixed_radix(places, sizes)
    return place.graph.apply("take", rows.ravel(), place), table


def gathered(row: Node, column: Any) -> Column:
    """A column of the table at `row`, missing where no row matched."""
    return Column(row, column.reset_index(drop=True).reindex(range(len(column) + 1)))


def _places(key: Column, distinct: Any) -> tuple[Node, np.ndarray]:
    """Codes, and the place of each among the distinct keys; what is none of them comes last."""
    if key.values is not None:
        found = distinct.get_indexer(pandas().Index(key.values))
        return key.codes, np.where(found < 0, len(distinct), found)
    graph = key.graph
    if not len(distinct):
        return graph.broadcast(0, key.codes.shape), np.array([0])
    order = np.argsort(distinct.to_numpy())
    known = distinct.to_numpy()[order]
    near = graph.apply("search", known, key.codes, side="left")
    same = graph.apply("equal", graph.apply("take", known, near), key.codes)
    return graph.apply("where", same, near, len(known)), np.append(order, len(known))


def _fail_unless_comparable(key: Column, column: Any) -> None:
    numeric = column.dtype.kind in "biuf"
    if key.is_numeric != numeric:
        raise Untraceable(f"pandas.merge on {column.name}: texts with numbers")
    if key.values is None and (key.codes.dtype.kind not in "iu" or column.dtype.kind not in "iu"):
        raise Untraceable(f"pandas.merge on {column.name}: numbers that are not integers")


def _fail_if_ambiguous(table: Any, names: list[str]) -> None:
    repeated = table[table.duplicated(names)]
    if len(repeated):
        first = ", ".join(f"{n} {repeated[n].iloc[0]!r}" for n in names)
        raise Untraceable(f"pandas.merge with a table that holds {first} more than once")
