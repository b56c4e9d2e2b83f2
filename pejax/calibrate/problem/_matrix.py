"""From program outputs and population columns to the estimate matrix of a calibration."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ...core._arguments import as_choice
from ...core._arrays import as_labels, as_places
from ...core._validate import BadInputError
from ...core.population._population import Population
from ..operators._dense import DenseOperator
from ..operators._operator import Operator
from ..operators._sparse import SparseOperator
from ._areas import DIGITS, LEVELS, Areas, above
from ._geography import UnitPlaces, area_operator, reconciled_problem
from ._labels import by_row, in_order, index_of, row_numbers
from ._lookup import CannotBuild, VariableLookup, household_column
from ._problem import TargetProblem
from ._screen import Refusal
from ._sums import LIMIT, Sums, as_limit, as_sums
from ._targets import Target, check_targets, targets_of

if TYPE_CHECKING:
    import pandas as pd

_LAYOUTS = ("auto", "dense", "sparse", "geography")
_SPARSE_BELOW = 0.1  # share of entries that are not zero under which the matrix is kept sparse


def build_problem(
    targets: "pd.DataFrame",
    outputs: Mapping[str, Any],
    population: Population,
    *,
    layout: Literal["auto", "dense", "sparse", "geography"] = "auto",
    geo_id: Sequence[str] | np.ndarray | None = None,
    household: Sequence[int] | np.ndarray | None = None,
    sums: Sums = "keep",
    limit: float = LIMIT,
) -> TargetProblem:
    """The calibration problem of a target table, straight from a program's outputs.

    Entry (t, h) of the matrix is what household h contributes to target t: its members' or
    groups' values, or the number of those that are not zero, where the target's area and domain
    apply. Estimates under the household weights are therefore the weighted totals of the
    simulation itself.

    Args:
        targets: a table as `load_targets` gives it.
        outputs: by variable, one value a row of the variable's entity, in the population's row
            order; as a program returns them. They are looked up before the population's columns.
            `people` and `<entity>_count` are counts of rows and need neither.
        population: who they are outputs of.
        layout: how the matrix is kept; unless said, as a geography where there are districts or
            clones, and else sparse when fewer than a tenth of its entries are not zero.
        geo_id: the district or state of each unit; the households' column `state_fips` unless
            given, which is enough for targets of states. A Series is matched by its labels, with
            the population's rows counted from 0 or with a Series of `household`.
        household: for units that are clones, the household of each, in the population's order and
            counted from 0; needs `geo_id` or states.
        sums, limit: what becomes of parts that do not add up to their whole, as in
            `geography_problem`.

    Returns:
        The problem, of one unit a household, or a clone. Targets that cannot be built or met are in
        `problem.refused` with their reasons.

    Raises:
        BadInputError: a broken target table, lengths that disagree, or no target left.

    >>> import pandas as pd
    >>> from pejax.testing import toy_population
    >>> row = {"name": "all", "variable": "household_count", "statistic": "count",
    ...        "entity": "household", "geo_level": "nation", "geo_id": "US", "value": 9.0}
    >>> build_problem(pd.DataFrame([row]), {}, toy_population()).names
    ('all',)
    """
    as_choice(layout, _LAYOUTS, "layout")
    sums, limit = as_sums(sums), as_limit(limit)
    lookup = VariableLookup(outputs, population)
    wanted = targets_of(check_targets(targets))
    units = _Units.of(lookup, geo_id, household)
    built = _built(wanted, lookup, units)
    if not built.targets:
        raise _none_left(built.refused)
    levels = [level for level in LEVELS if any(t.geo_level == level for t in built.targets)]
    area = units.areas_at(levels[0])
    chosen = _layout_of(layout, levels, clones=household is not None)
    household_of = None if household is None else units.household
    places = UnitPlaces(area, household_of, labels=units.labels)

    def operator(kept: "pd.DataFrame", areas: Areas) -> Operator:
        values = built.values()
        if chosen == "geography":
            return area_operator(kept, values, places, areas)
        rows = [
            np.where(_inside(level, place, area), values[label], 0.0)
            for label, level, place in zip(
                kept["column_label"], kept["geo_level"], kept["geo_id"], strict=True
            )
        ]
        return _written_out(rows, len(area), chosen)

    return reconciled_problem(
        built.table(), places, operator, sums=sums, limit=limit, refused=built.refused
    )


class _Units(NamedTuple):
    """Which household each unit is, and the finest area of it that is known."""

    household: Int[np.ndarray, " unit"]
    weights: Float[np.ndarray, " unit"] | None  # None for clones, whose weights nobody has said
    area: np.ndarray | None  # strings: the finest that is known, or None
    why: str  # there is none
    labels: "pd.Index"

    @classmethod
    def of(cls, lookup: VariableLookup, geo_id: Any, household: Any) -> "_Units":
        count = lookup.population.count(lookup.population.schema.household)
        if household is None:
            geo_id, rows = by_row("geo_id", geo_id, count), np.arange(count)
            labels = row_numbers(count)
        else:
            ordered = in_order("household", household, (index_of(geo_id),), "geo_id")
            rows = as_places(ordered, "household")
            given = [index_of(x) for x in (geo_id, household)]
            labels = next((x for x in given if x is not None), row_numbers(len(rows)))
        if rows.size and not 0 <= rows.min() <= rows.max() < count:
            raise BadInputError(f"household names rows outside of the {count} households.")
        weights = lookup.weights if household is None else None
        if geo_id is not None:
            places = as_labels(geo_id, "geo_id")
            if len(places) != len(rows):
                raise BadInputError(
                    f"geo_id has {len(places)} entries and there are {len(rows)} units. "
                    "Give the area of each."
                )
            return cls(rows, weights, np.asarray(places), "", labels)
        try:
            states = lookup.states()[rows]
        except CannotBuild as reason:
            return cls(rows, weights, None, str(reason), labels)
        return cls(rows, weights, np.char.zfill(states.astype(str), 2), "", labels)

    def fail_if_unknown(self, level: str) -> None:
        """Raise if the units' areas of a level cannot be said."""
        if level == "nation":
            return
        if self.area is None:
            raise CannotBuild(self.why)
        if level == "district" and np.any(np.char.str_len(self.area) < 4):
            raise CannotBuild("the units' districts are not known: give geo_id")

    def areas_at(self, finest: str) -> np.ndarray:
        """The area of each unit at a level."""
        if finest == "nation" or self.area is None:
            return np.full(len(self.household), above("", "nation"))
        return self.area if finest == "district" else _cut(self.area, finest)


class _Built(NamedTuple):
    """The targets that have a column, the columns by label, and the targets that have none."""

    targets: list[Target]
    labels: list[str]
    columns: dict[str, Float[np.ndarray, " household"]]
    refused: tuple[Refusal, ...]

    def values(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame(self.columns)

    def table(self) -> "pd.DataFrame":
        """The targets, each with the label of its column."""
        import pandas as pd

        table = pd.DataFrame(self.targets, columns=list(Target._fields))
        return table.assign(column_label=self.labels)


def _built(wanted: list[Target], lookup: VariableLookup, units: _Units) -> _Built:
    """One column for all targets of a variable, statistic and domain, whatever their areas."""
    refused = _impossible_means(wanted)
    aside = {refusal.name for refusal in refused}
    labels: dict[Any, str] = {}
    columns: dict[str, Float[np.ndarray, " household"]] = {}
    kept, of = [], []
    for target in wanted:
        if target.name in aside:
            continue
        try:
            units.fail_if_unknown(target.geo_level)
            label = labels.get(target.column_key)
            if label is None:
                column = household_column(target, lookup)
                label = labels[target.column_key] = f"column {len(labels)}"
                columns[label] = column
            _fail_if_opposite(target, columns[label], units)
        except CannotBuild as reason:
            refused.append(Refusal(target.name, target.value, str(reason)))
        else:
            kept.append(target)
            of.append(label)
    return _Built(kept, of, columns, tuple(refused))


def _fail_if_opposite(
    target: Target, column: Float[np.ndarray, " household"], units: _Units
) -> None:
    """Raise if the data's own total has the other sign: the target would be reachable only by
    giving the country's weight to the few households of the rare sign."""
    if units.weights is None or not column.min() < 0 < column.max():
        return
    inside = _inside(target.geo_level, target.geo_id, units.areas_at(target.geo_level))
    row = np.where(inside, column, 0.0)
    total = float(row @ units.weights)
    if total * target.value < 0 and row.min() < 0 < row.max():
        raise CannotBuild(f"the data's own total, {total:,.6g}, has the opposite sign")


def _layout_of(layout: str, levels: list[str], *, clones: bool) -> str:
    """How the matrix is kept; districts and clones make a geography of what is left open."""
    if layout == "auto" and (clones or "district" in levels):
        return "geography"
    if clones and layout != "geography":
        raise BadInputError(f"clones are kept as a geography; layout {layout!r} cannot hold them.")
    return layout


def _inside(level: str, place: str, areas: np.ndarray) -> Bool[np.ndarray, " unit"]:
    """Which units live in an area of a level at least as coarse as that of their areas."""
    if level == "nation":
        return np.ones(len(areas), bool)
    return _cut(areas, level) == place


def _cut(areas: np.ndarray, level: str) -> np.ndarray:
    """The states or districts of areas: a numpy string of fewer digits is the id's beginning."""
    return areas.astype(f"U{DIGITS[level]}")


def _none_left(refused: Sequence[Refusal]) -> BadInputError:
    why = f" ({refused[0].name!r}: {refused[0].reason})" if refused else ""
    return BadInputError(f"No target is left to calibrate to{why}. Give one the data can meet.")


def _impossible_means(targets: list[Target]) -> list[Refusal]:
    """Sums of a variable over a range of itself whose mean, by their count, is out of the range."""
    banded = [target for target in targets if target.domain and target.domain == target.variable]
    counts = {target.range_key: target for target in banded if target.statistic == "count"}
    refused = []
    for total in (target for target in banded if target.statistic == "sum"):
        count = counts.get(total.range_key)
        mean = total.value / count.value if count and count.value else total.lower
        if count and not total.lower <= mean <= total.upper:
            reason = (
                f"contradicts {count.name!r}: their mean {mean:,.6g} lies outside "
                f"[{total.lower:,.6g}, {total.upper:,.6g})"
            )
            refused.append(Refusal(total.name, total.value, reason))
    return refused


def _written_out(rows: list[np.ndarray], n_units: int, layout: str) -> Operator:
    nonzero = sum(int(np.count_nonzero(row)) for row in rows)
    if layout == "auto":
        layout = "sparse" if nonzero < _SPARSE_BELOW * len(rows) * n_units else "dense"
    if layout == "dense" or not rows:
        return DenseOperator(np.array(rows, float).reshape(len(rows), n_units))
    from scipy import sparse

    return SparseOperator(sparse.vstack([sparse.csr_array(row[None]) for row in rows]))
