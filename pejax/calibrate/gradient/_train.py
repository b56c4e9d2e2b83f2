"""Calibration by gradient: what its methods share."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from ...core._arguments import as_number, as_whole, shown
from ...core._results import Result
from ...core._types import Key
from ...core._validate import BadInputError
from .._diagnostics import effective_sample_size, relative_error
from .._drive import driven
from .._iterative import IterativeMethod
from .._loop import finished
from .._method import Outcome, Progress, RunOptions, Solved, Start, needed, optional
from ..operators._accumulate import target_dtype
from ..operators._padded import PaddedOperator
from ..problem._problem import Goals, TargetProblem, goals_of
from ._losses import Loss, SquaredError

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


class GradientMethod(IterativeMethod):
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
        parts = [getattr(self.optimizer, name, None) for name in ("init", "update")]
        if self.optimizer is not None and not all(map(callable, parts)):
            raise BadInputError(
                f"optimizer is {shown(self.optimizer)}; give one of optax, such as optax.adam(0.1)."
            )
        if self.epochs < 1:
            raise BadInputError(f"epochs is {self.epochs}; give at least 1.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise BadInputError(f"learning_rate is {self.learning_rate}; give a number above 0.")

    @property
    def long_run(self) -> int:
        return self.epochs

    @abc.abstractmethod
    def begin(self, base: Float[Array, " unit"], theta: Float[Array, " unit"] | None = None) -> Any:
        """What is trained, at the logarithms of weight ratios if they are given."""

    @abc.abstractmethod
    def epoch(
        self, goals: Goals, base: Float[Array, " unit"], state: Any, at: "Moment"
    ) -> tuple[Any, EpochLog]:
        """One step of the optimiser; pure."""

    @abc.abstractmethod
    def weighed(self, base: Float[Array, " unit"], trained: Any) -> Float[Array, " unit"]:
        """The weights that what is trained stands for."""

    @property
    def drawing(self) -> str | None:
        """What the method draws at random, for the message that it needs a key; None if nothing."""
        return None

    def init(
        self,
        problem: Goals,
        base: Float[Array, " unit"],
        key: Key | None,
        theta: Float[Array, " unit"] | None = None,
    ) -> "Descent":
        key = key if self.drawing is None else needed(key, self.drawing)
        base = rounded(base.astype(problem.operator.dtype))
        if theta is not None:
            theta = jnp.pad(theta, (0, len(base) - len(theta)))
        return self.descent(base, key, self.begin(base, theta))

    def init_from(
        self,
        problem: TargetProblem,
        base: Float[np.ndarray, " unit"],
        key: Key | None,
        start: Start,
    ) -> "Descent":
        theta = jnp.asarray(start.log_ratio_of(base), problem.operator.dtype)
        return self.init(goals_of(problem), jnp.asarray(base), key, theta)

    def descent(self, base: Float[Array, " unit"], key: Key | None, trained: Any) -> "Descent":
        """The state before the first epoch, from base weights of a round number."""
        zero = jnp.zeros((), target_dtype())
        losses = jnp.zeros(self.epochs, zero.dtype)
        return Descent(trained, base, key, jnp.zeros((), jnp.int32), losses, zero)

    def step(self, problem: Goals, state: "Descent") -> "Descent":
        key, epoch = state.key, state.steps
        own_key = None if key is None else jax.random.fold_in(key, epoch)
        goals = widened(problem, len(state.base))
        trained, log = self.epoch(goals, state.base, state.trained, Moment(epoch, own_key))
        loss = log.loss.astype(state.losses.dtype)
        losses = jax.lax.dynamic_update_index_in_dim(state.losses, loss, epoch, 0)
        kept = log.kept.astype(state.kept.dtype)
        return Descent(trained, state.base, key, epoch + 1, losses, kept)

    def done(self, state: "Descent") -> Bool[Array, ""]:
        return state.steps >= self.epochs

    def weights(self, problem: Goals, state: "Descent") -> Float[Array, " unit"]:
        return self.weighed(state.base, state.trained)[: problem.operator.shape[1]]

    def finish(self, problem: Goals, state: "Descent") -> Solved:
        return Solved(self.weights(problem, state), ending(state.losses), state.steps)

    def progress(self, problem: Goals, state: "Descent") -> Progress:
        epoch = int(state.steps)
        size = _effective(self.weighed(state.base, state.trained))
        told = float(state.losses[epoch - 1]), float(state.kept), float(size)
        return Progress(epoch, self.epochs, *told)

    def run(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Outcome:
        last = driven(self, problem, base_weights, options)
        found = finished(last.method, last.problem, last.state)
        return Outcome(*found, np.asarray(last.state.losses))

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


class Moment(NamedTuple):
    """An epoch's number and its own key (None for methods that draw nothing)."""

    epoch: Int[Array, ""]
    key: Key | None

    def own_key(self) -> Key:
        """The epoch's key, for a method that cannot do without."""
        if self.key is None:
            raise BadInputError("This method draws at random. Pass key=jax.random.key(0).")
        return self.key


class Descent(NamedTuple):
    """Where a run by gradient is."""

    trained: Any
    base: Float[Array, " rounded_unit"]
    key: Key | None
    steps: Int[Array, ""]  # epochs
    losses: Float[Array, " epoch"]  # 0 of those to come
    kept: Float[Array, ""]  # expected number of records with weight, at the last epoch


def rounded(base: Float[Array, " unit"]) -> Float[Array, " rounded_unit"]:
    """The weights of many units brought to a round number by weights of 0.

    XLA compiles elementwise work on a CPU to scalar code where its cores do not get equal shares:
    a gate of one of 500,003 units takes eight times as long as one of 500,004.
    """
    return jnp.pad(base, (0, -len(base) % _ROUND if len(base) > _MANY else 0))


def widened(goals: Goals, n_units: int) -> Goals:
    """The same targets for more units, of which the last contribute nothing."""
    extra = n_units - goals.operator.shape[1]
    if not extra:
        return goals
    return goals._replace(operator=PaddedOperator(goals.operator, extra))


def n_records(goals: Goals) -> int:
    """The number of units of the problem itself."""
    operator = goals.operator
    return operator.shape[1] - (operator.extra if isinstance(operator, PaddedOperator) else 0)


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
