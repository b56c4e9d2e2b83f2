"""Named arrays as `.npz` files, written whole or not at all, and never with pickle."""

import os
import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from numpy.lib import format as npy

from .._arguments import as_path
from .._digest import Part, digest
from .._validate import BadInputError, MissingFileError
from ._files import atomic_path

Arrays = dict[str, np.ndarray]
_Kept = TypeVar("_Kept", bound="Stored")


def save_arrays(arrays: Mapping[str, object], path: str | os.PathLike[str]) -> Path:
    """Write named arrays in one step; objects are refused."""
    path = as_path(path, "path")
    host = dict(_bits(name, np.asarray(values)) for name, values in arrays.items())
    for name, values in host.items():
        if not isinstance(name, str) or name == "file":
            raise BadInputError(f"An array is called {name!r}. Give another name, a text.")
        if values.dtype.hasobject:
            raise BadInputError(
                f"Array {name!r} holds Python objects, which only pickle could store. Convert it"
                " to numbers, booleans or fixed-width strings."
            )
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **host)
    return path


def load_arrays(path: str | os.PathLike[str]) -> Arrays:
    """Read named arrays; nothing in the file is executed.

    Raises:
        FileNotFoundError: there is no such file.
        BadInputError: the file is damaged or something else.
    """
    path = as_path(path, "path")
    if not path.exists():
        raise MissingFileError(f"There is no file {path}. Check path.")
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                return dict(_of_bits(name, archive[name]) for name in archive.files)
        except Exception as e:  # a changed byte makes zip, zlib and numpy raise any error there is
            raise BadInputError(
                f"{path} is no readable .npz file ({e}). Save it again, or copy it again from"
                " where it is whole."
            ) from e


_TYPED = re.compile(r"(.*)::((?:b?float|u?int)[0-9a-z_]+)", re.DOTALL)


def _bits(name: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    """Numbers of a type that the format cannot tell, such as bfloat16, as bits with its name."""
    if isinstance(name, str) and _TYPED.fullmatch(name):
        raise BadInputError(f"An array is called {name!r}, as if it had a type. Rename it.")
    dtype = values.dtype
    if dtype.hasobject or npy.descr_to_dtype(npy.dtype_to_descr(dtype)) == dtype:
        return name, values
    return f"{name}::{dtype.name}", values.view(f"u{dtype.itemsize}")


def _of_bits(name: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    typed = _TYPED.fullmatch(name)
    return (typed[1], values.view(jnp.dtype(typed[2]))) if typed else (name, values)


def digest_of(text: str | bytes, arrays: Mapping[str, object]) -> str:
    """A digest of a text and of named arrays: their names, types, shapes and every byte.

    Files that carry one are refused where their content was changed since.

    >>> digest_of("", {"a": np.arange(2)}) == digest_of("", {"a": np.arange(2.0)})
    False
    """
    parts: list[Part] = [text]
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        parts += [f"{name}:{array.dtype.str}:{array.shape}", array]
    return digest(*parts)


class Stored:
    """What can be taken apart into named arrays, and so kept in a file."""

    @abstractmethod
    def to_arrays(self) -> Arrays:
        """Everything as arrays by name, without pickles."""

    @classmethod
    @abstractmethod
    def from_arrays(cls: type[_Kept], arrays: Mapping[str, np.ndarray]) -> _Kept:
        """What `to_arrays` took apart.

        Raises:
            BadInputError: not such arrays, or altered since.
        """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to an `npz` file; an interrupted write leaves what was there before."""
        save_arrays(self.to_arrays(), path)

    @classmethod
    def load(cls: type[_Kept], path: str | os.PathLike[str]) -> _Kept:
        """Read a file that `save` wrote, with no need of what it was made with.

        Raises:
            FileNotFoundError: there is no such file.
            BadInputError: the file is damaged or something else.
        """
        arrays = load_arrays(path)
        try:
            return cls.from_arrays(arrays)
        except BadInputError as problem:
            raise BadInputError(f"{path}: {problem}") from problem
