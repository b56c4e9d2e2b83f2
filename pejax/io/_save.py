"""One door for saving and loading, by what the thing is and how the path ends."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core._arguments import as_file, as_path
from ..core._validate import BadInputError
from ..core.files._files import atomic_path, refused_if_unreadable
from ..core.files._kinds import is_program, kind_of
from ..core.files._npz import Arrays, Stored, load_arrays, save_arrays
from ..core.population._population import Population
from ._parquet import read_parquet, read_table, write_parquet, write_table
from ._population import holds_population, population_from_arrays, save_population


def save(thing: Any, path: str | os.PathLike) -> Path:
    """Save a population, named arrays or a table; nothing half-written is ever left.

    | thing                    | path                                        |
    |--------------------------|---------------------------------------------|
    | `Population`             | `.npz`, or a folder (parquet)               |
    | mapping of name to array | `.npz`                                      |
    | pandas `DataFrame`       | `.parquet` or `.csv`                        |
    | what has a `save`        | as it writes: a program, a forest, a chain  |

    Raises:
        BadInputError: no such pair in the table.
        MissingExtraError: parquet without `pyarrow`.

    >>> import tempfile
    >>> from pejax.testing import toy_population
    >>> save(toy_population(), f"{tempfile.mkdtemp()}/people.npz").name
    'people.npz'
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
    elif path.suffix == (".npz" if isinstance(thing, Stored) else ".pejax"):
        return _by_itself(thing, path)
    raise BadInputError(
        f"Cannot save a {type(thing).__name__} as {path.name!r}. Populations go to .npz or a"
        " folder, named arrays to .npz, data frames to .parquet or .csv."
    )


def load(path: str | os.PathLike) -> Any:
    """Open what pejax saved, by what is in the file.

    A population, a program, a forest, a chain of forests, a dict of numpy arrays or a data frame.
    Nothing in a file is executed.

    Raises:
        FileNotFoundError: nothing is there.
        BadInputError: the file is none of these kinds, is damaged, or breaks a rule of its kind.

    >>> import tempfile
    >>> from pejax.testing import toy_program
    >>> path = Path(tempfile.mkdtemp()) / "law.pejax"
    >>> toy_program().save(path)
    >>> type(load(path)).__name__
    'Program'
    """
    path = as_path(path, "path")
    if path.is_dir():
        return read_parquet(path)
    if path.suffix in (".parquet", ".csv"):
        return _load_frame(path)
    if path.suffix == ".pejax" or (path.exists() and is_program(path)):
        from ..engine import load as load_program

        return load_program(path)
    if path.suffix == ".npz":
        return _of_arrays(load_arrays(path), path)
    raise BadInputError(
        f"Cannot load {path.name!r}. Known are .npz, .pejax, .parquet, .csv and folders."
    )


def _of_arrays(arrays: Arrays, path: Path) -> Any:
    if holds_population(arrays):
        return population_from_arrays(arrays, path)
    kind = kind_of(arrays)
    if kind is None:
        return arrays
    try:
        return kind.read(arrays)
    except BadInputError as problem:
        raise BadInputError(f"{path} holds {kind.meant}: {problem}") from problem


def _by_itself(thing: Any, path: Path) -> Path:
    """Save what has a `save` of its own."""
    if not callable(getattr(thing, "save", None)):
        raise BadInputError(f"Cannot save a {type(thing).__name__} as {path.name!r}.")
    thing.save(path)
    return path


def _save_frame(frame: Any, path: Path) -> Path:
    with atomic_path(path) as temporary:
        if path.suffix == ".parquet":
            write_table(frame, temporary)
        else:
            frame.to_csv(temporary, index=False)
    return path


def _load_frame(path: Path) -> Any:
    as_file(path, "path")
    if path.suffix == ".csv":
        import pandas as pd

        with refused_if_unreadable(path, "CSV file"):
            return pd.read_csv(path)
    return read_table(path)
