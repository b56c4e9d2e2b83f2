"""Texts beside one text: each name is asked once, and the rows take the answer of their name."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._array import Traced

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
_TURNED = {"less": "greater", "less_equal": "greater_equal"}
_TURNED |= {there: here for here, there in _TURNED.items()}
_ENDS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def beside_one(name: str, inputs: Sequence[Any]) -> Traced | None:
    """A function of texts and one text or day; None if that is not what is asked."""
    texts, other, *bounds = inputs
    if name in _ORDER and not isinstance(texts, Traced):
        name, texts, other = _TURNED.get(name, name), other, texts
    one = _one(other)
    if one is None or not isinstance(texts, Traced):
        return None
    ask = _ORDER.get(name) or (_ENDS.get(name) if _is_whole(bounds) else None)
    if ask is None:
        return None
    answers = np.array([ask(text, one) for text in texts.names], bool)
    return Traced(texts.graph.apply("take", answers, texts.node), mask=texts.mask)


def _one(other: Any) -> str | None:
    """One text, for bytes what they spell, for a day its date."""
    if isinstance(other, Traced):
        return None
    value = other.item() if isinstance(other, np.ndarray) and other.ndim == 0 else other
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.date):
        return str(value)
    return str(value) if isinstance(value, str) else None


def _is_whole(bounds: Sequence[Any]) -> bool:
    """Whether the bounds of a search are those of the whole text."""
    if any(isinstance(bound, Traced) for bound in bounds):
        return False
    first, last = bounds or (0, np.iinfo(np.int64).max)
    return int(first) == 0 and int(last) >= np.iinfo(np.int32).max
