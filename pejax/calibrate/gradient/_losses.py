"""What a gradient method minimises: how bad an error is. Each is zero if and only if all are."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...core._arguments import as_number
from ...core._arrays import as_floats, check_shapes
from ...core._validate import BadInputError


class Loss(eqx.Module):
    """The importance-weighted mean of a cost of each target's relative error.

    >>> from pejax.calibrate import SquaredError
    >>> isinstance(SquaredError(), Loss)
    True
    """

    @abc.abstractmethod
    def cost(self, errors: Float[Array, " target"]) -> Float[Array, " target"]:
        """The cost of each error in units of its target's scale; 0 at 0 and nowhere else."""

    def __call__(
        self, errors: Float[Array, " target"], importance: Float[Array | np.ndarray, " target"]
    ) -> Float[Array, ""]:
        cost, held = self.cost(errors), as_floats(importance, "importance")
        check_shapes(errors=cost, importance=held)
        return jnp.sum(held * cost) / jnp.sum(held)


class SquaredError(Loss):
    r"""The squared relative error, :math:`e^2`.

    >>> SquaredError()(jnp.array([0.5, 0.0]), jnp.ones(2))
    Array(0.125, dtype=float32)
    """

    def cost(self, errors: Float[Array, " target"]) -> Float[Array, " target"]:
        return jnp.square(as_floats(errors, "errors"))


class CappedError(Loss):
    r"""The absolute relative error up to a cap, :math:`\min(|e|, cap)`: a capped MAPE.

    A target beyond the cap no longer pulls, so that a figure that cannot be met leaves the others
    alone; start from weights that are near, such as those of `Entropy`.

    >>> CappedError(cap=1.0)(jnp.array([0.5, -7.0]), jnp.ones(2))
    Array(0.75, dtype=float32)
    """

    cap: float = eqx.field(static=True, default=10.0, converter=as_number("cap"))

    def __check_init__(self):
        _check_positive("cap", self.cap)

    def cost(self, errors: Float[Array, " target"]) -> Float[Array, " target"]:
        errors = as_floats(errors, "errors")
        return jnp.minimum(errors * jnp.sign(errors), self.cap)  # flat at 0, where abs is not


class Huber(Loss):
    r"""Squared up to `delta` and growing in proportion beyond, :math:`2\delta|e| - \delta^2`.

    Every target pulls, none more than one that is off by `delta`.

    >>> Huber(delta=0.1)(jnp.array([0.1, 1.0]), jnp.ones(2)).round(3)
    Array(0.1, dtype=float32)

    References:
        Huber (1964), "Robust estimation of a location parameter", Annals of Mathematical
        Statistics 35(1).
    """

    delta: float = eqx.field(static=True, default=0.1, converter=as_number("delta"))

    def __check_init__(self):
        _check_positive("delta", self.delta)

    def cost(self, errors: Float[Array, " target"]) -> Float[Array, " target"]:
        size = jnp.abs(as_floats(errors, "errors"))
        inside = jnp.minimum(size, self.delta)
        return inside * (2 * size - inside)


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise BadInputError(f"{name} is {value}; give a relative error above 0.")
