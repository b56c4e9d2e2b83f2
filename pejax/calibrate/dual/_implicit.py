r"""Derivatives of calibrated weights by the implicit function theorem.

At the solution :math:`F(\mu; \theta) = 0`, so :math:`d\mu = -F_\mu^{-1} F_\theta\, d\theta` for any
change of the targets, the scales, the base weights or the estimate matrix: one linear solve with
the Hessian of the last Newton step, whatever path the solver took.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..problem._problem import Goals
from ._newton import DualState, DualSystem, NewtonOptions

_REDUNDANT = 1e-13  # of the importance: a ridge that only redundant targets feel


def implicit_tangent(
    system_of: Callable[[Goals, Array], DualSystem],
    options: NewtonOptions,
    state: DualState,
    primals: tuple[Goals, Array],
    tangents: tuple[Any, Any],
) -> DualState:
    """The change of a last state with every array of the problem and with the base weights.

    Where it started makes no difference to it.
    """
    system, mu = system_of(*primals), state.mu
    ridge = (_REDUNDANT if options.exact else options.ridge) * system.total_importance

    def equations(problem: Goals, base: Array) -> Float[Array, " target"]:
        system = system_of(problem, base)
        held = 0.0 if options.exact else options.ridge * system.total_importance
        return system.residual(system.potential(mu)) + held * mu

    def potential(problem: Goals, base: Array, mu: Array) -> Float[Array, " unit"]:
        return system_of(problem, base).potential(mu)

    _, shift = eqx.filter_jvp(equations, primals, tangents)
    moved = -system.solve(system.potential(mu), ridge, shift)
    _, risen = eqx.filter_jvp(potential, (*primals, mu), (*tangents, moved))
    still = jax.tree.map(lambda leaf: None if _is_count(leaf) else 0 * leaf, state)
    return still._replace(base=tangents[1], mu=moved, potential=risen)


def _is_count(leaf: Array) -> bool:
    return not jnp.issubdtype(leaf.dtype, jnp.floating)
