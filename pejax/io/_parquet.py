"""Populations as a folder of parquet tables, one an entity."""

import json
import os
from pathlib import Path

from .._files import atomic_folder, write_json
from .._population import Population
from .._validate import BadInputError, require

_DESCRIPTION = "population.json"


def write_parquet(population: Population, folder: str | os.PathLike) -> Path:
    """Write `<entity>.parquet` for every entity: ids, links, weights, columns with labels.

    The folder appears, or replaces an older one, only when all of it is written.
    """
    require("pyarrow", "io")
    schema = population.schema
    with atomic_folder(folder) as temporary:
        for entity, frame in population.to_frames().items():
            frame.to_parquet(temporary / f"{entity}.parquet", index=False)
        write_json(
            temporary / _DESCRIPTION,
            {
                "person": schema.person,
                "household": schema.household,
                "weights": schema.weight_name,
                "entities": schema.entities,
            },
        )
    return Path(folder)


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
    """
    require("pyarrow", "io")
    import pandas as pd

    folder = Path(folder)
    described = _description(folder)
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise BadInputError(
            f"There are no .parquet files in {folder}. Expected person.parquet,"
            " household.parquet and one file for every further group."
        )
    return Population.from_frames(
        {file.stem: pd.read_parquet(file) for file in files},
        described.get("weights", weights),
        person=described.get("person", person),
        household=described.get("household", household),
    )


def _description(folder: Path) -> dict:
    path = folder / _DESCRIPTION
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
