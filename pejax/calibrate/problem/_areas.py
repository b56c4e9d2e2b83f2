"""The areas of a target table: which level each target is of, and what lies in what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Int

from ...core._countries import country
from ...core._validate import BadInputError, suggest

if TYPE_CHECKING:
    import pandas as pd

LEVELS = ("district", "state", "nation")
"""From the finest: a district's id begins with its state's, and every state is in the nation."""

DIGITS = {"district": 4, "state": 2}


class Areas(NamedTuple):
    """The areas of targets and units, by level from the finest of either.

    `ids[l]` numbers the areas of level l; `parents[l]` is the area above each of them.
    """

    levels: tuple[str, ...]
    ids: tuple[dict[str, int], ...]
    parents: tuple[Int[np.ndarray, " area"], ...]

    @classmethod
    def of(cls, targets: "pd.DataFrame", geo_id: Sequence[str] | np.ndarray) -> "Areas":
        """The areas that targets are of and units live in, with those above them.

        Raises:
            BadInputError: an unknown level, an id that is not one of its level.
        """
        levels = _levels(targets)
        named = [str(place) for place in targets["geo_id"]]
        ids: list[dict[str, int]] = []
        for level in levels:
            own = [p for p, at in zip(named, targets["geo_level"], strict=True) if at == level]
            below = [above(p, level) for p in ids[-1]] if ids else list(geo_id)
            places = sorted({*own, *below})
            for place in places:
                _check_id(place, level)
            ids.append({place: k for k, place in enumerate(places)})
        parents = [
            np.array([coarse[above(place, level)] for place in fine])
            for fine, coarse, level in zip(ids, ids[1:], levels[1:], strict=False)
        ]
        return cls(tuple(levels), tuple(ids), tuple(parents))

    def within(self, parent: int, level: int, finer: int) -> Int[np.ndarray, " area"]:
        """The areas of a finer level in one area."""
        found = np.array([parent])
        for below in reversed(range(finer, level)):
            found = np.flatnonzero(np.isin(self.parents[below], found))
        return found


def above(place: str, level: str) -> str:
    """The area of a coarser level that holds a place."""
    return country().geography.nation if level == "nation" else place[: DIGITS["state"]]


def _levels(targets: "pd.DataFrame") -> list[str]:
    for row, level in enumerate(targets["geo_level"]):
        if level not in LEVELS:
            near = ", ".join(suggest(str(level), LEVELS) or LEVELS)
            raise BadInputError(f"geo_level[{row}] is {level!r}. Nearest: {near}")
    return [level for level in LEVELS if level in set(targets["geo_level"])]


def _check_id(place: str, level: str) -> None:
    nation = country().geography.nation
    right = place == nation if level == "nation" else is_number(place, DIGITS[level])
    if not right:
        wanted = repr(nation) if level == "nation" else f"{DIGITS[level]} digits"
        raise BadInputError(f"geo_id {place!r} is not a {level}: give {wanted}.")


def is_number(place: str, digits: int) -> bool:
    """Whether an id is so many digits."""
    return place.isdigit() and len(place) == digits
