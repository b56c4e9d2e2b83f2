"""The host's driver of a method: warm start, progress and checkpoints, once for all of them."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._checkpoint import Checkpoints, identity_of
from ._loop import advanced, begun
from ._method import ProgressCallback, Run
from .problem._problem import Goals, TargetProblem, goals_of

if TYPE_CHECKING:
    from ._iterative import IterativeMethod

_STRETCHES = 20  # reports of progress in a run, or more:
_LONGEST = 100  # steps without one, or without a checkpoint


class Driven(NamedTuple):
    """Where a run ended, with the method and the problem as compiled code saw them."""

    method: Any
    problem: Goals
    state: Any


def driven(
    method: "IterativeMethod",
    problem: TargetProblem,
    base: Float[np.ndarray, " unit"],
    how: Run,
) -> Driven:
    """Run a method to its end; from a checkpoint if there is one.

    Raises:
        BadInputError: a start that the method cannot use; another run's checkpoints.
        CheckpointError: a state that cannot be written.
    """
    method, goals = method.for_problem(problem), goals_of(problem)
    if how.start is None:
        state = begun(method, goals, jnp.asarray(base), how.key)
    else:
        state = method.init_from(problem, base, how.key, how.start)
    if how.checkpoint is None:
        return Driven(method, goals, _watched(method, goals, state, how.progress))
    identity = identity_of(method, problem, base, how.key, how.start)
    with Checkpoints(how.checkpoint, identity) as kept:
        state = kept.latest(state) or state
        return Driven(method, goals, _watched(method, goals, state, how.progress, kept))


def _watched(
    method: "IterativeMethod",
    problem: Goals,
    state: Any,
    progress: ProgressCallback | None,
    kept: Checkpoints | None = None,
) -> Any:
    """The last state, after a report and a checkpoint at every stretch of a long run."""
    steps = method.long_run
    if steps is None or (progress is None and kept is None):
        return advanced(method, problem, state)
    stretch = min(_LONGEST, -(-steps // _STRETCHES))
    while not method.done(state):
        until = jnp.asarray(int(state.steps) + stretch, jnp.int32)
        state = advanced(method, problem, state, until)
        if progress is not None:  # before it is saved, so that a run that goes on tells it again
            progress(method.progress(problem, state))
        if kept is not None:
            kept.save(state)
    return state
