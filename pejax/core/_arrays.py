"""Lists, arrays and tables at the host's edge: what is none is refused by its place.

As in `_arguments`, which does so for single values.
"""

import decimal
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ._arguments import can_be_key, number_of
from ._shown import shown
from ._transforms import is_tracer
from ._validate import BadInputError, UnknownNameError, suggest

if TYPE_CHECKING:
    import pandas as pd

_MISSING = ("NAType", "NaTType", "MaskedConstant")
_REAL = (jnp.floating, jnp.integer, jnp.bool_)


def check_table(given: object, name: str, needed: Iterable[str] = ()) -> None:
    """Refuse what is no DataFrame of pandas, one with two columns of a name or without one that is
    needed."""
    columns = getattr(given, "columns", None)
    if columns is None or not hasattr(given, "iloc"):
        raise BadInputError(f"{name} is {shown(given)}. Give a pandas DataFrame.")
    if not columns.is_unique:
        twice = columns[columns.duplicated()][0]
        raise BadInputError(f"{name} has two columns named {twice!r}. Rename or drop one.")
    for column in needed:
        if column not in columns:
            hint = suggest(column, map(str, columns), n=1)
            near = f" Did you mean {hint[0]!r}?" if hint else f" It has {list(columns)[:8]}."
            raise UnknownNameError(f"{name} has no column {column!r}.{near}")


def items_of(given: object, refusal: str, *, unordered: bool = False) -> list[object]:
    """The items of a list, an array of one axis or the like; of a set or the keys too, if wanted.

    Raises:
        BadInputError: `refusal`, for texts, tables and what can be iterated over by its type alone,
            as sparse arrays.
    """
    if isinstance(given, jax.Array) and not is_tracer(given) and _is_real(given):
        given = np.asarray(given)  # whose items are numbers, and not arrays
    barred = str | bytes if unordered else str | bytes | Mapping | Set
    table = hasattr(given, "columns") or getattr(given, "ndim", 1) != 1
    if isinstance(given, barred) or table or not isinstance(given, Iterable):
        raise BadInputError(refusal)
    try:
        return list(given)
    except TypeError as problem:
        raise BadInputError(refusal) from problem


def keys_of(given: object, name: str, refusal: str) -> list[object]:
    """The items of a list, each of which can be a key; numpy's numbers as Python's own.

    Raises:
        BadInputError: `refusal`, or what is none by its place.
    """
    items = items_of(given, refusal)
    strange = next((row for row, item in enumerate(items) if not can_be_key(item)), None)
    if strange is not None:
        raise BadInputError(f"{name}[{strange}] is {shown(items[strange])}. Give a label.")
    return [
        x.item()
        if isinstance(x, np.integer | np.floating) and not isinstance(x, np.timedelta64)
        else x
        for x in items
    ]


def as_index(given: object, name: str, of: str, count: int, row: str = "row") -> "pd.Index":
    """Labels as an index of pandas, one a row of something that has so many.

    Raises:
        BadInputError: no list of labels, or another number of them.
    """
    import pandas as pd

    found = given
    if not isinstance(found, pd.Index):
        refusal = f"{name} is {shown(given)}. Give a list with one label a {row}."
        found = pd.Index(keys_of(given, name, refusal))
    if len(found) != count:
        raise BadInputError(
            f"{name} has {len(found)} labels, and {of} {count} {row}s. Give one a {row}."
        )
    return found


def as_labels(given: object, name: str) -> list[str]:
    """A label a row, as texts; neither one text for all nor a hole, nor several in a row."""
    labels = items_of(given, f"{name} is {shown(given)}. Give a list with one label a row.")
    for row, label in enumerate(labels):
        if label is None or type(label).__name__ in _MISSING or _is_nan(label):
            raise BadInputError(f"{name}[{row}] is {shown(label)}. Give every row a label.")
        if isinstance(label, bytes) or getattr(label, "ndim", 0) or not can_be_key(label):
            raise BadInputError(f"{name}[{row}] is {shown(label)}. Give every row one label.")
    return [str(label) for label in labels]


def as_names(given: object, name: str) -> list[str]:
    """Names, in order and each once; one text is one name.

    >>> as_names("snap", "outputs"), as_names(["snap", "ctc", "snap"], "outputs")
    (['snap'], ['snap', 'ctc'])
    """
    if isinstance(given, str):
        return [str(given)]
    found = items_of(given, f"{name} is {shown(given)}. Give a list of names.", unordered=True)
    for row, one in enumerate(found):
        if not isinstance(one, str):
            raise BadInputError(f"{name}[{row}] is {shown(one)}. Give names, as texts.")
    return list(dict.fromkeys(map(str, found)))


def as_numbers(given: object, name: str) -> np.ndarray:
    """An array of numbers or truth values, in their own type, on the host.

    Numbers that are Python's or pandas's own become float64, and what is missing among them NaN.

    Raises:
        BadInputError: text, dates, complex numbers, or no array at all: with the place.
    """
    if is_tracer(given):
        raise BadInputError(
            f"{name} is a traced value, and it is checked on the host. Build what it is for outside"
            " of jit, grad and vmap."
        )
    if isinstance(given, str | bytes | Mapping | Set | Iterator | type) or given is None:
        raise BadInputError(f"{name} is {shown(given)}. Give a list or an array of numbers.")
    if isinstance(given, np.ma.MaskedArray) and given.mask.any():
        given = np.where(given.mask, np.nan, given.data.astype(np.float64))  # masked is missing
    try:
        host = np.asarray(given)
    except (TypeError, ValueError) as problem:
        raise BadInputError(
            f"{name} is {shown(given)} whose rows are no numbers, or not of one length. Give one"
            " number a row."
        ) from problem
    if host.dtype.kind in "SU" and not isinstance(given, np.ndarray):
        host = np.asarray(given, dtype=object)  # a number beside a text is one still
    if host.dtype.kind in "OUS":
        host = _of_objects(host, given, name)
    if host.dtype.kind not in "biuf" and not jnp.issubdtype(host.dtype, jnp.floating):
        raise BadInputError(f"{name} holds {host.dtype}. Give numbers.")
    return host


def as_numbers_of_either(given: object, name: str) -> np.ndarray | jax.Array:
    """Numbers on the host, or as the JAX array that they are, traced or not.

    Raises:
        BadInputError: as `as_numbers`; a JAX array of keys or complex numbers.
    """
    if not isinstance(given, jax.Array):
        return as_numbers(given, name)
    if not _is_real(given):
        raise BadInputError(f"{name} holds {given.dtype}. Give numbers.")
    return given


def as_array(given: object, name: str) -> jax.Array:
    """Numbers as a JAX array, traced or not, in their own type."""
    return jnp.asarray(as_numbers_of_either(given, name))


def as_floats(given: object, name: str) -> jax.Array:
    """Numbers as a JAX array of floats, traced or not: whole numbers would overflow in sums."""
    found = as_array(given, name)
    if jnp.issubdtype(found.dtype, jnp.floating):
        return found
    return found.astype(jnp.result_type(float))


def as_one(given: object, name: str) -> jax.Array:
    """One number as a JAX array of floats, traced or not."""
    found = as_floats(given, name)
    if found.ndim:
        raise BadInputError(f"{name} has shape {found.shape}. Give one number.")
    return found


def as_column(given: object, name: str, row: str = "row") -> Float[np.ndarray, " row"]:
    """One number a row, in float64; missing ones are NaN.

    Raises:
        BadInputError: as `as_numbers`; another shape; floats of 16 bits, which hold three digits.
    """
    host = as_numbers(given, name)
    if host.ndim != 1:
        what = shown(host.item()) if host.ndim == 0 else f"an array of shape {host.shape}"
        raise BadInputError(f"{name} is {what}. Give a list or an array with one number a {row}.")
    check_digits(host, name)
    return host.astype(np.float64)


def check_digits(given: np.ndarray | jax.Array, name: str) -> None:
    """Refuse floats of 16 bits, which hold three digits."""
    if given.dtype.itemsize == 2 and jnp.issubdtype(given.dtype, jnp.floating):
        raise BadInputError(
            f"{name} is {given.dtype}, which holds three digits and may have rounded the numbers."
            " Give them in float32 or float64 from the start."
        )


def as_places(given: object, name: str) -> Int[np.ndarray, " entry"]:
    """One whole number an entry, counted from 0.

    Raises:
        BadInputError: as `as_numbers`; another shape, a number that is not whole or below 0.

    >>> as_places([0, 2, 1], "area")
    array([0, 2, 1])
    """
    found = as_numbers(given, name)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise BadInputError(f"{name} must be one whole number an entry, counted from 0.")
    if found.size and found.min() < 0:
        row = int(np.argmin(found))
        raise BadInputError(f"{name}[{row}] is {found[row]}; count from 0.")
    return found.astype(np.int64)


def check_shapes(**arrays: jax.Array) -> None:
    """Refuse arrays that belong together and are not as long as each other.

    One may be a single number, or have axes more in front.

    >>> check_shapes(errors=jnp.ones((4, 2)), importance=jnp.ones(2))
    """
    name, longest = max(arrays.items(), key=lambda item: item[1].ndim)
    for other, array in arrays.items():
        if array.ndim and array.shape != longest.shape[longest.ndim - array.ndim :]:
            raise BadInputError(
                f"{other} has shape {array.shape}, and {name} {longest.shape}. Give one of each a"
                " row."
            )


def _of_objects(host: np.ndarray, given: object, name: str) -> np.ndarray:
    """Objects or texts as float64; the first that is no number is named by its place."""
    flat = [real_of(value) for value in host.ravel().tolist()]
    at = next((i for i, value in enumerate(flat) if value is None), None)
    if at is None:
        return np.array(flat, np.float64).reshape(host.shape)
    if not host.ndim:
        raise BadInputError(f"{name} is {shown(given)}. Give a list or an array of numbers.")
    place = ", ".join(map(str, np.unravel_index(at, host.shape)))
    value = host.ravel().tolist()[at]
    hint = " pandas.to_numeric converts text." if isinstance(value, str) else ""
    raise BadInputError(f"{name}[{place}] is {shown(value)}. Give numbers.{hint}")


def real_of(value: object) -> float | None:
    """A real number or a truth value as a float, NaN where it is missing; else None.

    >>> real_of(True), real_of("1"), real_of(None)
    (1.0, None, nan)
    """
    if value is None or type(value).__name__ == "NAType":
        return math.nan
    if isinstance(value, bool | np.bool_):
        return float(value)
    if isinstance(value, decimal.Decimal):
        return float(value)
    return number_of(value)


def _is_real(given: jax.Array) -> bool:
    return any(jnp.issubdtype(given.dtype, kind) for kind in _REAL)


def _is_nan(value: object) -> bool:
    return bool(isinstance(value, float) and math.isnan(value))
