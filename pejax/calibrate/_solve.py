"""The pure function: weights under `jit`, `vmap` and, where a method has derivatives, `grad`."""

import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import as_instance, check_key
from ..core._arrays import as_floats, check_digits
from ..core._types import Key
from ..core._validate import BadInputError
from ._iterative import IterativeMethod
from ._loop import solved
from ._method import Method, Solved
from .problem._problem import TargetProblem, goals_of
from .problem._screen import check_shape


def solve(
    problem: TargetProblem,
    base_weights: Float[Array | np.ndarray, " unit"],
    method: Method,
    *,
    key: Key | None = None,
) -> Solved:
    r"""The weights of a method as a pure function of problem, base weights and key.

    `jax.jit` and `jax.vmap` apply, over targets, importances (folds), scales, base weights,
    matrices and keys (seeds). So do `grad` and `jvp` for the distance methods, whose derivatives
    come from the implicit function theorem at the solution. Nothing is checked but shapes, nobody
    watches, and nothing is raised: `result` is the code of `pejax.Result` with which it ended.
    `calibrate` is the door for one calibration of real data.

    Computes in float64 where JAX has it switched on, and in float32 where it has not.

    Args:
        problem: the targets. `with_values` and `with_operator` change it inside a trace.
        base_weights: at least 0; a unit of weight 0 stays at 0.
        method: a distance method, `Adam`, `L0`, or an `IterativeMethod` of your own. Those that
            draw records on the host (`Cube`, `PPS`, `Random`, `Largest`) are refused.
        key: PRNG key; needed by methods that draw.

    Returns:
        A `Solved`: `weights`, `result` and `steps`.

    Raises:
        BadInputError: a method that works on the host, or that needs a key and got none; base
            weights of another number; a derivative of a method that has none.

    Twenty calibrations at once, each to its own totals:

    >>> import jax, jax.numpy as jnp
    >>> from pejax.calibrate import Entropy
    >>> problem = TargetProblem([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [12.0, 8.0])
    >>> totals = jnp.array([12.0, 8.0]) * jnp.linspace(0.9, 1.1, 20)[:, None]
    >>> found = jax.vmap(lambda y: solve(problem.with_values(y), jnp.ones(3), Entropy()))(totals)
    >>> found.weights.shape, bool((found.result == 0).all())
    ((20, 3), True)
    """
    as_instance(problem, TargetProblem, "problem", "Give a TargetProblem(matrix, values).")
    as_instance(method, Method, "method", "Give a method, such as Entropy().")
    if not isinstance(method, IterativeMethod):
        raise BadInputError(
            f"{type(method).__name__} works on the host and cannot run inside compiled code. Call "
            "calibrate(problem, base_weights, method), or solve with Entropy(), Adam() or L0()."
        )
    if key is not None:
        check_key(key)
    base = as_floats(base_weights, "base_weights")
    check_digits(base, "base_weights")
    check_shape(base, problem.n_units, "base weight")
    return solved(method.for_problem(problem), goals_of(problem), base, key)


def calibrated_weights(
    problem: TargetProblem, base_weights: Float[Array | np.ndarray, " unit"], method: Method
) -> Float[Array, " unit"]:
    r"""The weights of `solve` alone, for a method that draws nothing.

    The result code is dropped: `solve` keeps it, and `calibrate` is the door for real data.

    >>> import jax.numpy as jnp
    >>> from pejax.calibrate import Entropy
    >>> problem = TargetProblem([[1.0, 1.0]], [6.0])
    >>> calibrated_weights(problem, jnp.array([1.0, 2.0]), Entropy(exact=True)).round(3)
    Array([2., 4.], dtype=float32)
    """
    return solve(problem, base_weights, method).weights
