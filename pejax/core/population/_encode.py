"""Table columns to arrays and back: floats, 32-bit integers, booleans, and codes for strings."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np

from .._arguments import is_whole, shown
from .._arrays import items_of
from .._types import HostColumn
from .._validate import BadInputError

if TYPE_CHECKING:
    import pandas as pd

_INT32 = np.iinfo(np.int32)


def encode(values: object, where: str) -> tuple[HostColumn, tuple[str, ...] | None]:
    """One column as a plain array, with the vocabulary when it held strings.

    Args:
        values: a pandas Series, a numpy array or a sequence.
        where: how messages name the column, e.g. `person column 'age'`.

    Returns:
        The array (float, int32 or bool) and `None`; or int32 codes and the sorted labels.

    Raises:
        BadInputError: a missing value, a mixture of types, an integer beyond 32 bits, or a type
            that is neither number, boolean nor string.

    >>> encode(["b", "a", "b"], "household column 'region'")
    (array([1, 0, 1], dtype=int32), ('a', 'b'))
    """
    if not isinstance(values, np.ndarray) and not _is_column(values):
        values = _as_row(values, where)
    if not values.ndim:
        raise BadInputError(f"{where} is one value. Give one a row.")
    _fail_if_missing(values, where)
    kind = values.dtype.kind
    if kind == "b":
        return np.asarray(values, dtype=bool), None
    if kind in "iu":
        # Unsigned numbers stay so: as signed ones, the largest of them would be small and negative.
        return _int32(np.asarray(values, np.int64 if kind == "i" else np.uint64), where), None
    if kind == "f":
        wide = np.asarray(values, dtype=np.promote_types(_numpy_float(values), np.float32))
        _fail_if_too_large(wide, where)
        return wide, None
    if kind in "OUT":
        return _encode_objects(np.asarray(values, dtype=object), where)
    raise _not_understood(where, str(values.dtype))


def decode(codes: HostColumn, vocabulary: tuple[str, ...]) -> np.ndarray:
    """The labels behind string codes.

    >>> decode(np.array([1, 0]), ("a", "b")).tolist()
    ['b', 'a']
    """
    return np.asarray(vocabulary, dtype=object)[np.asarray(codes)]


def _is_column(values: object) -> TypeGuard["pd.Series"]:
    """Whether a value is a column of pandas or an array that is like one; not one of tuples."""
    alike = hasattr(values, "dtype") and hasattr(values, "__len__")
    return alike and getattr(values, "ndim", 1) == 1 and not hasattr(values, "levels")


def _as_row(values: object, where: str) -> np.ndarray:
    """A sequence as an array; texts as objects."""
    held = items_of(values, f"{where} is {shown(values)}. Give one value a row.")
    try:
        plain = np.asarray(held)
    except ValueError:
        plain = np.zeros((0, 0))
    if plain.ndim != 1:
        raise BadInputError(f"{where} holds rows that are not one value each. Give one a row.")
    return np.asarray(held, dtype=object) if plain.dtype.kind in "USO" else plain


def _fail_if_too_large(values: np.ndarray, where: str) -> None:
    """A number that JAX's float would make an infinity of is refused."""
    largest = jnp.finfo(jnp.result_type(float))
    beyond = np.isfinite(values) & (np.abs(values) > np.float64(largest.max))
    if beyond.any():
        row = int(beyond.argmax())
        raise BadInputError(
            f"{where} holds {values[row]:g} in row {row}, which does not fit in {largest.dtype}."
            " Store it in another unit, or enable jax_enable_x64."
        )


def _numpy_float(values: "np.ndarray | pd.Series") -> np.dtype:
    return values.dtype if isinstance(values.dtype, np.dtype) else np.dtype(np.float64)


def fail_if_no_columns(wanted: object) -> None:
    """What is wanted are columns by entity and name."""
    inner = list(wanted.items()) if isinstance(wanted, Mapping) else [(None, wanted)]
    for entity, new in inner:
        if not isinstance(new, Mapping):
            where = f"{entity!r} is" if entity is not None else "The columns are"
            raise BadInputError(
                f"{where} {shown(new)}. Give columns by entity and name: "
                "with_columns({'person': {'rent': ...}})."
            )
        for name in new:
            if not isinstance(name, str):
                raise BadInputError(
                    f"A new column is named {shown(name)}. Give it a name that is a text."
                )


def fail_if_no_numbers(values: jax.Array, where: str) -> None:
    """A JAX array that is a column holds numbers or booleans."""
    kinds = (jnp.integer, jnp.floating, jnp.bool_)
    if not any(jnp.issubdtype(values.dtype, kind) for kind in kinds):
        raise BadInputError(f"{where} holds {values.dtype}. Give numbers or booleans.")


def _missing(values: "np.ndarray | pd.Series") -> np.ndarray:
    """Where a pandas or numpy column has no value (None, NaN, NA)."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.getmaskarray(values) | _missing(values.data)
    isna = getattr(values, "isna", None)
    if isna is not None:
        return np.asarray(isna())
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        return np.array([value is None or _is_nan(value) for value in values], dtype=bool)
    return np.zeros(len(values), dtype=bool)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _fail_if_missing(values: "np.ndarray | pd.Series", where: str) -> None:
    missing = _missing(values)
    if missing.any():
        raise BadInputError(
            f"{where} has no value in row {int(missing.argmax())}"
            f" ({int(missing.sum())} of {len(missing)} rows are missing). Fill these cells or drop"
            " the rows before building the population."
        )


def _int32(values: np.ndarray, where: str) -> np.ndarray:
    beyond = (values > _INT32.max) | (values < _INT32.min)
    if beyond.any():
        row = int(beyond.argmax())
        raise BadInputError(
            f"{where} holds {values[row]} in row {row}, which does not fit in a 32-bit integer."
            " Store it as a float, or renumber it if it is an id."
        )
    return values.astype(np.int32)


def _encode_objects(values: np.ndarray, where: str) -> tuple[HostColumn, tuple[str, ...] | None]:
    kind = _only_kind(values, where)
    if kind == "string":
        labels, codes = np.unique(values.astype(str), return_inverse=True)
        return codes.reshape(-1).astype(np.int32), tuple(str(label) for label in labels)
    if kind in ("number", "boolean"):
        return _encode_numbers(values.tolist(), kind, where)
    raise _not_understood(where, kind)


def _encode_numbers(
    held: list[object], kind: str, where: str
) -> tuple[HostColumn, tuple[str, ...] | None]:
    """Python's numbers, of which whole ones may be larger than any of numpy's."""
    whole = [int(value) for value in held if is_whole(value)]
    if kind == "number" and len(whole) == len(held):
        return _int32(np.array(whole, object), where), None
    plain = np.array(held)
    if plain.dtype.kind == "O":
        raise _not_understood(where, "object")
    return encode(plain, where)


def _only_kind(values: np.ndarray, where: str) -> str:
    kinds = [_kind(value) for value in values] or ["string"]
    if len(set(kinds)) > 1:
        row = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
        raise BadInputError(
            f"{where} mixes types: row 0 holds a {kinds[0]}, row {row} holds a {kinds[row]}"
            f" ({values[row]!r}). Convert the column to one type."
        )
    return kinds[0]


def _not_understood(where: str, kind: str) -> BadInputError:
    return BadInputError(
        f"{where} has type {kind}; only numbers, booleans and strings are understood. "
        "Convert it, for instance a date to its year, or drop it."
    )


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | float | np.number):
        return "number"
    return type(value).__name__
