r"""How near any weights within bounds can come to the targets: a bound that anybody can check.

For ratios :math:`g \in [lo, hi]` and any direction :math:`r` over the targets,

.. math:: r^\top e(g) \ge m(r) = \sum_i p_i \big(lo\,(c_i)_+ + hi\,(c_i)_-\big)
          - r^\top (d \circ y), \qquad c = B^\top r,

so that no admissible weights have a root mean square error below :math:`m(r) / (|r| \sqrt Q)`
(weak Fenchel duality). The residual of the best weights found is the direction that makes it
sharpest. Where the bound is positive, the targets that carry :math:`r` are what stands in the way.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..operators._accumulate import total
from ..problem._problem import Goals
from ._distance import Bounded
from ._newton import DualSystem, dual_system


class Certificate(NamedTuple):
    """No weights within the bounds have a smaller root mean square error than `least_error`.

    `shares`, by target, say how much of the obstacle each target is; they add up to 1.
    """

    least_error: float
    shares: Float[np.ndarray, " target"]

    def binding(self, names: tuple[str, ...], most: int = 3) -> list[str]:
        """The names of the targets with the largest shares."""
        return [names[k] for k in np.argsort(-self.shares, kind="stable")[:most]]


def certificate(
    goals: Goals, base: Float[Array, " unit"], distance: Bounded, mu: Float[Array, " target"]
) -> Certificate | None:
    """The sharper of the bounds along the residual and along the multipliers.

    None after a solve that met NaN or infinity: it proves nothing.
    """
    found = [
        Certificate(float(least), np.asarray(shares, float))
        for least, shares in _bounds(goals, base, distance, mu)
    ]
    proved = [one for one in found if np.isfinite(one.least_error)]
    return max(proved, key=lambda one: one.least_error, default=None)


@eqx.filter_jit
def _bounds(goals, base, distance, mu):
    system = dual_system(goals, base, distance)
    residual = system.residual(system.potential(mu))
    return [_bound(system, distance, direction) for direction in (residual, -mu)]


def _bound(
    system: DualSystem, distance: Bounded, direction: Float[Array, " target"]
) -> tuple[Float[Array, ""], Float[Array, " target"]]:
    cost = system.potential(direction)
    ratio = jnp.where(cost > 0, distance.lo, distance.hi)
    least = total(system.base * ratio * cost) - jnp.dot(direction, system.goal)
    size = jnp.linalg.norm(direction)
    known = jnp.where(size > 0, size, 1.0)
    error = jnp.maximum(least, 0) / (known * jnp.sqrt(system.total_importance))
    return error, jnp.square(direction / known)
