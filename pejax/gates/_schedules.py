"""How the temperature and the penalty of gates move during training.

A schedule is a function of the epoch, as in optax, and traces under `jax.jit`: any optax schedule
serves as well.
"""

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core._arguments import as_number, as_whole
from ..core._arrays import as_floats
from ..core._validate import BadInputError

Schedule: TypeAlias = Callable[[Int[Array, ""] | int], Float[Array, ""]]


@dataclasses.dataclass(frozen=True)
class Geometric:
    """What `geometric_schedule` gives."""

    start: float
    end: float
    epochs: int
    warmup: int

    def __call__(self, epoch: Int[Array, ""] | int) -> Float[Array, ""]:
        return self.start * (self.end / self.start) ** _done(self, epoch)


@dataclasses.dataclass(frozen=True)
class Linear:
    """What `linear_schedule` gives."""

    start: float
    end: float
    epochs: int
    warmup: int

    def __call__(self, epoch: Int[Array, ""] | int) -> Float[Array, ""]:
        return self.start + (self.end - self.start) * _done(self, epoch)


def _done(schedule: Geometric | Linear, epoch: Int[Array, ""] | int) -> Float[Array, ""]:
    """How much of the way is done, from 0 to 1."""
    at = as_floats(epoch, "epoch")
    return jnp.clip((at - schedule.warmup) / schedule.epochs, 0.0, 1.0)


def geometric_schedule(
    start: float | int, end: float | int, epochs: int, warmup: int = 0
) -> Schedule:
    r"""From `start` to `end` by equal factors: :math:`start \cdot (end/start)^{t}`.

    :math:`t` runs from 0 to 1 over `epochs` after `warmup` epochs at `start`, then stays. Used for
    a gate's temperature, and for a record budget that shrinks from all records to the count asked.

    Raises:
        BadInputError: an end that is not positive, or fewer than one epoch.

    >>> cool = geometric_schedule(1.0, 0.25, epochs=2)
    >>> [float(cool(epoch)) for epoch in range(4)]
    [1.0, 0.5, 0.25, 0.25]
    """
    start, end, epochs, warmup = _settings(start, end, epochs, warmup)
    if not (start > 0 and end > 0):
        raise BadInputError(f"A geometric schedule from {start} to {end}: both must be above 0.")
    return Geometric(start, end, epochs, warmup)


def linear_schedule(start: float | int, end: float | int, epochs: int, warmup: int = 0) -> Schedule:
    r"""From `start` to `end` by equal steps, after `warmup` epochs at `start`; then it stays.

    Used for a penalty that is phased in, so that the fit is found before records are given up.

    Raises:
        BadInputError: fewer than one epoch.

    >>> phase_in = linear_schedule(0.0, 1.0, epochs=2, warmup=1)
    >>> [float(phase_in(epoch)) for epoch in range(4)]
    [0.0, 0.0, 0.5, 1.0]
    """
    return Linear(*_settings(start, end, epochs, warmup))


def _settings(
    start: float | int, end: float | int, epochs: int, warmup: int
) -> tuple[float, float, int, int]:
    """The settings of a schedule, or an error that names the one which is none."""
    start, end = as_number("start")(start), as_number("end")(end)
    epochs, warmup = as_whole("epochs")(epochs), as_whole("warmup")(warmup)
    if epochs < 1 or warmup < 0:
        raise BadInputError(f"epochs={epochs}, warmup={warmup}: give epochs >= 1 and warmup >= 0.")
    return start, end, epochs, warmup
