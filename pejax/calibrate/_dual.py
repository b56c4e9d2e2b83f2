r"""Newton's method on the dual of a calibration: one unknown a target, however many the units.

The weights :math:`w = w_0 \circ g` that minimise

.. math:: \frac{1}{2Q}\sum_t q_t \Big(\frac{(Aw - y)_t}{s_t}\Big)^2
          + \rho \sum_i p_i\,\varphi(g_i), \qquad p = w_0 / W,\; W = \sum_i w_{0i},\;
          Q = \sum_t q_t

have :math:`g = f(B^\top \mu)` with :math:`B = W\,\mathrm{diag}(d)\,A`, :math:`d = \sqrt{q}/s` and

.. math:: F(\mu) = B\,(p \circ f(B^\top\mu)) - d \circ y + \rho Q\,(\mu - c) = 0, \qquad c = 0.

:math:`F` is the gradient of a convex function with Hessian
:math:`B\,\mathrm{diag}(p f')\,B^\top + \rho Q I`. Targets, weights and :math:`\rho` are free of
units. The ridge starts high and falls to :math:`\rho`, each solution starting the next. An exact
solution moves the centre :math:`c` to the last :math:`\mu` (the method of multipliers), which
drives the residual to zero at any ridge and survives redundant targets.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._results import Result
from ._accumulate import total
from ._distance import Distance
from ._linesearch import step_length
from ._operators import Operator
from ._problem import Goals

_RIDGE_FALL = 10.0
_STAGE = 0.1  # a ridge on the way down is left when its gradient is this share of the residual
_STUCK = 4  # moves of the centre in a row that leave the residual as it was: no solution
_RUNNING = -1


class DualSystem(eqx.Module):
    """The calibration equations in units of relative error, for one distance."""

    operator: Operator
    row_scale: Float[Array, " target"]  # W d
    goal: Float[Array, " target"]  # d y
    base: Float[Array, " unit"]  # p
    importance: Float[Array, ""]  # Q
    distance: Distance

    def potential(self, mu: Float[Array, " target"]) -> Float[Array, " unit"]:
        r"""The potentials :math:`B^\top \mu`."""
        return self.operator.rmv(self.row_scale * mu)

    def residual(self, potential: Float[Array, " unit"]) -> Float[Array, " target"]:
        """The weighted relative errors of the estimates."""
        ratio = self.distance.ratio(potential)
        return self.row_scale * self.operator.mv(self.base * ratio) - self.goal

    def hessian(
        self, potential: Float[Array, " unit"], ridge: Float[Array, ""]
    ) -> Float[Array, "target target"]:
        r"""The derivative of the residual in the multipliers, plus the ridge."""
        gram = self.operator.gram(self.base * self.distance.slope(potential))
        scaled = self.row_scale[:, None] * gram * self.row_scale
        return scaled + ridge * jnp.eye(scaled.shape[0], dtype=scaled.dtype)


def dual_system(
    goals: Goals, base_weights: Float[Array, " unit"], distance: Distance
) -> DualSystem:
    """The equations of one problem; pure, and differentiable in every array."""
    operator, values, scale, importance = goals
    mass = total(base_weights)
    row_weight = jnp.sqrt(importance) / scale
    base = base_weights.astype(mass.dtype) / mass
    return DualSystem(
        operator, mass * row_weight, row_weight * values, base, jnp.sum(importance), distance
    )


class NewtonOptions(NamedTuple):
    """How far to go: where the ridge starts and ends, the tolerance on F, soft or exact."""

    first_ridge: float
    ridge: float
    tol: float
    max_steps: int
    exact: bool


class DualSolution(NamedTuple):
    mu: Float[Array, " target"]
    result: Int[Array, ""]
    steps: Int[Array, ""]
    gradient: Float[Array, ""]  # root mean square of F where it stopped


class _State(NamedTuple):
    mu: Float[Array, " target"]
    center: Float[Array, " target"]
    ridge: Float[Array, ""]  # relative
    last_residual: Float[Array, ""]  # when the centre last moved
    stuck: Int[Array, ""]
    steps: Int[Array, ""]
    code: Int[Array, ""]
    gradient: Float[Array, ""]


def solve_dual(
    system: DualSystem, options: NewtonOptions, start: Float[Array, " target"] | None = None
) -> DualSolution:
    """The multipliers, with a result code; compiled whole, one Gram matrix a step."""
    dtype = system.goal.dtype
    mu = jnp.zeros_like(system.goal) if start is None else jnp.asarray(start, dtype)
    zero, count = jnp.zeros((), dtype), jnp.zeros((), jnp.int32)
    ridge = jnp.asarray(max(options.first_ridge, options.ridge), dtype)
    running = jnp.asarray(_RUNNING, jnp.int32)
    state = _State(mu, 0 * mu, ridge, zero + jnp.inf, count, count, running, zero + jnp.inf)
    state = jax.lax.while_loop(
        lambda s: s.code == _RUNNING, lambda s: _iterate(system, options, s), state
    )
    return DualSolution(state.mu, state.code, state.steps, state.gradient)


def _iterate(system: DualSystem, options: NewtonOptions, state: _State) -> _State:
    """Look where we are, move the ridge or the centre if it is time, then take one step."""
    potential = system.potential(state.mu)
    residual = system.residual(potential)
    state = _advance(system, options, state, residual)
    gradient = residual + state.ridge * system.importance * (state.mu - state.center)
    return jax.lax.cond(
        state.code == _RUNNING,
        lambda: _newton_step(system, options, state, potential, gradient),
        lambda: state,
    )


def _advance(
    system: DualSystem, options: NewtonOptions, state: _State, residual: Float[Array, " target"]
) -> _State:
    """Lower the ridge, move the centre or stop, when the present stage has converged."""
    miss = _rms(residual)
    gradient = _rms(residual + state.ridge * system.importance * (state.mu - state.center))
    last_stage = state.ridge <= options.ridge * (1 + 1e-6)
    loose = jnp.maximum(options.tol, _STAGE * miss)
    tol = loose if options.exact else jnp.where(last_stage, options.tol, loose)
    converged = gradient <= tol
    lower = jnp.maximum(state.ridge / _RIDGE_FALL, options.ridge)
    ridge = jnp.where(converged & ~last_stage, lower, state.ridge)
    finished = converged & last_stage & ((miss <= options.tol) if options.exact else True)
    state = state._replace(ridge=ridge, gradient=gradient)
    if options.exact:
        state = _move_center(state, converged & last_stage, miss)
    code = jnp.where(state.stuck >= _STUCK, int(Result.infeasible), state.code)
    code = jnp.where(state.steps >= options.max_steps, int(Result.max_steps_reached), code)
    code = jnp.where(finished, int(Result.successful), code)
    code = jnp.where(jnp.isfinite(gradient), code, int(Result.nonfinite))
    return state._replace(code=code.astype(jnp.int32))


def _move_center(state: _State, due: Array, miss: Float[Array, ""]) -> _State:
    """The multiplier step of an exact solve, and the count of those that changed nothing."""
    idle = jnp.where(miss > 0.98 * state.last_residual, state.stuck + 1, 0)
    return state._replace(
        center=jnp.where(due, state.mu, state.center),
        last_residual=jnp.where(due, miss, state.last_residual),
        stuck=jnp.where(due, idle, state.stuck).astype(jnp.int32),
    )


def _newton_step(
    system: DualSystem,
    options: NewtonOptions,
    state: _State,
    potential: Float[Array, " unit"],
    gradient: Float[Array, " target"],
) -> _State:
    """One Newton step, its length found along the convex dual."""
    ridge = state.ridge * system.importance
    direction = -solve_spd(system.hessian(potential, ridge), gradient)
    change = system.potential(direction)
    first_slope = jnp.dot(gradient, direction)
    curvature = ridge * jnp.dot(direction, direction)
    ratio = system.distance.ratio(potential)

    def slope(step: Float[Array, ""]) -> Float[Array, ""]:
        # As a change from the first slope: the slopes themselves would be differences of totals.
        moved = potential + step * change
        gained = system.base * (system.distance.ratio(moved) - ratio) * change
        return first_slope + total(gained) + step * curvature

    step = step_length(slope, first_slope)
    stalled = jnp.where(options.exact, int(Result.infeasible), int(Result.stalled))
    code = jnp.where(step > 0, state.code, stalled)
    return state._replace(
        mu=state.mu + step * direction,
        steps=state.steps + 1,
        code=code.astype(jnp.int32),
    )


def solve_spd(H: Float[Array, "target target"], rhs: Float[Array, " target"]) -> Array:
    r"""The solution of :math:`H x = b` for a positive semidefinite :math:`H`, refined once.

    Rows are scaled to a unit diagonal first, and the least multiple of the machine precision that
    makes the factorisation succeed is added to it. Linear in `rhs`, so it transposes.
    """
    n, eps = H.shape[0], jnp.finfo(H.dtype).eps
    spread = jnp.sqrt(jnp.maximum(jnp.diagonal(H), jnp.finfo(H.dtype).tiny))
    unit = H / (spread[:, None] * spread)
    factor = jax.lax.stop_gradient(_cholesky(unit, 4 * n * float(eps)))

    def apply(b):
        return jax.scipy.linalg.cho_solve((factor, True), b / spread) / spread

    x = apply(rhs)
    return x + apply(rhs - H @ x)


def _cholesky(unit: Float[Array, "target target"], jitter: float) -> Float[Array, "target target"]:
    eye = jnp.eye(unit.shape[0], dtype=unit.dtype)

    def attempt(amount):
        return jnp.linalg.cholesky(unit + amount * eye)

    def failed(carry):
        factor, amount = carry
        return ~jnp.all(jnp.isfinite(factor)) & (amount < 1)

    def retry(carry):
        return attempt(30 * carry[1]), 30 * carry[1]

    amount = jnp.asarray(jitter, unit.dtype)
    return jax.lax.while_loop(failed, retry, (attempt(amount), amount))[0]


def _rms(x: Float[Array, " target"]) -> Float[Array, ""]:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
