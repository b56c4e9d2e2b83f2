"""Unsigned 64-bit integers as pairs of 32-bit words, which JAX has in every precision.

Some formulas spread people over months by hashing their ids. A wide value has a trailing axis of
length two: the high word, then the low one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32
from numpy.typing import ArrayLike

from ..graph._node import Node, literal_of

if TYPE_CHECKING:
    from ._emit import Emitter

Wide = UInt32[Array, "*shape 2"]
_HALF = np.uint32(0xFFFF)


def is_wide(dtype: np.dtype) -> bool:
    """Whether numpy holds a value in 64 unsigned bits."""
    return dtype == np.uint64


def widened(x: Array) -> Wide:
    """An integer as a wide value; a negative one wraps, as in numpy."""
    low = x.astype(jnp.int32)
    return jnp.stack([(low >> 31).astype(jnp.uint32), low.astype(jnp.uint32)], axis=-1)


def literal(value: ArrayLike) -> Wide:
    """A constant."""
    whole = np.asarray(value, np.uint64)
    words = [whole >> np.uint64(32), whole & np.uint64(0xFFFFFFFF)]
    return jnp.asarray(np.stack(words, axis=-1).astype(np.uint32))


def shifted(x: Wide, places: int) -> Wide:
    """`x >> places`."""
    high, low = x[..., 0], x[..., 1]
    if places >= 32:
        return jnp.stack([jnp.zeros_like(high), high >> (places - 32)], axis=-1)
    if places == 0:
        return x
    return jnp.stack([high >> places, (low >> places) | (high << (32 - places))], axis=-1)


def product(a: Wide, b: Wide) -> Wide:
    """`a * b`, modulo 2**64."""
    (high_a, low_a), (high_b, low_b) = _words(a), _words(b)
    carry, low = _long_product(low_a, low_b)
    return jnp.stack([carry + low_a * high_b + high_a * low_b, low], axis=-1)


def remainder(x: Wide, by: int) -> UInt32[Array, "*shape"]:
    """`x % by` for a divisor below 2**16."""
    left = jnp.zeros(x.shape[:-1], jnp.uint32)
    for word in _words(x):
        for half in (word >> 16, word & _HALF):
            left = ((left << 16) | half) % np.uint32(by)
    return left


def emit(e: Emitter, node: Node) -> Wide:
    """A node whose value is wide."""
    if node.op == "astype" and not is_wide(node.args[0].dtype):
        return widened(e.get(node.args[0], np.dtype(np.int32), e.shape(node)))
    rule = _RULES.get(node.op)
    if rule is None:
        raise KeyError(f"no meaning for {node.op!r} of unsigned 64-bit integers")
    return rule(e, node)


def _operands(e: Emitter, node: Node) -> list[Wide]:
    shape = (*e.shape(node), 2)
    return [jnp.broadcast_to(e.wide(a), shape) for a in node.args]


def _remainder(e: Emitter, node: Node) -> Wide:
    by = literal_of(node.args[1])
    if by is None or int(by) >= 1 << 16:
        raise KeyError("no meaning for the remainder of a wide integer by anything but a literal")
    left = remainder(e.wide(node.args[0]), int(by))
    return jnp.stack([jnp.zeros_like(left), left], axis=-1)


def _shift(e: Emitter, node: Node) -> Wide:
    places = literal_of(node.args[1])
    if places is None:
        raise KeyError("no meaning for a shift by anything but a literal")
    return shifted(e.wide(node.args[0]), int(places))


def _words(x: Wide) -> tuple[Array, Array]:
    return x[..., 0], x[..., 1]


def _long_product(a: Array, b: Array) -> tuple[Array, Array]:
    """The high and low words of the product of two words."""
    (a1, a0), (b1, b0) = (a >> 16, a & _HALF), (b >> 16, b & _HALF)
    low, middle, other = a0 * b0, a1 * b0, a0 * b1
    cross = (low >> 16) + (middle & _HALF) + (other & _HALF)
    high = a1 * b1 + (middle >> 16) + (other >> 16) + (cross >> 16)
    return high, (cross << 16) | (low & _HALF)


_RULES: dict[str, Callable[[Emitter, Node], Wide]] = {
    "bitwise_xor": lambda e, node: jnp.bitwise_xor(*_operands(e, node)),
    "bitwise_and": lambda e, node: jnp.bitwise_and(*_operands(e, node)),
    "bitwise_or": lambda e, node: jnp.bitwise_or(*_operands(e, node)),
    "multiply": lambda e, node: product(*_operands(e, node)),
    "right_shift": _shift,
    "remainder": _remainder,
    "astype": lambda e, node: e.wide(node.args[0]),
    "broadcast": lambda e, node: _operands(e, node)[0],
    "where": lambda e, node: jnp.where(
        e.get(node.args[0], np.dtype(bool), e.shape(node))[..., None],
        *(jnp.broadcast_to(e.wide(a), (*e.shape(node), 2)) for a in node.args[1:]),
    ),
}
