"""How a solve ended: codes that live inside compiled code, with text and remedy on the host."""

import enum

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from ._validate import PejaxError


class SolveError(PejaxError):
    """A solve did not succeed; the message says how it ended and what to try."""


class Result(enum.IntEnum):
    """How an iterative solve ended, usable as an int32 inside `jax.jit`.

    Compiled code carries the code as an array (`Result.stalled.array`); the host reads it with
    `Result.describe`. The order is by severity, so the worst of several is their maximum.

    >>> Result.describe(Result.max_steps_reached.array)
    'The step limit was reached before the tolerance. Raise max_steps or loosen the tolerance.'
    """

    successful = 0
    max_steps_reached = 1
    stalled = 2
    infeasible = 3
    nonfinite = 4

    @property
    def text(self) -> str:
        """What happened."""
        return _TEXT[self][0]

    @property
    def remedy(self) -> str:
        """What to do about it; empty on success."""
        return _TEXT[self][1]

    @property
    def array(self) -> Int[Array, ""]:
        """The code as an int32 scalar for compiled code."""
        return jnp.asarray(int(self), jnp.int32)

    @classmethod
    def of(cls, code: "Result | int | Int[Array, ''] | np.ndarray") -> "Result":
        """The member for a concrete code."""
        return cls(int(np.asarray(jax.device_get(code))))

    @classmethod
    def describe(cls, code: "Result | int | Int[Array, ''] | np.ndarray") -> str:
        """One line for people: what happened and, unless it succeeded, what to do."""
        result = cls.of(code)
        return f"{result.text} {result.remedy}".rstrip()

    @classmethod
    def check(cls, code: "Result | int | Int[Array, ''] | np.ndarray") -> None:
        """Raise `SolveError` unless the solve succeeded."""
        if cls.of(code) is not cls.successful:
            raise SolveError(cls.describe(code))


_TEXT = {
    Result.successful: ("The solve succeeded.", ""),
    Result.max_steps_reached: (
        "The step limit was reached before the tolerance.",
        "Raise max_steps or loosen the tolerance.",
    ),
    Result.stalled: (
        "No further progress was possible before the tolerance was met.",
        "Loosen the tolerance, rescale the targets, or run in float64.",
    ),
    Result.infeasible: (
        "No admissible point meets the conditions.",
        "Widen the bounds, drop contradictory targets, or ask for a soft solution.",
    ),
    Result.nonfinite: (
        "A NaN or an infinity appeared.",
        "Check the inputs for NaN, lower the learning rate, or run in float64.",
    ),
}
