"""What every way of calibrating answers to."""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from .._types import Key
from .problem._problem import TargetProblem

if TYPE_CHECKING:
    from .dual._certificate import Certificate


def optional(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A converter of settings that lets None through."""
    return lambda value: None if value is None else kind(value)


class Progress(NamedTuple):
    """Where a long run is; handed to the caller's `progress` between compiled stretches."""

    epoch: int
    epochs: int
    loss: float
    kept: float  # expected number of records with weight


ProgressCallback: TypeAlias = Callable[[Progress], None]


class Outcome(NamedTuple):
    """What a method found: weights in the order of the matrix's columns, and how it ended."""

    weights: Float[Array, " unit"]
    result: Int[Array, ""]
    steps: Int[Array, ""] | int
    loss_history: Float[np.ndarray, " epoch"] | None = None
    certificate: "Certificate | None" = None


class Method(eqx.Module):
    """A way to calibrate: frozen settings with a `run`. `calibrate` does the rest."""

    @abc.abstractmethod
    def run(
        self,
        problem: TargetProblem,
        base_weights: Float[np.ndarray, " unit"],
        *,
        key: Key | None,
        progress: ProgressCallback | None,
    ) -> Outcome:
        """Solve a checked problem from checked base weights."""
