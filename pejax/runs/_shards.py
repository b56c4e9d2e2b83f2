"""Finished parts of a job in a folder: one file each, written once, never changed."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core._digest import digest
from ..core._validate import BadInputError
from ..core.files._npz import load_arrays, save_arrays
from ._executor import Columns, Items

_ITEM, _FAILED, _REASON, _COLUMN = "item", "failed", "reason", "column/"


class Shard(NamedTuple):
    """Some items' results, and why others have none.

    Attributes:
        items: numbers of the items that have results.
        columns: their results.
        reasons: by number, why an item has none.
    """

    items: Items
    columns: Columns
    reasons: Mapping[int, str]


class Shards:
    """The shards of one job.

    Args:
        folder: of the job; None keeps nothing.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder

    def __iter__(self) -> Iterator[Shard]:
        """Every whole shard; a damaged one is told of, and its items are computed again."""
        if self.folder is None:
            return
        for path in sorted(self.folder.glob("items-*.npz")):
            try:
                yield _read(path)
            except BadInputError as problem:
                warnings.warn(f"{problem} Here its items are computed again.", stacklevel=4)

    def add(self, shard: Shard) -> None:
        """Keep a shard, whole or not at all."""
        if self.folder is not None:
            numbers = sorted([*shard.items.tolist(), *shard.reasons])
            save_arrays(_arrays(shard), self.folder / f"items-{_name(numbers)}.npz")


def _name(numbers: list[int]) -> str:
    """First and last item, and a digest of all: the same items have the same name."""
    return f"{numbers[0]:09d}-{numbers[-1]:09d}-{digest(np.asarray(numbers, np.int64))[:8]}"


def _arrays(shard: Shard) -> dict[str, np.ndarray]:
    arrays = {_COLUMN + name: np.asarray(values) for name, values in shard.columns.items()}
    failed = np.asarray(list(shard.reasons), np.int64)
    reasons = np.asarray(list(shard.reasons.values()), str)
    return arrays | {_ITEM: np.asarray(shard.items), _FAILED: failed, _REASON: reasons}


def _read(path: Path) -> Shard:
    arrays = load_arrays(path)
    try:
        items, failed, reasons = (arrays.pop(name) for name in (_ITEM, _FAILED, _REASON))
    except KeyError as missing:
        raise BadInputError(f"{path} is no shard of a job: it has no {missing}.") from missing
    columns = {name.removeprefix(_COLUMN): values for name, values in arrays.items()}
    if any(len(values) != len(items) for values in columns.values()):
        raise BadInputError(f"{path} is no shard of a job: its columns differ in length.")
    return Shard(items, columns, dict(zip(failed.tolist(), reasons.tolist(), strict=True)))
