"""Working through many rows a block at a time, on one device or on several."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ..core._arguments import as_whole
from ..core._environment import available_cores
from ..core._mesh import as_mesh
from ..core._transforms import is_traced
from ..core._validate import BadInputError

# A block's covariates and leaf numbers stay in a CPU's second-level cache; an accelerator wants
# enough rows to fill its lanes.
_ROWS = {"cpu": 4096}
_ROWS_ACCELERATOR = 1 << 17
_LANES = 64  # a multiple of what processors work on at once


class Plan(NamedTuple):
    """How rows are worked through: how many at a time, and over which devices."""

    rows: int
    mesh: Mesh | None

    @classmethod
    def of(cls, chunk: int | None, mesh: Mesh | None = None) -> "Plan":
        """The caller's block size, or the one that suits the default backend."""
        rows = _ROWS.get(jax.default_backend(), _ROWS_ACCELERATOR)
        if chunk is not None:
            rows = as_whole("chunk")(chunk)
        if rows < 1:
            raise BadInputError(f"chunk is {chunk}; give a number of rows above 0, or None.")
        return cls(rows, None if mesh is None else as_mesh(mesh))


def on_cores(fn: Callable[..., jax.Array], plan: Plan, held: Any, *rows: Any) -> jax.Array:
    """A compiled row-wise `fn(held, *rows)`, its rows dealt to the cores of a CPU.

    XLA works through the blocks of a program on one core: the loops within are too small to share.
    So each core runs the program for a part of the rows, all parts of one length. On other
    backends, over a mesh, inside of `jit` and for few rows it is `fn` itself. What rows are dealt
    changes no result.
    """
    count = rows[0].shape[0]
    blocks = -(-count // plan.rows)
    workers = min(blocks, available_cores()) if _is_dealt(plan, held, rows) else 1
    if workers < 2:
        return fn(held, *rows)
    each = -(-count // workers)
    on_host = jax.tree.map(np.asarray, rows)
    parts = [
        jax.tree.map(lambda x, k=k: _padded(x[k : k + each], each), on_host)
        for k in range(0, count, each)
    ]
    wide = jnp.result_type(float) == jnp.float64

    def run(part: tuple) -> np.ndarray:
        with jax.enable_x64(wide):  # a thread begins with the setting of the process
            return np.asarray(fn(held, *part))

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(run, parts))
    return jnp.asarray(np.concatenate(found)[:count])


def _is_dealt(plan: Plan, held: Any, rows: Any) -> bool:
    leaves = jax.tree.leaves((held, rows))
    return (
        plan.mesh is None
        and jax.default_backend() == "cpu"
        and not is_traced(leaves)
        and all(len(x.devices()) == 1 for x in leaves if isinstance(x, jax.Array))
    )


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
    """Apply a row-wise `fn` to blocks of at most `rows` rows of `args` and join what it returns.

    Blocks are of one length, as even as they can be; the last is filled up with zeros whose results
    are dropped. So every row meets the same compiled code whatever the block size.

    >>> by_chunk(lambda x: 2 * x, 2, jnp.arange(3))
    Array([0, 2, 4], dtype=int32)
    """
    count = args[0].shape[0]
    if count <= rows:
        return fn(*args)
    blocks = -(-count // rows)
    even = -(-count // blocks)
    rows = min(rows, -(-even // _LANES) * _LANES)

    def split(x):
        return _padded(x, blocks * rows).reshape(blocks, rows, *x.shape[1:])

    out = jax.lax.map(lambda block: fn(*block), jax.tree.map(split, args))
    return jax.tree.map(lambda x: x.reshape(blocks * rows, *x.shape[2:])[:count], out)


def _padded(x: Any, rows: int) -> Any:
    xp = np if isinstance(x, np.ndarray) else jnp
    return xp.pad(x, [(0, rows - x.shape[0])] + [(0, 0)] * (x.ndim - 1))
