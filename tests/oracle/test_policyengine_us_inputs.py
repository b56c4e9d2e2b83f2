"""What a few households give as columns, and as a situation of policyengine-us itself."""

import warnings

import numpy as np
import pandas as pd
import pytest

from pejax import Population, datasets, engine
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import importer
from pejax.engine.importer._moved import moved_inputs
from pejax.engine.rules._names import Moved

YEAR = 2025
CHILD = {"age": 5}

pytestmark = [pytest.mark.oracle, pytest.mark.us]


def household(people, **about) -> Population:
    """One household that is one tax unit, of persons who are not married."""
    rows = range(len(people))
    person = {"person_id": rows, "marital_unit_id": rows}
    person |= {f"{group}_id": 0 for group in ("household", "spm_unit", "family", "tax_unit")}
    person |= {name: [p.get(name, 0) for p in people] for p in people for name in p}
    home = {"household_id": [0], "household_weight": [3.0]} | {k: [v] for k, v in about.items()}
    return Population.from_frames({"person": pd.DataFrame(person), "household": pd.DataFrame(home)})


def situation(people, **about):
    """The same household as policyengine-us asks for it."""
    held = {f"p{i}": {k: {YEAR: v} for k, v in p.items()} for i, p in enumerate(people)}
    members = list(held)
    groups = {g: {"all": {"members": members}} for g in ("spm_units", "families", "tax_units")}
    home = {"members": members} | {k: {YEAR: v} for k, v in about.items()}
    alone = {f"m{i}": {"members": [p]} for i, p in enumerate(members)}
    return {"people": held, **groups, "marital_units": alone, "households": {"all": home}}


def by_program(country, people, outputs, **about):
    given = household(people, **about)
    program = engine.compile(country, outputs, YEAR, given)
    found = program(program.parameters, given)
    words = {name: program.vocabulary(name) for name in outputs}
    return {n: np.asarray(v) if not words[n] else np.array(words[n])[v] for n, v in found.items()}


def by_source(people, outputs, **about):
    from policyengine_us import Simulation

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simulation = Simulation(situation=situation(people, **about))
        return importer.source_values(simulation, outputs, YEAR)


def same(mine, theirs):
    if theirs.dtype.kind in "fiub":
        return np.allclose(np.asarray(mine, float), theirs, rtol=1e-5, atol=0.01)
    return mine.astype(str).tolist() == theirs.astype(str).tolist()


CASES = {
    "wages": (
        {"employment_income": 20_000},
        {"state_fips": 6},
        {"tanf_gross_earned_income": [20_000, 0], "employment_income": [20_000, 0]},
    ),
    "wages, as they are kept": (
        {"employment_income_before_lsr": 20_000},
        {"state_fips": 6},
        {"tanf_gross_earned_income": [20_000, 0], "employment_income": [20_000, 0]},
    ),
    "self-employment": (
        {"self_employment_income": 12_000},
        {"state_fips": 6},
        {"snap_gross_self_employment_income_person": [12_000, 0]},
    ),
    "a service trade": (
        {"sstb_self_employment_income": 12_000},
        {"state_fips": 6},
        {"snap_gross_self_employment_income_person": [12_000, 0]},
    ),
    "hours": (
        {"weekly_hours_worked": 25},
        {"state_fips": 6},
        {"snap_work_requirement_weekly_hours": [25, 0]},
    ),
    "gains": (
        {"long_term_capital_gains": 300_000},
        {"state_fips": 6},
        {"net_capital_gain": [300_000], "net_investment_income_tax": [3_800]},
    ),
    "a state as text": (
        {"employment_income": 20_000},
        {"state_code_str": "NY"},
        {"state_code": ["NY"], "tax_unit_state": ["NY"], "NY": [1], "in_nyc": [0]},
    ),
    "a state beside its text": (
        {"employment_income": 20_000},
        {"state_code_str": "NY", "state_code": "TX"},
        {"state_code": ["TX"], "tax_unit_state": ["NY"], "NY": [1]},
    ),
    "a county": ({}, {"county_fips": "36061"}, {"in_nyc": [1], "state_code": ["CA"]}),
    "what is listed": (
        {"employment_income": 30_000},
        {"state_fips": 48},
        {"fica_marginal_tax_rate": [0.0765, 0]},
    ),
}


@pytest.mark.parametrize(("person", "home", "expected"), CASES.values(), ids=CASES)
def test_columns_mean_what_a_situation_means(country, person, home, expected):
    people = [{"age": 30, **person}, CHILD]
    outputs = list(expected)
    mine = by_program(country, people, outputs, **home)
    theirs = by_source(people, outputs, **home)
    simulation = importer.source_simulation("policyengine_us", household(people, **home), YEAR)
    fed = importer.source_values(simulation, outputs, YEAR)
    for name, values in expected.items():
        assert same(np.asarray(values), theirs[name]), name
        assert same(mine[name], theirs[name]), name
        assert same(fed[name], theirs[name]), name


def test_the_moves_are_read_from_the_package(country):
    moved = country.load().names.moved
    assert moved["employment_income"] == Moved("employment_income_before_lsr")
    assert moved["state_code_str"] == Moved("state_code", yields=True)
    assert len(moved) == 6 and all(to.to for to in moved.values())


def test_asking_for_them_leaves_the_dice_alone(country):
    from policyengine_us import Simulation

    state = np.random.get_state()[1].tolist()
    assert moved_inputs(Simulation, country.load().source) == country.load().names.moved
    assert np.random.get_state()[1].tolist() == state


@pytest.mark.parametrize(
    ("person", "home", "error", "message"),
    [
        ({"employment_incom": 40_000}, {}, UnknownNameError, r"did you mean employment_income or"),
        ({}, {"state_fip": 6}, UnknownNameError, r"household\.state_fip \(did you mean state_fips"),
        ({}, {"employment_income": 1}, BadInputError, r"on household.*move it to the person table"),
        (
            {"employment_income": 1, "employment_income_before_lsr": 1},
            {},
            BadInputError,
            r"give one variable.*Drop one",
        ),
        ({}, {"state_code_str": "QQ"}, BadInputError, r"state_code_str holds 'QQ'"),
    ],
)
def test_what_would_vanish_is_refused(country, person, home, error, message):
    people = household([{"age": 30, **person}, CHILD], **home)
    with pytest.raises(error, match=message):
        engine.compile(country, ["adjusted_gross_income", "state_code"], YEAR, people)
    if message.startswith("state_code_str"):
        error, message = ValueError, "QQ"  # the package's own words
    with pytest.raises(error, match=message):
        importer.source_simulation("policyengine_us", people, YEAR)


def test_weights_reach_the_law_and_the_source(country):
    outputs = ["person_weight", "household_weight"]
    people = [{"age": 30}, CHILD]
    mine = by_program(country, people, outputs)
    simulation = importer.source_simulation("policyengine_us", household(people), YEAR)
    theirs = importer.source_values(simulation, outputs, YEAR)
    assert mine["person_weight"].tolist() == theirs["person_weight"].tolist() == [3, 3]


def test_the_public_file_has_no_column_that_the_law_does_not_know(country):
    people = datasets.load_cps(period=2025, households=50)
    engine.compile(country, ["state_code"], YEAR, people)
