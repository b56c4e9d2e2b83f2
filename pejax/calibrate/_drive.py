"""The host's driver of a method: warm start, progress and checkpoints, once for all of them."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ._checkpoint import Checkpoints, identity_of
from ._loop import advanced, begun, ran
from ._method import ProgressCallback, RunOptions
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
    options: RunOptions,
) -> Driven:
    """Run a method to its end; from a checkpoint if there is one.

    Raises:
        BadInputError: a start that the method cannot use; another run's checkpoints.
        CheckpointError: a state that cannot be written.
    """
    method, goals = method.for_problem(problem), goals_of(problem)
    watched = method.long_run is not None and (options.progress or options.checkpoint)
    if options.start is None and method.long_run is None:
        # A long run takes the same programs whether it is watched or not, to the same bits.
        return Driven(method, goals, ran(method, goals, jnp.asarray(base), options.key))
    if options.start is None:
        state = begun(method, goals, jnp.asarray(base), options.key)
    else:
        state = method.init_from(problem, base, options.key, options.start)
    if not watched:
        return Driven(method, goals, advanced(method, goals, state))
    if options.checkpoint is None:
        return Driven(method, goals, _in_stretches(method, goals, state, options.progress))
    identity = identity_of(method, problem, base, options.key, options.start)
    with Checkpoints(options.checkpoint, identity) as kept:
        state = kept.latest(state) or state
        return Driven(method, goals, _in_stretches(method, goals, state, options.progress, kept))


def _in_stretches(
    method: "IterativeMethod",
    problem: Goals,
    state: Any,
    progress: ProgressCallback | None,
    kept: Checkpoints | None = None,
) -> Any:
    """The last state, after a report and a checkpoint at every stretch of a long run."""
    stretch = min(_LONGEST, -(-(method.long_run or 1) // _STRETCHES))
    while not method.done(state):
        until = jnp.asarray(int(state.steps) + stretch, jnp.int32)
        state = advanced(method, problem, state, until)
        if progress is not None:  # before it is saved, so that a run that goes on tells it again
            progress(method.progress(problem, state))
        if kept is not None:
            kept.save(state)
    return state
