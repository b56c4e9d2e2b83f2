"""What every way of calibrating answers to."""

import abc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from ..core._arguments import shown
from ..core._types import Key
from ..core._validate import BadInputError
from .problem._problem import TargetProblem

if TYPE_CHECKING:
    from .dual._certificate import Certificate


def optional(kind: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A converter of settings that lets None through."""
    return lambda value: None if value is None else kind(value)


class Progress(NamedTuple):
    """Where a long run is; handed to the caller's `progress` between compiled stretches.

    >>> Progress(10, 100, 0.5, 1000.0, 800.0).loss
    0.5
    """

    epoch: int
    epochs: int
    loss: float
    kept: float  # expected number of records with weight
    effective_sample_size: float  # of the weights as they would be now


ProgressCallback: TypeAlias = Callable[[Progress], None]


def all_of(*callbacks: ProgressCallback) -> ProgressCallback:
    """One callback that calls several: a progress bar and a log, for example.

    >>> seen = []
    >>> all_of(seen.append, print)(Progress(1, 2, 0.5, 10.0, 8.0))
    Progress(epoch=1, epochs=2, loss=0.5, kept=10.0, effective_sample_size=8.0)
    >>> len(seen)
    1
    """

    for k, callback in enumerate(callbacks):
        if not callable(callback):
            raise BadInputError(f"callbacks[{k}] is {shown(callback)}. Give functions.")

    def call(at: Progress) -> None:
        for callback in callbacks:
            callback(at)

    return call


class Start(NamedTuple):
    """An earlier solution to start from: its weights and, of a distance method, its multipliers."""

    weights: Float[np.ndarray, " unit"]
    names: tuple[str, ...]
    multipliers: Float[np.ndarray, " target"] | None

    def multipliers_of(self, problem: TargetProblem) -> Float[np.ndarray, " target"]:
        """The multiplier of each target, by name; 0 for those that are new."""
        if self.multipliers is None:
            raise BadInputError(
                "start is a solution by gradient, which has no multipliers. Start a distance "
                "method from a solution of Linear, Entropy or Logit, or without."
            )
        known = dict(zip(self.names, self.multipliers.tolist(), strict=True))
        return np.array([known.get(name, 0.0) for name in problem.names])

    def log_ratio_of(self, base: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " unit"]:
        """The logarithm of the ratio of its weights to base weights; 0 where either is 0."""
        self.fail_if_other(base)
        moves = (self.weights > 0) & (base > 0)
        ratio = np.divide(self.weights, base, out=np.ones_like(base), where=moves)
        return np.log(ratio)

    def fail_if_other(self, base: Float[np.ndarray, " unit"]) -> None:
        """Raise if it is a solution for other units."""
        if self.weights.shape != base.shape:
            raise BadInputError(
                f"start has {self.weights.size} weights and the problem {base.size} units. "
                "Start from a solution for the same units."
            )


class RunOptions(NamedTuple):
    """How a method is to run, beside what it solves: all that `calibrate` passes on."""

    key: Key | None = None
    progress: ProgressCallback | None = None
    start: Start | None = None
    checkpoint: Path | None = None  # only for methods that say that they keep checkpoints

    def key_of(self, drawing: str) -> Key:
        """The key, for a method that cannot do without."""
        return needed(self.key, drawing)


def needed(key: Key | None, drawing: str) -> Key:
    """The key, for a method that cannot do without."""
    if key is None:
        raise BadInputError(f"{drawing} at random. Pass key=jax.random.key(0), or another.")
    return key


class Outcome(NamedTuple):
    """What a method found: weights in the order of the matrix's columns, and how it ended."""

    weights: Float[Array, " unit"]
    result: Int[Array, ""]
    steps: Int[Array, ""] | int
    loss_history: Float[np.ndarray, " epoch"] | None = None
    certificate: "Certificate | None" = None
    multipliers: Float[np.ndarray, " target"] | None = None
    step_log: Float[np.ndarray, "step 3"] | None = None


class Solved(NamedTuple):
    """What `solve` gives: a pytree, so that it comes out of compiled code whole.

    `result` is a code of `pejax.Result`, `steps` the steps or epochs taken.

    >>> from pejax.calibrate import Entropy, TargetProblem, solve
    >>> import jax.numpy as jnp
    >>> solved = solve(TargetProblem([[1.0, 1.0]], [4.0]), jnp.ones(2), Entropy(exact=True))
    >>> int(solved.result)
    0
    """

    weights: Float[Array, " unit"]
    result: Int[Array, ""]
    steps: Int[Array, ""]


class Method(eqx.Module):
    """A way to calibrate: frozen settings with a `run`. `calibrate` does the rest.

    Write your own as an `IterativeMethod`.

    >>> from pejax.calibrate import Entropy, L0
    >>> Entropy().chooses, L0(budget=100).chooses
    (False, True)
    """

    def keeps_checkpoints(self, problem: TargetProblem) -> bool:
        """Whether a run can go on from a checkpoint."""
        return False

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and largest ratio of new to base weight, where the method has bounds."""
        return None

    @property
    def chooses(self) -> bool:
        """Whether records are left without a weight on purpose."""
        return False

    def met_within(self, problem: TargetProblem) -> float | None:
        """The error within which every target is met on success; None where none need be."""
        return None

    @abc.abstractmethod
    def run(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Outcome:
        """Solve a checked problem from checked base weights, on the host.

        Unlike `solve` it may merge identical records, draw some, or retry in float64.
        """
