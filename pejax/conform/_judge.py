"""What becomes of a case: whether a value is what it expects, within its margins."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..core._validate import BadInputError, PejaxError
from ._cases import Case
from ._people import arithmetic

PASSED, FAILED, REFUSED, BROKEN = "passed", "failed", "refused", "broken"
"""What becomes of a case; `broken` is by an error that nobody raised on purpose."""

LARGE = "large"
"""A case put off, because its graph is most of the law: it shares one with others of its kind."""

MARGIN = 1e-3
"""The absolute margin of a case that names none, as the field's runner has it."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        status: `passed`, `failed`, `refused` or `broken`.
        reason: why it did not pass: the first value that is off, or what was refused.
        together: cases in the batch that decided it.
        seconds: its share of the time of its batches.
        in_jax: whether it was computed in JAX too.
    """

    status: str
    reason: str = ""
    together: int = 0
    seconds: float = 0.0
    in_jax: bool = False


def stopped(problem: Exception) -> Verdict:
    """A refusal by name, or an error that nobody raised on purpose."""
    text = " ".join(str(problem).split())[:400]
    if isinstance(problem, PejaxError):
        return Verdict(REFUSED, text)
    return Verdict(BROKEN, f"{type(problem).__name__}: {text}")


def agrees(
    value: np.ndarray | np.generic, expected: Any, case: Case, width: Any = np.float64
) -> bool:
    """Whether a value is what a case expects.

    Args:
        value: of a row, or of all of them; texts for categories.
        expected: as written.
        case: for its margins.
        width: in which amounts are compared: float32 for what the source stores as such.
    """
    if value.dtype.kind not in "fiub":
        return bool(np.all(value.astype(str) == np.asarray(expected).astype(str)))
    if isinstance(expected, str):
        expected = _number(expected)
    absolute, relative = case.absolute, case.relative
    if absolute is None and relative is None:
        absolute = MARGIN
    wanted = np.asarray(expected).astype(width)
    if wanted.shape not in ((), (1,), value.shape) and value.shape != (1,):
        return False
    with np.errstate(invalid="ignore"):
        gap = np.abs(wanted - value.astype(width))
    near = absolute is None or bool((gap <= absolute).all())
    return near and (relative is None or bool((gap <= np.abs(relative * wanted)).all()))


def _number(text: str) -> float:
    """A number that is written as a sum.

    Raises:
        BadInputError: it is no sum of numbers.
    """
    try:
        return arithmetic(text)
    except (SyntaxError, TypeError, ValueError, KeyError) as problem:
        raise BadInputError(f"an output is to be {text!r}, but it is a number") from problem


def shown(value: Any) -> str:
    """A value for a table: short, and the same each time.

    >>> shown(np.array([1.5])), shown(np.array([True, False]))
    ('1.5', '[True, False]')
    """
    held = np.asarray(value).ravel().tolist()
    text = [f"{v:.9g}" if isinstance(v, float) and math.isfinite(v) else str(v) for v in held[:8]]
    more = ", ..." if len(held) > 8 else ""
    return text[0] if len(held) == 1 else f"[{', '.join(text)}{more}]"
