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


def number(x: Array) -> Array:
    """`x` where it is finite, else 0."""
    return jnp.where(jnp.isfinite(x), x, 0)


@jax.custom_jvp
def multiply(a: Array, b: Array) -> Array:
    """`a * b`, where a factor may be infinite or NaN."""
    return lax.mul(a, b)


@multiply.defjvp
def _multiply_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (a, b), (da, db) = primals, tangents
    return multiply(a, b), da * number(b) + db * number(a)


@jax.custom_jvp
def masked(truth: Array, other: Array) -> Array:
    """`truth * other` for a factor of zeros and ones, as IEEE has it: 0 times infinity is NaN.

    XLA takes a product with a converted truth value for a choice between the other factor and 0.
    """
    return jnp.where(truth != 0, other, 0 * other)


@masked.defjvp
def _masked_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (truth, other), (_, change) = primals, tangents
    return masked(truth, other), change * truth


def times(a: Array, b: Array, a_is_truth: bool, b_is_truth: bool) -> Array:
    """`a * b`, of which one may be made of truth values and any may be infinite or NaN."""
    if a_is_truth:
        return masked(a, b)
    return masked(b, a) if b_is_truth else multiply(a, b)


def total(function: Callable[..., Array]) -> Callable[..., Array]:
    """An elementwise function with total derivatives, of every order."""

    @jax.custom_jvp
    def wrapped(*args: Array) -> Array:
        return function(*args)

    @wrapped.defjvp
    def _jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
        value = wrapped(*primals)
        change = jnp.zeros_like(value)
        for i, tangent in enumerate(tangents):
            change = change + _partial(function, i)(*primals) * tangent
        return value, change

    return wrapped


@functools.cache
def _partial(function: Callable[..., Array], place: int) -> Callable[..., Array]:
    """The derivative in one argument, zero where it is not a number."""

    def partial(*args: Array) -> Array:
        def along(x: Array) -> Array:
            return function(*args[:place], x, *args[place + 1 :])

        return number(jax.jvp(along, (args[place],), (jnp.ones_like(args[place]),))[1])

    return total(partial)


@total
def _inverse(b: Array) -> Array:
    usable = (b != 0) & jnp.isfinite(b)
    return jnp.where(usable, 1 / jnp.where(usable, b, 1), 0)


@total
def _against(a: Array, inverse: Array) -> Array:
    return number(number(a) * inverse * inverse)


@jax.custom_jvp
def divide(a: Array, b: Array) -> Array:
    """`a / b`, infinite or NaN where `b` is 0."""
    return lax.div(a, b)


@divide.defjvp
def _divide_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (a, b), (da, db) = primals, tangents
    inverse = _inverse(b)
    return divide(a, b), da * inverse - db * _against(a, inverse)


def quotient(a: Array, b: Array, is_shared: bool, finite: bool) -> Array:
    """`a / b`, each row rounded as numpy rounds it.

    XLA multiplies by the inverse of a divisor that all rows share, and 624 / 52 is then more than
    12, of which the ceiling is 13. A divisor that looks at its row is not shared.
    """
    if is_shared:
        row = lax.stop_gradient(a)
        b = jnp.where(jnp.isnan(row), row, b)
    return lax.div(a, b) if finite else divide(a, b)


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
    return value, jnp.sum(number(others) * tangents[0], axis=axis)
