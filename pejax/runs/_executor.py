"""Who computes the parts of a job: this process, or others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from jaxtyping import Int, Shaped

from ..core._arguments import as_function, shown
from ..core._arrays import items_of

Items: TypeAlias = Int[np.ndarray, " item"]
"""Numbers of items, ascending."""

Parts: TypeAlias = Sequence[Int[np.ndarray, " _"]]
"""Items in parts, each of which is computed by one call."""

Columns: TypeAlias = Mapping[str, Shaped[np.ndarray, "item *rest"]]
"""Results by name, one row an item."""

Compute: TypeAlias = Callable[[Items], Columns]


@runtime_checkable
class Executor(Protocol):
    """What computes parts of a job, in any order.

    >>> from pejax.runs import Local
    >>> executor: Executor = Local()
    >>> [found["x"] for _, found in executor.map(lambda items: {"x": items}, [np.array([3])])]
    [array([3])]
    """

    def map(self, compute: Compute, parts: Parts) -> Iterator[tuple[Items, Columns]]:
        """Each part with its results, as soon as they are there."""
        ...


class Local:
    """One part after the other, in this process.

    >>> parts = [np.array([0, 1]), np.array([2])]
    >>> [part.tolist() for part, _ in Local().map(lambda items: {"double": 2 * items}, parts)]
    [[0, 1], [2]]
    """

    def map(self, compute: Compute, parts: Parts) -> Iterator[tuple[Items, Columns]]:
        """Each part with its results, in order."""
        as_function(compute, "compute", "Give a function from items to results by name.")
        refusal = f"parts is {shown(parts)}. Give a list of items' numbers."
        for part in cast(list[Items], items_of(parts, refusal)):
            yield part, compute(part)
