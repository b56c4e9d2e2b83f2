"""What is remembered of a population's arrays is theirs, and is no trace's."""

import jax
import numpy as np
import pytest
from _engine_rules import INCOME, Colour, people, system

from pejax.engine import compile, input_variable, rule
from pejax.engine.running._remember import remembered

COLOUR = input_variable("colour", entity="person", vocabulary=Colour)
RED = people(colour=["RED"] * 4)
WHOLE = people(income=[10, 20, 30, 40], colour=["RED", "BLUE"] * 2)
GIVEN = people(colour=["RED", "BLUE"] * 2)


def program_of(**options):
    def asked(income, colour, params):
        return np.where(colour == Colour.RED, income, 0) * params.rate

    made = rule(entity="person", kind="float")(asked)
    return compile(system(made, inputs=(INCOME, COLOUR)), ["asked"], 2025, GIVEN, **options)


@pytest.mark.parametrize("given", [RED, WHOLE], ids=["texts", "whole numbers"])
@pytest.mark.parametrize("chunk", [None, 1])
def test_a_run_inside_of_a_jit_leaves_no_trace(given, chunk):
    """A column that is coded anew for the program is remembered; what a trace has is not."""
    program = program_of(chunk=chunk)
    given = given.with_columns("person", income=given.columns["person"]["income"] + 1)
    inside = jax.jit(lambda law: program(law, given)["asked"])(program.parameters)
    outside = program(program.parameters, given)["asked"]
    np.testing.assert_array_equal(inside, outside)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("chunk", [None, 1])
def test_what_is_written_to_is_looked_at_again(chunk):
    program, given = program_of(chunk=chunk), jax.tree.map(np.array, GIVEN)
    assert np.asarray(program(program.parameters, given)["asked"])[0] == 5
    given.columns["person"]["income"][0] = 100
    assert np.asarray(program(program.parameters, given)["asked"])[0] == 50


def test_what_is_remembered_goes_with_its_array():
    array, made = jax.numpy.arange(3), []
    for _ in range(2):
        remembered([array], "test", lambda: made.append(1))
    assert made == [1]
