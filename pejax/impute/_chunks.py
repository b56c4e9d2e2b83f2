"""Working through many rows a block at a time, on one device or on several."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, PartitionSpec

# A block's covariates and leaf numbers stay in a CPU's second-level cache; an accelerator wants
# enough rows to fill its lanes.
_ROWS = {"cpu": 4096}
_ROWS_ACCELERATOR = 1 << 17


class Plan(NamedTuple):
    """How rows are worked through: how many at a time, and over which devices."""

    rows: int
    mesh: Mesh | None

    @classmethod
    def of(cls, chunk: int | None, mesh: Mesh | None = None) -> "Plan":
        """The caller's block size, or the one that suits the default backend."""
        rows = chunk or _ROWS.get(jax.default_backend(), _ROWS_ACCELERATOR)
        if mesh is not None:
            automatic = (AxisType.Auto,) * len(mesh.axis_names)
            mesh = Mesh(mesh.devices, mesh.axis_names, axis_types=automatic)
        return cls(rows, mesh)


def over_rows(fn: Callable[..., Any], plan: Plan, held: Any, *rows: Any) -> Any:
    """Apply a row-wise `fn(held, *rows)` block by block; every device has all that is held.

    What rows are cut into, and where they lie, changes no result.
    """
    if plan.mesh is None:
        return by_chunk(partial(fn, held), plan.rows, *rows)
    count = rows[0].shape[0]
    by_row = PartitionSpec(plan.mesh.axis_names)
    each = jax.shard_map(
        lambda held, *rows: by_chunk(partial(fn, held), plan.rows, *rows),
        mesh=plan.mesh,
        in_specs=(PartitionSpec(), *(by_row for _ in rows)),
        out_specs=by_row,
        check_vma=False,
    )
    size = -(-count // plan.mesh.size) * plan.mesh.size
    out = each(held, *(_padded(x, size) for x in rows))
    return jax.tree.map(lambda x: x[:count], out)


def by_chunk(fn: Callable[..., Any], rows: int, *args: Any) -> Any:
    """Apply a row-wise `fn` to blocks of `rows` rows of `args` and join what it returns.

    The last block is filled up with zeros whose results are dropped, so every row meets the same
    compiled code whatever the block size.

    >>> by_chunk(lambda x: 2 * x, 2, jnp.arange(3))
    Array([0, 2, 4], dtype=int32)
    """
    count = args[0].shape[0]
    if count <= rows:
        return fn(*args)
    blocks = -(-count // rows)

    def split(x):
        return _padded(x, blocks * rows).reshape(blocks, rows, *x.shape[1:])

    out = jax.lax.map(lambda block: fn(*block), jax.tree.map(split, args))
    return jax.tree.map(lambda x: x.reshape(blocks * rows, *x.shape[2:])[:count], out)


def _padded(x: jax.Array, rows: int) -> jax.Array:
    return jnp.pad(x, [(0, rows - x.shape[0])] + [(0, 0)] * (x.ndim - 1))
