"""The one digest by which contents are told apart."""

import hashlib
from typing import TypeAlias

import jax
import numpy as np

Part: TypeAlias = str | bytes | np.ndarray | jax.Array


def digest(*parts: Part) -> str:
    """SHA-256 over texts, bytes and the bytes of arrays, one after the other, in hexadecimals.

    Arrays count by their bytes alone: say their types and shapes where these may differ.

    >>> digest("a", b"b") == digest("ab")
    True
    >>> len(digest(np.arange(3)))
    64
    """
    content = hashlib.sha256()
    for part in parts:
        content.update(_bytes(part))
    return content.hexdigest()


def number_of(text: str) -> int:
    """64 bits that stand for a text, the same ones everywhere.

    >>> number_of("a") == number_of("a") != number_of("b")
    True
    """
    found = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(found, "little")


def _bytes(part: Part) -> bytes | memoryview:
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytes):
        return part
    array = np.ascontiguousarray(part)
    return array.reshape(-1).view(np.uint8).data if array.nbytes else b""
