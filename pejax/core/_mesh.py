"""Devices over which rows are spread."""

import math

import jax
from jax.sharding import AxisType, Mesh, NamedSharding

from ._arguments import as_instance, shown
from ._validate import BadInputError


def as_mesh(mesh: object) -> Mesh:
    """The same devices with automatic axes: XLA places the intermediates of `jax.jit`.

    Raises:
        BadInputError: it is no mesh.

    >>> import jax
    >>> as_mesh(jax.make_mesh((1,), ("rows",))).axis_types
    (Auto,)
    """
    given = as_instance(mesh, Mesh, "mesh", "Give a jax.sharding.Mesh.")
    return Mesh(given.devices, given.axis_names, axis_types=(AxisType.Auto,) * given.devices.ndim)


def is_explicit(values: jax.Array) -> bool:
    """Whether an array lies on a mesh with an axis whose types of arrays tell how they lie."""
    place = values.sharding
    return isinstance(place, NamedSharding) and AxisType.Explicit in place.mesh.axis_types


def axes_of(mesh: Mesh, axis: object) -> tuple[str, ...]:
    """The axes that carry rows: the one that is named, or else all.

    Raises:
        BadInputError: the mesh has no such axis.
    """
    if axis is not None and not (isinstance(axis, str) and axis in mesh.axis_names):
        raise BadInputError(f"the mesh has no axis {shown(axis)}, only {mesh.axis_names}.")
    return mesh.axis_names if axis is None else (axis,)


def devices_on(mesh: Mesh, axes: tuple[str, ...]) -> int:
    """How many pieces these axes cut rows into."""
    return math.prod(mesh.shape[name] for name in axes)
