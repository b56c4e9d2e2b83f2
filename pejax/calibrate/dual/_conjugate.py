"""Conjugate gradients for the equations of a Newton step, with a factor as preconditioner."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Vector = Float[Array, " target"]


class _State(NamedTuple):
    x: Vector
    left: Vector  # of the right-hand side
    direction: Vector
    power: Float[Array, ""]  # of what is left, in the preconditioner's norm
    steps: Int[Array, ""]


def conjugate_gradients(
    matvec: Callable[[Vector], Vector],
    rhs: Vector,
    precondition: Callable[[Vector], Vector],
    *,
    rtol: float | Float[Array, ""],
    max_steps: int,
) -> tuple[Vector, Int[Array, ""]]:
    r"""A solution of :math:`H x = b` for a symmetric positive definite :math:`H`, and its steps.

    Stops when what is left is `rtol` of the right-hand side, after `max_steps`, or where rounding
    leaves no direction of positive curvature; every :math:`x` on the way lowers
    :math:`x^\top H x / 2 - b^\top x`, so it is a descent direction for Newton's method.

    References:
        Hestenes and Stiefel (1952), Journal of Research of the NBS 49(6).
    """
    first = precondition(rhs)
    enough = rtol * jnp.linalg.norm(rhs)
    start = _State(0 * rhs, rhs, first, jnp.dot(rhs, first), jnp.zeros((), jnp.int32))

    def going(state: _State) -> Array:
        return (
            (jnp.linalg.norm(state.left) > enough) & (state.steps < max_steps) & (state.power > 0)
        )

    def step(state: _State) -> _State:
        image = matvec(state.direction)
        curvature = jnp.dot(state.direction, image)
        length = jnp.where(curvature > 0, state.power / curvature, 0.0)
        left = state.left - length * image
        seen = precondition(left)
        power = jnp.where(curvature > 0, jnp.dot(left, seen), 0.0)
        direction = seen + power / state.power * state.direction
        x = state.x + length * state.direction
        return _State(x, left, direction, power, state.steps + 1)

    end = jax.lax.while_loop(going, step, start)
    return end.x, end.steps
