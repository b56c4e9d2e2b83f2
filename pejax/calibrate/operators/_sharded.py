"""An estimate matrix whose units are spread over devices."""

import math
import operator as op
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from ...core._arguments import as_instance
from ...core._mesh import as_mesh, axes_of, devices_on
from ._accumulate import target_dtype
from ._factor import Factor
from ._operator import HessianParts, Operator
from ._parts import NOBODY, Parts


class ShardedOperator(Operator):
    """An estimate matrix cut by units, a piece on each device of a mesh.

    What has one entry a target is on every device; what has one a unit is cut as the matrix is, so
    a product with the matrix is one sum over devices and its transpose needs none. A dense or a
    sparse matrix is cut into runs of units, a geography by households, so that a household's values
    lie on one device. Pieces are padded to the same size; the padding never shows.

    Args:
        operator: a `DenseOperator`, `SparseOperator` or `GeographyOperator`, or your own with
            `cut` and `joined`.
        mesh: the devices.
        axis: the mesh axis that carries units; all of them by default.

    Raises:
        BadInputError: an operator that cannot be cut, or an axis that the mesh has not.

    >>> mesh = jax.make_mesh((jax.device_count(),), ("unit",))
    >>> from pejax.calibrate import DenseOperator
    >>> operator = ShardedOperator(DenseOperator([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]]), mesh)
    >>> operator.mv(jnp.array([1.0, 2.0, 3.0]))
    Array([ 6., 19.], dtype=float32)
    """

    parts: Operator  # its arrays with a leading axis of devices
    slot: Int[Array, " unit"] | None  # of each unit, in all pieces; None: in order
    n_units: int = eqx.field(static=True)
    mesh: Mesh = eqx.field(static=True)
    axes: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, operator: Operator, mesh: Mesh, axis: str | None = None):
        as_instance(operator, Operator, "operator", "Give a DenseOperator(matrix), or another.")
        self.mesh = as_mesh(mesh)
        self.axes = axes_of(self.mesh, axis)
        self.n_units = operator.shape[1]
        parts = operator.cut(self.devices)
        slots = parts.slots()
        in_order = np.array_equal(slots, np.arange(self.n_units))
        self.slot = None if in_order else self._on_all(slots)
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *parts.pieces)
        self.parts = jax.device_put(stacked, NamedSharding(self.mesh, self._by_device))

    @property
    def devices(self) -> int:
        """The number of pieces."""
        return devices_on(self.mesh, self.axes)

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape_of_piece[0], self.n_units

    @property
    def dtype(self) -> jnp.dtype:
        return self.parts.dtype

    @eqx.filter_jit
    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        return self._summed(lambda piece, w: piece.mv(w), weights)

    @eqx.filter_jit
    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        def adjoint(parts: Operator, residual: Array) -> Array:
            return _own(parts).rmv(residual)[None]

        spread = self._mapped(adjoint, (self._by_device, PartitionSpec()), self._by_device)
        found = spread(self.parts, residual).reshape(-1)
        return found[: self.n_units] if self.slot is None else found[self.slot]

    @eqx.filter_jit
    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        return self._summed(lambda piece, q: piece.gram(q), q)

    @property
    def reuses_factor(self) -> bool:
        return _own_shapes(self.parts).reuses_factor

    @eqx.filter_jit
    def hessian_parts(self, q: Float[Array, " unit"]) -> HessianParts:
        return self._summed(lambda piece, q: piece.hessian_parts(q), q)

    @eqx.filter_jit
    def factor(
        self, parts: HessianParts, row_scale: Float[Array, " target"], ridge: Float[Array, ""]
    ) -> Factor:
        return _own(self.parts).factor(parts, row_scale, ridge)

    def extent(self) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
        bounds = [piece.extent() for piece in self._pieces()]
        low, high = (np.stack([np.asarray(own[k]) for own in bounds]) for k in (0, 1))
        return jnp.asarray(low.min(axis=0)), jnp.asarray(high.max(axis=0))

    def take(
        self,
        targets: Int[np.ndarray, " kept_target"] | None = None,
        units: Int[np.ndarray, " kept_unit"] | None = None,
    ) -> "ShardedOperator":
        axis = None if self.axes == self.mesh.axis_names else next(iter(self.axes))
        return ShardedOperator(self.whole().take(targets, units), self.mesh, axis)

    def whole(self) -> Operator:
        """The matrix on one device."""
        pieces = self._pieces()
        n_slots = self._shape_of_piece[1]
        unit = np.full(len(pieces) * n_slots, NOBODY)
        slots = np.arange(self.n_units) if self.slot is None else np.asarray(self.slot)
        unit[slots] = np.arange(self.n_units)
        return type(pieces[0]).joined(Parts(pieces, unit.reshape(-1, n_slots)))

    def _pieces(self) -> list[Operator]:
        return [jax.tree.map(op.itemgetter(k), self.parts) for k in range(self.devices)]

    @property
    def _shape_of_piece(self) -> tuple[int, int]:
        return _own_shapes(self.parts).shape

    @property
    def _by_device(self) -> PartitionSpec:
        return PartitionSpec(self.axes)

    def _on_all(self, x: np.ndarray) -> Array:
        return jax.device_put(x, NamedSharding(self.mesh, PartitionSpec()))

    def _summed(
        self, product: Callable[[Operator, Array], Array], x: Float[Array, " unit"]
    ) -> Array:
        """The sum over devices of what each makes of its own units."""

        def own(parts: Operator, x: Array) -> Array:
            return jax.lax.psum(product(_own(parts), x[0]).astype(target_dtype()), self.axes)

        spread = self._mapped(own, (self._by_device, self._by_device), PartitionSpec())
        return spread(self.parts, self._cut(x))

    def _cut(self, x: Float[Array, " unit"]) -> Float[Array, "device slot"]:
        shape = self.devices, self._shape_of_piece[1]
        if self.slot is None:
            return jnp.pad(x, (0, math.prod(shape) - self.n_units)).reshape(shape)
        return jnp.zeros(math.prod(shape), x.dtype).at[self.slot].set(x).reshape(shape)

    def _mapped(self, fn: Callable[..., Array], given: Any, found: Any) -> Callable[..., Array]:
        return jax.shard_map(fn, mesh=self.mesh, in_specs=given, out_specs=found, check_vma=False)


def _own(parts: Operator) -> Operator:
    """The one piece that a device holds."""
    return jax.tree.map(lambda leaf: leaf[0], parts)


def _own_shapes(parts: Operator) -> Operator:
    """A piece without its numbers."""
    return jax.eval_shape(_own, parts)
