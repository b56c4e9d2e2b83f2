"""How far weights may move from their start, and at what price: the families of calibration.

Each is known by the ratio :math:`g = w / w_0` that a unit takes at a potential :math:`u` (the
inner product of its row of the estimate matrix with the multipliers), and by the slope of that
ratio: the inverse and its derivative of the marginal cost in Deville and Särndal (1992),
"Calibration estimators in survey sampling", JASA 87(418), table 1.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core._validate import BadInputError


class Distance(eqx.Module):
    """A convex cost of the ratio of new to old weight, zero with zero slope at ratio 1.

    Attributes:
        quadratic: whether one Newton step is the solution.
    """

    quadratic: ClassVar[bool] = False

    @abc.abstractmethod
    def ratio(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        """The ratio at a potential; increasing, 1 at potential 0."""

    @abc.abstractmethod
    def slope(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        """The derivative of `ratio`; 1 at potential 0, never negative."""


class ChiSquare(Distance):
    r"""Half the squared change, :math:`(g - 1)^2 / 2`: ratio :math:`1 + u`, of either sign."""

    quadratic: ClassVar[bool] = True

    def ratio(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return 1 + potential

    def slope(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return jnp.ones_like(potential)


class KullbackLeibler(Distance):
    r"""Relative entropy, :math:`g \log g - g + 1`: ratio :math:`e^u`, always positive."""

    def ratio(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return jnp.exp(potential)

    def slope(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return jnp.exp(potential)


class Bounded(Distance):
    """A distance that keeps the ratio within `lo` and `hi`."""

    lo: float = eqx.field(static=True)
    hi: float = eqx.field(static=True)

    def __check_init__(self):
        if not 0 <= self.lo < 1 < self.hi:
            raise BadInputError(
                f"The bounds ({self.lo}, {self.hi}) on the weight ratio must be 0 <= lo < 1 < hi: "
                "a weight that need not move has ratio 1."
            )


class TruncatedChiSquare(Bounded):
    r"""Half the squared change within bounds: ratio :math:`\min(\max(1 + u, lo), hi)`."""

    def ratio(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return jnp.clip(1 + potential, self.lo, self.hi)

    def slope(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        moves = (potential > self.lo - 1) & (potential < self.hi - 1)
        return moves.astype(potential.dtype)


class BoundedLogit(Bounded):
    r"""Entropy of the place between two bounds: ratio inside :math:`(lo, hi)`, a logistic curve.

    .. math:: g(u) = lo + (hi - lo)\,\sigma(a u + b), \quad
        a = \frac{hi - lo}{(1 - lo)(hi - 1)}, \quad b = \log\frac{1 - lo}{hi - 1}.
    """

    def ratio(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        return self.lo + (self.hi - self.lo) * jax.nn.sigmoid(self._logit(potential))

    def slope(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        place = jax.nn.sigmoid(self._logit(potential))
        return self._steepness * (self.hi - self.lo) * place * (1 - place)

    @property
    def _steepness(self) -> float:
        return (self.hi - self.lo) / ((1 - self.lo) * (self.hi - 1))

    def _logit(self, potential: Float[Array, " unit"]) -> Float[Array, " unit"]:
        shift = jnp.log(jnp.asarray((1 - self.lo) / (self.hi - 1), potential.dtype))
        return self._steepness * potential + shift
