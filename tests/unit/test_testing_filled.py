"""Random answers to the questions that a survey did not ask."""

import jax
import numpy as np
import pytest

from pejax import Population
from pejax.testing import toy_population, toy_program, toy_system, with_every_input


@pytest.fixture
def people():
    """Toyland's people, nobody of whom was asked for savings or a disability."""
    frames = toy_population(50).to_frames()
    frames["person"] = frames["person"].drop(columns=["savings", "disabled"])
    return Population.from_frames(frames)


@pytest.fixture
def program(people):
    return toy_program(population=people)


def test_what_is_missing_is_filled_and_what_is_given_stays(people, program):
    filled = with_every_input(jax.random.key(1), people, program, toy_system())
    assert set(filled.columns["person"]) == set(people.columns["person"]) | {"savings", "disabled"}
    assert np.asarray(filled.column("savings")).any()
    assert np.asarray(filled.column("disabled")).any()
    np.testing.assert_array_equal(filled.column("earnings"), people.column("earnings"))


def test_values_are_a_function_of_the_key(people, program):
    def savings(seed):
        key = jax.random.key(seed)
        return np.asarray(with_every_input(key, people, program, toy_system()).column("savings"))

    np.testing.assert_array_equal(savings(1), savings(1))
    assert (savings(1) != savings(2)).any()
