"""Working through many rows a block at a time, so that memory is bounded by the block."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# A block's covariates and leaf numbers stay in a CPU's second-level cache; an accelerator wants
# enough rows to fill its lanes.
_ROWS = {"cpu": 4096}
_ROWS_ACCELERATOR = 1 << 17


def rows_per_chunk(chunk: int | None) -> int:
    """The caller's block size, or the one that suits the default backend."""
    return chunk or _ROWS.get(jax.default_backend(), _ROWS_ACCELERATOR)


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
        padded = jnp.pad(x, [(0, blocks * rows - count)] + [(0, 0)] * (x.ndim - 1))
        return padded.reshape(blocks, rows, *x.shape[1:])

    out = jax.lax.map(lambda block: fn(*block), jax.tree.map(split, args))
    return jax.tree.map(lambda x: x.reshape(blocks * rows, *x.shape[2:])[:count], out)
