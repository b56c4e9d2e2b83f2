"""What the layers with gates are given: features, inputs, sizes of a kernel, paddings."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int

from ..core._arguments import as_choice, as_whole, at_least, is_whole, shown
from ..core._arrays import as_array, as_floats, items_of
from ..core._transforms import is_tracer
from ..core._validate import BadInputError

_PADDINGS = ("SAME", "VALID", "CIRCULAR", "REFLECT", "CAUSAL")
_MOST = 2**31 - 1
"""Of a kernel, a step or a padding along an axis."""


def as_features(in_features: object, out_features: object) -> tuple[int, int]:
    """Numbers of inputs and outputs."""
    return at_least(1, "in_features")(in_features), at_least(1, "out_features")(out_features)


def as_input(x: object, features: int, spatial: int = 0) -> Array:
    """An input with so many features along its last axis, and so many axes before it."""
    found = as_floats(x, "x")
    if found.ndim <= spatial or found.shape[-1] != features:
        axes = f", after {spatial} axes or more" if spatial else ""
        raise BadInputError(
            f"x has shape {found.shape}. Give one whose last axis is {features} long{axes}."
        )
    return found


def as_rows(index: object, count: int) -> Int[Array, "*batch"]:
    """Numbers of samples, counted from 0."""
    found = as_array(index, "index")
    if not jnp.issubdtype(found.dtype, jnp.integer):
        raise BadInputError(f"index holds {found.dtype}. Give the numbers of samples, from 0.")
    if not is_tracer(found) and bool(jnp.any((found < 0) | (found >= count))):
        raise BadInputError(f"index holds a number that is none of 0 to {count - 1}.")
    return found


def as_sizes(given: object, name: str, count: int | None = None) -> tuple[int, ...]:
    """A whole number of at least 1 a spatial axis."""
    one_each = f"{name} is {shown(given)}. Give a whole number for each spatial axis."
    held = items_of(given, one_each)
    sizes = tuple(at_least(1, f"{name}[{k}]")(size) for k, size in enumerate(held))
    if not sizes or max(sizes) > _MOST or count not in (None, len(sizes)):
        raise BadInputError(one_each)
    return sizes


def as_padding(given: object, count: int) -> Any:
    """A padding by name, of one width all around, or by spatial axis."""
    if isinstance(given, str):
        return as_choice(given, _PADDINGS[: None if count == 1 else -1], "padding")
    if is_whole(given):
        return _as_width(given, "padding")
    names = ", ".join(_PADDINGS)
    refusal = f"padding is {shown(given)}. Give one of {names}, or widths for each spatial axis."
    held = items_of(given, refusal)
    if len(held) != count:
        raise BadInputError(refusal)
    return [_as_widths(width, f"padding[{k}]") for k, width in enumerate(held)]


def _as_widths(given: object, name: str) -> tuple[int, int]:
    """The widths before and after an axis."""
    refusal = f"{name} is {shown(given)}. Give a whole number, or two: before and after."
    held = [given, given] if is_whole(given) else items_of(given, refusal)
    if len(held) != 2:
        raise BadInputError(refusal)
    return _as_width(held[0], name), _as_width(held[1], name)


def _as_width(given: object, name: str) -> int:
    found = as_whole(name)(given)
    if not 0 <= found <= _MOST:
        raise BadInputError(f"{name} is {shown(given)}. Give 0 or more.")
    return found
