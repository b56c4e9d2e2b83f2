"""What is cut by units, a piece for each device."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from ._accumulate import ceil_div

NOBODY = -1
"""The unit of a slot that only makes pieces the same size."""


class Parts(NamedTuple):
    """Pieces whose arrays have the same shapes, and the unit in each slot of each piece."""

    pieces: list[Any]
    unit: Int[np.ndarray, "piece slot"]

    def slots(self) -> Int[np.ndarray, " unit"]:
        """Where each unit is, counting the slots of one piece after the other."""
        return slots_of(self.unit)


def slots_of(unit: Int[np.ndarray, "*slot"]) -> Int[np.ndarray, " unit"]:
    """The slot of each unit; the inverse of a map of slots to units."""
    flat = unit.reshape(-1)
    taken = np.flatnonzero(flat != NOBODY)
    slots = np.empty(len(taken), np.int32)
    slots[flat[taken]] = taken
    return slots


def in_runs(units: Int[np.ndarray, " unit"], n: int) -> Int[np.ndarray, "piece slot"]:
    """Units dealt in order to `n` pieces, an equal run to each; the last slots are nobody's."""
    width = ceil_div(len(units), n)
    return np.pad(units, (0, n * width - len(units)), constant_values=NOBODY).reshape(n, width)
