"""Plain arrays that a formula makes of what is known, indexed by what is not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._array import Traced, held


class Plain(np.ndarray):
    """A plain array that a traced one may index: then it is a table of which rows are taken."""

    def __array_wrap__(
        self, array: np.ndarray, context: Any = None, return_scalar: bool = False
    ) -> Any:
        """A single value is one of numpy's own, as it is of an array of numpy's own."""
        return np.asarray(array)[()] if array.ndim == 0 else indexable(np.asarray(array))

    def __getitem__(self, key: Any) -> Any:
        parts = [held(k) for k in (key if isinstance(key, tuple) else (key,))]
        traced = next((part for part in parts if isinstance(part, Traced)), None)
        if traced is None:
            return super().__getitem__(key)
        return Traced(traced.graph.constant(np.asarray(self)))[key]


def opened(result: Any) -> Any:
    """What a function gives, its plain arrays open to traced indices: the very dictionary or tuple,
    since others may hold it too, but for arrays in it."""
    if type(result) is np.ndarray:
        return indexable(result)
    if type(result) is tuple and any(type(part) is np.ndarray for part in result):
        return tuple(map(opened, result))
    if type(result) is dict:
        result |= {key: opened(v) for key, v in result.items() if type(v) is np.ndarray}
    return result


def indexable(made: np.ndarray) -> np.ndarray:
    """The same array, open to traced indices if it holds numbers or truth values."""
    return made.view(Plain) if made.ndim and made.dtype.kind in "fiub" else made
