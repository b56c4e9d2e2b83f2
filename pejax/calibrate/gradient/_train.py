"""Calibration by gradient: epochs under one scan, in stretches when somebody wants to watch."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ...core._arguments import as_number, as_whole, shown
from ...core._results import Result
from ...core._types import Key
from ...core._validate import BadInputError
from .._diagnostics import effective_sample_size, relative_error
from .._method import Method, Progress, ProgressCallback, Run, Start, optional
from ..operators._padded import PaddedOperator
from ..problem._problem import Goals, TargetProblem, goals_of
from ._checkpoint import Checkpoints, Saved, identity_of
from ._losses import Loss, SquaredError

_STRETCHES = 20  # reports of progress in a run, or more:
_LONGEST = 100  # epochs without one, or without a checkpoint
_TRAVEL = 30.0  # how far the default rate lets a parameter go; a gate needs some 20 to shut
_FASTEST = 0.5
_SMALL = 1e-8
_ROUND, _MANY = 64, 10_000

# The weights stay where they are, on one device or several.
_effective = jax.jit(effective_sample_size)


class EpochLog(NamedTuple):
    """What an epoch leaves behind: its loss, and the expected number of records with weight."""

    loss: Float[Array, ""]
    kept: Float[Array, ""]


class GradientMethod(Method):
    r"""Calibration by an optimiser on log-weights, :math:`w = w_0 e^\theta`.

    The loss depends on the weights through :math:`A w` alone, so an epoch is one product with the
    matrix, one with its transpose, and elementwise work. What is drawn in epoch t depends on the
    key and t only: stretches of any length give the same weights.
    """

    loss: Loss = eqx.field(default=SquaredError(), kw_only=True)

    epochs: int = eqx.field(static=True, default=1000, kw_only=True, converter=as_whole("epochs"))
    learning_rate: float | None = eqx.field(
        static=True, default=None, kw_only=True, converter=optional(as_number("learning_rate"))
    )
    optimizer: optax.GradientTransformation | None = eqx.field(
        static=True, default=None, kw_only=True
    )

    def __check_init__(self):
        if not isinstance(self.loss, Loss):
            raise BadInputError(
                f"loss is {shown(self.loss)}; give SquaredError(), Huber() or another."
            )
        if self.optimizer is not None and not hasattr(self.optimizer, "update"):
            raise BadInputError(
                f"optimizer is {shown(self.optimizer)}; give one of optax, such as optax.adam(0.1)."
            )
        if self.epochs < 1:
            raise BadInputError(f"epochs is {self.epochs}; give at least 1.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise BadInputError(f"learning_rate is {self.learning_rate}; give a number above 0.")

    def keeps_checkpoints(self, problem: TargetProblem) -> bool:
        return True

    @abc.abstractmethod
    def begin(self, base: Float[Array, " unit"], theta: Float[Array, " unit"] | None = None) -> Any:
        """The state before the first epoch, from the logarithms of weight ratios if given."""

    @abc.abstractmethod
    def epoch(
        self, goals: Goals, base: Float[Array, " unit"], state: Any, at: "Moment"
    ) -> tuple[Any, EpochLog]:
        """One step of the optimiser; pure."""

    @abc.abstractmethod
    def weights(self, base: Float[Array, " unit"], state: Any) -> Float[Array, " unit"]:
        """The weights that a state stands for."""

    def descend(
        self,
        problem: TargetProblem,
        base_weights: Float[np.ndarray, " unit"],
        how: Run,
    ) -> tuple[Any, Float[np.ndarray, " epoch"]]:
        """The state after all epochs, and the loss of each; from a checkpoint if there is one."""
        base = jnp.asarray(base_weights, problem.operator.dtype)
        goals, rounded = padded(goals_of(problem), base)
        state = self.starting(rounded, how.start, base_weights)
        if how.checkpoint is None:
            state, losses = train(self, goals, rounded, how.key, state=state, progress=how.progress)
        else:
            identity = identity_of(self, problem, base_weights, how.key, how.start)
            with Checkpoints(how.checkpoint, identity) as kept:
                state, losses = train(
                    self, goals, rounded, how.key, state=state, progress=how.progress, kept=kept
                )
        return trimmed(state, len(rounded), len(base)), losses

    def trained_in_one(
        self, goals: Goals, base: Float[Array, " unit"], key: Key | None
    ) -> tuple[Any, Float[Array, " epoch"]]:
        """The state after all epochs, and the loss of each, inside compiled code."""
        epochs = jnp.arange(self.epochs, dtype=jnp.int32)
        state, log = _stretch(self, goals, base, self.begin(base), epochs, key)
        return state, log.loss

    def optimiser(self, n_units: int) -> optax.GradientTransformation:
        """The optax transformation: Adam with a cosine decay unless one was given.

        A unit's slope is of the order of 1 / `n_units`, and so is what Adam adds to its root mean
        square, or it would take millions of units for flat.
        """
        if self.optimizer is not None:
            return self.optimizer
        rate = self.learning_rate or min(_FASTEST, _TRAVEL / self.epochs)
        decay = optax.cosine_decay_schedule(rate, self.epochs, alpha=0.05)
        return optax.adam(decay, eps=_SMALL / n_units)

    def starting(
        self, base: Float[Array, " unit"], start: Start | None, base_weights: np.ndarray
    ) -> Any:
        """The state before the first epoch, at an earlier solution's weights if there is one."""
        if start is None:
            return self.begin(base)
        theta = jnp.asarray(start.log_ratio_of(base_weights), base.dtype)
        return self.begin(base, jnp.pad(theta, (0, len(base) - len(theta))))


class Moment(NamedTuple):
    """An epoch's number and its own key (None for methods that draw nothing)."""

    epoch: Int[Array, ""]
    key: Key | None

    def own_key(self) -> Key:
        """The epoch's key, for a method that cannot do without."""
        if self.key is None:
            raise BadInputError("This method draws at random. Pass key=jax.random.key(0).")
        return self.key


def train(
    method: GradientMethod,
    goals: Goals,
    base: Float[Array, " unit"],
    key: Key | None,
    *,
    state: Any,
    progress: ProgressCallback | None = None,
    kept: Checkpoints | None = None,
) -> tuple[Any, Float[np.ndarray, " epoch"]]:
    """Run all epochs from a state, or from the last checkpoint; the last state and all losses."""
    saved = (kept and kept.latest(state)) or Saved(0, state, np.zeros(0))
    in_one = progress is None and kept is None
    stretch = method.epochs if in_one else min(_LONGEST, -(-method.epochs // _STRETCHES))
    for first in range(saved.epoch, method.epochs, stretch):
        epochs = jnp.arange(first, min(first + stretch, method.epochs), dtype=jnp.int32)
        state, log = _stretch(method, goals, base, saved.state, epochs, key)
        losses = np.concatenate([saved.losses, np.asarray(log.loss)])
        saved = Saved(int(epochs[-1]) + 1, state, losses)
        if progress is not None:  # before it is saved, so that a run that goes on tells it again
            size = _effective(method.weights(base, state))
            told = float(log.loss[-1]), float(log.kept[-1]), float(size)
            progress(Progress(saved.epoch, method.epochs, *told))
        if kept is not None:
            kept.save(saved)
    return saved.state, saved.losses


def padded(goals: Goals, base: Float[Array, " unit"]) -> tuple[Goals, Float[Array, " padded_unit"]]:
    """Many units brought to a round number by ones of no base weight.

    XLA compiles elementwise work on a CPU to scalar code where its cores do not get equal shares:
    a gate of one of 500,003 units takes eight times as long as one of 500,004.
    """
    extra = -len(base) % _ROUND if len(base) > _MANY else 0
    if not extra:
        return goals, base
    return goals._replace(operator=PaddedOperator(goals.operator, extra)), jnp.pad(base, (0, extra))


def n_records(goals: Goals) -> int:
    """The number of units of the problem itself."""
    operator = goals.operator
    return operator.shape[1] - (operator.extra if isinstance(operator, PaddedOperator) else 0)


def trimmed(state: Any, rounded: int, units: int) -> Any:
    """A state without the units that `padded` added."""

    def own(x: Any) -> Any:
        return x[:units] if eqx.is_array(x) and x.shape == (rounded,) else x

    return jax.tree.map(own, state)


@eqx.filter_jit
def _stretch(method, goals, base, state, epochs, key):
    def step(state, epoch):
        own_key = None if key is None else jax.random.fold_in(key, epoch)
        return method.epoch(goals, base, state, Moment(epoch, own_key))

    return jax.lax.scan(step, state, epochs)


def loss_and_pull(
    goals: Goals, weights: Float[Array, " unit"], loss: Loss
) -> tuple[Float[Array, ""], Float[Array, " unit"]]:
    """The loss of weights and its gradient in each weight."""

    def of_estimates(estimates):
        return loss(relative_error(estimates, goals.values, goals.scale), goals.importance)

    found, slope = jax.value_and_grad(of_estimates)(goals.operator.mv(weights))
    pull = goals.operator.rmv(slope.astype(weights.dtype))
    return found, pull.astype(weights.dtype)


def moved(parameters: Any, updates: Any) -> Any:
    """The parameters after an optimiser's step, in their own dtype whatever the schedule's."""
    return jax.tree.map(lambda old, by: old + jnp.asarray(by, old.dtype), parameters, updates)


def ending(losses: Float[np.ndarray, " epoch"] | Float[Array, " epoch"]) -> Int[Array, ""]:
    """How a run ended: there is no tolerance to meet, only numbers that stay numbers."""
    finite = jnp.isfinite(jnp.asarray(losses)).all()
    return jnp.where(finite, Result.successful.array, Result.nonfinite.array)
