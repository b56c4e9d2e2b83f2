r"""Derivatives of calibrated weights by the implicit function theorem.

At the solution :math:`F(\mu; \theta) = 0`, so :math:`d\mu = -F_\mu^{-1} F_\theta\, d\theta` for any
change of the targets, the scales, the base weights or the estimate matrix: one linear solve with
the Hessian of the last Newton step, whatever path the solver took.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._newton import DualSolution, DualSystem, NewtonOptions, solve_dual

_REDUNDANT = 1e-13  # of the importance: a ridge that only redundant targets feel


def dual_solution(
    system: DualSystem, options: NewtonOptions, start: Float[Array, " target"] | None = None
) -> DualSolution:
    """`solve_dual` with derivatives of multipliers and potentials in every array of the system.

    Where it started makes no difference to them.
    """
    start = jax.lax.stop_gradient(start)

    @eqx.filter_custom_jvp
    def solve(system: DualSystem) -> DualSolution:
        return solve_dual(system, options, start)

    @solve.def_jvp
    def solve_jvp(primals, tangents):
        (system,), (change,) = primals, tangents
        solution = solve(system)
        mu = solution.mu
        ridge = (_REDUNDANT if options.exact else options.ridge) * system.importance

        def equations(system: DualSystem) -> Float[Array, " target"]:
            held = 0.0 if options.exact else options.ridge * system.importance
            return system.residual(system.potential(mu)) + held * mu

        def potential(system: DualSystem, mu: Float[Array, " target"]) -> Float[Array, " unit"]:
            return system.potential(mu)

        _, shift = eqx.filter_jvp(equations, (system,), (change,))
        moved = -system.solve(system.potential(mu), ridge, shift)
        _, risen = eqx.filter_jvp(potential, (system, mu), (change, moved))
        still = jax.tree.map(lambda leaf: None if _is_count(leaf) else 0 * leaf, solution)
        return solution, still._replace(mu=moved, potential=risen)

    return solve(system)


def _is_count(leaf: Array) -> bool:
    return not jnp.issubdtype(leaf.dtype, jnp.floating)
