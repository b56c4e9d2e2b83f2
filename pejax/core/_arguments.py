"""Arguments at the host's edge: one of the wrong kind is refused by name, with what to give.

What a rule asks of a number (above 0, at most the number of rows) is checked where the rule is.
Here a value becomes a number, a switch, an array or a key, or an error that says what it was.
"""

import decimal
import math
import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import TypeGuard, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ._transforms import is_tracer
from ._validate import BadInputError, UnknownNameError, suggest

_Kind = TypeVar("_Kind")
_REAL = (jnp.floating, jnp.integer, jnp.bool_)
_LONGEST = 60  # characters of a value that a message repeats


def shown(value: object) -> str:
    """A value as a message repeats it: itself if that is short, else what kind of thing it is.

    >>> shown("$1,000"), shown([1.0, 2.0]), shown(dict), shown(None)
    ("'$1,000'", 'a list', 'the class dict', 'None')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if is_tracer(value):
        return "a traced value"
    if value is None or isinstance(value, bool | int | float | complex | np.generic | str | bytes):
        text = str(value) if isinstance(value, np.number) else _text(value)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def as_number(name: str, *, finite: bool = True) -> Callable[[object], float]:
    """What makes a float of a setting, for equinox's `converter=` among others.

    >>> as_number("ridge")(1)
    1.0
    """

    def convert(value: object) -> float:
        found = _number(value)
        if found is None or (finite and not math.isfinite(found)):
            kind = "finite number" if finite else "number"
            raise BadInputError(f"{name} is {shown(value)}; give a {kind}.")
        return found

    return convert


def as_whole(name: str) -> Callable[[object], int]:
    """What makes an int of a setting: 3, not 3.5, "3" or True.

    >>> as_whole("epochs")(np.int64(3))
    3
    """

    def convert(value: object) -> int:
        plain = value.item() if isinstance(value, np.ndarray) and not value.ndim else value
        if not is_whole(plain):
            raise BadInputError(f"{name} is {shown(value)}; give a whole number, such as 10.")
        return int(plain)

    return convert


def is_whole(value: object) -> TypeGuard[int | np.integer]:
    """Whether a value is a whole number. Truth values and spans of time, which Python and numpy
    derive from whole numbers, are none.

    >>> is_whole(3), is_whole(np.int8(3)), is_whole(True), is_whole(np.timedelta64(3, "s"))
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def can_be_key(value: object) -> bool:
    """Whether a value has a hash; its type alone does not say so.

    >>> can_be_key("age"), can_be_key(("age", [1]))
    (True, False)
    """
    try:
        hash(value)
    except TypeError:
        return False
    return True


def at_least(least: int, name: str) -> Callable[[object], int]:
    """What makes an int of a setting that has a smallest value.

    >>> at_least(1, "chunk")(np.int64(3))
    3
    """

    def convert(value: object) -> int:
        found = as_whole(name)(value)
        if found < least:
            raise BadInputError(f"{name} is {found}; give a whole number of at least {least}.")
        return found

    return convert


def as_switch(name: str) -> Callable[[object], bool]:
    """What makes a bool of a setting: "no" would count as True.

    >>> as_switch("exact")(np.True_)
    True
    """

    def convert(value: object) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise BadInputError(f"{name} is {shown(value)}; give True or False.")
        return bool(value)

    return convert


def as_instance(value: object, kind: type[_Kind], name: str, fix: str) -> _Kind:
    """The value itself if it is of a class; `fix` ends the message."""
    if not isinstance(value, kind):
        raise BadInputError(f"{name} is {shown(value)}. {fix}")
    return value


def check_table(given: object, name: str) -> None:
    """Refuse what is no DataFrame of pandas, and one that has two columns of a name."""
    columns = getattr(given, "columns", None)
    if columns is None or not hasattr(given, "iloc"):
        raise BadInputError(f"{name} is {shown(given)}. Give a pandas DataFrame.")
    if not columns.is_unique:
        twice = columns[columns.duplicated()][0]
        raise BadInputError(f"{name} has two columns named {twice!r}. Rename or drop one.")


def as_path(value: object, name: str) -> Path:
    """A path of a text or a path."""
    if not isinstance(value, str | os.PathLike) or value == "" or "\x00" in str(value):
        raise BadInputError(f"{name} is {shown(value)}. Give a path, as a text or a pathlib.Path.")
    return Path(value)


def as_choice(value: object, options: Iterable[str], name: str) -> str:
    """One of some words."""
    known = list(options)
    if not isinstance(value, str) or value not in known:
        near = suggest(value, known, n=1) if isinstance(value, str) else []
        hint = f"Did you mean {near[0]!r}?" if near else f"Choose one of: {', '.join(known)}."
        raise UnknownNameError(f"{name} is {shown(value)}. {hint}")
    return value


def as_text(value: object, name: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise BadInputError(f"{name} is {shown(value)}. Give a text.")
    return str(value)


def as_seed(name: str) -> Callable[[object], int]:
    """What makes an int of a seed: a whole number of up to 64 bits, as `jax.random.key` takes.

    >>> as_seed("seed")(3)
    3
    """

    def convert(value: object) -> int:
        found = as_whole(name)(value)
        if not -(2**63) <= found < 2**63:
            raise BadInputError(f"{name} is {shown(found)}; give a whole number of up to 64 bits.")
        return found

    return convert


def check_key(key: object, name: str = "key") -> None:
    """Refuse what JAX cannot draw with, such as the number that a key is made from."""
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    if isinstance(key, jax.Array | np.ndarray) and dtype is not None:
        if jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ():
            return
        if dtype == np.uint32 and shape in ((2,), (4,)):  # the older form, jax.random.PRNGKey
            return
    seed = f"jax.random.key({_seed_of(key)})"
    raise BadInputError(f"{name} is {shown(key)}. Pass {name}={seed}, or another.")


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


def as_labels(given: object, name: str) -> list[str]:
    """A label a row, as texts; neither one text for all nor a hole, a list or bytes."""
    labels = items_of(given, f"{name} is {shown(given)}. Give a list with one label a row.")
    for row, label in enumerate(labels):
        if label is None or type(label).__name__ in ("NAType", "NaTType") or _is_nan(label):
            raise BadInputError(f"{name}[{row}] is {shown(label)}. Give every row a label.")
        if isinstance(label, bytes) or not can_be_key(label):
            raise BadInputError(f"{name}[{row}] is {shown(label)}. Give a text.")
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


def _number(value: object) -> float | None:
    """A real number as a float; None for anything else."""
    if isinstance(value, np.ndarray | jax.Array) and not is_tracer(value):
        real = value.ndim == 0 and jnp.issubdtype(value.dtype, np.number)
        value = value.item() if real else None
    other = bool | np.bool_ | np.timedelta64 | complex | np.complexfloating
    if isinstance(value, other) or not isinstance(value, numbers.Real | np.number):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


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
    return _number(value)


def _is_real(given: jax.Array) -> bool:
    return any(jnp.issubdtype(given.dtype, kind) for kind in _REAL)


def _is_nan(value: object) -> bool:
    return bool(isinstance(value, float) and math.isnan(value))


def _seed_of(key: object) -> int:
    """The number that was meant as a seed, or else 0."""
    return int(key) if is_whole(key) and 0 <= int(key) < 2**31 else 0


def _text(value: object) -> str:
    """A value's own text; an int of thousands of digits has none."""
    try:
        return repr(value.item() if isinstance(value, np.generic) else value)
    except ValueError:
        return f"an {type(value).__name__} of very many digits"
