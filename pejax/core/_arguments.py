"""Arguments at the host's edge: one of the wrong kind is refused by name, with what to give.

What a rule asks of a number (above 0, at most the number of rows) is checked where the rule is.
Here a value becomes a number, a switch, a text or a key, or an error that says what it was; lists,
arrays and tables do so in `_arrays`.
"""

import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeGuard, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ._shown import shown
from ._transforms import is_tracer
from ._validate import BadInputError, MissingFileError, UnknownNameError, suggest

_Kind = TypeVar("_Kind")


def as_number(name: str, *, finite: bool = True) -> Callable[[object], float]:
    """What makes a float of a setting, for equinox's `converter=` among others.

    >>> as_number("ridge")(1)
    1.0
    """

    def convert(value: object) -> float:
        found = number_of(value)
        if found is None or (finite and not math.isfinite(found)):
            kind = "finite number" if finite else "number"
            raise BadInputError(f"{name} is {shown(value)}; give a {kind}.")
        return found

    return convert


def as_share(name: str) -> Callable[[object], float]:
    """What reads a share: a number from 0 to 1.

    Raises:
        BadInputError: from the reader, for anything else.
    """

    def read(given: object) -> float:
        share = as_number(name)(given)
        if not 0 <= share <= 1:
            raise BadInputError(f"{name} is {shown(given)}: give a share, from 0 to 1")
        return share

    return read


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


def as_named(given: object, name: str, of: str) -> dict[str, object]:
    """What a dictionary holds by name, or by year; `of` says what, as "a list of numbers".

    >>> as_named({"tax": [1.0]}, "columns", "a list of numbers")
    {'tax': [1.0]}
    """
    fix = f'Give {of} by name: {{"name": ...}}.'
    held: Mapping[object, object] = as_instance(given, Mapping, name, fix)
    for key in held:
        if not isinstance(key, str) and not is_whole(key):
            raise BadInputError(f"{name} has the key {shown(key)}. {fix}")
    return {str(key): value for key, value in held.items()}


def as_instance(value: object, kind: type[_Kind], name: str, fix: str) -> _Kind:
    """The value itself if it is of a class; `fix` ends the message."""
    if not isinstance(value, kind):
        raise BadInputError(f"{name} is {shown(value)}. {fix}")
    return value


def as_function(value: object, name: str, fix: str = "Give a function.") -> Callable[..., object]:
    """A function; a class is none, though it can be called."""
    if not callable(value) or isinstance(value, type):
        raise BadInputError(f"{name} is {shown(value)}. {fix}")
    return value


def as_path(value: object, name: str) -> Path:
    """A path of a text or a path; an empty text would be the folder that one is in."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise BadInputError(f"{name} is {shown(value)}. Give a path, as a text or a pathlib.Path.")
    return Path(text)


def as_file(value: object, name: str) -> Path:
    """The path of a file that is there."""
    path = as_path(value, name)
    if path.is_dir():
        raise BadInputError(f"{name} is the folder {path}. Give the path of a file.")
    if not path.exists():
        raise MissingFileError(f"There is no file {path}. Check {name}.")
    return path


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


def number_of(value: object) -> float | None:
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


def _seed_of(key: object) -> int:
    """The number that was meant as a seed, or else 0."""
    return int(key) if is_whole(key) and 0 <= int(key) < 2**31 else 0
