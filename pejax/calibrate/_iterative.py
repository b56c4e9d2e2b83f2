"""A way to calibrate as four pure functions."""

import abc
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core._results import Result
from ..core._types import Key
from ..core._validate import BadInputError
from ._diagnostics import effective_sample_size, records_kept, squared_relative_loss
from ._drive import driven
from ._loop import finished
from ._method import Method, Outcome, Progress, RunOptions, Solved, Start
from .problem._problem import Goals, TargetProblem


class IterativeMethod(Method):
    r"""A way to calibrate step by step: `init`, `step`, `done` and `weights`, all of them pure.

    Write these four and the method works in `solve`, under `jit` and `vmap`, and in `calibrate`,
    which checks, watches, keeps checkpoints and starts again for every method alike. A state is a
    pytree of arrays with an entry `steps`, the number of steps taken. The problem that they are
    given is a `Goals`: `operator` (its `mv` and `rmv` are the products with the estimate matrix and
    with its transpose), `values`, `scale` and `importance`.

    Generalised iterative scaling, which ends at the raking-ratio weights:

    >>> from typing import NamedTuple
    >>> import equinox as eqx, jax, jax.numpy as jnp
    >>> from pejax import calibrate as cal
    >>> class Scaled(NamedTuple):
    ...     weights: jax.Array
    ...     steps: jax.Array
    >>> class Scaling(cal.IterativeMethod):
    ...     rounds: int = eqx.field(static=True, default=200)
    ...
    ...     def init(self, problem, base, key):
    ...         return Scaled(base, jnp.zeros((), jnp.int32))
    ...
    ...     def step(self, problem, state):
    ...         estimates = problem.operator.mv(state.weights)
    ...         most = problem.operator.rmv(jnp.ones_like(estimates)).max()
    ...         pull = problem.operator.rmv(jnp.log(problem.values / estimates)) / most
    ...         return Scaled(state.weights * jnp.exp(pull), state.steps + 1)
    ...
    ...     def done(self, state):
    ...         return state.steps >= self.rounds
    ...
    ...     def weights(self, problem, state):
    ...         return state.weights
    >>> problem = cal.TargetProblem([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [12.0, 8.0])
    >>> solution = cal.calibrate(problem, [1.0, 1.0, 3.0], Scaling())
    >>> [round(float(weight), 3) for weight in solution.weights]
    [4.0, 2.0, 6.0]
    >>> many = jax.vmap(lambda base: cal.solve(problem, base, Scaling()).weights)(jnp.ones((5, 3)))
    >>> many.shape
    (5, 3)

    References:
        Darroch and Ratcliff (1972), "Generalized iterative scaling for log-linear models", Annals
        of Mathematical Statistics 43(5).
    """

    @abc.abstractmethod
    def init(self, problem: Goals, base: Float[Array, " unit"], key: Key | None) -> Any:
        """The state before the first step."""

    @abc.abstractmethod
    def step(self, problem: Goals, state: Any) -> Any:
        """The state after one more step."""

    @abc.abstractmethod
    def done(self, state: Any) -> Bool[Array, ""]:
        """Whether there is nothing left to do."""

    @abc.abstractmethod
    def weights(self, problem: Goals, state: Any) -> Float[Array, " unit"]:
        """The weights that a state stands for."""

    def finish(self, problem: Goals, state: Any) -> Solved:
        """What the last state comes to: its weights, a code of `pejax.Result`, its steps."""
        weights = self.weights(problem, state)
        finite = jnp.isfinite(weights).all()
        result = jnp.where(finite, Result.successful.array, Result.nonfinite.array)
        return Solved(weights, result, state.steps)

    def init_from(
        self,
        problem: TargetProblem,
        base: Float[np.ndarray, " unit"],
        key: Key | None,
        start: Start,
    ) -> Any:
        """The state before the first step at an earlier solution; on the host.

        Raises:
            BadInputError: the method has no such state.
        """
        raise BadInputError(
            f"{type(self).__name__} cannot start from an earlier solution. Leave start out."
        )

    def tangent(self, primals: tuple[Goals, Array], tangents: tuple[Any, Any], state: Any) -> Any:
        """The change of the last state with problem and base weights, where there is one."""
        raise BadInputError(
            f"{type(self).__name__} has no derivative: its weights are where an optimiser "
            "stopped. Differentiate a distance method, such as Entropy()."
        )

    def for_problem(self, problem: TargetProblem) -> "IterativeMethod":
        """The method with settings that have labels in the order of a problem's units."""
        return self

    @property
    def long_run(self) -> int | None:
        """The steps of a run that is long enough to watch and to keep checkpoints of; or None."""
        return None

    def keeps_checkpoints(self, problem: TargetProblem) -> bool:
        return self.long_run is not None

    def progress(self, problem: Goals, state: Any) -> Progress:
        """Where a long run is."""
        weights = self.weights(problem, state)
        estimates = problem.operator.mv(weights)
        loss = squared_relative_loss(estimates, *problem[1:])
        told = loss, records_kept(weights), effective_sample_size(weights)
        return Progress(int(state.steps), self.long_run or 0, *map(float, told))

    def run(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Outcome:
        last = driven(self, problem, base_weights, options)
        return Outcome(*finished(last.method, last.problem, last.state))
