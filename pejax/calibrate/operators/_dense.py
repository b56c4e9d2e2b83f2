"""A dense estimate matrix, in tiles of units."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core._arrays import as_numbers_of_either
from ...core._validate import BadInputError
from ._accumulate import accumulate, ceil_div, target_dtype, wider
from ._gram import weighted_gram
from ._operator import Operator, fail_if_empty
from ._parts import Parts, in_runs

_LANE = 32  # units summed in float32 before the partial sums meet in a tree
_TILE, _LARGE_TILE = 1024, 4096  # units a step of the Gram matrix; the second where there are many
_MANY = 16_384


class DenseOperator(Operator):
    r"""A dense estimate matrix of shape (target, unit).

    Stored by unit, padded with zero units to whole tiles; the padding never shows. `X` may be a
    tracer: derivatives of a calibration with respect to the matrix pass through the constructor.

    Args:
        X: the entries; integers and booleans become the default float.

    Raises:
        BadInputError: `X` is not a matrix, or has no row or no column.

    >>> operator = DenseOperator([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]])
    >>> operator.mv(jnp.array([1.0, 2.0, 3.0]))
    Array([ 6., 19.], dtype=float32)
    >>> operator.rmv(jnp.array([1.0, 10.0]))
    Array([ 1., 21., 51.], dtype=float32)
    """

    by_unit: Float[Array, "padded_unit target"]
    n_units: int = eqx.field(static=True)

    def __init__(self, X: Float[Array, "target unit"] | np.ndarray | list[list[float]]):
        X = as_numbers_of_either(X, "The estimate matrix")
        if X.ndim != 2:
            raise BadInputError(
                f"The estimate matrix has {X.ndim} dimension(s); give a matrix (target, unit)."
            )
        fail_if_empty(X.shape)
        if not jnp.issubdtype(X.dtype, jnp.floating):
            X = X.astype(target_dtype())
        self.n_units = X.shape[1]
        missing = ceil_div(self.n_units, self._tile) * self._tile - self.n_units
        xp = jnp if isinstance(X, jax.Array) else np
        self.by_unit = jnp.asarray(xp.pad(X.T, ((0, missing), (0, 0))))

    @property
    def shape(self) -> tuple[int, int]:
        return self.by_unit.shape[1], self.n_units

    @property
    def dtype(self) -> jnp.dtype:
        return self.by_unit.dtype

    @property
    def matrix(self) -> Float[Array, "target unit"]:
        """The matrix as it was given."""
        return self.by_unit[: self.n_units].T

    @eqx.filter_jit
    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        weights = self._padded(weights.astype(wider(weights, self.dtype)))
        if self.dtype == weights.dtype:
            lane = _LANE if self.dtype == jnp.float32 else self._tile
            lanes = self.by_unit.reshape(-1, lane, self.shape[0])
            return accumulate(jnp.einsum("klt,kl->kt", lanes, weights.reshape(-1, lane)))

        def of_tile(tile_and_weights):
            tile, weights = tile_and_weights
            return weights @ tile.astype(weights.dtype)

        return accumulate(jax.lax.map(of_tile, (self._tiles(), weights.reshape(-1, self._tile))))

    @eqx.filter_jit
    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        residual = residual.astype(wider(residual, self.dtype))
        if self.dtype == residual.dtype:
            return (self.by_unit @ residual)[: self.n_units]
        # Tile by tile, because XLA would convert the whole matrix before it multiplies.
        found = jax.lax.map(lambda tile: tile.astype(residual.dtype) @ residual, self._tiles())
        return found.reshape(-1)[: self.n_units]

    @eqx.filter_jit
    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        weights = self._padded(q.astype(self.dtype)).reshape(-1, self._tile)
        return weighted_gram(self._tiles(), weights)

    def extent(self) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
        return jnp.min(self.by_unit, axis=0, initial=0), jnp.max(self.by_unit, axis=0, initial=0)

    def take(
        self,
        targets: Int[np.ndarray, " kept_target"] | None = None,
        units: Int[np.ndarray, " kept_unit"] | None = None,
    ) -> "DenseOperator":
        X = np.asarray(self.by_unit)[: self.n_units]
        X = X if units is None else X[np.asarray(units)]
        X = X if targets is None else X[:, np.asarray(targets)]
        return DenseOperator(X.T)

    def cut(self, n: int) -> Parts:
        unit = in_runs(np.arange(self.n_units), n)
        table = np.asarray(self.by_unit)[: self.n_units]
        whole = np.pad(table, ((0, unit.size - self.n_units), (0, 0)))
        return Parts([DenseOperator(piece.T) for piece in np.split(whole, n)], unit)

    @classmethod
    def joined(cls, parts: Parts) -> "DenseOperator":
        table = np.concatenate([piece.matrix for piece in parts.pieces], axis=1)
        return cls(table[:, parts.slots()])

    @property
    def _tile(self) -> int:
        return _TILE if self.n_units < _MANY else _LARGE_TILE

    def _padded(self, x: Float[Array, " unit"]) -> Float[Array, " padded_unit"]:
        return jnp.pad(x, (0, self.by_unit.shape[0] - self.n_units))

    def _tiles(self) -> Float[Array, "tile tile_unit target"]:
        return self.by_unit.reshape(-1, self._tile, self.shape[0])
