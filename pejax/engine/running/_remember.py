"""What is worked out once for some arrays, and kept for as long as they live."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from jaxtyping import Array

T = TypeVar("T")
_REMEMBERED: dict[Hashable, tuple[list[weakref.ref[Array]], Any]] = {}


def remembered(arrays: Sequence[Array], key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives for these very arrays and this key."""
    whole = (*map(id, arrays), key)
    if whole not in _REMEMBERED:
        forget = [weakref.ref(a, lambda _: _REMEMBERED.pop(whole, None)) for a in arrays]
        _REMEMBERED[whole] = (forget, make())
    return _REMEMBERED[whole][1]
