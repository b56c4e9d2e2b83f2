"""What is worked out once, and kept for as long as somebody needs it."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Array

T = TypeVar("T")
_REMEMBERED: dict[Hashable, tuple[list[weakref.ref[Any]], Any]] = {}


def remembered(arrays: Sequence[Array | np.ndarray], key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives for these very arrays and this key; it goes when one of them does.

    Of numpy's arrays nothing is remembered: they can be written to.
    """
    if any(isinstance(a, np.ndarray) for a in arrays):
        return make()
    whole, known = (*map(id, arrays), key), _REMEMBERED  # at exit a module has no names any more
    if whole not in known:
        forget: list[weakref.ref[Any]] = [
            weakref.ref(a, lambda _: known.pop(whole, None)) for a in arrays
        ]
        known[whole] = (forget, make())
    return known[whole][1]


class Shared:
    """One thing for equal keys, which lives for as long as one of its owners."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()
        atexit.register(self._known.clear)  # see `_executables._MADE`

    def get(self, owner: dict[Hashable, Any], key: Hashable, make: Callable[[], T]) -> T:
        """What is known under a key, or what `make` gives; the owner keeps it from now on."""
        if key not in owner:
            known = self._known.get(key)
            owner[key] = self._known[key] = make() if known is None else known
        return owner[key]
