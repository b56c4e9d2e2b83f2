"""Calibration by distance: linear, entropy, bounded logit, raking, one solver for all."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ...core._arguments import as_number, as_switch, as_whole
from ...core._results import Result
from ...core._types import Key
from ...core._validate import BadInputError
from .._drive import driven
from .._iterative import IterativeMethod
from .._loop import finished
from .._method import Outcome, RunOptions, Solved, Start, optional
from ..problem._merge import merge_identical
from ..problem._problem import Goals, TargetProblem, goals_of
from ._certificate import Certificate, certificate
from ._distance import (
    Bounded,
    BoundedLogit,
    ChiSquare,
    Distance,
    KullbackLeibler,
    TruncatedChiSquare,
)
from ._implicit import implicit_tangent
from ._newton import (
    RUNNING,
    DualState,
    DualSystem,
    NewtonOptions,
    dual_system,
    first_state,
    newton_step,
    within_numbers,
)

_TOLERANCE = {jnp.dtype("float32"): 1e-5, jnp.dtype("float64"): 1e-10}

_RIDGE = 1e-4  # of soft methods, unless given

_LEAST_RIDGE = {jnp.dtype("float32"): 1e-6, jnp.dtype("float64"): 1e-10}


class DualMethod(IterativeMethod):
    r"""Weights nearest to the base weights, in some distance, that meet the targets.

    Soft (the default): the weights minimise

    .. math:: \tfrac{1}{2}\,\overline{e^2} + \rho\,\overline{\varphi(w / w_0)},

    the importance-weighted mean of squared relative errors plus `ridge` times the mean distance
    (units count by their base weight). Contradictory targets are then met as well as the ridge
    allows and nothing fails. With `exact=True` they are constraints; if no admissible weights meet
    them the result is `Result.infeasible`.

    Args:
        ridge: :math:`\rho`, free of units; at the default an error of 1 % in a target weighs as
            much as half a unit of mean distance does, which inconsistent public targets survive.
        exact: meet every target to `tol` instead; there is no `ridge` then.
        tol: root mean square of the optimality conditions, in relative error; 1e-5 for float32
            data and 1e-10 for float64 unless given.
        max_steps: Newton steps at most.

    References:
        Deville and Särndal (1992), "Calibration estimators in survey sampling", JASA 87(418).
        Rao and Singh (1997), "A ridge-shrinkage method for range-restricted weight calibration".
    """

    ridge: float = eqx.field(
        static=True, default=_RIDGE, kw_only=True, converter=as_number("ridge")
    )
    exact: bool = eqx.field(static=True, default=False, kw_only=True, converter=as_switch("exact"))
    tol: float | None = eqx.field(
        static=True, default=None, kw_only=True, converter=optional(as_number("tol"))
    )
    max_steps: int = eqx.field(
        static=True, default=200, kw_only=True, converter=as_whole("max_steps")
    )

    def __check_init__(self):
        if not self.ridge > 0:
            raise BadInputError(f"ridge is {self.ridge}; give a number above 0, or exact=True.")
        if self.exact and self.ridge != _RIDGE:
            raise BadInputError(
                f"ridge is {self.ridge}, and where targets are met exactly there is none. Leave "
                f"ridge out, or use a soft method such as Entropy(ridge={self.ridge})."
            )
        if self.tol is not None and not self.tol > 0:
            raise BadInputError(f"tol is {self.tol}; give a number above 0.")
        if self.max_steps < 1:
            raise BadInputError(f"max_steps is {self.max_steps}; give at least 1.")

    @property
    @abc.abstractmethod
    def distance(self) -> Distance:
        """The cost of moving a weight."""

    @property
    def first_ridge(self) -> float:
        """Where the ridge starts on its way down."""
        return 0.1

    def init(
        self,
        problem: Goals,
        base: Float[Array, " unit"],
        key: Key | None,
        multipliers: Float[Array, " target"] | None = None,
    ) -> DualState:
        system, options = self._system(problem, base), self._options(problem)
        if multipliers is None:
            return first_state(system, options, base)
        fitted = system.row_scale > 0
        start = jnp.where(fitted, multipliers / jnp.where(fitted, system.row_scale, 1), 0)
        return first_state(system, options._replace(first_ridge=options.ridge), base, start)

    def init_from(
        self,
        problem: TargetProblem,
        base: Float[np.ndarray, " unit"],
        key: Key | None,
        start: Start,
    ) -> DualState:
        multipliers = jnp.asarray(start.multipliers_of(problem))
        return _begun_at(self, goals_of(problem), jnp.asarray(base), multipliers)

    def step(self, problem: Goals, state: DualState) -> DualState:
        return newton_step(self._system(problem, state.base), self._options(problem), state)

    def done(self, state: DualState) -> Bool[Array, ""]:
        return state.code != RUNNING

    def weights(self, problem: Goals, state: DualState) -> Float[Array, " unit"]:
        ratio = self.distance.ratio(within_numbers(state.potential, state.base))
        return state.base * ratio.astype(state.base.dtype)

    def finish(self, problem: Goals, state: DualState) -> Solved:
        return Solved(self.weights(problem, state), state.code, state.steps)

    def tangent(
        self, primals: tuple[Goals, Array], tangents: tuple[Any, Any], state: DualState
    ) -> DualState:
        options = self._options(primals[0])
        return implicit_tangent(self._system, options, state, primals, tangents)

    def run(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Outcome:
        """As `solve`, but identical records are merged and an exact solve retries in float64."""
        merged = merge_identical(problem, base_weights)
        fewer, sums = (problem, base_weights) if merged is None else (merged.problem, merged.base)
        last = driven(self, fewer, sums, options)
        narrow = fewer.operator.dtype == jnp.float32
        if self.exact and narrow and int(last.state.code) != Result.successful:
            # A Gram matrix of float32 data may be singular where the data are not.
            wide = fewer.with_operator(fewer.operator.astype(jnp.float64))
            again = dataclasses.replace(self, tol=self._tolerance(jnp.float32))
            last = driven(again, wide, sums, options)
        weights, result, steps = finished(last.method, last.problem, last.state)
        if merged is not None:
            weights = jnp.asarray(merged.spread(np.asarray(weights), base_weights))
        goals, mu = self._asked(goals_of(fewer)), last.state.mu
        return Outcome(
            weights,
            result,
            steps,
            certificate=self._certificate(goals, jnp.asarray(sums), mu),
            multipliers=_multipliers(goals, sums, mu),
            step_log=np.asarray(last.state.log, float)[: int(steps)],
        )

    def met_within(self, problem: TargetProblem) -> float | None:
        if not self.exact:
            return None
        # Where the root mean square is at the tolerance, one target may have all of it.
        return float(np.sqrt(problem.n_targets)) * self._tolerance(problem.operator.dtype)

    def _tolerance(self, dtype: DTypeLike) -> float:
        return _TOLERANCE[jnp.dtype(dtype)] if self.tol is None else self.tol

    def _asked(self, problem: Goals) -> Goals:
        """The problem; one that is met exactly has no target that matters less."""
        if not self.exact:
            return problem
        fitted = problem.importance > 0
        return problem._replace(importance=fitted.astype(problem.importance.dtype))

    def _system(self, problem: Goals, base: Float[Array, " unit"]) -> DualSystem:
        return dual_system(self._asked(problem), base, self.distance)

    def _options(self, problem: Goals) -> NewtonOptions:
        tol, ridge, first = self._tolerance(problem.operator.dtype), self.ridge, self.first_ridge
        if self.exact:
            # Where it starts makes no difference to what is met: the less, the fewer steps.
            first = ridge = _LEAST_RIDGE[jnp.dtype(problem.operator.dtype)]
        return NewtonOptions(first, ridge, tol, self.max_steps, self.exact)

    def _certificate(
        self, goals: Goals, base: Float[Array, " unit"], mu: Float[Array, " target"]
    ) -> Certificate | None:
        """What shows that no admissible weights do better, where weights are bounded."""
        return None


class Linear(DualMethod):
    r"""The generalised regression (GREG) weights, :math:`w = w_0 (1 + u)`: one linear solve.

    Fast, and the estimator whose variance survey texts give; weights may be negative.

    >>> from pejax.calibrate import calibrate
    >>> problem = TargetProblem([[1.0, 1.0], [0.0, 1.0]], [6.0, 4.0])
    >>> solution = calibrate(problem, [1.0, 1.0], Linear(exact=True))
    >>> solution.weights.round(3).tolist()
    [2.0, 4.0]
    """

    @property
    def distance(self) -> Distance:
        return ChiSquare()

    @property
    def first_ridge(self) -> float:
        return self.ridge


class Entropy(DualMethod):
    r"""Exponential tilting, :math:`w = w_0 e^u`: positive weights nearest in relative entropy.

    >>> from pejax.calibrate import calibrate
    >>> problem = TargetProblem([[1.0, 1.0], [0.0, 1.0]], [6.0, 4.0])
    >>> solution = calibrate(problem, [1.0, 1.0], Entropy(exact=True))
    >>> solution.weights.round(3).tolist()
    [2.0, 4.0]
    """

    @property
    def distance(self) -> Distance:
        return KullbackLeibler()


class BoundedMethod(DualMethod):
    """Weights within bounds, with a certificate of the error that none of them can go below."""

    lo: float = eqx.field(static=True, default=0.1, converter=as_number("lo", finite=False))
    hi: float = eqx.field(static=True, default=10.0, converter=as_number("hi", finite=False))

    def __check_init__(self):
        _ = self.distance

    @property
    @abc.abstractmethod
    def distance(self) -> Bounded:
        """The cost of moving a weight within its bounds."""

    @property
    def bounds(self) -> tuple[float, float]:
        return self.lo, self.hi

    def _certificate(
        self, goals: Goals, base: Float[Array, " unit"], mu: Float[Array, " target"]
    ) -> Certificate | None:
        return certificate(goals, base, self.distance, mu)


class Logit(BoundedMethod):
    r"""Weights within bounds: :math:`lo < w/w_0 < hi` on a logistic curve.

    Args:
        lo: least ratio of new to base weight, in [0, 1).
        hi: largest ratio, above 1.

    Raises:
        BadInputError: bounds that exclude 1, the ratio of a weight that does not move.

    >>> from pejax.calibrate import calibrate
    >>> problem = TargetProblem([[1.0, 1.0]], [3.0])
    >>> solution = calibrate(problem, [1.0, 1.0], Logit(0.5, 2.0, exact=True))
    >>> [round(weight, 3) for weight in solution.weights.tolist()]
    [1.5, 1.5]
    """

    @property
    def distance(self) -> BoundedLogit:
        return BoundedLogit(self.lo, self.hi)


class TruncatedLinear(BoundedMethod):
    r"""The GREG weights cut off at bounds, :math:`w = w_0 \min(\max(1 + u, lo), hi)`.

    The distance of `Linear` with as many weights at the bounds as the targets demand; unlike
    `Logit` it lets a weight reach them.

    Args:
        lo, hi: as in `Logit`.

    Raises:
        BadInputError: as in `Logit`.

    The second of these weights would be 2.05:

    >>> from pejax.calibrate import calibrate
    >>> problem, method = TargetProblem([[1.0, 3.0]], [7.5]), TruncatedLinear(0.5, 2.0, exact=True)
    >>> calibrate(problem, [1.0, 1.0], method).weights.round(2).tolist()
    [1.5, 2.0]
    """

    @property
    def distance(self) -> TruncatedChiSquare:
        return TruncatedChiSquare(self.lo, self.hi)


class Raking(Entropy):
    r"""The raking-ratio weights: `Entropy` with the targets met exactly.

    Iterative proportional fitting converges to the same weights, one margin at a time; Newton's
    method on the dual gets there in some ten steps for any estimate matrix, not only for margins.

    References:
        Deming and Stephan (1940), Annals of Mathematical Statistics 11(4).
        Ireland and Kullback (1968), "Contingency tables with given marginals", Biometrika 55(1).

    >>> from pejax.calibrate import calibrate
    >>> problem = TargetProblem([[1.0, 1.0], [0.0, 1.0]], [6.0, 4.0])
    >>> calibrate(problem, [1.0, 1.0], Raking()).weights.round(3).tolist()
    [2.0, 4.0]
    """

    exact: bool = eqx.field(static=True, default=True, kw_only=True, converter=as_switch("exact"))


@eqx.filter_jit
def _begun_at(
    method: DualMethod,
    problem: Goals,
    base: Float[Array, " unit"],
    multipliers: Float[Array, " target"],
) -> DualState:
    return method.init(problem, base, None, multipliers)


def _multipliers(
    goals: Goals, base: Float[np.ndarray, " unit"], mu: Float[Array, " target"]
) -> Float[np.ndarray, " target"]:
    """What one more of each target's contribution adds to the potential of a unit."""
    mass = float(np.sum(base))
    return np.asarray(mu) * mass * np.sqrt(goals.importance) / np.asarray(goals.scale)
