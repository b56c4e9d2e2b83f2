"""What JAX is doing with a value."""

import contextlib
from collections.abc import Iterator

import jax
from jax.core import Tracer


def is_traced(*values: object) -> bool:
    """Whether any value is abstract, so that only its shape can be looked at.

    >>> is_traced({"weights": jax.numpy.ones(3)}), jax.jit(is_traced)(1.0)
    (False, Array(True, dtype=bool))
    """
    return any(map(is_tracer, jax.tree.leaves(values)))


def is_tracer(value: object) -> bool:
    """Whether this value itself is abstract, whatever may lie in it."""
    return isinstance(value, Tracer)


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
