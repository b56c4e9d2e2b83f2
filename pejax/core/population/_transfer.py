"""Between host tables and device arrays: dtypes, slots, and the choice of rows."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._arrays import as_numbers
from .._types import HostColumn, HostIndex
from .._validate import BadInputError
from ._layout import Layout
from ._tables import Tables


def on_device(values: HostColumn) -> Array:
    """A copy in JAX's own types: default float, int32, bool."""
    kind = values.dtype.kind
    dtype = {"f": jnp.result_type(float), "i": jnp.int32, "u": jnp.int32}.get(kind, values.dtype)
    return jnp.array(values, dtype)


def place(values: HostColumn, layout: Layout, entity: str) -> Array:
    """Values of the real rows in their slots, zeros elsewhere."""
    size = layout.sizes[entity]
    if len(values) == size and layout.blocks == 1:
        return on_device(values)
    placed = np.zeros(size, values.dtype)
    placed[layout.slots[entity]] = values
    return on_device(placed)


def padded_link(tables: Tables, layout: Layout, group: str) -> Array:
    """Links to the groups' slots; padding persons go to their block's spare group."""
    persons = layout.sizes[tables.person]
    link = np.repeat(layout.spare[group], persons // layout.blocks)
    link[layout.slots[tables.person]] = layout.slots[group][tables.links[group]]
    return on_device(link)


def chosen_rows(chosen: object, count: int) -> HostIndex:
    """Row numbers from a mask over `count` households or from row numbers."""
    rows = np.atleast_1d(as_numbers(chosen, "households"))
    if rows.ndim > 1:
        raise BadInputError(
            f"households is an array of shape {rows.shape}. Give a mask or row numbers in one row."
        )
    if rows.dtype == bool:
        _fail_if_mask_has_wrong_length(rows, count)
        rows = np.flatnonzero(rows)
    _fail_if_no_rows(rows)
    _fail_if_outside(rows, count)
    return rows


def _fail_if_mask_has_wrong_length(mask: HostColumn, count: int) -> None:
    if mask.shape != (count,):
        raise BadInputError(
            f"The mask has shape {mask.shape}, but there are {count} households. Give one truth"
            " value a household."
        )


def _fail_if_no_rows(rows: HostColumn) -> None:
    if rows.size == 0:
        raise BadInputError("No household was chosen. Choose at least one.")


def _fail_if_outside(rows: HostColumn, count: int) -> None:
    if rows.dtype.kind not in "iu":
        raise BadInputError(
            f"Rows of type {rows.dtype} choose no households. Give a mask or whole numbers."
        )
    outside = (rows < 0) | (rows >= count)
    if outside.any():
        raise BadInputError(
            f"There is no household row {rows[outside.argmax()]}. Rows go from 0 to {count - 1}."
        )
