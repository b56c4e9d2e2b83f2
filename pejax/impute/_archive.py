"""Forests and imputers as plain arrays with a header, a version and a digest."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core._arguments import as_instance
from ..core._validate import BadInputError
from ..core.files._npz import Arrays, digest_of
from .forest._bags import Bags
from .forest._forest import Forest
from .forest._stages import SignForest
from .forest._trees import Trees
from .readout._all_values import AllValues
from .readout._readout import LeafMean, Readout, SingleValue
from .sequential._columns import column_from_json, column_to_json
from .sequential._imputer import Imputer

FORMAT = "pejax-imputers"
ONE_FOREST = "pejax-forest"
VERSION = 4
_MEANT = {FORMAT: "imputer's", ONE_FOREST: "forest's"}
HEADER = "header"  # a JSON text beside the arrays
WHOLE = "whole"

_STAGES = ("sign", "negative", "positive")
_TREES = ("records", "source", "depth")
_ALL = (AllValues, ("values", "offset", "start", "rank", "cumulative"))
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
        columns = {
            "target": column_to_json(imputer.target),
            "inputs": [column_to_json(column) for column in imputer.inputs],
        }
        if imputer.whole is not None:
            arrays[f"{i}/{WHOLE}"] = np.asarray(imputer.whole)
        described.append(columns | {"forest": _described(imputer.forest, f"{i}/", arrays)})
    return _sealed({"format": FORMAT, "imputers": described}, arrays)


def imputers_from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[Imputer, ...]:
    """The imputers that `imputers_to_arrays` took apart.

    Raises:
        BadInputError: not such arrays, of another version, or altered since.
    """
    as_instance(arrays, Mapping, "arrays", "Give what to_arrays returned.")
    held = dict(arrays)
    header = _read_header(held, FORMAT)
    return tuple(
        Imputer(
            _rebuilt(described["forest"], f"{i}/", held),
            tuple(column_from_json(column) for column in described["inputs"]),
            column_from_json(described["target"]),
            held.get(f"{i}/{WHOLE}"),
        )
        for i, described in enumerate(header["imputers"])
    )


def forest_to_arrays(forest: Forest) -> Arrays:
    """One forest, as `imputers_to_arrays` writes several."""
    arrays: Arrays = {}
    return _sealed({"format": ONE_FOREST, "forest": _described(forest, "", arrays)}, arrays)


def forest_from_arrays(arrays: Mapping[str, np.ndarray]) -> Forest:
    """The forest that `forest_to_arrays` took apart.

    Raises:
        BadInputError: not such arrays, of another version, or altered since.
    """
    as_instance(arrays, Mapping, "arrays", "Give what to_arrays returned.")
    held = dict(arrays)
    header = _read_header(held, ONE_FOREST)
    return _one_rebuilt(header["forest"], "", held)


def _described(forest: Forest | SignForest, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """What the header says of a forest, whose arrays are added under a prefix."""
    if isinstance(forest, SignForest):
        stages = {name: getattr(forest, name) for name in _STAGES}
        return {
            "stages": {
                name: _described(part, f"{prefix}{name}/", arrays)
                for name, part in stages.items()
                if part is not None
            }
        }
    header = {
        "n_features": forest.trees.n_features,
        "feature_bits": forest.trees.feature_bits,
        "missing": forest.trees.missing,
        "gaps": list(forest.trees.gaps),
        "readout": forest.readout.name,
    }
    if isinstance(forest.readout, AllValues):
        header["weights"] = {
            "counts": forest.readout.counts,
            "equal_trees": forest.readout.equal_trees,
        }
    _, stored = _STORES[forest.readout.name]
    for name in _TREES:
        arrays[prefix + name] = np.asarray(getattr(forest.trees, name))
    for name in stored:
        arrays[f"{prefix}leaf_{name}"] = np.asarray(getattr(forest.readout, name))
    if forest.bags is not None:
        header["n_donors"] = forest.bags.n_donors
        arrays[prefix + "bags"] = np.asarray(forest.bags.bits)
    return header


def _rebuilt(header: Mapping[str, Any], prefix: str, arrays: Arrays) -> Forest | SignForest:
    if "stages" not in header:
        return _one_rebuilt(header, prefix, arrays)
    stages = {
        name: _one_rebuilt(part, f"{prefix}{name}/", arrays)
        for name, part in header["stages"].items()
    }
    return SignForest(stages["sign"], stages.get("negative"), stages.get("positive"))


def _one_rebuilt(header: Mapping[str, Any], prefix: str, arrays: Arrays) -> Forest:
    store, stored = _STORES[header["readout"]]
    trees = Trees(
        **{name: jnp.asarray(arrays[prefix + name]) for name in _TREES},
        n_features=header["n_features"],
        feature_bits=header["feature_bits"],
        missing=header["missing"],
        gaps=tuple(header["gaps"]),
    )
    held = {name: arrays[f"{prefix}leaf_{name}"] for name in stored}
    leaves = {name: x if name == "values" else jnp.asarray(x) for name, x in held.items()}
    bags = None
    if "n_donors" in header:
        bags = Bags(jnp.asarray(arrays[prefix + "bags"]), header["n_donors"])
    return Forest(trees, store(**leaves, **header.get("weights", {})), bags)


def _sealed(header: dict[str, Any], arrays: Arrays) -> Arrays:
    """The arrays with their header, version and digest in it."""
    header |= {"version": VERSION}
    header["digest"] = _digest(header, arrays)
    return {HEADER: np.array(json.dumps(header)), **arrays}


def _read_header(arrays: Arrays, wanted: str) -> dict[str, Any]:
    text = arrays.pop(HEADER, np.array(""))
    try:
        header = json.loads(str(text))
    except json.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or header.get("format") != wanted:
        raise BadInputError(
            f"These are no {_MEANT[wanted]} arrays. Use what to_arrays or save wrote, of the same"
            " class."
        )
    if header.get("version") != VERSION:
        raise BadInputError(
            f"The imputer was saved in version {header.get('version')} of the format; this pejax"
            f" reads version {VERSION}. Fit and save again, or use the pejax that saved it."
        )
    found = header.pop("digest", None)
    if found != _digest(header, arrays):
        raise BadInputError(
            "The imputer's arrays differ from what was saved (their digest does not match)."
            " Copy the file again, or fit and save again."
        )
    return header


def _digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    return digest_of(json.dumps(header, sort_keys=True), arrays)
