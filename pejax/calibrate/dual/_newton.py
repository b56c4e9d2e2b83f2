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

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, Int

from ...core._results import Result
from ..operators._accumulate import total
from ..operators._factor import Factor
from ..operators._operator import HessianParts, Operator
from ..problem._problem import Goals
from ._conjugate import conjugate_gradients
from ._distance import Distance
from ._linesearch import step_length

_RIDGE_FALL = 10.0
_STAGE = 0.1  # a ridge on the way down is left when its gradient is this share of the residual
_STUCK = 4  # moves of the centre in a row that leave the residual as it was: no solution
RUNNING = -1
_FAR = 60.0  # its exponential is within float32
_FORCING = 0.2  # what a Newton step may leave of its equations, far from the solution
_INEXACT, _AGED = 40, 6  # steps of conjugate gradients at most, and from which a factor is old
_EXACT = 200  # for equations that are solved to rounding
_LEFT = 0.1  # of the tolerance, of the gradient, and of a step at most: what a batch may leave


class DualSystem(eqx.Module):
    """The calibration equations in units of relative error, for one distance."""

    operator: Operator
    row_scale: Float[Array, " target"]  # W d
    goal: Float[Array, " target"]  # d y
    base: Float[Array, " unit"]  # p
    total_importance: Float[Array, ""]  # Q
    distance: Distance

    def potential(self, mu: Float[Array, " target"]) -> Float[Array, " unit"]:
        r"""The potentials :math:`B^\top \mu`."""
        return self.operator.rmv(self.row_scale * mu)

    def felt(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        """The potentials within numbers, where nothing else holds those of units of no weight."""
        return within_numbers(potential, self.base)

    def residual(self, potential: Float[Array, " unit"]) -> Float[Array, " target"]:
        """The weighted relative errors of the estimates."""
        ratio = self.distance.ratio(self.felt(potential))
        return self.row_scale * self.operator.mv(self.base * ratio) - self.goal

    def unit_curvature(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        """The weight of each unit in the Hessian."""
        return self.base * self.distance.slope(self.felt(potential))

    def factor(self, parts: HessianParts, ridge: Float[Array, ""]) -> Factor:
        """The Hessian with the ridge, factorised, from the operator's parts of it."""
        return self.operator.factor(parts, self.row_scale, ridge)

    def image(
        self, q: Float[Array, " unit"], ridge: Float[Array, ""], x: Float[Array, " target"]
    ) -> Float[Array, " target"]:
        r"""The Hessian with the ridge times a vector, in the dtype of `q` and of the data."""
        potential = self.operator.rmv((self.row_scale * x).astype(q.dtype))
        return self.row_scale * self.operator.mv(q * potential) + ridge * x

    def solve(
        self, potential: Float[Array, " unit"], ridge: Float[Array, ""], rhs: Array
    ) -> Float[Array, " target"]:
        """The solution of the Hessian's equations, to rounding; differentiable in everything."""
        q = self.unit_curvature(potential)
        factor = self.factor(self.operator.hessian_parts(q), ridge)

        def by_steps(matvec: Callable[[Array], Array], b: Array) -> Array:
            if not self.operator.reuses_factor:
                return factor.solve(b)
            limit = 10 * float(jnp.finfo(b.dtype).eps)
            return conjugate_gradients(matvec, b, factor.solve, rtol=limit, max_steps=_EXACT)[0]

        image = functools.partial(self.image, q, ridge)
        return jax.lax.custom_linear_solve(image, rhs, by_steps, symmetric=True)


def within_numbers(
    potential: Float[Array, " unit"], base: Float[Array, " unit"]
) -> Float[Array, " unit"]:
    """Potentials whose exponential is one; those of units with weight as they are."""
    return jnp.where(base > 0, potential, jnp.clip(potential, -_FAR, _FAR))


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


class DualState(NamedTuple):
    """Where Newton's method is: a look at the equations has been taken, a step has not."""

    base: Float[Array, " unit"]  # weights, as they were given
    mu: Float[Array, " target"]  # the multipliers, of relative errors
    potential: Float[Array, " unit"]  # of mu
    residual: Float[Array, " target"]  # of the potential
    center: Float[Array, " target"]  # c: 0, or where an exact solve last moved it
    ridge: Float[Array, ""]  # relative
    last_residual: Float[Array, ""]  # its root mean square when the centre last moved
    stuck: Int[Array, ""]  # moves of the centre in a row that changed nothing
    steps: Int[Array, ""]
    code: Int[Array, ""]  # of `Result`, or that it is running
    gradient: Float[Array, ""]  # root mean square of F
    kept_hessian: HessianParts | None  # of an earlier step, where the operator reuses a factor
    refresh: Bool[Array, ""]  # it has aged
    log: Float[Array, "max_steps 3"]  # by step: relative ridge, root mean squares of F and residual


def first_state(
    system: DualSystem,
    options: NewtonOptions,
    base: Float[Array, " unit"],
    start: Float[Array, " target"] | None = None,
) -> DualState:
    """The state before the first step, at multipliers of 0 or at those of an earlier solution."""
    dtype = system.goal.dtype
    mu, potential = jnp.zeros_like(system.goal), jnp.zeros_like(system.base)
    if start is not None:
        mu = jnp.asarray(start, dtype)
        potential = system.potential(mu)
    zero, count = jnp.zeros((), dtype), jnp.zeros((), jnp.int32)
    kept = None
    if system.operator.reuses_factor:
        shape = jax.eval_shape(system.operator.hessian_parts, system.base)
        kept = jnp.zeros(shape.shape, shape.dtype)
    far = zero + jnp.inf
    state = DualState(
        base=base,
        mu=mu,
        potential=potential,
        residual=system.residual(potential),
        center=0 * mu,
        ridge=jnp.asarray(max(options.first_ridge, options.ridge), dtype),
        last_residual=far,
        stuck=count,
        steps=count,
        code=jnp.asarray(RUNNING, jnp.int32),
        gradient=far,
        kept_hessian=kept,
        refresh=jnp.array(True),
        log=jnp.zeros((options.max_steps, 3), dtype),
    )
    return _advance(system, options, state)


def newton_step(system: DualSystem, options: NewtonOptions, state: DualState) -> DualState:
    """One step, its length found along the convex dual, and a look at where it leads.

    One Gram matrix a step. There is no `cond` in it: `vmap` would give every member of a batch an
    estimate matrix of its own.
    """
    ridge, potential = state.ridge * system.total_importance, state.potential
    gradient = state.residual + ridge * (state.mu - state.center)
    direction, kept, refresh = _direction(system, options, state, gradient)
    change = system.potential(direction)
    felt = system.felt(change)
    first_slope = jnp.dot(gradient, direction)
    ridge_slope = ridge * jnp.dot(direction, direction)
    ratio = system.distance.ratio(system.felt(potential))

    def slope(step: Float[Array, ""]) -> Float[Array, ""]:
        # As a change from the first slope: the slopes themselves would be differences of totals.
        moved = system.felt(potential + step * change)
        gained = system.base * (system.distance.ratio(moved) - ratio) * felt
        return first_slope + total(gained) + step * ridge_slope

    step = step_length(slope, first_slope)
    stalled = jnp.where(options.exact, int(Result.infeasible), int(Result.stalled))
    potential = potential + step * change
    moved = state._replace(
        mu=state.mu + step * direction,
        potential=potential,
        residual=system.residual(potential),
        steps=state.steps + 1,
        code=jnp.where(step > 0, state.code, stalled).astype(jnp.int32),
        kept_hessian=kept,
        refresh=refresh,
    )
    return _advance(system, options, moved)


def _advance(system: DualSystem, options: NewtonOptions, state: DualState) -> DualState:
    """Lower the ridge, move the centre or stop, when the present stage has converged."""
    miss = _rms(state.residual)
    gradient = _rms(
        state.residual + state.ridge * system.total_importance * (state.mu - state.center)
    )
    last_stage = state.ridge <= options.ridge * (1 + 1e-6)
    loose = jnp.maximum(options.tol, _STAGE * miss)
    tol = loose if options.exact else jnp.where(last_stage, options.tol, loose)
    converged = gradient <= tol
    lower = jnp.maximum(state.ridge / _RIDGE_FALL, options.ridge)
    ridge = jnp.where(converged & ~last_stage, lower, state.ridge)
    finished = converged & last_stage & ((miss <= options.tol) if options.exact else True)
    line = jnp.stack([ridge, gradient, miss])
    log = state.log.at[state.steps].set(line, mode="drop")
    ended = state.code
    state = state._replace(ridge=ridge, gradient=gradient, log=log)
    if options.exact:
        state = _move_center(state, converged & last_stage, miss)
    code = jnp.where(state.stuck >= _STUCK, int(Result.infeasible), state.code)
    code = jnp.where(state.steps >= options.max_steps, int(Result.max_steps_reached), code)
    code = jnp.where(finished, int(Result.successful), code)
    code = jnp.where(jnp.isfinite(gradient), code, int(Result.nonfinite))
    code = jnp.where(ended == RUNNING, code, ended)
    return state._replace(code=code.astype(jnp.int32))


def _move_center(state: DualState, due: Array, miss: Float[Array, ""]) -> DualState:
    """The multiplier step of an exact solve, and the count of those that changed nothing."""
    idle = jnp.where(miss > 0.98 * state.last_residual, state.stuck + 1, 0)
    return state._replace(
        center=jnp.where(due, state.mu, state.center),
        last_residual=jnp.where(due, miss, state.last_residual),
        stuck=jnp.where(due, idle, state.stuck).astype(jnp.int32),
    )


def _direction(
    system: DualSystem,
    options: NewtonOptions,
    state: DualState,
    gradient: Float[Array, " target"],
) -> tuple[Float[Array, " target"], HessianParts | None, Bool[Array, ""]]:
    """The Newton direction, with the Hessian the next step may use again and whether it has aged.

    Where a Hessian is dear, one of an earlier step serves as preconditioner, until it takes many
    steps to correct.
    """
    ridge = state.ridge * system.total_importance
    q = system.unit_curvature(state.potential)
    operator = system.operator
    if state.kept_hessian is None:  # the operator reuses no factor
        share = _share_to_leave(system, options, gradient)
        return _solved(system, q, ridge, -gradient, share), None, state.refresh
    kept = _renewed(state.refresh, lambda: operator.hessian_parts(q), state.kept_hessian)
    share = jnp.clip(jnp.sqrt(_rms(gradient)), 1e-4, _FORCING)
    direction, steps = _by_steps(system, kept, q, ridge, -gradient, share)
    return direction, kept, steps >= _AGED


def _share_to_leave(
    system: DualSystem, options: NewtonOptions, gradient: Float[Array, " target"]
) -> Float[Array, ""]:
    """What a step may leave of its equations before more steps become necessary: a part of what
    ends the solve, or of what Newton's method leaves of its own accord."""
    size = _rms(gradient)
    ends = options.tol / jnp.where(size > 0, size, 1.0)
    own = 0.0 if system.distance.quadratic else size
    return _LEFT * jnp.minimum(jnp.maximum(ends, own), 1.0)


def _by_steps(
    system: DualSystem,
    parts: HessianParts,
    q: Float[Array, " unit"],
    ridge: Float[Array, ""],
    rhs: Float[Array, " target"],
    share: Float[Array, ""],
) -> tuple[Float[Array, " target"], Int[Array, ""]]:
    """The Newton equations solved but for a share of them, with another Hessian's parts as
    preconditioner, and the steps that it took."""
    return conjugate_gradients(
        functools.partial(system.image, q.astype(system.operator.dtype), ridge),
        rhs,
        system.factor(parts, ridge).solve,
        rtol=share,
        max_steps=_INEXACT,
    )


def _outright(
    system: DualSystem,
    q: Float[Array, " unit"],
    ridge: Float[Array, ""],
    rhs: Float[Array, " target"],
    share: Float[Array, ""],
) -> Float[Array, " target"]:
    """The solution of the Newton equations; in a batch, but for a share of them."""
    return system.factor(system.operator.hessian_parts(q), ridge).solve(rhs)


_solved = custom_vmap(_outright)


@_solved.def_vmap
def _(
    size: int,
    batched: Sequence[Any],
    system: DualSystem,
    q: Array,
    ridge: Array,
    rhs: Array,
    share: Array,
) -> tuple[Array, bool]:
    """Of a batch over one estimate matrix: its members share a Hessian, that of their mean
    curvature, and each corrects it by conjugate gradients, whose steps cost a batch little."""
    axes = jax.tree.map(lambda own: 0 if own else None, batched)
    if any(jax.tree.leaves(batched[0].operator)) or not batched[1]:
        return jax.vmap(_outright, in_axes=axes)(system, q, ridge, rhs, share), True
    mass = jnp.sum(q, axis=1)
    fit = jnp.isfinite(mass) & (mass > 0)
    own_share = q / jnp.where(fit, mass, 1.0)[:, None]
    parts = system.operator.hessian_parts(jnp.mean(jnp.where(fit[:, None], own_share, 0.0), axis=0))

    def corrected(system, q, ridge, rhs, share, mass):
        return _by_steps(system, parts * mass.astype(parts.dtype), q, ridge, rhs, share)[0]

    return jax.vmap(corrected, in_axes=(*axes, 0))(system, q, ridge, rhs, share, mass), True


def _renewed(due: Bool[Array, ""], new: Callable[[], Array], old: Array) -> Array:
    """The new value where it is due, as a loop of one round at most.

    A `cond` under `vmap` would copy the estimate matrix for every member of the batch.
    """
    return jax.lax.while_loop(lambda s: s[0], lambda s: (jnp.zeros_like(due), new()), (due, old))[1]


def _rms(x: Float[Array, " target"]) -> Float[Array, ""]:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
