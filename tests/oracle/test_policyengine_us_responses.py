"""Behavioural responses of the real law to a reform, against policyengine_us's own simulation."""

import numpy as np
import pytest

from pejax import Population, engine
from pejax.engine import importer

pytestmark = [pytest.mark.oracle, pytest.mark.us]

ALWAYS = "2025-01-01.2100-12-31"
RESPONSES = "gov.simulation.labor_supply_responses.elasticities"
GAINS = "gov.simulation.capital_gains_responses.elasticity"
REFORM = {
    f"{RESPONSES}.income": {ALWAYS: -0.05},
    f"{RESPONSES}.substitution.all": {ALWAYS: 0.25},
    GAINS: {ALWAYS: -0.7},
    "gov.irs.income.bracket.rates.2": {ALWAYS: 0.30},
    "gov.irs.capital_gains.rates.2": {ALWAYS: 0.28},
}
NAMES = (
    "labor_supply_behavioral_response",
    "capital_gains_behavioral_response",
    "relative_income_change",
    "relative_wage_change",
    "employment_income",
    "household_net_income",
    "income_tax",
)
COUPLE = ["adult10", "adult11"]
"""Married, with a loss; the two adults of the fourth household are not."""
STATES = ("CA", "NY", "TX", "PA", "FL")


def situation():
    """Five households of one to three, with wages and gains."""
    random = np.random.default_rng(0)
    people, households = {}, {}
    for i, state in enumerate(STATES):
        members = [f"adult{i}{k}" for k in range(1 + i % 2)]
        for name in members:
            people[name] = {
                "age": {"2025": int(random.integers(25, 60))},
                "employment_income_before_lsr": {"2025": float(random.integers(20, 200) * 500)},
                "self_employment_income_before_lsr": {"2025": -3_000.0 * (name == COUPLE[1])},
                "long_term_capital_gains_before_response": {"2025": 150_000.0 * (i in (1, 4))},
            }
        if i in (1, 3):
            members = [*members, f"child{i}"]
            people[members[-1]] = {"age": {"2025": 6}}
        households[f"household{i}"] = {"members": members, "state_code": {"2025": state}}
    units = {f"unit{i}": {"members": h["members"]} for i, h in enumerate(households.values())}
    return {
        "people": people,
        "households": households,
        **dict.fromkeys(("tax_units", "spm_units", "families"), units),
        "marital_units": {
            "the couple": {"members": COUPLE},
            **{f"of {name}": {"members": [name]} for name in people if name not in COUPLE},
        },
    }


def test_responses_are_those_of_the_package():
    from policyengine_core.reforms import Reform
    from policyengine_us import Simulation

    country = engine.import_country("policyengine_us").with_reform(REFORM)
    people = Population.from_situation(situation(), country, 2025)
    program = engine.compile(country, list(NAMES), 2025, people)
    found = program.in_numpy(program.parameters, people)
    reform = Reform.from_dict(REFORM, country_id="us")
    theirs = importer.source_values(Simulation(situation=situation(), reform=reform), NAMES, 2025)
    assert np.abs(theirs[NAMES[0]]).max() > 100 and np.abs(theirs[NAMES[1]]).max() > 100
    for name in NAMES:
        np.testing.assert_allclose(found[name], theirs[name], rtol=1e-5, atol=1.0, err_msg=name)
