"""Dense calibration by gradient descent on log-weights."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._types import Key
from ..._validate import BadInputError
from .._method import Outcome, ProgressCallback
from ..operators._accumulate import total
from ..problem._problem import Goals, TargetProblem, goals_of
from ._train import EpochLog, GradientMethod, Moment, ending, loss_and_pull, moved, train


class _State(NamedTuple):
    theta: Float[Array, " unit"]
    optimiser: Any


class Adam(GradientMethod):
    r"""Dense weights by Adam, or any optax transformation, on :math:`\theta = \log(w / w_0)`.

    .. math:: \overline{e^2} + 2\rho \sum_i p_i\,(g_i \log g_i - g_i + 1),
        \qquad g = e^\theta,\; p = w_0 / \textstyle\sum w_0,

    twice the soft objective of `Entropy`, whose solution a long run approaches; with `ridge=0` the
    first weights met that fit. Prefer `Entropy` for this loss: it is exact and takes some twenty
    steps. Adam is for losses without a dual, dropout, and comparison with other programs.

    Args:
        epochs: steps of the optimiser.
        learning_rate: of the default optimiser, at the start of its cosine decay to a twentieth;
            30 / epochs unless given, and at most 0.5.
        optimizer: an optax transformation instead of it.
        ridge: :math:`\rho`, the price of distance to the base weights.
        dropout: the share of records left out of each epoch, the rest scaled up; needs a key.

    Raises:
        BadInputError: a setting out of its range, or dropout without a key.

    References:
        Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR.
    """

    ridge: float = eqx.field(static=True, default=1e-4, kw_only=True, converter=float)
    dropout: float = eqx.field(static=True, default=0.0, kw_only=True, converter=float)

    def __check_init__(self):
        if not self.ridge >= 0:
            raise BadInputError(f"ridge is {self.ridge}; give a number of at least 0.")
        if not 0 <= self.dropout < 1:
            raise BadInputError(f"dropout is {self.dropout}; give a share in [0, 1).")

    def run(
        self,
        problem: TargetProblem,
        base_weights: Float[np.ndarray, " unit"],
        *,
        key: Key | None,
        progress: ProgressCallback | None,
    ) -> Outcome:
        if self.dropout and key is None:
            raise BadInputError("Dropout draws at random. Pass key=jax.random.key(0), or another.")
        base = jnp.asarray(base_weights, problem.operator.dtype)
        state, losses = train(self, goals_of(problem), base, key, progress=progress)
        return Outcome(base * jnp.exp(state.theta), ending(losses), self.epochs, losses)

    def begin(self, base: Float[Array, " unit"]) -> _State:
        theta = jnp.zeros_like(base)
        return _State(theta, self.optimiser(len(theta)).init(theta))

    def epoch(
        self, goals: Goals, base: Float[Array, " unit"], state: _State, at: Moment
    ) -> tuple[_State, EpochLog]:
        mask = self._mask(base, at)
        ratio = jnp.exp(state.theta)
        loss, pull = loss_and_pull(goals, base * ratio * mask)
        share = (base / total(base)).astype(base.dtype)
        distance = total(share * (ratio * state.theta - ratio + 1))
        slope = pull * base * ratio * mask + 2 * self.ridge * share * ratio * state.theta
        updates, optimiser = self.optimiser(len(base)).update(slope, state.optimiser, state.theta)
        theta = moved(state.theta, updates)
        kept = jnp.sum(base > 0).astype(loss.dtype)
        return _State(theta, optimiser), EpochLog(loss + 2 * self.ridge * distance, kept)

    def _mask(self, base: Float[Array, " unit"], at: Moment) -> Float[Array, " unit"] | float:
        if not self.dropout or at.key is None:
            return 1.0
        stays = jax.random.bernoulli(at.key, 1 - self.dropout, base.shape)
        return stays.astype(base.dtype) / (1 - self.dropout)
