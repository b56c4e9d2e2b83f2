"""The areas of a target table: which level each target is of, and what adds up to what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._validate import BadInputError, suggest, unknown
from ..operators._geography import AreaTargets, GeographyOperator

if TYPE_CHECKING:
    import pandas as pd

LEVELS = ("district", "state", "nation")
"""From the finest: a district's id begins with its state's, and every state is in the nation."""


def geography_operator(
    targets: "pd.DataFrame",
    values: "pd.DataFrame",
    geo_id: Sequence[str] | np.ndarray,
    *,
    household: Sequence[int] | np.ndarray | None = None,
    own: dict[str, Any] | None = None,
) -> GeographyOperator:
    """The `GeographyOperator` of a target table, its roll-up found from the table's own areas.

    Args:
        targets: a row a target, with `geo_level` (district, state or nation), `geo_id` (four digits
            of state and district, two digits of a state, `US`) and `variable`, of `values`.
        values: a column a variable, a row a household if `household` is given, else a row a unit.
        geo_id: of the area that each unit lives in: of the finest level among the targets.
        household: the row of `values` of each unit.
        own: variables of which each unit has its own value.

    Raises:
        BadInputError: a missing column, an unknown level, an id that is not one, a unit in an area
            that is in no state of its own.
        UnknownNameError: a variable that `values` has not, with the nearest names.

    >>> import pandas as pd
    >>> targets = pd.DataFrame({"geo_level": ["district", "state"], "geo_id": ["0601", "06"],
    ...                         "variable": ["people", "people"]})
    >>> values = pd.DataFrame({"people": [2.0, 3.0]})
    >>> import jax.numpy as jnp
    >>> geography_operator(targets, values, ["0601", "0602"]).mv(jnp.array([1.0, 10.0]))
    Array([ 2., 32.], dtype=float32)
    """
    _check_columns(targets)
    levels = _levels(targets)
    places = [str(place) for place in geo_id]
    ids = _ids(levels, targets, places)
    rows = AreaTargets(
        np.array([levels.index(level) for level in targets["geo_level"]]),
        np.array(
            [
                ids[levels.index(level)][str(place)]
                for level, place in zip(targets["geo_level"], targets["geo_id"], strict=True)
            ]
        ),
        np.array([_column(name, values) for name in targets["variable"]]),
    )
    parents = [
        np.array([ids[k + 1][_above(place, levels[k + 1])] for place in ids[k]])
        for k in range(len(levels) - 1)
    ]
    return GeographyOperator(
        values.to_numpy(),
        np.array([ids[0][place] for place in places]),
        rows,
        parents,
        household=household,
        own={_column(name, values): drawn for name, drawn in (own or {}).items()},
    )


def _check_columns(targets: "pd.DataFrame") -> None:
    for column in ("geo_level", "geo_id", "variable"):
        if column not in targets.columns:
            raise BadInputError(
                f"The target table has no column {column!r}, only {', '.join(targets.columns)}."
            )


def _levels(targets: "pd.DataFrame") -> list[str]:
    for row, level in enumerate(targets["geo_level"]):
        if level not in LEVELS:
            near = ", ".join(suggest(str(level), LEVELS) or LEVELS)
            raise BadInputError(f"geo_level[{row}] is {level!r}. Nearest: {near}")
    found = set(targets["geo_level"])
    finest = min(LEVELS.index(level) for level in found)
    return [level for k, level in enumerate(LEVELS) if level in found or k == finest]


def _ids(
    levels: Sequence[str], targets: "pd.DataFrame", places: Sequence[str]
) -> list[dict[str, int]]:
    """The areas of each level, numbered: those of targets, those of units, and those above them."""
    found: list[list[str]] = []
    for level in levels:
        named = [str(p) for p in targets["geo_id"][targets["geo_level"] == level]]
        below = [_above(p, level) for p in found[-1]] if found else list(places)
        for place in (*named, *below):
            _check_id(place, level)
        found.append(sorted({*named, *below}))
    return [{place: k for k, place in enumerate(ids)} for ids in found]


def _above(place: str, level: str) -> str:
    return "US" if level == "nation" else place[:2]


def _check_id(place: str, level: str) -> None:
    digits = {"district": 4, "state": 2}
    right = place == "US" if level == "nation" else place.isdigit() and len(place) == digits[level]
    if not right:
        wanted = "'US'" if level == "nation" else f"{digits[level]} digits"
        raise BadInputError(f"geo_id {place!r} is not a {level}: give {wanted}.")


def _column(name: str, values: "pd.DataFrame") -> int:
    if name not in values.columns:
        raise unknown("variable", name, list(values.columns))
    return int(values.columns.get_loc(name))  # type: ignore[arg-type]
