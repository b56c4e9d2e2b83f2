"""What JAX is doing with a value."""

import contextlib
from collections.abc import Iterator

import jax
from jax.core import Tracer
from jax.custom_batching import custom_vmap
from jaxtyping import Array


def is_traced(*values: object) -> bool:
    """Whether any value is abstract, so that only its shape can be looked at.

    >>> is_traced({"weights": jax.numpy.ones(3)}), jax.jit(is_traced)(1.0)
    (False, Array(True, dtype=bool))
    """
    return any(map(is_tracer, jax.tree.leaves(values)))


def is_tracer(value: object) -> bool:
    """Whether this value itself is abstract, whatever may lie in it."""
    return isinstance(value, Tracer)


_DEEPEST = 3
"""Transformations, one inside of another, that a value may have no part in."""


def known(value: Array) -> Array | None:
    """The value itself where it is known, or stands for known ones; None inside of a `jit`.

    Under a derivative it is the value at the point; under `vmap` those of the whole batch, whose
    axis comes first.

    >>> seen = []
    >>> _ = jax.vmap(lambda x: seen.append(known(2 * x)) or x)(jax.numpy.arange(3))
    >>> seen
    [Array([0, 2, 4], dtype=int32)]
    """
    without = 0
    while is_tracer(value) and without < _DEEPEST:
        value, has_a_part = _behind(value)
        without = 0 if has_a_part else without + 1
    return None if is_tracer(value) else value


def _behind(value: Array) -> tuple[Array, bool]:
    """What the innermost derivative or batch makes a value stand for, and whether the value has a
    part in it; without one it is what it is further out."""
    seen: list[Array] = []
    asking = True

    def note(x: Array) -> Array:
        if asking:  # a `jit` keeps the rules below, and is not to keep what they see later
            seen.append(x)
        return x

    at_the_point = jax.custom_jvp(lambda x: x)
    at_the_point.defjvp(lambda primals, tangents: (note(primals[0]), tangents[0]))
    of_the_batch = custom_vmap(lambda x: x)
    of_the_batch.def_vmap(lambda size, batched, x: (note(x), batched[0]))
    at_the_point(value)
    if not seen:
        value = of_the_batch(jax.lax.stop_gradient(value))
    asking = False
    return (seen.pop(), True) if seen else (value, False)


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
    with jax.ensure_compile_time_eval(), jax.enable_x64(True):
        yield
