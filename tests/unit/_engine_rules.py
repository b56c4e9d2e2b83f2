"""Two small households, for rules written natively."""

import enum

import numpy as np
import pandas as pd

from pejax import Population
from pejax.engine import build_system, compile, input_variable

ENTITIES = ("person", "tax_unit", "household")
INCOME = input_variable("income", entity="person")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


def people(**columns) -> Population:
    """Two households; the first has the tax units {0, 1} and {2}."""
    held = {"income": [10.0, 20.0, 30.0, 40.0], **columns}
    person = {"person_id": range(4), "household_id": [0, 0, 0, 1], "tax_unit_id": [0, 0, 1, 2]}
    by_entity = {"person": person, "tax_unit": {"tax_unit_id": [0, 1, 2]}}
    by_entity["household"] = {"household_id": [0, 1], "household_weight": [1.0, 2.0]}
    rows = {4: "person", 3: "tax_unit", 2: "household"}
    for name, values in held.items():
        by_entity[rows[len(values)]][name] = values
    return Population.from_frames({e: pd.DataFrame(c) for e, c in by_entity.items()})


def system(*rules, inputs=(INCOME,), law=None):
    return build_system(
        "test", entities=ENTITIES, parameters=law or {"rate": 0.5}, rules=rules, inputs=inputs
    )


def run(name, *rules, inputs=(INCOME,), law=None, **columns):
    population = people(**columns)
    program = compile(system(*rules, inputs=inputs, law=law), [name], 2025, population)
    return np.asarray(program(program.parameters, population)[name])
