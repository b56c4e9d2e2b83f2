"""A country of a few people and two households, for tests that write their own rules."""

import numpy as np
import pandas as pd

from pejax import Population
from pejax.engine import build_system, compile, input_variable

INCOME = np.array([10.0, 20.0, 30.0, 40.0])
AGE = np.array([7, 8, 30, 31])
INPUTS = (
    input_variable("income", entity="person"),
    input_variable("age", entity="person", kind="int"),
    input_variable("rent", entity="household"),
)


def people(income=INCOME, households=2) -> Population:
    """Persons dealt out to households in turn."""
    rows = len(income)
    person = {
        "person_id": range(rows),
        "household_id": np.sort(np.arange(rows) % households),
        "income": income,
        "age": np.resize(AGE, rows),
    }
    household = {
        "household_id": range(households),
        "household_weight": 1.0,
        "rent": 100.0 * np.arange(1, households + 1),
    }
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


OTHERS = {
    "the same": people(),
    "fewer": people(np.array([5.0, 6.0, 7.0]), 3),
    "more": people(np.linspace(1.0, 90.0, 23), 9),
    "padded": people().pad_to({"person": 64, "household": 16}),
    "as many as a shadow": people(np.linspace(1.0, 90.0, 101), 9),
}


def system_of(*rules, law=None):
    return build_system(
        "test", entities=("person", "household"), parameters=law or {}, rules=rules, inputs=INPUTS
    )


def program_of(name, *rules, law=None):
    return compile(system_of(*rules, law=law), [name], 2025, people())


def run(name, *rules, law=None, reform=None):
    program = program_of(name, *rules, law=law)
    parameters = program.parameters
    if reform is not None:
        parameters = parameters.with_reform(reform)
    return np.asarray(program(parameters, people())[name])
