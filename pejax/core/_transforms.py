"""What JAX is doing with a value."""

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
