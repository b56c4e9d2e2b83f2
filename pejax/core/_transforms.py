"""What JAX is doing with a value."""

from typing import Any

import jax
from jax.core import Tracer


def is_traced(*values: Any) -> bool:
    """Whether any value is abstract, so that only its shape can be looked at.

    >>> is_traced({"weights": jax.numpy.ones(3)}), jax.jit(is_traced)(1.0)
    (False, Array(True, dtype=bool))
    """
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))
