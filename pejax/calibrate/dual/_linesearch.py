"""A step length for a convex function known by its slope along the step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

_OVERSHOOT = 0.01  # slope beyond the minimum, as a share of the first slope, that counts as on it
_SHORT = 0.5  # a step that leaves more than this share of the first slope may be lengthened


class _Bracket(NamedTuple):
    step: Float[Array, ""]  # to try next
    inside: Float[Array, ""]  # longest step known to stop short of the minimum
    outside: Float[Array, ""]  # shortest step known to overshoot it
    tries: Int[Array, ""]
    done: Bool[Array, ""]


def step_length(
    slope: Callable[[Float[Array, ""]], Float[Array, ""]],
    first_slope: Float[Array, ""],
    max_tries: int = 40,
) -> Float[Array, ""]:
    r"""A step in [0, 1] that goes far along a convex function and never past its minimum.

    For convex :math:`\phi`, :math:`\phi'(a) \le 0` implies :math:`\phi(a) \le \phi(0)`, so the
    slope alone decides; values, whose differences drown in rounding near the solution, are not
    needed. A step whose slope is positive, or not a number because a weight overflowed, is an
    overshoot. The full step is tried first, then quarters of it until one stops short, then
    halves of the gap until the slope has halved or the gap is no longer than the step.

    Args:
        slope: :math:`a \mapsto \phi'(a)`.
        first_slope: :math:`\phi'(0) < 0`.
        max_tries: evaluations of `slope` at most.

    Returns:
        The step; 0 when every step tried overshoots, which is what rounding does at a solution.
    """
    limit = _OVERSHOOT * jnp.abs(first_slope)

    def narrow(b: _Bracket) -> _Bracket:
        at = slope(b.step)
        short = at <= limit  # False for NaN, as an overshoot must be
        enough = short & ((at >= _SHORT * first_slope) | (b.step >= 1))
        inside = jnp.where(short, b.step, b.inside)
        outside = jnp.where(short, b.outside, b.step)
        closed = (inside > 0) & (outside < 2 * inside)
        step = jnp.where(inside > 0, (inside + outside) / 2, outside / 4)
        return _Bracket(step, inside, outside, b.tries + 1, enough | closed)

    zero = jnp.zeros_like(first_slope)
    start = _Bracket(zero + 1, zero, zero + jnp.inf, jnp.asarray(0), jnp.asarray(False))
    return jax.lax.while_loop(lambda b: ~b.done & (b.tries < max_tries), narrow, start).inside
