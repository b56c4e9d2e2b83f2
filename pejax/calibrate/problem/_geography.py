"""Problems and operators of a geography, from a target table and the columns of households."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ...core._arguments import as_instance
from ...core._arrays import as_labels, check_table
from ...core._validate import BadInputError, unknown
from ..operators._geography import AreaTargets, GeographyOperator
from ..operators._operator import Operator
from ._areas import Areas
from ._columns import TOLERANCE
from ._labels import in_order, index_of
from ._problem import TargetProblem
from ._scale import default_scale
from ._screen import Refusal
from ._sums import LIMIT, Sums, as_limit, as_sums, reconciled_sums

if TYPE_CHECKING:
    import pandas as pd


def geography_operator(
    targets: "pd.DataFrame",
    values: "pd.DataFrame",
    geo_id: Sequence[str] | np.ndarray,
    *,
    household: Sequence[int] | np.ndarray | None = None,
    own: Mapping[str, Any] | None = None,
) -> GeographyOperator:
    """The `GeographyOperator` of a target table, its roll-up found from the table's own areas.

    Args:
        targets: a row a target, with `geo_level` (district, state or nation), `geo_id` (four digits
            of state and district, two digits of a state, `US`) and `variable`, of `values`.
        values: a column a variable, a row a household if `household` is given, else a row a unit.
        geo_id: of the area that each unit lives in: of the finest level among the targets. A Series
            is matched by its labels with `values`; for clones, with Series of `household` and of
            `own`. Base weights, too, are matched with the units' labels then.
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
    _check_tables(targets, values, ("geo_level", "geo_id", "variable"))
    units = UnitPlaces.of(values.index, geo_id, household, own)
    return area_operator(_labelled(targets), values, units, Areas.of(targets, units.area))


def geography_problem(
    targets: "pd.DataFrame",
    values: "pd.DataFrame",
    geo_id: Sequence[str] | np.ndarray,
    *,
    household: Sequence[int] | np.ndarray | None = None,
    own: Mapping[str, Any] | None = None,
    sums: Sums = "keep",
    limit: float = LIMIT,
) -> TargetProblem:
    """The calibration problem of targets of districts, states and the nation.

    Args:
        targets: as in `geography_operator`, with `value`, and if they are known `name`, `scale`,
            `weight`, `group`, `tolerance` and `source`.
        values, geo_id, household, own: as in `geography_operator`.
        sums: what becomes of parts that do not add up to their whole by more than `tolerance`
            (districts of a state, states of the nation): `keep` both; `rake` the parts to the
            whole, from the nation down, listed in `problem.adjusted`; or `refuse` the parts, listed
            in `problem.refused`.
        limit: the factor beyond which parts are refused rather than raked.

    Returns:
        The problem; the levels of its targets are in `problem.levels`. Targets that cannot be met
        are in `problem.refused` with their reasons.

    Raises:
        BadInputError, UnknownNameError: as `geography_operator` and `TargetProblem`.

    The districts' figures add up to 9, the state's is 10:

    >>> import pandas as pd
    >>> targets = pd.DataFrame({
    ...     "geo_level": ["district", "district", "state"], "geo_id": ["0601", "0602", "06"],
    ...     "variable": "people", "value": [6.0, 3.0, 10.0]})
    >>> values = pd.DataFrame({"people": [2.0, 3.0]})
    >>> problem = geography_problem(targets, values, ["0601", "0602"], sums="rake")
    >>> problem.values.round(2).tolist(), problem.adjusted[0].reason
    ([6.67, 3.33, 10.0], "raked by 1.11111: the 2 districts add up to 9, 'people of 06' is 10")
    """
    _check_tables(targets, values, ("geo_level", "geo_id", "variable", "value"))
    sums, limit = as_sums(sums), as_limit(limit)
    units = UnitPlaces.of(values.index, geo_id, household, own)

    def operator(kept: "pd.DataFrame", areas: Areas) -> GeographyOperator:
        return area_operator(kept, values, units, areas)

    return reconciled_problem(_labelled(targets), units, operator, sums=sums, limit=limit)


def reconciled_problem(
    targets: "pd.DataFrame",
    units: "UnitPlaces",
    operator: Callable[["pd.DataFrame", Areas], Operator],
    *,
    sums: Sums,
    limit: float,
    refused: Sequence[Refusal] = (),
) -> TargetProblem:
    """The problem of a table after its sums are reconciled, with the operator of the rows left.

    The table's `column_label` says which column of values each target is a total of.
    """
    areas = Areas.of(targets, units.area)
    names = target_names(targets)
    reconciled = reconciled_sums(targets, names, areas, sums, limit)
    left, used = targets.iloc[reconciled.kept], reconciled.values[reconciled.kept]
    matrix, importance = operator(left, areas), _filled(left, "weight", 1.0)
    return TargetProblem(
        matrix,
        used,
        names=[names[row] for row in reconciled.kept],
        scale=_filled(left, "scale", default_scale(matrix, used, importance > 0)),
        groups=list(left["group"]) if "group" in left else None,
        importance=importance,
        tolerance=_filled(left, "tolerance", TOLERANCE),
        levels=list(left["geo_level"]),
        sources=list(left["source"]) if "source" in left else None,
        refused=(*refused, *reconciled.refused),
        adjusted=reconciled.adjusted,
        units=units.labels,
    )


def target_names(targets: "pd.DataFrame") -> list[str]:
    """The table's names, or what each target is of and where."""
    if "name" in targets:
        return [str(name) for name in targets["name"]]
    both = zip(targets["variable"], targets["geo_id"], strict=True)
    return [f"{variable} of {place}" for variable, place in both]


class UnitPlaces(NamedTuple):
    """Where units live and what each has of its own, one entry a unit, all in one order.

    `area` is the id of the finest area; `household` the row of the values' table that a unit is a
    clone of, None where units are the rows themselves.
    """

    area: Sequence[str] | np.ndarray
    household: Sequence[int] | np.ndarray | None = None
    own: Mapping[str, Any] = MappingProxyType({})
    labels: "pd.Index | None" = None

    @classmethod
    def of(
        cls,
        rows: "pd.Index | None",
        geo_id: "Sequence[str] | np.ndarray | pd.Series",
        household: "Sequence[int] | np.ndarray | pd.Series | None" = None,
        own: Mapping[str, Any] | None = None,
    ) -> "UnitPlaces":
        """Match Series by their labels.

        Args:
            rows: the labels of the units where none is a clone.
            geo_id, household, own: as in `geography_operator`.

        Raises:
            BadInputError: labels that differ.
        """
        if own is not None:
            as_instance(own, Mapping, "own", "Give variable to one value a unit.")
        if household is None:
            ordered = in_order("geo_id", geo_id, (rows,), "values")
            return cls(as_labels(ordered, "geo_id"), None, dict(own or {}), rows)
        said = {"geo_id": geo_id, "household": household}
        said |= {f"own[{name!r}]": drawn for name, drawn in (own or {}).items()}
        first = next((name for name, column in said.items() if index_of(column) is not None), "")
        index = index_of(said.get(first))
        ordered = {name: in_order(name, x, (index,), first) for name, x in said.items()}
        return cls(
            as_labels(ordered["geo_id"], "geo_id"),
            ordered["household"],
            {name: ordered[f"own[{name!r}]"] for name in own or {}},
            index,
        )


def area_operator(
    targets: "pd.DataFrame", values: "pd.DataFrame", units: UnitPlaces, areas: Areas
) -> GeographyOperator:
    """The operator of targets whose areas are known, with `column_label` as `values` has it."""
    return GeographyOperator(
        values.to_numpy(),
        np.array([areas.ids[0][place] for place in units.area]),
        _rows(targets, values, areas),
        areas.parents,
        household=units.household,
        own={_place(name, values): drawn for name, drawn in units.own.items()} or None,
    )


def _rows(targets: "pd.DataFrame", values: "pd.DataFrame", areas: Areas) -> AreaTargets:
    """Level, area and column of each target."""
    level = np.array([areas.levels.index(name) for name in targets["geo_level"]])
    both = zip(level, targets["geo_id"], strict=True)
    area = np.array([areas.ids[at][str(place)] for at, place in both])
    return AreaTargets(level, area, _columns(targets["column_label"], values))


def _columns(labels: "pd.Series", values: "pd.DataFrame") -> Int[np.ndarray, " target"]:
    places = {label: _place(label, values) for label in labels.unique()}
    return np.array([places[label] for label in labels])


def _place(name: str, values: "pd.DataFrame") -> int:
    if name not in values.columns:
        raise unknown("variable", name, list(values.columns))
    return int(values.columns.get_loc(name))  # type: ignore[arg-type]


def _labelled(targets: "pd.DataFrame") -> "pd.DataFrame":
    """The table of a geography, where a variable has one column."""
    return targets.assign(column_label=targets["variable"])


def _filled(targets: "pd.DataFrame", name: str, default: Any) -> Float[np.ndarray, " target"]:
    """A column of numbers, the default where there is none."""
    if name not in targets:
        return np.broadcast_to(np.asarray(default, float), len(targets))
    given = targets[name].to_numpy(float)
    return np.where(np.isnan(given), default, given)


def _check_tables(targets: Any, values: Any, needed: Sequence[str]) -> None:
    check_table(targets, "targets")
    check_table(values, "values")
    for column in needed:
        if column not in targets.columns:
            raise BadInputError(
                f"The target table has no column {column!r}, only "
                f"{', '.join(map(str, targets.columns))}."
            )
