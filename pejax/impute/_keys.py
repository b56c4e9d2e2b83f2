"""Randomness as a function of the key, the variable and the record."""

import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Integer, Shaped, UInt32

from ..core._arguments import shown
from ..core._digest import number_of
from ..core._transforms import is_traced
from ..core._types import Key
from ..core._validate import BadInputError


class Words(NamedTuple):
    """Record ids as two words of 32 bits each.

    The high word of an id from 0 to 4294967295 is zero, and the id is its low word; where all are
    such, the high ones are left out.
    """

    low: UInt32[ArrayLike, " row"]
    high: UInt32[ArrayLike, " row"] | None = None


Ids: TypeAlias = (
    Integer[ArrayLike, " row"] | Shaped[np.ndarray, " row"] | Sequence[str] | Sequence[int] | Words
)


def variable_key(key: Key, name: str) -> Key:
    """The key of one variable: the same name gives the same key in every chain and every order."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


@partial(jax.jit, static_argnames="n")
def record_uniforms(key: Key, ids: Words, n: int) -> Float[Array, "row n"]:
    """`n` uniform numbers in [0, 1) for every record, a function of the key and its id alone.

    Float32 whether or not 64-bit types are enabled, so that both give the same draws.
    """

    def drawn(key):
        return jax.random.uniform(key, (n,), jnp.float32)

    def of_narrow(low):
        return drawn(jax.random.fold_in(key, low))

    def of_wide(low, high):
        own = jax.random.fold_in(key, low)
        return jnp.where(high == 0, drawn(own), drawn(jax.random.fold_in(own, high)))

    if ids.high is None:
        return jax.vmap(of_narrow)(ids.low)
    return jax.vmap(of_wide)(ids.low, ids.high)


def record_words(ids: Ids, rows: int) -> Words:
    """Record ids as words: whole numbers of up to 64 bits, or texts by their hash (BLAKE2b).

    A record's words depend on its own id alone, not on those beside it.

    Raises:
        BadInputError: not one id a row, or of another type.
    """
    if isinstance(ids, Words):
        return ids
    try:
        shape = np.shape(ids)
    except ValueError as problem:  # lists of other lengths
        text = f"The record ids are {shown(ids)} of lists. Give one id a row."
        raise BadInputError(text) from problem
    if shape != (rows,):
        raise BadInputError(
            f"The record ids have shape {shape}, but there are {rows} rows. Give one a row."
        )
    if is_traced(ids):
        return _traced_words(jnp.asarray(ids))
    if isinstance(ids, jax.Array) and not jnp.issubdtype(ids.dtype, jnp.integer):
        raise _no_ids(str(ids.dtype))
    host = np.asarray(ids)
    if host.dtype.kind in "SU" and isinstance(ids, list | tuple):
        host = np.array(ids, object)  # a number beside a text is one still
    if host.dtype.kind in "OUT":
        host = _from_objects(host)
    if host.dtype.kind not in "iu":
        raise _no_ids(str(host.dtype))
    wide = host.astype(np.int64) if host.dtype.kind == "i" else host
    wide = wide.astype(np.uint64)
    low, high = (wide & np.uint64(0xFFFF_FFFF)), wide >> np.uint64(32)
    return Words(low.astype(np.uint32), high.astype(np.uint32) if high.any() else None)


def _traced_words(ids: Array) -> Words:
    if not jnp.issubdtype(ids.dtype, jnp.integer):
        raise _no_ids(str(ids.dtype))
    low = ids.astype(jnp.uint32)
    if ids.dtype.itemsize == 8:
        return Words(low, (ids >> 32).astype(jnp.uint32))
    if jnp.issubdtype(ids.dtype, jnp.unsignedinteger):
        return Words(low)
    return Words(low, jnp.where(ids < 0, jnp.uint32(0xFFFF_FFFF), jnp.uint32(0)))


def _from_objects(ids: np.ndarray) -> np.ndarray:
    """Python's whole numbers as numbers, and texts as the numbers they hash to."""
    held = ids.tolist()
    kinds = {type(x) for x in held}
    if kinds <= {str}:
        return np.array([number_of(text) for text in held], np.uint64)
    if kinds <= {int} and min(held) >= -(2**63) and max(held) < 2**64:
        return np.array(held, np.int64 if max(held) < 2**63 else np.uint64)
    row = next((i for i, x in enumerate(held) if type(x) is not type(held[0])), 0)
    raise _no_ids(f"{held[row]!r} in row {row}")


def _no_ids(what: Any) -> BadInputError:
    return BadInputError(
        f"Record ids are {what}. Give whole numbers of up to 64 bits, or texts, for all rows."
    )


def variable_seed(seed: int, name: str) -> np.random.SeedSequence:
    """The host's counterpart of `variable_key`, for growing a variable's forest."""
    return np.random.SeedSequence([int(seed), zlib.crc32(name.encode())])
