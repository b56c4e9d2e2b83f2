"""The matrix from program outputs is the simulation's own aggregate."""

import jax
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.calibrate import (
    DenseOperator,
    Entropy,
    GeographyOperator,
    SparseOperator,
    build_problem,
    calibrate,
)
from pejax.core._validate import BadInputError
from pejax.testing import random_population

FIPS = np.array([6, 36, 48])


def country(seed=0, households=40):
    """Random households with a state each, and outputs of a tax unit and of a person."""
    population = random_population(jax.random.key(seed), households)
    rng = np.random.default_rng(seed)
    states = rng.choice(FIPS, households)
    states[:3] = FIPS
    population = population.with_columns("household", state_fips=states)
    outputs = {
        "tax": rng.gamma(0.5, 1e4, population.count("tax_unit")).astype(np.float32),
        "benefit": np.maximum(rng.normal(0, 5e3, population.count("person")), 0).astype(np.float32),
    }
    return population, outputs


def targets(*rows, **more):
    columns = ["name", "variable", "statistic", "geo_level", "geo_id", "value"]
    return pd.DataFrame([dict(zip(columns, row, strict=True)) for row in rows]).assign(**more)


TABLE = targets(
    ("tax", "tax", "sum", "nation", "US", 5e6),
    ("taxpayers", "tax", "count", "nation", "US", 4e3),
    ("benefit NY", "benefit", "sum", "state", "36", 1e6),
    ("claimants CA", "benefit", "count", "state", "06", 2e3),
    ("people TX", "people", "count", "state", "48", 3e3),
    ("units", "tax_unit_count", "sum", "nation", "US", 4e3),
    ("money", "earnings+savings", "sum", "nation", "US", 9e6),
    ("rich tax", "tax", "sum", "nation", "US", 8e5),
    ("rich", "tax", "count", "nation", "US", 1e2),
    domain=["", "", "", "", "", "", "", "tax", "tax"],
    lower=[np.nan] * 7 + [4_000.0, 4_000.0],
    upper=[np.nan] * 7 + [40_000.0, 40_000.0],
)


def aggregates(population, outputs, weights):
    """The same totals by the population's own weights, entity by entity."""
    weighted = population.with_weights(weights)
    person, unit = (np.asarray(weighted.weight(e), float) for e in ("person", "tax_unit"))
    tax, benefit = outputs["tax"].astype(float), outputs["benefit"].astype(float)
    states = np.asarray(population.column("state_fips"))
    state = states[np.asarray(population.household_of("person"))]
    money = sum(np.asarray(population.column(n), float) for n in ("earnings", "savings"))
    rich = (tax >= 4_000) & (tax < 40_000)
    return {
        "tax": unit @ tax,
        "taxpayers": unit @ (tax != 0),
        "benefit NY": person @ (benefit * (state == 36)),
        "claimants CA": person @ ((benefit != 0) & (state == 6)),
        "people TX": person @ (state == 48),
        "units": unit.sum(),
        "money": person @ money,
        "rich tax": unit @ (tax * rich),
        "rich": unit @ rich,
    }


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_estimates_are_the_weighted_aggregates_of_the_simulation(layout, seed):
    population, outputs = country(seed)
    weights = np.random.default_rng(seed).gamma(2.0, 50.0, 40).astype(np.float32)
    expected = aggregates(population, outputs, weights)
    with jax.enable_x64(True):
        problem = build_problem(TABLE, outputs, population, layout=layout)
        estimates = problem.estimates(jax.numpy.asarray(weights, float))
    assert isinstance(problem.operator, DenseOperator if layout == "dense" else SparseOperator)
    for name, estimate in zip(problem.names, np.asarray(estimates), strict=True):
        assert estimate == pytest.approx(expected[name], rel=1e-5), name


def test_the_calibrated_population_has_the_targets_as_its_aggregates():
    population, outputs = country()
    truth = aggregates(population, outputs, 1.2 * population.weights)
    table = TABLE.assign(value=[truth[name] for name in TABLE["name"]])
    problem = build_problem(table, outputs, population)
    solution = calibrate(problem, population.weights, Entropy(exact=True)).check()
    found = aggregates(population, outputs, solution.weights)
    for name in problem.names:
        assert found[name] == pytest.approx(truth[name], rel=1e-4), name


def test_padding_changes_nothing():
    population, outputs = country()
    padded = population.pad_to({"person": 400, "household": 64, "tax_unit": 128})
    plain = build_problem(TABLE, outputs, population, layout="dense")
    other = build_problem(TABLE, outputs, padded, layout="dense")
    np.testing.assert_array_equal(plain.operator.matrix, other.operator.matrix)
    solution = calibrate(other, population.weights, Entropy())
    assert padded.with_weights(solution.weights).weights.shape == (64,)


def test_columns_of_the_table_reach_the_problem():
    population, outputs = country()
    table = TABLE.assign(
        group=list("aabbcccdd"), scale=[1e3] + [np.nan] * 8, weight=[np.nan] + [0.5] * 8
    )
    problem = build_problem(table, outputs, population)
    assert problem.groups[:4] == ("a", "a", "b", "b")
    np.testing.assert_array_equal(problem.scale[:2], [1e3, 4e3])
    # "units" repeats "taxpayers", whose importance grows by its own.
    np.testing.assert_array_equal(problem.importance[:3], [1.0, 0.5 + 0.5, 0.5])


def refusals(table, population=None, outputs=None):
    made, found = country()
    table = pd.concat([TABLE.iloc[:1], table], ignore_index=True)
    problem = build_problem(table, outputs or found, population or made)
    assert "tax" in problem.names
    return {refusal.name: refusal.reason for refusal in problem.refused}


def test_a_variable_that_nobody_has_is_refused_with_the_nearest_name():
    table = targets(("odd", "earnngs", "sum", "nation", "US", 1.0))
    assert refusals(table)["odd"].endswith("the nearest name is 'earnings'")


def test_a_state_without_households_is_refused():
    table = targets(("people WY", "people", "count", "state", "56", 1.0))
    assert refusals(table)["people WY"] == "no unit contributes to it"


def test_a_population_without_states_refuses_the_targets_of_states():
    _, outputs = country()
    bare = random_population(jax.random.key(0), 40)
    table = targets(("people TX", "people", "count", "state", "48", 1.0))
    reason = refusals(table, population=bare, outputs=outputs)["people TX"]
    assert reason == "the population has no household column 'state_fips'"


def test_an_output_of_no_entity_is_refused():
    _, outputs = country()
    table = targets(("odd", "odd", "sum", "nation", "US", 1.0))
    reason = refusals(table, outputs=outputs | {"odd": np.ones(3)})["odd"]
    assert reason == "output 'odd' has 3 rows, as no entity has"


def test_an_output_that_is_not_finite_is_refused_with_its_row():
    population, outputs = country()
    broken = outputs | {"bad": np.where(np.arange(population.count("tax_unit")) == 4, np.nan, 1.0)}
    table = targets(("bad", "bad", "sum", "nation", "US", 1.0))
    assert refusals(table, outputs=broken)["bad"] == "'bad' is nan in row 4 of tax_unit"


def test_a_sum_of_variables_of_two_entities_is_refused():
    table = targets(("odd", "tax+benefit", "sum", "nation", "US", 1.0))
    assert "different entities" in refusals(table)["odd"]


def test_a_domain_of_another_entity_is_refused():
    table = targets(("odd", "benefit", "sum", "nation", "US", 1.0), domain="tax", lower=0.0)
    assert refusals(table)["odd"] == "its domain 'tax' is of tax_unit, its variable of person"


def test_a_mean_outside_its_own_range_is_refused():
    table = targets(
        ("n", "tax", "count", "nation", "US", 100.0),
        ("sum", "tax", "sum", "nation", "US", 1e6),
        domain="tax",
        lower=4_000.0,
        upper=6_000.0,
    )
    assert refusals(table)["sum"].startswith("contradicts 'n': their mean 10,000 lies outside")


def test_a_total_of_the_opposite_sign_is_refused():
    population, outputs = country()
    outputs["farm"] = np.where(np.asarray(population.household_of("person")) == 0, -1.0, 5.0)
    table = targets(("farm", "farm", "sum", "nation", "US", -1e3))
    assert "has the opposite sign" in refusals(table, outputs=outputs)["farm"]


def test_entities_of_equal_size_must_be_told_apart():
    """Four persons in two households and four tax units of one: an output of four rows."""
    people = {"person_id": range(4), "household_id": [0, 0, 1, 1], "tax_unit_id": [3, 1, 2, 0]}
    frames = {"person": pd.DataFrame(people)}
    frames["household"] = pd.DataFrame({"household_id": [0, 1]})
    frames["tax_unit"] = pd.DataFrame({"tax_unit_id": range(4)})
    population = Population.from_frames(frames, weights=None)
    outputs = {"tax": np.array([1.0, 2.0, 4.0, 8.0])}
    table = targets(
        ("as units", "tax", "sum", "nation", "US", 1.0),
        ("unsaid", "tax", "sum", "nation", "US", 1.0),
        entity=["tax_unit", ""],
    )
    problem = build_problem(table, outputs, population)
    assert problem.names == ("as units",)
    assert "say which in the target's entity" in problem.refused[0].reason


def districts(population, seed=7):
    """A district of its state for each household."""
    states = np.asarray(population.column("state_fips")).astype(int)
    numbers = np.random.default_rng(seed).integers(1, 4, len(states))
    return [f"{state:02d}{number:02d}" for state, number in zip(states, numbers, strict=True)]


PLACED = targets(
    ("tax CA-2", "tax", "sum", "district", "602", 5e5),
    ("tax CA", "tax", "sum", "state", "06", 2e6),
    ("tax", "tax", "sum", "nation", "US", 5e6),
    ("claimants TX-1", "benefit", "count", "district", "4801", 2e3),
    ("rich NY-3", "tax", "count", "district", "3603", 1e1),
    domain=[""] * 4 + ["tax"],
    lower=[np.nan] * 4 + [4_000.0],
)


@pytest.mark.parametrize("layout", ["auto", "dense", "sparse"])
def test_districts_are_totals_of_the_simulation_in_any_layout(layout):
    population, outputs = country(households=120)
    home = np.array(districts(population))
    weights = np.random.default_rng(1).gamma(2.0, 50.0, 120)
    unit = np.asarray(population.household_of("tax_unit"))
    tax, w = outputs["tax"].astype(float), weights[unit]
    person = np.asarray(population.household_of("person"))
    claims = (outputs["benefit"] != 0) * weights[person]
    with jax.enable_x64(True):
        problem = build_problem(PLACED, outputs, population, geo_id=home, layout=layout)
        estimates = np.asarray(problem.estimates(jax.numpy.asarray(weights)))
    assert isinstance(problem.operator, GeographyOperator) == (layout == "auto")
    np.testing.assert_allclose(
        estimates,
        [
            w @ (tax * (home == "0602")[unit]),
            w @ (tax * np.char.startswith(home, "06")[unit]),
            w @ tax,
            claims @ (home == "4801")[person],
            w @ ((tax >= 4_000) & (home == "3603")[unit]),
        ],
        rtol=1e-6,
    )
    assert problem.levels == ("district", "state", "nation", "district", "district")


def test_clones_stand_for_their_household_wherever_they_are():
    population, outputs = country(households=80)
    home = districts(population)
    clone = np.random.default_rng(2).integers(0, 80, 300)
    places = [home[k][:2] + f"{1 + n % 3:02d}" for n, k in enumerate(clone)]
    weights = np.random.default_rng(1).gamma(2.0, 50.0, 300)
    with jax.enable_x64(True):
        problem = build_problem(PLACED, outputs, population, geo_id=places, household=clone)
        estimates = np.asarray(problem.estimates(jax.numpy.asarray(weights)))
        alone = build_problem(PLACED[1:3], outputs, population)
        collapsed = np.bincount(clone, weights, 80)
        expected = np.asarray(alone.estimates(jax.numpy.asarray(collapsed)))
    assert problem.n_units == 300
    np.testing.assert_allclose(estimates[1:3], expected, rtol=1e-6)


def test_sums_are_settled_in_any_layout():
    population, outputs = country(households=80)
    states = [("tax " + s, "tax", "sum", "state", s, v) for s, v in (("06", 1e6), ("36", 1e6))]
    states += [("tax 48", "tax", "sum", "state", "48", 2e6)]
    table = targets(*states, ("tax", "tax", "sum", "nation", "US", 5e6))
    for layout in ("dense", "geography"):
        problem = build_problem(table, outputs, population, layout=layout, sums="rake")
        assert problem.values.tolist() == pytest.approx([1.25e6, 1.25e6, 2.5e6, 5e6])
        assert len(problem.adjusted) == 3
        refused = build_problem(table, outputs, population, layout=layout, sums="refuse").refused
        assert [r.name for r in refused] == ["tax 06", "tax 36", "tax 48"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"geo_id": ["06"]}, "geo_id has 1 entries and there are 40 units"),
        ({"household": [0, 40]}, "outside of the 40 households"),
        ({"household": [0, 1], "layout": "dense"}, "layout 'dense' cannot hold them"),
    ],
)
def test_units_that_do_not_fit_are_named(settings, message):
    population, outputs = country()
    with pytest.raises(BadInputError, match=message):
        build_problem(TABLE, outputs, population, **settings)


def test_districts_that_nobody_knows_are_refused():
    population, outputs = country()
    problem = build_problem(PLACED, outputs, population)
    reasons = {r.name: r.reason for r in problem.refused}
    assert reasons["tax CA-2"] == "the units' districts are not known: give geo_id"
    assert problem.names == ("tax CA", "tax")
