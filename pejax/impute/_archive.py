"""Forests and imputers as plain arrays, and as `npz` files written whole or not at all."""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._files import atomic_path
from .._validate import BadInputError
from ._all_values import AllValues
from ._columns import column_from_json, column_to_json
from ._forest import Forest
from ._imputer import Imputer
from ._readout import LeafMean, Readout, SingleValue
from ._trees import Trees

FORMAT = "pejax-imputers"
VERSION = 1
HEADER = "header"  # a JSON text beside the arrays

Arrays = dict[str, np.ndarray]

_TREES = ("records", "source", "depth")
_ALL = (AllValues, ("values", "start", "rank", "cumulative", "means"))
_STORES: dict[str, tuple[type[Readout], tuple[str, ...]]] = {
    "mean": (LeafMean, ("means", "values")),
    "single": (SingleValue, ("values", "rank")),
    "all": _ALL,
    "meinshausen": _ALL,
}


def imputers_to_arrays(imputers: Sequence[Imputer]) -> Arrays:
    """All arrays by name, with a JSON header that says how they belong together."""
    arrays: Arrays = {}
    described = []
    for i, imputer in enumerate(imputers):
        arrays |= {f"{i}/{name}": array for name, array in _forest_arrays(imputer.forest).items()}
        described.append(
            {
                "target": column_to_json(imputer.target),
                "inputs": [column_to_json(column) for column in imputer.inputs],
                "forest": _forest_header(imputer.forest),
            }
        )
    header = {"format": FORMAT, "version": VERSION, "imputers": described}
    header["digest"] = _digest(header, arrays)
    return {HEADER: np.array(json.dumps(header)), **arrays}


def imputers_from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[Imputer, ...]:
    """The imputers that `imputers_to_arrays` took apart.

    Raises:
        BadInputError: not such arrays, of a later version, or altered since.
    """
    held = dict(arrays)
    header = _read_header(held)
    return tuple(
        Imputer(
            _forest_of(described["forest"], held, f"{i}/"),
            tuple(column_from_json(column) for column in described["inputs"]),
            column_from_json(described["target"]),
        )
        for i, described in enumerate(header["imputers"])
    )


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write an `npz` file; an interrupted write leaves what was there before."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return Path(path)


def load_arrays(path: str | os.PathLike[str]) -> Arrays:
    """Read an `npz` file without unpickling anything.

    Raises:
        BadInputError: the file is damaged or something else.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{path} is no readable forest file ({error}). Write it again with save."
        ) from error


def _forest_header(forest: Forest) -> dict[str, Any]:
    header = {
        "n_features": forest.trees.n_features,
        "feature_bits": forest.trees.feature_bits,
        "missing": forest.trees.missing,
        "readout": forest.readout.name,
    }
    if isinstance(forest.readout, AllValues):
        header["weights"] = {
            "counts": forest.readout.counts,
            "equal_trees": forest.readout.equal_trees,
        }
    return header


def _forest_arrays(forest: Forest) -> Arrays:
    _, stored = _STORES[forest.readout.name]
    trees = {name: np.asarray(getattr(forest.trees, name)) for name in _TREES}
    return trees | {f"leaf_{name}": np.asarray(getattr(forest.readout, name)) for name in stored}


def _forest_of(header: Mapping[str, Any], arrays: Arrays, prefix: str) -> Forest:
    store, stored = _STORES[header["readout"]]
    trees = Trees(
        **{name: jnp.asarray(arrays[prefix + name]) for name in _TREES},
        n_features=header["n_features"],
        feature_bits=header["feature_bits"],
        missing=header["missing"],
    )
    held = {name: arrays[f"{prefix}leaf_{name}"] for name in stored}
    leaves = {name: x if name == "values" else jnp.asarray(x) for name, x in held.items()}
    return Forest(trees, store(**leaves, **header.get("weights", {})))


def _read_header(arrays: Arrays) -> dict[str, Any]:
    text = arrays.pop(HEADER, np.array(""))
    try:
        header = json.loads(str(text))
    except json.JSONDecodeError:
        header = {}
    if header.get("format") != FORMAT:
        raise BadInputError("These are no imputer's arrays. Use what to_arrays or save wrote.")
    if header["version"] != VERSION:
        raise BadInputError(
            f"The imputer was saved in version {header['version']} of the format; this pejax reads"
            f" version {VERSION}. Upgrade pejax, or fit and save again."
        )
    found = header.pop("digest")
    if found != _digest(header, arrays):
        raise BadInputError(
            "The imputer's arrays differ from what was saved (their digest does not match)."
            " Copy the file again, or fit and save again."
        )
    return header


def _digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
