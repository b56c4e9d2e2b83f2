"""Arithmetic whose derivatives are numbers wherever its values are.

Where numpy's value is infinite or undefined, a later `where` usually discards the row; the chain
rule would still multiply its zero by an infinity and leave NaN. Here every partial derivative that
is not a number is zero instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array


def _number(x: Array) -> Array:
    """`x` where it is finite, else 0."""
    return jnp.where(jnp.isfinite(x), x, 0)


@jax.custom_jvp
def divide(a: Array, b: Array) -> Array:
    """`a / b`, infinite or NaN where `b` is 0."""
    return lax.div(a, b)


@divide.defjvp
def _divide_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (a, b), (da, db) = primals, tangents
    usable = (b != 0) & jnp.isfinite(b)  # masked before dividing, for second derivatives
    inverse = jnp.where(usable, 1 / jnp.where(usable, b, 1), 0)
    return lax.div(a, b), da * inverse - db * _number(_number(a) * inverse * inverse)


@jax.custom_jvp
def multiply(a: Array, b: Array) -> Array:
    """`a * b`, where a factor may be infinite or NaN."""
    return lax.mul(a, b)


@multiply.defjvp
def _multiply_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (a, b), (da, db) = primals, tangents
    return lax.mul(a, b), da * _number(b) + db * _number(a)


def total(function: Callable[..., Array]) -> Callable[..., Array]:
    """An elementwise function with total derivatives."""

    @jax.custom_jvp
    def wrapped(*args: Array) -> Array:
        return function(*args)

    @wrapped.defjvp
    def _jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
        value = function(*primals)
        change = jnp.zeros_like(value)
        for i, tangent in enumerate(tangents):

            def along(x: Array, place: int = i) -> Array:
                return function(*primals[:place], x, *primals[place + 1 :])

            _, partial = jax.jvp(along, (primals[i],), (jnp.ones_like(primals[i]),))
            change = change + _number(partial) * tangent
        return value, change

    return wrapped


power = total(jnp.power)
sqrt = total(lax.sqrt)
log = total(lax.log)
exp = total(lax.exp)
remainder = total(jnp.remainder)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def product(x: Array, axis: int | None) -> Array:
    """The product along an axis."""
    return jnp.prod(x, axis=axis)


@product.defjvp
def _product_jvp(axis: int | None, primals: Any, tangents: Any) -> tuple[Array, Array]:
    value, back = jax.vjp(lambda x: jnp.prod(x, axis=axis), *primals)
    (others,) = back(jnp.ones_like(value))
    return value, jnp.sum(_number(others) * tangents[0], axis=axis)
