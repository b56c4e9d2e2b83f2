"""The loop over a method's steps: from the first state to the last, compiled and pure."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..core._types import Key
from ._method import Solved
from .problem._problem import Goals

if TYPE_CHECKING:
    from ._iterative import IterativeMethod

_NEVER = np.iinfo(np.int32).max


@eqx.filter_jit
def begun(
    method: "IterativeMethod", problem: Goals, base: Float[Array, " unit"], key: Key | None
) -> Any:
    """The state before the first step, compiled."""
    return method.init(problem, base, key)


@eqx.filter_jit
def advanced(
    method: "IterativeMethod", problem: Goals, state: Any, until: int | Int[Array, ""] = _NEVER
) -> Any:
    """The state when all is done, or after a number of steps in all."""

    def going(state: Any) -> Bool[Array, ""]:
        return ~method.done(state) & (state.steps < until)

    return jax.lax.while_loop(going, lambda state: method.step(problem, state), state)


@eqx.filter_jit
def ran(
    method: "IterativeMethod", problem: Goals, base: Float[Array, " unit"], key: Key | None
) -> Any:
    """The last state, from the first on by one program."""
    return advanced(method, problem, method.init(problem, base, key))


@eqx.filter_jit
def finished(method: "IterativeMethod", problem: Goals, state: Any) -> Solved:
    """What the last state comes to, compiled."""
    return method.finish(problem, state)


def solved(
    method: "IterativeMethod", problem: Goals, base: Float[Array, " unit"], key: Key | None
) -> Solved:
    """From the first state to the last and what it comes to; pure.

    Unlike `Method.run` it solves the problem as it is: no records merged, no second try in float64.
    """
    return finished(method, problem, _last(method, problem, base, key))


@eqx.filter_custom_jvp
def _last(
    method: "IterativeMethod", problem: Goals, base: Float[Array, " unit"], key: Key | None
) -> Any:
    return ran(method, problem, base, key)


@_last.def_jvp
def _last_jvp(primals: Any, tangents: Any) -> Any:
    method, problem, base, _ = primals
    state = _last(*primals)
    return state, method.tangent((problem, base), tangents[1:3], state)
