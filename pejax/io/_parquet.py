"""Populations as a folder of parquet tables, one an entity."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..core._validate import BadInputError, require
from ..core.files._files import atomic_folder, write_json
from ..core.files._npz import digest_of
from ..core.population._population import Population

if TYPE_CHECKING:
    import pandas as pd

_DESCRIPTION = "population.json"


def write_parquet(population: Population, folder: str | os.PathLike) -> Path:
    """Write `<entity>.parquet` for every entity: ids, links, weights, columns with labels.

    The folder appears, or replaces an older population, only when all of it is written.

    Raises:
        BadInputError: the folder holds something else, which would be lost.

    >>> import tempfile
    >>> from pejax.testing import toy_population
    >>> folder = write_parquet(toy_population(), tempfile.mkdtemp())
    >>> sorted(path.name for path in folder.glob("*.parquet"))
    ['household.parquet', 'person.parquet', 'tax_unit.parquet']
    """
    require("pyarrow", "io")
    schema = population.schema
    with atomic_folder(folder) as temporary:
        _fail_if_others(Path(folder))
        for entity, frame in population.to_frames().items():
            write_table(frame, temporary / f"{entity}.parquet")
        digests = {path.name: _digest(path) for path in temporary.iterdir()}
        write_json(
            temporary / _DESCRIPTION,
            {
                "person": schema.person,
                "household": schema.household,
                "weights": schema.weight_name,
                "entities": schema.entities,
                "digests": digests,
            },
        )
    return Path(folder)


def _fail_if_others(folder: Path) -> None:
    """A folder that is written anew is empty or holds a population of ours and nothing else."""
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    ours = [_DESCRIPTION, *(name for name in held if name.endswith(".parquet"))]
    others = [name for name in held if name not in ours or _DESCRIPTION not in held]
    if others:
        raise BadInputError(
            f"{folder} holds {others[0]!r}, which is no part of a saved population and would be"
            " lost. Give a folder of its own."
        )


def read_parquet(
    folder: str | os.PathLike,
    weights: str | None = "household_weight",
    *,
    person: str = "person",
    household: str = "household",
) -> Population:
    """Read a folder with one parquet table an entity, this library's own or anybody's.

    The arguments are those of `Population.from_frames`. A `population.json`, as `write_parquet`
    leaves it, overrides them.

    >>> import tempfile
    >>> from pejax.testing import toy_population
    >>> folder = write_parquet(toy_population(), tempfile.mkdtemp())
    >>> read_parquet(folder).schema.counts["household"]
    4
    """
    folder = Path(folder)
    described = _description(folder)
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise BadInputError(
            f"There are no .parquet files in {folder}. Expected person.parquet,"
            " household.parquet and one file for every further group."
        )
    _fail_if_changed(folder, described.get("digests", {}))
    return Population.from_frames(
        {file.stem: read_table(file) for file in files},
        described.get("weights", weights),
        person=described.get("person", person),
        household=described.get("household", household),
    )


def write_table(frame: "pd.DataFrame", path: Path) -> None:
    """One table, with a checksum for every page of values.

    Raises:
        BadInputError: a column of a type that parquet does not have.
    """
    require("pyarrow", "io")
    import pyarrow.lib

    try:
        frame.to_parquet(path, index=False, write_page_checksum=True)
    except pyarrow.lib.ArrowException as problem:
        reason = ". ".join(str(part) for part in problem.args)
        raise BadInputError(
            f"parquet does not hold this table ({reason}). Convert the column, to float32 or to"
            " text for example."
        ) from problem


def read_table(path: Path) -> "pd.DataFrame":
    """One table, its checksums verified where it has any.

    Raises:
        FileNotFoundError: there is no such file.
        BadInputError: the file is damaged or something else.
    """
    require("pyarrow", "io")
    import pandas as pd
    import pyarrow.lib

    with path.open("rb") as file:
        try:
            return pd.read_parquet(file, page_checksum_verification=True)
        except (OSError, ValueError, KeyError, TypeError, pyarrow.lib.ArrowException) as problem:
            reason = str(problem).partition("\n")[0]
            raise BadInputError(
                f"{path} is no readable parquet table ({reason}). Save it again, or copy it again"
                " from where it is whole."
            ) from problem


def _digest(path: Path) -> str:
    return digest_of(path.read_bytes(), {})


def _fail_if_changed(folder: Path, digests: Mapping[str, str]) -> None:
    for name, digest in digests.items():
        if not (folder / name).exists() or _digest(folder / name) != digest:
            raise BadInputError(
                f"{folder / name} is not what was saved. Copy the folder again from where it is"
                f" whole; or, if the change is yours, remove {_DESCRIPTION} beside it and say which"
                " column holds the weights."
            )


def _description(folder: Path) -> dict:
    path = folder / _DESCRIPTION
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as problem:
        raise BadInputError(
            f"{path} is damaged ({problem}). Save the population again, or remove this file and say"
            " which column holds the weights."
        ) from problem
