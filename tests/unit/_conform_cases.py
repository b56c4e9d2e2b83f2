"""Cases of one batch that give different inputs, asked together and each alone."""

from _engine_rules import system

from pejax.conform import Case
from pejax.conform._batch import Batch
from pejax.conform._people import Reader
from pejax.engine import input_variable

ENTITIES = {"person": "people", "tax_unit": "tax_units", "household": "households"}
INPUTS = tuple(input_variable(name, entity="person") for name in ("income", "rent", "gift"))
GIVEN = [
    {"income": 10},
    {"income": 20, "rent": 1},
    {"income": [30, 31], "rent": [0, 2], "gift": [5, 5]},
    {"income": 40, "gift": 6},
    {"income": 50, "rent": {2024: 7}},
    {"rent": 3, "gift": {2023: 4, 2024: 5}},
    {"income": 60},
]
CASES = [Case(str(i), period="2025", given=given) for i, given in enumerate(GIVEN)]


def answers(rules, output, cases):
    """What each of some cases gives, asked together, and the outcome of their trace."""
    made = system(*rules, inputs=INPUTS)
    reader = Reader(made, ENTITIES)
    batch = Batch(made, [reader.people(case) for case in cases])
    outcome = batch.traced([output], reader.period("2025"))
    assert outcome.refused == {}, outcome.refused
    values = batch.values(outcome)[output]
    return [values[batch.rows_of(i, "person")].tolist() for i in range(len(cases))], outcome


def alone(rules, output):
    return [answers(rules, output, [case])[0][0] for case in CASES]
