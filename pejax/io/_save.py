"""One door for saving and loading, by what the thing is and how the path ends."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._arguments import as_path
from .._files import atomic_path, refused_if_unreadable
from .._npz import load_arrays, save_arrays
from .._population import Population
from .._validate import BadInputError
from ._parquet import read_parquet, read_table, write_parquet, write_table
from ._population import holds_population, population_from_arrays, save_population


def save(thing: Any, path: str | os.PathLike) -> Path:
    """Save a population, named arrays or a table; nothing half-written is ever left.

    | thing                    | path                                        |
    |--------------------------|---------------------------------------------|
    | `Population`             | `.npz`, or a folder (parquet)               |
    | mapping of name to array | `.npz`                                      |
    | pandas `DataFrame`       | `.parquet` or `.csv`                        |

    Raises:
        BadInputError: no such pair in the table.
        MissingExtraError: parquet without `pyarrow`.
    """
    path = as_path(path, "path")
    if isinstance(thing, Population):
        if path.suffix == ".npz":
            return save_population(thing, path)
        if path.suffix == "":
            return write_parquet(thing, path)
    elif isinstance(thing, Mapping) and path.suffix == ".npz":
        return save_arrays(thing, path)
    elif hasattr(thing, "to_parquet") and path.suffix in (".parquet", ".csv"):
        return _save_frame(thing, path)
    raise BadInputError(
        f"Cannot save a {type(thing).__name__} as {path.name!r}. Populations go to .npz or a"
        " folder, named arrays to .npz, data frames to .parquet or .csv."
    )


def load(path: str | os.PathLike) -> Any:
    """Load what `save` wrote: a population, a dict of numpy arrays, or a data frame.

    Raises:
        FileNotFoundError: nothing is there.
        BadInputError: the file is none of `save`'s kinds, or breaks a rule of populations.
    """
    path = as_path(path, "path")
    if path.is_dir():
        return read_parquet(path)
    if path.suffix == ".npz":
        arrays = load_arrays(path)
        return population_from_arrays(arrays, path) if holds_population(arrays) else arrays
    if path.suffix in (".parquet", ".csv"):
        return _load_frame(path)
    raise BadInputError(f"Cannot load {path.name!r}. Known are .npz, .parquet, .csv and folders.")


def _save_frame(frame: Any, path: Path) -> Path:
    with atomic_path(path) as temporary:
        if path.suffix == ".parquet":
            write_table(frame, temporary)
        else:
            frame.to_csv(temporary, index=False)
    return path


def _load_frame(path: Path) -> Any:
    if path.suffix == ".csv":
        import pandas as pd

        with refused_if_unreadable(path, "CSV file"):
            return pd.read_csv(path)
    return read_table(path)
