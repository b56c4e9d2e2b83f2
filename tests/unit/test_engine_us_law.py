"""The whole US law, traced: no formula of it is refused, and its own simulation says the same.

Other tests ask for parts of it. A refusal that is right for one formula may take a state's law out.
"""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.engine import compile, import_country, importer

pytestmark = [
    pytest.mark.us,
    pytest.mark.skipif(
        importlib.util.find_spec("policyengine_us") is None, reason='needs pip install "pejax[us]"'
    ),
]

OUTPUTS = ["income_tax", "state_income_tax", "snap", "household_net_income"]
# State, ages, and what each earns; the first two of a pair are married.
HOUSEHOLDS = {
    "a couple with children": ("AL", (41, 39, 9, 3), (38_000, 21_000, 0, 0), True),
    "a parent alone": ("WI", (33, 6), (14_000, 0), False),
    "a student": ("MO", (19,), (4_000,), False),
    "a couple without work": ("NY", (58, 60), (0, 0), True),
    "a pensioner": ("CA", (71,), (0,), False),
    "a rich couple": ("MA", (45, 44, 15), (310_000, 95_000, 0), True),
    "a parent with a disabled child": ("TX", (35, 8), (9_000, 0), False),
}


def people() -> Population:
    """One tax unit a household; wages under the name that a situation has."""
    persons, homes, marital = [], [], 0
    for home, (state, ages, wages, married) in enumerate(HOUSEHOLDS.values()):
        homes.append({"household_id": home, "state_code_str": state})
        for k, (age, wage) in enumerate(zip(ages, wages, strict=True)):
            marital += not (married and k == 1)
            person = {"person_id": len(persons), "marital_unit_id": marital, "age": age}
            person |= {f"{g}_id": home for g in ("household", "tax_unit", "spm_unit", "family")}
            person |= {
                "employment_income": float(wage),
                "is_tax_unit_head": k == 0,
                "is_tax_unit_spouse": married and k == 1,
                "is_tax_unit_dependent": k > married,
                "is_disabled": state == "TX" and k == 1,
                "social_security_retirement": 14_000.0 if age > 70 else 0.0,
            }
            persons.append(person)
    frames = {"person": pd.DataFrame(persons), "household": pd.DataFrame(homes)}
    return Population.from_frames(frames, weights=None)


def test_the_whole_law_says_what_the_source_says():
    country, given = import_country("policyengine_us"), people()
    program = compile(country, OUTPUTS, 2025, given)
    assert program.report.counts["traced"] > 5_000
    run = program.interpreter(program.parameters, given)
    theirs = importer.source_values(importer.source_simulation(country, given, 2025), OUTPUTS, 2025)
    for output in program.outputs:
        np.testing.assert_allclose(run(output.node), theirs[output.name], rtol=1e-5, atol=0.01)
        assert np.ptp(theirs[output.name]) > 0
