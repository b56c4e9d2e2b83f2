"""Annotations hold for what the package hands in; what anybody else hands in is refused by name."""

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from pejax import BadInputError, stats
from pejax.core._segment import segment_sum


def called_from(module, function, *arguments):
    """A call that code of some module makes."""
    return eval("function(*arguments)", {"__name__": module, **locals()})


def test_a_call_of_the_package_is_held_against_the_annotations():
    with pytest.raises(TypeCheckError, match="segment_sum"):
        called_from("pejax.anything", segment_sum, "ab", "cd", 2)


def test_somebody_else_s_call_is_the_door_s_to_refuse():
    for module in ("somebody", "pejax_plugin"):
        with pytest.raises(BadInputError, match="values is"):
            called_from(module, stats.mean, "ab", jnp.ones(2))


def test_an_int_is_a_float_and_a_decorated_function_keeps_its_name():
    found = called_from("pejax.anything", segment_sum, jnp.ones(3), jnp.array([0, 0, 1]), 2)
    assert found.tolist() == [2.0, 1.0]
    assert segment_sum.__name__ == "segment_sum"
