"""Forests and imputers as plain arrays with a header, a version and a digest."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core._arguments import as_instance
from ..core.files._npz import Arrays
from .forest._forest import Forest
from .forest._stages import SignForest
from .forest._to_arrays import described, parts_of, read_header, sealed
from .sequential._columns import column_from_json, column_to_json
from .sequential._imputer import Imputer

FORMAT = "pejax-imputers"
WHOLE = "whole"

_PREDICTORS = "inputs"  # what files of version 4 call them
_STAGES = ("sign", "negative", "positive")


def imputers_to_arrays(imputers: Sequence[Imputer]) -> Arrays:
    """All arrays by name, with a JSON header that says how they belong together."""
    arrays: Arrays = {}
    about = []
    for i, imputer in enumerate(imputers):
        columns = {
            "target": column_to_json(imputer.target),
            _PREDICTORS: [column_to_json(column) for column in imputer.predictors],
        }
        if imputer.whole is not None:
            arrays[f"{i}/{WHOLE}"] = np.asarray(imputer.whole)
        about.append(columns | {"forest": _described(imputer.forest, f"{i}/", arrays)})
    return sealed({"format": FORMAT, "imputers": about}, arrays)


def imputers_from_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[Imputer, ...]:
    """The imputers that `imputers_to_arrays` took apart.

    Raises:
        BadInputError: not such arrays, of another version, or altered since.
    """
    as_instance(arrays, Mapping, "arrays", "Give what to_arrays returned.")
    held = dict(arrays)
    header = read_header(held, FORMAT, "imputer's")
    return tuple(
        Imputer(
            _rebuilt(known["forest"], f"{i}/", held),
            tuple(column_from_json(column) for column in known[_PREDICTORS]),
            column_from_json(known["target"]),
            held.get(f"{i}/{WHOLE}"),
        )
        for i, known in enumerate(header["imputers"])
    )


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
    return described(forest, prefix, arrays)


def _rebuilt(header: Mapping[str, Any], prefix: str, arrays: Arrays) -> Forest | SignForest:
    if "stages" not in header:
        return Forest(*parts_of(header, prefix, arrays))
    stages = {
        name: Forest(*parts_of(part, f"{prefix}{name}/", arrays))
        for name, part in header["stages"].items()
    }
    return SignForest(stages["sign"], stages.get("negative"), stages.get("positive"))
