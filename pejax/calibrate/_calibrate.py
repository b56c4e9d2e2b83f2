"""The door: check, solve, hand back weights with their diagnostics."""

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import as_instance, as_path, check_key, shown
from ..core._formerly import formerly
from ..core._transforms import at_once, is_traced
from ..core._types import Key
from ..core._validate import BadInputError, suggest
from ._cautions import USUAL, Thresholds
from ._method import Method, ProgressCallback, RunOptions, Start
from ._solution import Solution
from .operators._operator import Operator
from .problem._problem import TargetProblem
from .problem._screen import as_base_weights


@formerly(names={"w0": "base_weights"})
def calibrate(
    problem: TargetProblem,
    base_weights: Float[Array, " unit"] | Float[np.ndarray, " unit"] | Any,
    method: Method,
    *,
    key: Key | None = None,
    progress: ProgressCallback | None = None,
    start: Solution | None = None,
    checkpoint: str | os.PathLike | None = None,
    thresholds: Thresholds = USUAL,
) -> Solution:
    r"""Weights near the base weights whose totals meet the targets, by one of the methods.

    The estimate matrix keeps its dtype; everything of target length is computed in float64, which
    is switched on for the solve alone and off again: float32 data, float64 sums and equations. The
    weights come back in the caller's unit order and in JAX's current float dtype. Where `jit`,
    `vmap` or `grad` trace an argument use `solve`.

    Args:
        problem: the targets.
        base_weights: one a unit, finite and at least 0; a unit of weight 0 stays at 0. A Series is
            matched with the columns of the DataFrame that the problem was made of.
        method: `Linear()`, `Entropy()`, `Logit(lo, hi)`, `Raking()`, `Adam(...)`,
            `L0(...)`, `Cube(...)`, or an `IterativeMethod` of your own.
        key: PRNG key; needed by methods that draw.
        progress: called with a `Progress` between compiled stretches of a long run.
        start: an earlier solution to start from, such as last month's. A distance method takes its
            multipliers, by the names of the targets, and goes straight to its ridge; a gradient
            method takes its weights.
        checkpoint: a folder for the states of a long run, that of a gradient method or of a cube
            whose gates choose; it is made if it is not there. The same call goes on from the last
            state in it, after a kill at any moment, and ends with the weights of an unbroken run,
            bit for bit on one machine. Needs the extra `flax`, which brings orbax.
        thresholds: from where on the solution's `warnings` speak and its `check` warns.

    Returns:
        A `Solution`; a solve that did not succeed says so in `.result` and raises in `.check()`,
        and weights that should not be used without a look are in `.warnings`.
        Weights are always numbers: where a solve met NaN or infinity they are the base weights.

    Raises:
        BadInputError: base weights that are NaN, infinite, negative, all zero, of another length or
            of other labels;
            a method that needs a key and got none; a checkpoint of another run, or for a method
            that takes seconds and has none.
        CheckpointError: a state that cannot be written, on a full disk for example; the one before
            stays usable.

    >>> problem = TargetProblem([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [12.0, 8.0])
    >>> from pejax.calibrate import Entropy
    >>> solution = calibrate(problem, [1.0, 1.0, 3.0], Entropy(exact=True)).check()
    >>> [round(float(weight), 2) for weight in solution.weights]
    [4.0, 2.0, 6.0]
    """
    _check_call(problem, method, key, progress, start)
    _fail_if_traced(problem=problem, base_weights=base_weights, key=key, start=start)
    as_instance(thresholds, Thresholds, "thresholds", "Give Thresholds(...).")
    # Nothing here depends on what a `jit` around it traces, so it is worked out at once.
    with at_once():
        base = as_base_weights(problem.by_unit("base_weights", base_weights), problem.n_units)
        options = RunOptions(
            key, progress, _start_of(start), _folder_of(checkpoint, method, problem)
        )
        return _solution(problem, base, method, options, thresholds)


def _solution(
    problem: TargetProblem,
    base: Float[np.ndarray, " unit"],
    method: Method,
    options: RunOptions,
    thresholds: Thresholds,
) -> Solution:
    """Run the method and put what it found beside what was asked."""
    with jax.enable_x64(True):
        outcome = method.run(problem, base, options)
        weights = _finite_or_base(outcome.weights, base)
        estimates, base_estimates = _estimates(problem.operator, weights, base)
    return Solution(
        weights=jnp.asarray(weights, jnp.result_type(float)),
        base_weights=base,
        estimates=np.asarray(estimates, float),
        base_estimates=np.asarray(base_estimates, float),
        problem=problem,
        result=jnp.asarray(np.asarray(outcome.result)),
        steps=int(outcome.steps),
        loss_history=outcome.loss_history,
        certificate=outcome.certificate,
        multipliers=outcome.multipliers,
        bounds=method.bounds,
        step_log=outcome.step_log,
        met_within=method.met_within(problem),
        chosen=method.chooses,
        thresholds=thresholds,
    )


def _check_call(problem: Any, method: Any, key: Any, progress: Any, start: Any) -> None:
    """What can be told of a call before any number is looked at."""
    as_instance(problem, TargetProblem, "problem", "Give a TargetProblem(matrix, values).")
    if not isinstance(method, Method):
        raise BadInputError(f"method is {shown(method)}. {_method_meant(method)}")
    if key is not None:
        check_key(key)
    if progress is not None and not callable(progress):
        raise BadInputError(f"progress is {shown(progress)}. Give a function of one Progress.")
    if start is not None:
        as_instance(start, Solution, "start", "Give what an earlier calibrate(...) returned.")


def _fail_if_traced(**arguments: Any) -> None:
    for name, value in arguments.items():
        if is_traced(value):
            raise BadInputError(
                f"{name} is traced, and calibrate checks and watches on the host. Inside jit, vmap "
                "or grad call solve(problem, base_weights, method, key=key)."
            )


def _method_meant(given: Any) -> str:
    """The fix for what is no method: the one of that name, with its parentheses."""
    known = sorted(kind.__name__ for kind in _kinds_of(Method) if not inspect.isabstract(kind))
    text = given.__name__ if isinstance(given, type) else given
    near = suggest(text, known, n=1) if isinstance(text, str) else []
    return f"Give a method, made by a call: {near[0] if near else 'Entropy'}()."


def _kinds_of(method: type[Method]) -> Iterator[type[Method]]:
    for kind in method.__subclasses__():
        yield kind
        yield from _kinds_of(kind)


@eqx.filter_jit
def _estimates(operator: Operator, *weights: Any) -> list[Float[Array, " target"]]:
    """The estimates under several weights, by one program."""
    return [operator.mv(each) for each in weights]


def _folder_of(
    checkpoint: str | os.PathLike | None, method: Method, problem: TargetProblem
) -> Path | None:
    if checkpoint is None:
        return None
    if not method.keeps_checkpoints(problem):
        raise BadInputError(
            f"This {type(method).__name__} keeps no checkpoints; L0, Adam and a Cube with gates "
            "do. Leave checkpoint out."
        )
    return as_path(checkpoint, "checkpoint")


def _start_of(solution: Solution | None) -> Start | None:
    if solution is None:
        return None
    weights = np.asarray(solution.weights, float)
    return Start(weights, solution.problem.names, solution.multipliers)


def _finite_or_base(weights: Array, base: Float[np.ndarray, " unit"]) -> Float[np.ndarray, " unit"]:
    found = np.asarray(weights, float)
    return found if np.isfinite(found).all() else base
