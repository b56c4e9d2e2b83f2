"""The columns of a calibration problem: read in the order of the estimate matrix, and checked."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ...core._arrays import as_column, as_labels
from ..operators._operator import Operator
from . import _labels, _screen
from ._scale import default_scale

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 0.01
"""The error, in units of the scale, within which a target counts as met unless it says so."""

_NUMBERS = ("values", "scale", "importance", "tolerance")


class TargetColumns(NamedTuple):
    """What is asked of each row of the matrix."""

    names: tuple[str, ...]
    values: Float[np.ndarray, " target"]
    scale: Float[np.ndarray, " target"]
    importance: Float[np.ndarray, " target"]
    tolerance: Float[np.ndarray, " target"]
    groups: tuple[str, ...] | None
    levels: tuple[str, ...] | None
    sources: tuple[str, ...] | None

    @property
    def labels(self) -> tuple[tuple[str, ...] | None, ...]:
        """Groups, levels and sources, where there are any."""
        return self.groups, self.levels, self.sources

    def take(self, kept: Int[np.ndarray, " kept"]) -> "TargetColumns":
        """The columns of some rows."""
        groups, levels, sources = (
            None if column is None else _kept(column, kept) for column in self.labels
        )
        return TargetColumns(
            _kept(self.names, kept),
            self.values[kept],
            self.scale[kept],
            self.importance[kept],
            self.tolerance[kept],
            groups,
            levels,
            sources,
        )


def read_columns(
    operator: Operator,
    of_rows: "pd.Index | None",
    names: Sequence[str] | None,
    given: Mapping[str, Any],
) -> tuple[TargetColumns, _screen.Extent]:
    """The columns as they were given, filled where they were not, with the extent of each row.

    Args:
        operator: the estimate matrix.
        of_rows: the labels of its rows, where it was a DataFrame.
        names: as in `TargetProblem`.
        given: `values`, `scale`, `importance`, `tolerance`, `groups`, `levels`, `sources`, as
            there.

    Raises:
        BadInputError: as `TargetProblem`, but for the tolerance: only that of targets that are left
            must be a number.
    """
    n_targets = operator.shape[0]
    names, ordered = _in_order(n_targets, of_rows, names, given)
    values, scale = ordered["values"], ordered["scale"]
    _screen.check_names(names)
    _screen.check_any_target(operator, values)
    _screen.check_values(values, names)
    importance = _filled(ordered["importance"], 1.0, n_targets)
    _screen.check_importance(importance, names)
    extent = _screen.check_matrix(operator, names)
    if scale is None:
        scale = default_scale(operator, values, importance > 0)
    _screen.check_scale(scale, names)
    tolerance = _filled(ordered["tolerance"], TOLERANCE, n_targets)
    labels = (ordered[label] for label in ("groups", "levels", "sources"))
    labels = (None if column is None else tuple(column) for column in labels)
    return TargetColumns(tuple(names), values, scale, importance, tolerance, *labels), extent


def _in_order(
    n_targets: int,
    of_rows: "pd.Index | None",
    names: Sequence[str] | None,
    given: Mapping[str, Any],
) -> tuple[list[str], dict[str, Any]]:
    """The names, and each column in the order of the rows."""
    columns = {
        label: column if _labels.index_of(column) is not None else _plain(label, column)
        for label, column in given.items()
    }
    names = _named(names, of_rows, columns, n_targets)
    _screen.check_lengths(n_targets, names=names, **columns)
    known = of_rows, names
    return names, {
        label: _plain(label, _labels.in_order(label, column, known, "the estimate matrix"))
        for label, column in columns.items()
    }


def _named(
    names: Sequence[str] | None, rows: Any, columns: Mapping[str, Any], count: int
) -> list[str]:
    """The names that are given, or the labels of the matrix's rows or of a column, or numbers."""
    if names is not None:
        return as_labels(names, "names")
    found = _labels.names_of(rows, *map(_labels.index_of, columns.values()))
    return [f"target_{row}" for row in range(count)] if found is None else found


def _plain(label: str, column: Any) -> Any:
    """A column that was given as one number, or one label, a target."""
    if column is None and label != "values":  # every other column may be left out
        return None
    return as_column(column, label, "target") if label in _NUMBERS else as_labels(column, label)


def _kept(given: Sequence[str], kept: Int[np.ndarray, " kept"]) -> tuple[str, ...]:
    return tuple(str(given[row]) for row in kept)


def _filled(given: Any, default: float, count: int) -> Float[np.ndarray, " target"]:
    return np.full(count, default) if given is None else np.asarray(given, float)
