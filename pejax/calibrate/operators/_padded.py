"""An estimate matrix with units at its end that contribute nothing."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._operator import Bounds, Operator


class PaddedOperator(Operator):
    """A matrix made wider, so that vectors of units have a length that processors like.

    Args:
        inner: the matrix.
        extra: the number of zero columns after its own.
    """

    inner: Operator
    extra: int = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int]:
        targets, units = self.inner.shape
        return targets, units + self.extra

    @property
    def dtype(self) -> jnp.dtype:
        return self.inner.dtype

    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        return self.inner.mv(self._own(weights))

    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        return jnp.pad(self.inner.rmv(residual), (0, self.extra))

    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        return self.inner.gram(self._own(q))

    def extent(self) -> tuple[Bounds, Bounds]:
        return self.inner.extent()

    def take(
        self,
        targets: Int[np.ndarray, " kept_target"] | None = None,
        units: Int[np.ndarray, " kept_unit"] | None = None,
    ) -> Operator:
        if units is None:
            return PaddedOperator(self.inner.take(targets), self.extra)
        return self.inner.take(targets, units)

    def _own(self, x: Float[Array, " padded"]) -> Float[Array, " unit"]:
        return x[: self.inner.shape[1]]
