"""An estimate matrix whose units are spread over devices."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int

from ..._validate import BadInputError
from ._accumulate import ceil_div, target_dtype
from ._dense import DenseOperator
from ._operator import Operator


class ShardedOperator(Operator):
    """A dense estimate matrix cut by units, an equal part on each device of a mesh.

    What has one entry a target is on every device; what has one a unit is cut as the matrix is, so
    a product with the matrix is one sum over devices and its transpose needs none. The last parts
    are padded with units that contribute nothing; the padding never shows.

    Args:
        operator: a `DenseOperator`.
        mesh: the devices.
        axis: the mesh axis that carries units; all of them by default.

    Raises:
        BadInputError: another kind of operator, or an axis that the mesh has not.

    >>> mesh = jax.make_mesh((jax.device_count(),), ("unit",))
    >>> operator = ShardedOperator(DenseOperator([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]]), mesh)
    >>> operator.mv(jnp.array([1.0, 2.0, 3.0]))
    Array([ 6., 19.], dtype=float32)
    """

    parts: DenseOperator  # with a leading axis of devices
    n_units: int = eqx.field(static=True)
    mesh: Mesh = eqx.field(static=True)
    axes: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, operator: Operator, mesh: Mesh, axis: str | None = None):
        if not isinstance(operator, DenseOperator):
            raise BadInputError(
                f"a {type(operator).__name__} cannot be spread over devices; a dense matrix can."
            )
        if axis is not None and axis not in mesh.axis_names:
            raise BadInputError(f"the mesh has no axis {axis!r}, only {mesh.axis_names}.")
        self.axes = mesh.axis_names if axis is None else (axis,)
        automatic = (AxisType.Auto,) * len(mesh.axis_names)
        self.mesh = Mesh(mesh.devices, mesh.axis_names, axis_types=automatic)
        self.n_units = operator.n_units
        table = np.asarray(operator.by_unit)[: self.n_units]
        width = ceil_div(self.n_units, self.devices)
        padded = np.pad(table, ((0, width * self.devices - self.n_units), (0, 0)))
        cut = [DenseOperator(part.T) for part in np.split(padded, self.devices)]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *cut)
        self.parts = jax.device_put(stacked, NamedSharding(self.mesh, self._by_device))

    @property
    def devices(self) -> int:
        """The number of parts."""
        return math.prod(self.mesh.shape[name] for name in self.axes)

    @property
    def shape(self) -> tuple[int, int]:
        return self.parts.by_unit.shape[-1], self.n_units

    @property
    def dtype(self) -> jnp.dtype:
        return self.parts.by_unit.dtype

    @eqx.filter_jit
    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        return self._summed(lambda part, w: part.mv(w), weights)

    @eqx.filter_jit
    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        def adjoint(parts: DenseOperator, residual: Array) -> Array:
            return _own(parts).rmv(residual)[None]

        spread = self._mapped(adjoint, (self._by_device, PartitionSpec()), self._by_device)
        return spread(self.parts, residual).reshape(-1)[: self.n_units]

    @eqx.filter_jit
    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        return self._summed(lambda part, q: part.gram(q), q)

    def extent(self) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
        table = self.parts.by_unit
        low, high = jnp.min(table, axis=(0, 1), initial=0), jnp.max(table, axis=(0, 1), initial=0)
        return low, high

    def take(
        self,
        targets: Int[np.ndarray, " kept"] | None = None,
        units: Int[np.ndarray, " kept"] | None = None,
    ) -> "ShardedOperator":
        table = np.asarray(self.parts.by_unit)[:, : self.parts.n_units]
        whole = DenseOperator(table.reshape(-1, table.shape[-1])[: self.n_units].T)
        axis = None if self.axes == self.mesh.axis_names else next(iter(self.axes))
        return ShardedOperator(whole.take(targets, units), self.mesh, axis)

    @property
    def _by_device(self) -> PartitionSpec:
        return PartitionSpec(self.axes)

    def _summed(
        self, product: Callable[[DenseOperator, Array], Array], x: Float[Array, " unit"]
    ) -> Array:
        """The sum over devices of what each makes of its own units."""

        def own(parts: DenseOperator, x: Array) -> Array:
            return jax.lax.psum(product(_own(parts), x[0]).astype(target_dtype()), self.axes)

        missing = self.parts.n_units * self.devices - self.n_units
        cut = jnp.pad(x, (0, missing)).reshape(self.devices, self.parts.n_units)
        spread = self._mapped(own, (self._by_device, self._by_device), PartitionSpec())
        return spread(self.parts, cut)

    def _mapped(self, fn: Callable[..., Array], given: Any, found: Any) -> Callable[..., Array]:
        return jax.shard_map(fn, mesh=self.mesh, in_specs=given, out_specs=found, check_vma=False)


def _own(parts: DenseOperator) -> DenseOperator:
    """The one part that a device holds."""
    return jax.tree.map(lambda leaf: leaf[0], parts)
