"""One forest as plain arrays with a header, a version and a digest, and back.

What is made of the arrays are a forest's parts: this module knows no class of forests.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ...core._arguments import as_instance
from ...core._validate import BadInputError
from ...core.files._npz import Arrays, digest_of
from ..readout._all_values import AllValues
from ..readout._readout import LeafMean, Readout, SingleValue
from ._bags import Bags
from ._trees import Trees

if TYPE_CHECKING:
    from ._forest import Forest

ONE_FOREST = "pejax-forest"
VERSION = 4
_HEADER = "header"  # a JSON text beside the arrays
_TREES = ("records", "source", "depth")
_ALL = (AllValues, ("values", "offset", "start", "index", "cumulative"))
_READOUTS: dict[str, tuple[type[Readout], tuple[str, ...]]] = {
    "mean": (LeafMean, ("means", "values")),
    "single": (SingleValue, ("values", "index")),
    "all": _ALL,
    "meinshausen": _ALL,
}
_WEIGHTS = ("weights_are_whole", "equal_trees")
_IN_FILES = {"index": "rank", "weights_are_whole": "counts"}
"""What a field is called in files of version 4, where that is not its name."""

Parts = tuple[Trees, Readout, Bags | None]


def forest_to_arrays(forest: "Forest") -> Arrays:
    """All arrays by name, with a JSON header that says what they are."""
    arrays: Arrays = {}
    return sealed({"format": ONE_FOREST, "forest": described(forest, "", arrays)}, arrays)


def parts_from_arrays(arrays: Mapping[str, np.ndarray]) -> Parts:
    """The parts of the forest that `forest_to_arrays` took apart.

    Raises:
        BadInputError: not such arrays, of another version, or altered since.
    """
    as_instance(arrays, Mapping, "arrays", "Give what to_arrays returned.")
    held = dict(arrays)
    header = read_header(held, ONE_FOREST, "forest's")
    return parts_of(header["forest"], "", held)


def described(forest: "Forest", prefix: str, arrays: Arrays) -> dict[str, Any]:
    """What the header says of a forest, whose arrays are added under a prefix."""
    header = {
        "n_features": forest.trees.n_features,
        "feature_bits": forest.trees.feature_bits,
        "missing": forest.trees.missing,
        "gaps": list(forest.trees.gaps),
        "readout": forest.readout.name,
    }
    if isinstance(forest.readout, AllValues):
        header["weights"] = {
            _IN_FILES.get(name, name): getattr(forest.readout, name) for name in _WEIGHTS
        }
    _, fields = _READOUTS[forest.readout.name]
    for name in _TREES:
        arrays[prefix + name] = np.asarray(getattr(forest.trees, name))
    for name in fields:
        arrays[_of_leaves(prefix, name)] = np.asarray(getattr(forest.readout, name))
    if forest.bags is not None:
        header["n_donors"] = forest.bags.n_donors
        arrays[prefix + "bags"] = np.asarray(forest.bags.bits)
    return header


def parts_of(header: Mapping[str, Any], prefix: str, arrays: Arrays) -> Parts:
    """The parts of a forest whose arrays have a prefix."""
    readout, fields = _READOUTS[header["readout"]]
    trees = Trees(
        **{name: jnp.asarray(arrays[prefix + name]) for name in _TREES},
        n_features=header["n_features"],
        feature_bits=header["feature_bits"],
        missing=header["missing"],
        gaps=tuple(header["gaps"]),
    )
    held = {name: arrays[_of_leaves(prefix, name)] for name in fields}
    leaves = {name: x if name == "values" else jnp.asarray(x) for name, x in held.items()}
    bags = None
    if "n_donors" in header:
        bags = Bags(jnp.asarray(arrays[prefix + "bags"]), header["n_donors"])
    stored = header.get("weights", {})
    weights = {n: stored[_IN_FILES.get(n, n)] for n in _WEIGHTS} if stored else {}
    return trees, readout(**leaves, **weights), bags


def _of_leaves(prefix: str, field: str) -> str:
    """The key of a readout's array."""
    return f"{prefix}leaf_{_IN_FILES.get(field, field)}"


def sealed(header: dict[str, Any], arrays: Arrays) -> Arrays:
    """The arrays with their header, version and digest in it."""
    header |= {"version": VERSION}
    header["digest"] = _digest(header, arrays)
    return {_HEADER: np.array(json.dumps(header)), **arrays}


def read_header(arrays: Arrays, wanted: str, whose: str) -> dict[str, Any]:
    """The header of arrays of one format, taken out of them and checked against them."""
    text = arrays.pop(_HEADER, np.array(""))
    try:
        header = json.loads(str(text))
    except json.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or header.get("format") != wanted:
        raise BadInputError(
            f"These are no {whose} arrays. Use what to_arrays or save wrote, of the same class."
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
