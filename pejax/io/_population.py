"""Populations as `.npz`, without pickle."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core._validate import BadInputError, PejaxError
from ..core.files._npz import save_arrays
from ..core.population._checks import check
from ..core.population._population import Population
from ..core.population._tables import Tables

_FORMAT = "pejax population 1"
_SCHEMA = "schema.json"


def save_population(population: Population, path: str | os.PathLike) -> Path:
    """Write the real rows; padding and sharding are not kept."""
    tables = population.to_tables()
    arrays = {"weights": tables.weights}
    for entity in tables.entities:
        arrays[f"ids/{entity}"] = tables.ids[entity]
        for name, values in tables.columns[entity].items():
            arrays[f"columns/{entity}/{name}"] = values
    arrays |= {f"links/{group}": link for group, link in tables.links.items()}
    arrays[_SCHEMA] = np.array(json.dumps(_schema(tables)))
    return save_arrays(arrays, path)


def population_from_arrays(arrays: dict[str, np.ndarray], path: Path) -> Population:
    """The population in a file's arrays; `path` only names the file in messages."""
    try:
        tables = _tables(arrays, path)
        check(tables)
    except PejaxError:
        raise
    except Exception as problem:  # arrays of other shapes and types fail wherever they are met
        raise BadInputError(
            f"{path} holds a population that is not whole ({type(problem).__name__}: {problem})."
            " Save it again, or copy it again from where it is whole."
        ) from problem
    return Population.from_tables(tables)


def holds_population(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether loaded arrays are those of a population."""
    return _SCHEMA in arrays


def _schema(tables: Tables) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "person": tables.person,
        "household": tables.household,
        "groups": tables.groups,
        "weight_name": tables.weight_name,
        "vocabularies": [[*key, labels] for key, labels in tables.vocabularies.items()],
        "origin": [[*key, word] for key, word in tables.origin.items()],
    }


def _tables(arrays: dict[str, np.ndarray], path: Path) -> Tables:
    schema = json.loads(str(arrays[_SCHEMA])) if _SCHEMA in arrays else {}
    if schema.get("format") != _FORMAT:
        raise BadInputError(
            f"{path} holds no {_FORMAT!r} (found {schema.get('format')!r}). Write it again with"
            " io.save of this version."
        )
    entities = (schema["person"], *schema["groups"])
    columns: dict[str, dict[str, np.ndarray]] = {entity: {} for entity in entities}
    for key, values in arrays.items():
        kind, *rest = key.split("/", 2)
        if kind == "columns":
            columns[rest[0]][rest[1]] = values
    return Tables(
        person=schema["person"],
        household=schema["household"],
        groups=tuple(schema["groups"]),
        columns=columns,
        links={group: arrays[f"links/{group}"] for group in schema["groups"]},
        ids={entity: arrays[f"ids/{entity}"] for entity in entities},
        weights=arrays["weights"],
        vocabularies={(e, c): tuple(labels) for e, c, labels in schema["vocabularies"]},
        origin={(e, c): word for e, c, word in schema["origin"]},
        weight_name=schema["weight_name"],
    )
