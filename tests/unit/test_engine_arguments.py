"""What is no reform, no parameters and no population: told by name, before anything is run."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax._validate import BadInputError, UnknownNameError
from pejax.engine import StructuralReformError
from pejax.testing import toy_population, toy_program


@pytest.fixture(scope="module")
def program():
    return toy_program()


@pytest.mark.parametrize(
    ("reform", "message"),
    [
        (2, "reform is 2. Give a mapping from paths to numbers"),
        (None, "reform is None. Give a mapping"),
        ("tax.rate", "reform is 'tax.rate'. Give a mapping"),
        ([("tax.rate", 0.3)], "reform is a list. Give a mapping"),
        ({3: 0.3}, "reform has the key 3. Its keys are paths"),
        ({"tax.rate": 10**400}, "tax.rate: 1000000"),
        ({"tax.rate": np.array([0.1, 0.2])}, "tax.rate: a ndarray of shape (2,). Give one number"),
        ({"tax.rate": float("nan")}, "tax.rate: a reform to NaN"),
    ],
)
def test_what_is_no_reform(program, reform, message):
    with pytest.raises(BadInputError, match="^" + re.escape(message)):
        program.parameters.with_reform(reform)


@pytest.mark.parametrize(
    "value", ["0.3", None, True, np.True_, {1}, 1j, object(), np.datetime64("2025"), np.array("a")]
)
def test_a_value_that_is_no_number_is_structural(program, value):
    with pytest.raises(StructuralReformError, match=r"tax\.rate is a number in this law; .* is no"):
        program.parameters.with_reform({"tax.rate": value})


def test_a_number_for_each_stacked_reform(program):
    """A path of as many intervals as there are reforms took one number an interval instead."""
    stack = jax.tree.map(lambda x: jnp.stack([x, x]), program.parameters)
    path = next(p for p in stack.paths() if stack[p].ndim == 2 and stack[p].shape[1] == 2)
    changed = stack.with_reform({path: np.array([7.0, 8.0])})[path]
    np.testing.assert_array_equal(changed, [[7.0, 7.0], [8.0, 8.0]])


@pytest.mark.parametrize("name", [3, None, ["tax.rate"], 0.5])
def test_what_is_no_path(program, name):
    assert name not in program.parameters
    with pytest.raises(UnknownNameError, match="Unknown parameter"):
        program.parameters[name]
    with pytest.raises(UnknownNameError, match="Unknown output"):
        program.entity(name)


@pytest.mark.parametrize("people", [None, {"person": 1}, 3, toy_population().to_frames()["person"]])
def test_what_is_no_population(program, people):
    message = r"population is .*\. Give a Population: from_frames"
    with pytest.raises(BadInputError, match=message):
        program(program.parameters, people)
    with pytest.raises(BadInputError, match=message):
        program.guards_hold(program.parameters, people)


def test_arguments_the_other_way_round(program):
    with pytest.raises(BadInputError, match=r"parameters of type Population: call program\(param"):
        program(toy_population(), program.parameters)
