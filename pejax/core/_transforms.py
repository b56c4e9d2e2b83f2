"""What JAX is doing with a value."""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.custom_batching import custom_vmap


def is_traced(*values: object) -> bool:
    """Whether any value is abstract, so that only its shape can be looked at.

    >>> is_traced({"weights": jax.numpy.ones(3)}), jax.jit(is_traced)(1.0)
    (False, Array(True, dtype=bool))
    """
    return any(map(is_tracer, jax.tree.leaves(values)))


def is_tracer(value: object) -> bool:
    """Whether this value itself is abstract, whatever may lie in it."""
    return isinstance(value, Tracer)


T = TypeVar("T")

_DEEPEST = 3
"""Transformations, one inside of another, in which values may have no part."""


def known(values: T) -> T | None:
    """Arrays where they are known, or stand for known ones; None if any lies inside of a `jit`.

    Under a derivative they are the values at the point; under `vmap` those of the whole batch,
    whose axis comes first in those that have one.

    >>> seen = []
    >>> _ = jax.vmap(lambda x: seen.append(known([2 * x, x])) or x)(jax.numpy.arange(3))
    >>> seen
    [[Array([0, 2, 4], dtype=int32), Array([0, 1, 2], dtype=int32)]]
    """
    without = 0
    while is_traced(values) and without < _DEEPEST:
        values, have_a_part = _behind(values)
        without = 0 if have_a_part else without + 1
    return None if is_traced(values) else values


def _behind(values: T) -> tuple[T, bool]:
    """What the innermost derivative or batch makes values stand for, and whether any has a part in
    it; without one they are what they are further out."""
    seen: list[T] = []
    asking = True

    def note(x: T) -> T:
        if asking:  # a `jit` keeps the rules below, and is not to keep what they see later
            seen.append(x)
        return x

    at_the_point = jax.custom_jvp(lambda x: x)
    at_the_point.defjvp(lambda primals, tangents: (note(primals[0]), tangents[0]))
    of_the_batch = custom_vmap(lambda x: x)
    of_the_batch.def_vmap(lambda size, batched, x: (note(x), batched[0]))
    at_the_point(values)
    if not seen:
        values = of_the_batch(jax.lax.stop_gradient(values))
    asking = False
    return (seen.pop(), True) if seen else (values, False)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Work out at once what holds no traced value, also inside of a `jit`.

    Where no `jit` is around, nothing is to be done, and nothing is: whatever is compiled within
    would have its zeros and counters worked out and kept as constants.

    >>> with at_once():
    ...     float(jax.numpy.ones(3).sum())
    3.0
    """
    if is_tracer(jnp.zeros(())):
        with jax.ensure_compile_time_eval():
            yield
    else:
        yield


@contextlib.contextmanager
def on_host_in_float64() -> Iterator[None]:
    """Work out in float64 and at once what holds no traced value, also inside of a `jit`.

    >>> def twice(x):
    ...     with on_host_in_float64():
    ...         two = float(jax.numpy.add(1.0, 1.0))
    ...     return two * x
    >>> jax.jit(twice)(1.5)
    Array(3., dtype=float32, weak_type=True)
    """
    with at_once(), jax.enable_x64(True):
        yield
