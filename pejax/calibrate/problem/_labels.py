"""Labels of pandas: what is given with an index is matched by it, and refused where it differs."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from ...core._arrays import as_index
from ...core._validate import BadInputError

if TYPE_CHECKING:
    import pandas as pd


class Labels:
    """An index that compares by value, so that a problem that carries it is a pytree like any."""

    def __init__(self, index: "pd.Index"):
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and (
            self.index is other.index or self.index.equals(other.index)
        )

    def kept(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The index for a file: the values of its levels, and their names."""
        levels = [self.index.get_level_values(k) for k in range(self.index.nlevels)]
        return tuple(_plain(level) for level in levels), tuple(self.index.names)

    @classmethod
    def of_kept(cls, kept: Any) -> "Labels":
        """The index that `kept` told of."""
        import pandas as pd

        levels, names = kept
        if len(levels) > 1:
            return cls(pd.MultiIndex.from_arrays(levels, names=names))
        level = levels[0]
        if isinstance(level, tuple):
            return cls(pd.RangeIndex(*level, name=names[0]))
        return cls(pd.Index(level.tolist() if level.dtype.kind == "U" else level, name=names[0]))

    def __hash__(self) -> int:
        return hash((len(self.index), *map(str, self.index[:1])))


def _plain(level: "pd.Index") -> Any:
    """A level's values as a range or an array without objects."""
    import pandas as pd

    if isinstance(level, pd.RangeIndex):
        return level.start, level.stop, level.step
    values = level.to_numpy()
    texts = values.dtype.hasobject and all(isinstance(one, str) for one in values)
    return values.astype(str) if texts else values


def index_of(given: Any) -> "pd.Index | None":
    """The index of a Series or a DataFrame of pandas; None of anything else."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(given, pandas.Series | pandas.DataFrame):
        return None
    return given.index


def columns_of(given: Any) -> "pd.Index | None":
    """The labels of a DataFrame's columns; None of anything else."""
    return None if index_of(given) is None else getattr(given, "columns", None)


def names_of(*indexes: "pd.Index | None") -> list[str] | None:
    """The labels of the first index that has some of its own, as names."""
    own = (index for index in indexes if index is not None and not _is_count(index))
    first = next(own, None)
    return None if first is None else [str(label) for label in first]


def units_of(labels: Any, count: int) -> "pd.Index | None":
    """The labels of units, one each; None where none are given.

    Raises:
        BadInputError: another number of labels.
    """
    if labels is None:
        return None
    return as_index(labels, "units", "the estimate matrix", count, "column")


def in_order(
    what: str, given: Any, known: Sequence["pd.Index | Sequence[str] | None"], matrix: str
) -> Any:
    """A column in the order of the labels that are known; as it is if it has none.

    An index that only counts rows is no label to those that have names, nor the other way round.

    Args:
        what: the argument's name, for messages.
        given: a Series, or anything else.
        known: labels that it may have, in the order in which they are wanted.
        matrix: what has these labels, for messages.

    Raises:
        BadInputError: labels that are other ones, or that appear twice in another order.
    """
    index = index_of(given)
    if index is None:
        return given
    wanted = [_as_index(labels) for labels in known if labels is not None]
    for labels in wanted:
        order = _order(index, labels)
        if order is None and labels.dtype == object:  # names, which are texts of labels
            order = _order(_as_text(index), labels)
        if order is not None:
            return given.iloc[order]
    if all(
        _is_count(index) != _is_count(labels) and _are_other(index, labels) for labels in wanted
    ):
        return given
    raise _mismatch(what, index, wanted[0], matrix)


def by_row(what: str, given: Any, count: int) -> Any:
    """A column in the order of the population's rows, which are counted from 0.

    Args:
        what: the argument's name, for messages.
        given: a Series, or anything else, which is handed back as it is.
        count: of the rows.

    Raises:
        BadInputError: labels that are other numbers.
    """
    if index_of(given) is None:
        return given
    return in_order(what, given, (row_numbers(count),), "the population")


def row_numbers(count: int) -> "pd.Index":
    """The labels of rows that have no names: 0, 1, 2, ..."""
    import pandas as pd

    return pd.RangeIndex(count)


def _as_index(labels: "pd.Index | Sequence[str]") -> "pd.Index":
    import pandas as pd

    return labels if isinstance(labels, pd.Index) else pd.Index(list(labels), dtype=object)


def _order(index: "pd.Index", labels: "pd.Index") -> Int[np.ndarray, " label"] | None:
    """Where each label is in an index of the same ones; None where they are not the same."""
    if index.equals(labels):
        return np.arange(len(labels))
    if len(index) != len(labels) or not (index.is_unique and labels.is_unique):
        return None
    order = index.get_indexer(labels)
    return None if (order < 0).any() else order


def _is_count(index: "pd.Index") -> bool:
    """Whether an index is what pandas gives where nobody says one: 0, 1, 2, ..."""
    start, step = getattr(index, "start", None), getattr(index, "step", None)
    return start == 0 and step == 1


def _are_other(index: "pd.Index", labels: "pd.Index") -> bool:
    """Whether one of two indexes holds numbers and the other does not."""
    return (index.dtype.kind in "iuf") != (labels.dtype.kind in "iuf")


def _as_text(index: "pd.Index") -> "pd.Index":
    return _as_index([str(label) for label in index])


def _mismatch(what: str, index: "pd.Index", labels: "pd.Index", matrix: str) -> BadInputError:
    if index.nlevels != labels.nlevels:
        index, labels = _as_text(index), _as_text(labels)
    lacking = labels[~labels.isin(index)]
    strange = index[~index.isin(labels)]
    if len(lacking):
        said = f"has no entry for {_shown(lacking)}, which {matrix} has"
    elif len(strange):
        said = f"has an entry for {_shown(strange)}, which {matrix} has not"
    else:
        said = f"and {matrix} have a label twice, in different orders"
    return BadInputError(
        f"{what} {said}. Give an entry for each label once, or {what}.to_numpy() to go by order."
    )


def _shown(labels: "pd.Index") -> str:
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{labels[0]!r}{more}"
