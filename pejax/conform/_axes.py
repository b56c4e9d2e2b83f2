"""Axes of a case: it is repeated, and a variable runs from one value to another."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core._validate import BadInputError

if TYPE_CHECKING:
    from ._people import CasePeople

Axis = Mapping[str, Any]
Values = dict[tuple[str, str], dict[int, Any]]
"""What is said of rows, by variable and period as written."""

_MOST = 10_000


def repeated(people: CasePeople, times: int) -> CasePeople:
    """A case so many times, one after the other.

    Raises:
        BadInputError: somebody stands in no written group, or the rows would be too many.
    """
    if any(people.written.get(e, len(n)) != len(n) for e, n in people.names.items()):
        raise BadInputError("axes with a person who is in none of the groups that are written")
    if times * max(map(len, people.names.values())) > _MOST:
        raise BadInputError(f"axes that make more than {_MOST:,} rows of one entity")
    groups = {
        group: [row + k * len(people.names[group]) for k in range(times) for row in rows]
        for group, rows in people.group_of.items()
    }
    return dataclasses.replace(
        people,
        names={e: [f"{n}{k}" for k in range(times) for n in v] for e, v in people.names.items()},
        group_of=groups,
        given={},
        written={entity: count * times for entity, count in people.written.items()},
        role_of={group: rows * times for group, rows in people.role_of.items()},
    )


def cells_of(axes: Any) -> int:
    """How often a case is there: the axes of one list run in step, the lists across each other.

    Raises:
        BadInputError: what is no list of lists of axes.
    """
    fields = {"name", "min", "max", "count"}
    try:
        whole = all(fields <= axis.keys() for step in axes for axis in step)
        counts = [int(step[0]["count"]) for step in axes] if whole else []
    except (AttributeError, IndexError, TypeError, ValueError, KeyError):
        counts = []
    if not counts or min(counts) < 1:
        raise BadInputError("axes are lists of {name, min, max, count}; one of them is not")
    return math.prod(counts)


def along(axes: Sequence[Sequence[Axis]], values: Values, period: str, rows: Any) -> Values:
    """What is said of a case's rows, said of each repetition, and of a row of each what the axes
    say.

    Args:
        period: of the case.
        rows: gives how many rows a variable has in one repetition.
    """
    cells = cells_of(axes)
    found: Values = {
        key: {row + k * rows(key[0]): v for k in range(cells) for row, v in said.items()}
        for key, said in values.items()
    }
    for axis, steps in _steps(axes):
        name, when = str(axis["name"]), str(axis.get("period") or period)
        held = found.setdefault((name, when), {})
        first, every = int(axis.get("index", 0)), rows(name)
        if not 0 <= first < every:
            raise BadInputError(f"an axis of {name} is of row {first}, and there are {every}")
        held.update({first + k * every: value for k, value in enumerate(steps)})
    return found


def _steps(axes: Sequence[Sequence[Axis]]) -> Iterator[tuple[Axis, list[float]]]:
    """Each axis with its value in every cell."""
    counts = [int(step[0]["count"]) for step in axes]
    grids = np.meshgrid(*(np.arange(count, dtype=float) for count in counts))
    for step, count, grid in zip(axes, counts, grids, strict=True):
        for axis in step:
            low, high = float(axis["min"]), float(axis["max"])
            yield axis, (low + grid.ravel() * (high - low) / max(count - 1, 1)).tolist()
