"""What a chart is given, checked at the edge: labels, named columns, colours, formats."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..core._arguments import as_named, as_text, shown
from ..core._arrays import as_labels, as_numbers, items_of
from ..core._validate import BadInputError
from ._theme import SERIES

Series = Mapping[str, ArrayLike]
_LARGEST = 1e300  # that can be added up and subtracted


def texts(labels: object, name: str = "labels") -> tuple[str, ...]:
    """Labels as texts.

    Raises:
        BadInputError: no list of them, or one that is missing or a list.
    """
    return tuple(as_labels(labels, name))


def column(values: object, name: str, count: int | None = None) -> Float[np.ndarray, " row"]:
    """Numbers in one dimension, `count` of them if it is given.

    Those beyond 1e300 count as infinite, and those as small as that as 0.

    Raises:
        BadInputError: they are no numbers, or not so many.
    """
    held = plain(values, name)
    if held.ndim != 1:
        raise BadInputError(f"{name} has {held.ndim} dimensions. Give a list of numbers.")
    if count is not None and len(held) != count:
        raise BadInputError(f"{name} has {len(held)} numbers for {count} places. Give one each.")
    size = np.abs(held)
    return np.where(size > _LARGEST, np.inf, np.where(size < 1 / _LARGEST, 0.0, held))


def columns(
    labels: object, series: object, *, negative: bool = True
) -> tuple[tuple[str, ...], dict[str, Float[np.ndarray, " row"]]]:
    """Labels, and a number a label for each series.

    Raises:
        BadInputError: as `column`; or a number is negative and may not be.
    """
    names = texts(labels)
    given = as_named(series, "series", "numbers")
    held = {name: column(values, name, len(names)) for name, values in given.items()}
    for name, values in held.items():
        if not negative and (values < 0).any():
            row = int(np.flatnonzero(values < 0)[0])
            raise BadInputError(
                f"{name}, {names[row]}: a share of {values[row]:g}. Give shares of 0 or more."
            )
    return names, held


def fail_if_other_labels(columns: Mapping[str, object]) -> None:
    """Columns of pandas belong together by label, and labels that differ are refused."""
    import pandas as pd

    as_named(columns, "columns", "numbers")
    indexes = {name: x.index for name, x in columns.items() if isinstance(x, pd.Series)}
    first = next(iter(indexes), "")
    for name, index in indexes.items():
        if not index.equals(indexes[first]):
            raise BadInputError(
                f"{name} and {first} have other labels. Reindex one of them, or pass .to_numpy()."
            )


def coloured(names: Iterable[str], first: Sequence[str] = ()) -> dict[str, str]:
    """A colour a series, the `first` ones before those of all charts."""
    shades = items_of(first, f"colours is {shown(first)}. Give a list of colours.")
    first = [as_text(shade, f"colours[{k}]") for k, shade in enumerate(shades)]
    palette = [*first, *(colour for colour in SERIES if colour not in first)]
    return {name: palette[k % len(palette)] for k, name in enumerate(names)}


def form_of(given: object) -> str:
    """`$`, `%` or nothing, whatever else a format says.

    >>> form_of("~%"), form_of("$,.0f"), form_of(None)
    ('%', '$', '')
    """
    text = "" if given is None else as_text(given, "the format")
    return next((form for form in "$%" if form in text), "")


def plain(values: object, name: str) -> Float[np.ndarray, "..."]:
    """Numbers without their labels, in float64.

    Raises:
        BadInputError: texts, dates and complex numbers, with their place.
    """
    return as_numbers(values, name).astype(np.float64)
