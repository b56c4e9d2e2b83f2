"""Dense calibration by gradient descent on log-weights."""

import math
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core._arguments import as_number
from ...core._validate import BadInputError
from .._method import optional
from ..operators._accumulate import total
from ..problem._problem import Goals
from ._train import EpochLog, GradientMethod, Moment, loss_and_pull, moved, n_records

_ROUNDS = 8  # in which the shift that conserves the mass is found


class _State(NamedTuple):
    theta: Float[Array, " unit"]
    optimiser: Any


class Adam(GradientMethod):
    r"""Dense weights by Adam, or any optax transformation, on :math:`\theta = \log(w / w_0)`.

    .. math:: \overline{e^2} + 2\rho \sum_i p_i\,(g_i \log g_i - g_i + 1),
        \qquad g = e^\theta,\; p = w_0 / \textstyle\sum w_0,

    twice the soft objective of `Entropy`, whose solution a long run approaches; with `ridge=0` the
    first weights met that fit. Another `loss` takes the place of the first term. Prefer `Entropy`
    for this loss: it is exact and takes some twenty steps. Adam is for losses without a dual,
    dropout, and comparison with other programs.

    Args:
        epochs: steps of the optimiser.
        learning_rate: of the default optimiser, at the start of its cosine decay to a twentieth;
            30 / epochs unless given, and at most 0.5.
        optimizer: an optax transformation instead of it.
        loss: of an error: `SquaredError()`, `Huber(delta)`, `CappedError(cap)` or your own.
        ridge: :math:`\rho`, the price of distance to the base weights.
        max_ratio: the largest ratio of new to base weight, never exceeded; none unless given.
        mass: `"free"`, or `"conserved"`: the weights add up to what the base weights do.
        dropout: the share of records left out of each epoch, the rest scaled up; needs a key.

    Raises:
        BadInputError: a setting out of its range, or dropout without a key.

    References:
        Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR.

    >>> from pejax.calibrate import TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0]], [4.0])
    >>> solution = calibrate(problem, [1.0, 1.0], Adam(epochs=100, learning_rate=0.05))
    >>> bool(abs(solution.errors()[0]) < 0.01)
    True
    """

    ridge: float = eqx.field(static=True, default=1e-4, kw_only=True, converter=as_number("ridge"))
    dropout: float = eqx.field(
        static=True, default=0.0, kw_only=True, converter=as_number("dropout")
    )
    max_ratio: float | None = eqx.field(
        static=True,
        default=None,
        kw_only=True,
        converter=optional(as_number("max_ratio", finite=False)),
    )
    mass: Literal["free", "conserved"] = eqx.field(static=True, default="free", kw_only=True)

    def __check_init__(self):
        if self.max_ratio is not None and not self.max_ratio > 1:
            raise BadInputError(f"max_ratio is {self.max_ratio}; give a factor above 1.")
        if not isinstance(self.mass, str) or self.mass not in ("free", "conserved"):
            raise BadInputError(f"mass is {self.mass!r}; choose 'free' or 'conserved'.")
        if not self.ridge >= 0:
            raise BadInputError(f"ridge is {self.ridge}; give a number of at least 0.")
        if not 0 <= self.dropout < 1:
            raise BadInputError(f"dropout is {self.dropout}; give a share in [0, 1).")

    @property
    def bounds(self) -> tuple[float, float] | None:
        return None if self.max_ratio is None else (0.0, self.max_ratio)

    @property
    def drawing(self) -> str | None:
        return "Dropout draws" if self.dropout else None

    def weighed(self, base: Float[Array, " unit"], trained: _State) -> Float[Array, " unit"]:
        return base * self._ratio(trained.theta)

    def begin(
        self, base: Float[Array, " unit"], theta: Float[Array, " unit"] | None = None
    ) -> _State:
        theta = jnp.zeros_like(base) if theta is None else theta
        return _State(theta, self.optimiser(len(theta)).init(theta))

    def epoch(
        self, goals: Goals, base: Float[Array, " unit"], state: _State, at: Moment
    ) -> tuple[_State, EpochLog]:
        mask = self._mask(base, at)
        ratio = self._ratio(state.theta)
        loss, pull = loss_and_pull(goals, base * ratio * mask, self.loss)
        share = (base / total(base)).astype(base.dtype)
        distance = total(share * (ratio * state.theta - ratio + 1))
        worth = pull * mask * base + 2 * self.ridge * share * state.theta
        if self.mass == "conserved":
            worth = worth - share * total(ratio * worth).astype(base.dtype)
        updates, optimiser = self.optimiser(n_records(goals)).update(
            worth * ratio, state.optimiser, state.theta
        )
        theta = self._admissible(moved(state.theta, updates), share)
        kept = jnp.sum(base > 0).astype(loss.dtype)
        return _State(theta, optimiser), EpochLog(loss + 2 * self.ridge * distance, kept)

    def _ratio(self, theta: Float[Array, " unit"]) -> Float[Array, " unit"]:
        ratio = jnp.exp(theta)
        return ratio if self.max_ratio is None else jnp.minimum(ratio, self.max_ratio)

    def _admissible(
        self, theta: Float[Array, " unit"], share: Float[Array, " unit"]
    ) -> Float[Array, " unit"]:
        """The parameters moved to where the cap and the mass are kept."""
        highest = jnp.inf if self.max_ratio is None else math.log(self.max_ratio)
        if self.mass == "free":
            return jnp.minimum(theta, highest)

        def lift(_, shift):
            # Exact once the units at the cap are those of the solution; their number only grows.
            lifted = theta + shift
            free = lifted < highest
            mass = total(jnp.where(free, share * jnp.exp(jnp.where(free, lifted, 0)), 0))
            left = 1 - total(jnp.where(free, 0, share)) * (self.max_ratio or 0.0)
            some = (mass > 0) & (left > 0)
            more = jnp.log(jnp.where(some, left, 1) / jnp.where(some, mass, 1))
            return shift + more.astype(theta.dtype)

        # Units capped at a shift that conserves the uncapped mass hold at most all of it.
        top = jnp.max(theta)
        first = -(top + jnp.log(total(share * jnp.exp(theta - top)))).astype(theta.dtype)
        rounds = 0 if self.max_ratio is None else _ROUNDS
        shift = jax.lax.fori_loop(0, rounds, lift, first)
        return jnp.minimum(theta + shift, highest)

    def _mask(self, base: Float[Array, " unit"], at: Moment) -> Float[Array, " unit"] | float:
        if not self.dropout or at.key is None:
            return 1.0
        stays = jax.random.bernoulli(at.key, 1 - self.dropout, base.shape)
        return stays.astype(base.dtype) / (1 - self.dropout)
