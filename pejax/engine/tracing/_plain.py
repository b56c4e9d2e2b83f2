"""Plain arrays that a formula makes of what is known, indexed by what is not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import Traced, held


class Plain(np.ndarray):
    """A plain array that a traced one may index: then it is a table of which rows are taken."""

    def __getitem__(self, key: Any) -> Any:
        parts = [held(k) for k in (key if isinstance(key, tuple) else (key,))]
        traced = next((part for part in parts if isinstance(part, Traced)), None)
        if traced is None:
            return super().__getitem__(key)
        return Traced(traced.graph.constant(np.asarray(self)))[key]


def opened(result: Any) -> Any:
    """What a function gives, its plain arrays open to traced indices."""
    if type(result) is np.ndarray:
        return indexable(result)
    if type(result) is tuple:
        return tuple(map(opened, result))
    if type(result) is dict:
        return {key: opened(value) for key, value in result.items()}
    return result


def indexable(made: np.ndarray) -> np.ndarray:
    """The same array, open to traced indices if it holds numbers or truth values."""
    return made.view(Plain) if made.ndim and made.dtype.kind in "fiub" else made
