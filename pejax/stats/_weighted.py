"""Numbers and their weights as statistics reckon with them: checked, in types that hold them.

Outside of a trace that is the host, in float64, whether or not JAX has 64-bit types; inside of one
it is the wider of what is given and JAX's default float.
"""

import itertools
from types import ModuleType
from typing import TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import dtypes, lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike

from ..core._arguments import shown
from ..core._transforms import is_traced
from ..core._validate import BadInputError
from ._given import Labelled, Table

Numbers: TypeAlias = Array | np.ndarray
Reckoned: TypeAlias = Numbers | np.number  # sums and elements are scalars of their own in numpy


def numbers(x: object, name: str, *, finite: bool = True) -> Numbers:
    """The numbers as an array of their own type; on the host, and checked, unless traced."""
    if is_traced(x):
        return jnp.asarray(x)
    host = _on_host(x, name)
    if not host.size:
        raise BadInputError(f"{name} is empty. Give at least one number.")
    refused = np.isnan(host) if not finite else ~np.isfinite(host)
    if refused.any():
        at = np.argwhere(refused)[0]
        value = host[tuple(at)]
        what = "missing (NaN)" if np.isnan(value) else "infinite"
        where = ", ".join(f"{part} {k}" for part, k in zip(("row", "column"), at, strict=False))
        place = f"{name}, {where}" if where else name
        raise BadInputError(f"{place}: the number is {what}. Leave it out, or correct it.")
    return host


def weights_of(weights: object, values: Numbers, name: str = "weights") -> Numbers:
    """A weight for each value; the largest brought near one by a power of two, which is exact.

    So neither sums nor products of weights leave the range of their type.
    """
    given = counts_of(weights, values, name)
    if isinstance(given, np.ndarray) and not given.any():
        raise BadInputError(f"{name}: every weight is zero. Give some value weight.")
    return near_one(given)


def counts_of(weights: object, values: Numbers, name: str = "weights") -> Numbers:
    """A weight for each value as it is given, one if none is; all of them may be zero."""
    if weights is None:
        return np.ones(values.shape)
    given = numbers(weights, name)
    fail_if_shaped_otherwise(given, values, name, "Give one weight a value.")
    if isinstance(given, np.ndarray):
        _fail_if_negative(given, name)
    return given


def near_one(given: Numbers) -> Numbers:
    """Floats that are the numbers by a power of two, the largest of them near one."""
    xp = namespace(given)
    held = floats(given, xp)
    most = abs(held).max()
    _, exponent = xp.frexp(most if xp is np else lax.stop_gradient(most))
    # Two steps, because half of the range is a number where all of it is not; and products,
    # because JAX gives `ldexp` a wrong derivative at zero.
    one, half = xp.ones((), held.dtype), -exponent // 2
    scaled = held * xp.ldexp(one, half) * xp.ldexp(one, -exponent - half)
    least = xp.finfo(scaled.dtype).tiny
    return xp.where((held != 0) & (abs(scaled) < least), xp.sign(held) * least, scaled)


def levels_of(levels: object) -> Numbers:
    """Quantile levels, each between 0 and 1."""
    if not is_traced(levels):
        levels = _on_host(levels, "levels")
    if isinstance(levels, np.ndarray) and not levels.size:
        return np.zeros(levels.shape)
    host = numbers(levels, "levels")
    if not isinstance(host, np.ndarray):
        return host
    host = host.astype(np.float64)
    outside = (host < 0) | (host > 1)
    if outside.any():
        raise BadInputError(f"{host[outside][0]} is no quantile level. Levels lie between 0 and 1.")
    return host


def fail_if_not_rows(x: Numbers, name: str) -> None:
    """Refuse what is not one number a row."""
    if x.ndim != 1:
        raise BadInputError(f"{name} has shape {x.shape}. Give one number a row.")


def fail_if_shaped_otherwise(
    x: Numbers, values: Numbers, name: str, fix: str, theirs: str = "the values have"
) -> None:
    """Refuse what is not one number a value; `fix` ends the message."""
    if x.shape != values.shape:
        raise BadInputError(f"{name} has shape {x.shape}, but {theirs} {values.shape}. {fix}")


def namespace(*arrays: object) -> ModuleType:
    """`jax.numpy` where something is traced, else `numpy`."""
    return jnp if is_traced(arrays) else np


def ratio(part: ArrayLike, whole: ArrayLike, xp: ModuleType) -> Numbers:
    """A quotient that is NaN, and has no NaN derivative, where the whole is zero."""
    known = whole != 0
    return xp.where(known, part / xp.where(known, whole, 1), np.nan)


def floats(x: Numbers, xp: ModuleType) -> Numbers:
    """The numbers in the type to reckon with."""
    if xp is np:
        return np.asarray(x, np.float64)
    wide = jnp.result_type(float)
    if isinstance(x, np.ndarray):
        return jnp.asarray(x.astype(np.float64), wide)
    return x.astype(jnp.promote_types(x.dtype, wide))


def fail_if_other_labels(**columns: object) -> None:
    """Refuse columns of pandas that belong together and are labelled otherwise."""
    indexed = {name: x.index for name, x in columns.items() if isinstance(x, Labelled)}
    across = {n: x.columns for n, x in columns.items() if isinstance(x, Table)}
    for first, second in itertools.pairwise(across):
        if not across[first].equals(across[second]):
            raise BadInputError(
                f"{second} has other columns than {first}, or has them in another order. Give "
                f"{second}[{first}.columns]."
            )
    for first, second in itertools.pairwise(indexed):
        if not indexed[first].equals(indexed[second]):
            raise BadInputError(
                f"{second} has other labels than {first}, or has them in another order. Give "
                f"{second}.reindex({first}.index), or {second}.to_numpy() to go by order."
            )


def told(x: Reckoned) -> Array:
    """A result in JAX's default float type, or in the trace's own."""
    if isinstance(x, Array) and is_traced(x):
        return x
    return _narrowed(x, jnp.result_type(float), "the result")


def _narrowed(x: Reckoned, dtype: DTypeLike, name: str) -> Array:
    """An array in a float type that holds its numbers."""
    host = np.asarray(x)
    with np.errstate(over="ignore"):
        found = host.astype(dtype)
    if np.isinf(found).sum() > np.isinf(host).sum():
        raise BadInputError(
            f"{name} is beyond the numbers of {jnp.dtype(dtype).name}. Enable JAX's 64-bit types "
            "(jax_enable_x64), or give larger units."
        )
    return jnp.asarray(found)


def on_device(x: Reckoned, name: str) -> Array:
    """Numbers of their own type; refused where JAX would make others of them."""
    host = isinstance(x, np.ndarray | np.generic)
    if host and x.dtype.kind in "iu" and x.size:
        limits = np.iinfo(dtypes.canonicalize_dtype(x.dtype))
        if int(x.min()) < limits.min or int(x.max()) > limits.max:
            raise BadInputError(
                f"{name} holds whole numbers beyond {limits.bits} bits. Enable JAX's 64-bit types"
                " (jax_enable_x64), or give them as floats."
            )
    if host and x.dtype.kind == "f":
        return _narrowed(x, dtypes.canonicalize_dtype(x.dtype), name)
    return jnp.asarray(x)


def _on_host(x: object, name: str) -> np.ndarray:
    if isinstance(x, np.ma.MaskedArray) and x.mask.any():
        x = np.where(x.mask, np.nan, x.data.astype(np.float64))  # masked is missing
    try:
        host = np.asarray(x)
    except (TypeError, ValueError) as problem:
        raise _no_numbers(name, type(x).__name__) from problem
    if host.dtype.kind == "O":
        host = _from_objects(host)
    if host.dtype.kind in "biuf":
        return host
    if jnp.issubdtype(host.dtype, jnp.floating):  # bfloat16 and its like, which numpy cannot sort
        return host.astype(np.float32)
    if isinstance(x, str):
        raise _no_numbers(name, shown(x))
    raise _no_numbers(name, type(x).__name__ if host.dtype.kind == "O" else str(host.dtype))


def _no_numbers(name: str, kind: str) -> BadInputError:
    return BadInputError(f"{name} is {kind}. Give an array of numbers.")


def _from_objects(host: np.ndarray) -> np.ndarray:
    """Python's numbers as an array of numbers; what is missing becomes NaN; else the objects."""
    flat = host.reshape(-1).tolist()
    found = [np.nan if x is None or type(x).__name__ == "NAType" else x for x in flat]
    if any(isinstance(x, str | bytes) for x in found):
        return host
    try:
        plain = np.array(found)
        plain = plain if plain.dtype.kind in "biuf" else np.array([float(x) for x in found])
        return plain.reshape(host.shape)
    except (TypeError, ValueError, OverflowError):
        return host


def _fail_if_negative(given: np.ndarray, name: str) -> None:
    negative = given < 0
    if negative.any():
        at = tuple(np.argwhere(negative)[0].tolist())
        row = f", row {at[0]}" if at else ""
        raise BadInputError(f"{name}{row}: the weight is {given[at]}. Weights are not negative.")
