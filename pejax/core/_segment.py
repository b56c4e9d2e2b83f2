"""Sums and extremes over the members of each group."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Num, Shaped

Rows = Num[Array, "row *rest"] | Bool[Array, "row *rest"]
Groups = Num[Array, "group *rest"] | Bool[Array, "group *rest"]


def segment_sum(
    x: Shaped[Array, "row *rest"],
    ids: Int[Array, " row"],
    n: int,
    *,
    sorted_ids: bool = False,
) -> Num[Array, "group *rest"]:
    r"""The sum over each group's rows, :math:`y_g = \sum_{i: g(i) = g} x_i`.

    Args:
        x: one value (or a trailing block of values) a row; booleans are counted.
        ids: the group of each row. Rows with an id outside `0 <= id < n` count nowhere.
        n: number of groups, static under `jax.jit`.
        sorted_ids: promise that `ids` never decreases, which XLA can use.

    >>> segment_sum(jnp.array([1.0, 2.0, 4.0]), jnp.array([0, 0, 2]), 3)
    Array([3., 0., 4.], dtype=float32)
    """
    if x.dtype == jnp.bool_:
        x = x.astype(jnp.int32)
    return jax.ops.segment_sum(x, ids, num_segments=n, indices_are_sorted=sorted_ids)


def segment_max(
    x: Rows, ids: Int[Array, " row"], n: int, *, empty: float | int = 0, sorted_ids: bool = False
) -> Groups:
    """The largest value among each group's rows; `any` for booleans.

    A group without rows gives `empty`, never an infinity that later arithmetic turns into NaN.
    Tied rows share the derivative equally.

    >>> segment_max(jnp.array([1.0, 2.0, -4.0]), jnp.array([0, 0, 2]), 3)
    Array([ 2.,  0., -4.], dtype=float32)
    """
    return _extreme(jax.ops.segment_max, x, ids, n, empty=empty, sorted_ids=sorted_ids)


def segment_min(
    x: Rows, ids: Int[Array, " row"], n: int, *, empty: float | int = 0, sorted_ids: bool = False
) -> Groups:
    """The smallest value among each group's rows; `all` for booleans. See `segment_max`.

    >>> segment_min(jnp.array([1.0, 2.0, -4.0]), jnp.array([0, 0, 2]), 3)
    Array([ 1.,  0., -4.], dtype=float32)
    """
    return _extreme(jax.ops.segment_min, x, ids, n, empty=empty, sorted_ids=sorted_ids)


def segment_first(ids: Int[Array, " row"], n: int) -> Int[Array, " group"]:
    """The first row of each group; row 0 for a group without rows.

    >>> segment_first(jnp.array([1, 0, 1]), 2)
    Array([1, 0], dtype=int32)
    """
    rows = jnp.arange(ids.shape[0], dtype=jnp.int32)
    return segment_min(rows, ids, n)


def _extreme(reduce, x, ids, n, *, empty, sorted_ids):
    if x.dtype == jnp.bool_:
        counted = x.astype(jnp.int32)
        return _extreme(reduce, counted, ids, n, empty=empty, sorted_ids=sorted_ids).astype(bool)
    found = reduce(x, ids, num_segments=n, indices_are_sorted=sorted_ids)
    members = segment_sum(jnp.ones(ids.shape, jnp.int32), ids, n, sorted_ids=sorted_ids)
    occupied = (members > 0).reshape((n,) + (1,) * (x.ndim - 1))
    return jnp.where(occupied, found, jnp.asarray(empty, x.dtype))
