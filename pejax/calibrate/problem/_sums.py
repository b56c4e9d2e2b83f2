"""Sums of a target table that contradict each other: districts against states, those against the
nation.

Agencies publish the same total for a state and for its districts, and the districts do not add up
to the state. Weights cannot meet both. What is to happen is the caller's choice: `keep` both for a
soft solve to divide the difference, `refuse` the parts, or `rake` the parts to the whole.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from jaxtyping import Float, Int

from ...core._arguments import as_number, shown
from ...core._validate import BadInputError
from ._areas import Areas
from ._screen import Refusal, Waived

if TYPE_CHECKING:
    import pandas as pd

Sums: TypeAlias = Literal["keep", "rake", "refuse"]
LIMIT = 2.0
"""The factor beyond which parts and whole are not of the same thing: refused, not raked."""

_ROUNDING = 1e-12


class Adjustment(NamedTuple):
    """A target whose value was changed, and why: `pandas.DataFrame(problem.adjusted)`.

    >>> Adjustment("snap, Ohio", 10.0, 9.0, "the states exceed the nation").used
    9.0
    """

    name: str
    value: float
    used: float
    reason: str


class SumsReconciled(NamedTuple):
    """What the choice makes of a table: values in use, rows left, and lists of what was done."""

    values: Float[np.ndarray, " target"]
    kept: Int[np.ndarray, " kept"]
    refused: tuple[Refusal, ...]
    adjusted: tuple[Adjustment, ...]


class _Whole(NamedTuple):
    row: int
    parts: Int[np.ndarray, " part"]
    level: str  # of the parts


def as_sums(given: object) -> Sums:
    """The choice of what becomes of contradicting sums, or a `BadInputError` that lists them."""
    for choice in get_args(Sums):
        if isinstance(given, str) and given == choice:
            return choice
    raise BadInputError(f"sums is {shown(given)}; choose one of {', '.join(get_args(Sums))}.")


def as_limit(given: object) -> float:
    """The factor up to which parts are raked; a `BadInputError` for one that is not above 1."""
    limit = as_number("limit", finite=False)(given)
    if not limit > 1:
        raise BadInputError(f"limit is {shown(given)}; a factor above 1 is needed.")
    return limit


def reconciled_sums(
    targets: "pd.DataFrame", names: list[str], areas: Areas, sums: Sums, limit: float = LIMIT
) -> SumsReconciled:
    """Bring parts and wholes of a table together, from the coarsest level down.

    A whole's parts are the targets of the same `column_label` in every area of the nearest finer
    level that has them all; what is incomplete contradicts nothing, nor does a target that is not
    fitted (`weight` 0). `tolerance` of the table, if it is there, is the relative gap that is let
    pass.
    """
    values = targets["value"].to_numpy(float).copy()
    published = values.copy()
    tolerance = _tolerance(targets)
    reasons: dict[int, str] = {}
    refused: dict[int, Refusal] = {}
    for whole in [] if sums == "keep" else _wholes(targets, areas):
        total = float(values[whole.parts].sum())
        target = float(values[whole.row])
        slack = max(tolerance[whole.row], tolerance[whole.parts].max(), _ROUNDING)
        if whole.row in refused or abs(total - target) <= slack * abs(target):
            continue
        said = f"the {len(whole.parts)} {whole.level}s add up to {total:,.6g}, {names[whole.row]!r}"
        factor = target / total if total else np.inf
        if sums == "rake" and 1 / limit < factor < limit:
            values[whole.parts] *= factor
            reasons |= dict.fromkeys(
                whole.parts.tolist(), f"raked by {factor:.6g}: {said} is {target:,.6g}"
            )
        else:
            kind = Waived if sums == "refuse" else Refusal
            why = f"contradiction: {said} is {target:,.6g}"
            refused |= {
                int(row): kind(names[row], float(published[row]), why) for row in whole.parts
            }
    adjusted = (
        Adjustment(names[row], float(published[row]), float(values[row]), why)
        for row, why in reasons.items()
        if row not in refused
    )
    kept = np.setdiff1d(np.arange(len(values)), list(refused))
    return SumsReconciled(values, kept, tuple(refused[k] for k in sorted(refused)), tuple(adjusted))


def _tolerance(targets: "pd.DataFrame") -> Float[np.ndarray, " target"]:
    if "tolerance" not in targets:
        return np.zeros(len(targets))
    return targets["tolerance"].fillna(0.0).to_numpy(float)


def _wholes(targets: "pd.DataFrame", areas: Areas) -> list[_Whole]:
    """Every target with complete parts, from the coarsest level down."""
    rows: dict[tuple[str, int], dict[int, int]] = {}
    columns = (targets["column_label"], targets["geo_level"], targets["geo_id"])
    all_alike = np.ones(len(targets))
    fitted = (targets["weight"].to_numpy(float) if "weight" in targets else all_alike) != 0
    for row, (label, level, place) in enumerate(zip(*columns, strict=True)):
        if not fitted[row]:
            continue
        at = areas.levels.index(level)
        rows.setdefault((str(label), at), {})[areas.ids[at][str(place)]] = row
    inside = {
        (level, finer, area): areas.within(area, level, finer)
        for level in range(len(areas.levels))
        for finer in range(level)
        for area in areas.ids[level].values()
    }
    found = []
    for (label, level), own in sorted(rows.items(), key=lambda item: -item[0][1]):
        for area, row in own.items():
            for finer in reversed(range(level)):
                parts = inside[level, finer, area]
                below = rows.get((label, finer), {})
                if len(parts) and all(int(part) in below for part in parts):
                    held = np.array([below[int(part)] for part in parts])
                    found.append(_Whole(row, held, areas.levels[finer]))
                    break
    return found
