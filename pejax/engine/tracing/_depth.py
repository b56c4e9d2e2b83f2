"""Formulas that ask for formulas: room for them, since a law is deeper than Python's usual stack,
and the error of those that come round to themselves."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from ...core._validate import PejaxError

FRAMES = 10_000
"""Calls inside each other while a law is traced: one formula takes some eighteen, and a stack of
the usual size has room for half as many again."""


@contextlib.contextmanager
def deep(frames: int = FRAMES) -> Iterator[None]:
    """Allow `frames` calls inside each other, and afterwards as many as before."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, frames))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class CircularRule(PejaxError):
    """A variable needs itself for the same period."""
