"""A stratum's law on its own rows: the same numbers and derivatives as on all rows."""

import dataclasses
import enum

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.engine import (
    GuardMovedError,
    Parameters,
    build_system,
    compile,
    input_variable,
    load,
    rule,
)
from pejax.engine.graph._strata import Strata, homes
from pejax.engine.running import _runtime


class Region(enum.Enum):
    NORTH = "North"
    SOUTH = "South"
    ISLES = "The Isles"


LAW = {
    "rate": {"NORTH": 0.1, "SOUTH": 0.2, "ISLES": 0.3},
    "credit": {"brackets": [{"threshold": 0, "rate": 0.05}, {"threshold": 900, "rate": 0.02}]},
    "floor": 300.0,
    "limit": 2.0,
}


def in_region(name):
    def formula(household, period, parameters):
        return household("region", period) == Region[name]

    return rule(entity="household", kind="bool", name=f"in_{name.lower()}")(formula)


def regional(function, entity, name, region, **options):
    return rule(entity=entity, name=name, defined_for=f"in_{region}", **options)(function)


def north_tax(tax_unit, period, parameters):
    law = parameters(period)
    return np.maximum(tax_unit("income", period) - law.floor, 0) * law.rate.NORTH


def south_tax(tax_unit, period, parameters):
    """Ranks, places and projections within the South."""
    law, members = parameters(period), tax_unit.members
    rank = members.get_rank(tax_unit, -members("income", period))
    first = tax_unit.value_nth_person(0, members("income", period))
    second = tax_unit.value_nth_person(1, members("income", period), default=-7)
    top = tax_unit.sum(members("income", period) * (rank < law.limit))
    average = members.tax_unit("income", period) / members.tax_unit.nb_persons()
    return law.rate.SOUTH * top + 0.01 * first + 0.02 * second + tax_unit.max(average) / 50


def isles_tax(tax_unit, period, parameters):
    """Shares in a total over everybody, which no stratum knows by itself."""
    income = tax_unit("income", period)
    everybody = income.sum()
    return parameters(period).credit.calc(income) * (1 + income / np.maximum(everybody, 1))


def neighbour_gift(person, period, parameters):
    """Row numbers: what the household's last member has, read by number."""
    index = np.arange(person.count)
    last = person.household.max(index).astype(int)
    return person("income", period)[last] * 0.001 * person.household("in_north", period)


def couple_credit(tax_unit, period, parameters):
    """Of the South's couples, whom only the number of members tells apart."""
    return np.where(tax_unit.nb_persons() == 2, tax_unit("income", period) * 0.5, 1.0)


def isles_grant(household, period, parameters):
    """Skipped as a whole where nobody lives in the Isles."""
    there = household("in_isles", period)
    if not there.any():
        return np.zeros(household.count)
    return np.where(there, 10.0 + household("income", period), 0)


def tax(tax_unit, period, parameters):
    return (
        tax_unit("north_tax", period)
        + tax_unit("south_tax", period)
        + tax_unit("isles_tax", period)
    )


SYSTEM = build_system(
    "regions",
    entities=("person", "tax_unit", "household"),
    parameters=LAW,
    rules=(
        *(in_region(r.name) for r in Region),
        regional(north_tax, "tax_unit", "north_tax", "north"),
        regional(south_tax, "tax_unit", "south_tax", "south"),
        regional(isles_tax, "tax_unit", "isles_tax", "isles"),
        rule(entity="person")(neighbour_gift),
        regional(couple_credit, "tax_unit", "couple_credit", "south"),
        rule(entity="household")(isles_grant),
        rule(entity="tax_unit")(tax),
    ),
    inputs=(
        input_variable("income", entity="person"),
        input_variable("region", entity="household", vocabulary=Region),
    ),
)
OUTPUTS = ("tax", "south_tax", "neighbour_gift")


def people(seed=0, households=40, regions=("NORTH", "SOUTH", "ISLES")):
    """Households of one to four persons in one or two tax units."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 5, households)
    home = np.repeat(np.arange(households), size)
    unit = 2 * home + (rng.random(home.size) < 0.3)
    person = pd.DataFrame(
        {
            "person_id": np.arange(home.size),
            "household_id": home,
            "tax_unit_id": unit,
            "income": np.round(rng.gamma(2.0, 500.0, home.size)),
        }
    )
    household = pd.DataFrame(
        {"household_id": np.arange(households), "region": rng.choice(regions, households)}
    )
    return Population.from_frames({"person": person, "household": household}, weights=None)


@pytest.fixture
def apart(monkeypatch):
    """Every population is worth dividing."""
    monkeypatch.setattr(_runtime, "SMALLEST_COMPACTED", 0)
    monkeypatch.setattr(_runtime, "FEWEST_AT_HOME", 1)


@pytest.fixture
def program(apart):
    return compile(SYSTEM, OUTPUTS, 2025, people())


def together(monkeypatch, program, population, law=None):
    """The same program on all rows."""
    with monkeypatch.context() as patch:
        patch.setattr(_runtime, "SMALLEST_COMPACTED", 10**9)
        return program(program.parameters if law is None else law, population)


def total(program, population, weights):
    def cost(law):
        out = program(law, population)
        return sum(jnp.sum(out[name] * weights[name]) for name in OUTPUTS)

    return cost


def test_the_law_of_each_region_is_at_home_there(program):
    found = homes([o.node for o in program.outputs], program.strata)
    by_variable = {}
    nodes = {n.index: n for n in program.outputs[0].node.graph.nodes}
    for index, stratum in found.of.items():
        by_variable.setdefault(nodes[index].origin, set()).add(stratum)
    codes = {r.name: i for i, r in enumerate(Region)}
    for name in ("north", "south", "isles"):
        assert by_variable[f"{name}_tax"] == {program.strata.values.index(codes[name.upper()])}
    gift = {nodes[i].op for i in found.of if nodes[i].origin == "neighbour_gift"}
    assert gift.isdisjoint(("arange", "segment_max"))  # any rows number themselves
    assert program._runtime.homes is not None


@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_all_rows(program, monkeypatch, seed):
    population = people(seed, households=30 + 10 * seed)
    apart = program(program.parameters, population)
    for name, expected in together(monkeypatch, program, population).items():
        np.testing.assert_allclose(apart[name], expected, rtol=2e-6, atol=1e-4)


def test_they_are_also_those_of_numpy(program):
    population = people(7)
    interpreter = program.interpreter(program.parameters, population)
    for output, value in zip(
        program.outputs, program(program.parameters, population).values(), strict=True
    ):
        np.testing.assert_allclose(value, interpreter(output.node), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_couples_are_not_taken_for_nobody(apart, seed):
    """A condition on the number of members is no matter of the stratum."""
    program, population = compile(SYSTEM, ["couple_credit"], 2025, people()), people(seed)
    found = np.asarray(program(program.parameters, population)["couple_credit"])
    unit = np.asarray(population.links["tax_unit"])
    income = np.bincount(unit, np.asarray(population.column("income")))
    south = population.labels("region")[np.asarray(population.household_of("tax_unit"))] == "SOUTH"
    expected = np.where(south, np.where(np.bincount(unit) == 2, income * 0.5, 1.0), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found[np.bincount(unit) == 2] > 1).any()


@pytest.mark.parametrize("regions", [("NORTH",), ("SOUTH", "NORTH")])
def test_a_decision_about_a_region_holds_where_nobody_lives_there(regions):
    program = compile(SYSTEM, ["isles_grant", "tax"], 2025, people())
    population = people(3, regions=regions)
    found = program(program.parameters, population)
    assert not np.asarray(found["isles_grant"]).any()
    assert bool(program.guards_hold(program.parameters, population).all())
    again = compile(SYSTEM, ["isles_grant", "tax"], 2025, population)
    own = again(again.parameters, population)
    for name, value in found.items():
        np.testing.assert_allclose(value, own[name], rtol=1e-6)


def test_a_decision_that_somebody_moves_is_still_found():
    program = compile(SYSTEM, ["isles_grant"], 2025, people(3, regions=("NORTH", "SOUTH")))
    with pytest.raises(GuardMovedError, match="isles_grant"):
        program(program.parameters, people(4, regions=("NORTH", "ISLES")))


def test_derivatives_are_those_of_all_rows(program, monkeypatch):
    population = people(1)
    weights = {n: 1.0 + np.arange(population.count(program.entity(n))) % 3 for n in OUTPUTS}
    cost = total(program, population, weights)
    apart = jax.grad(cost)(program.parameters).values
    with monkeypatch.context() as patch:
        patch.setattr(_runtime, "SMALLEST_COMPACTED", 10**9)
        whole = jax.grad(cost)(program.parameters).values
    np.testing.assert_allclose(apart, whole, rtol=1e-5, atol=1e-3)
    assert np.count_nonzero(whole) >= 6
    with jax.enable_x64(True):
        tangent = jax.jvp(
            cost, (program.parameters,), (jax.tree.map(jnp.ones_like, program.parameters),)
        )[1]
    np.testing.assert_allclose(tangent, apart.sum(), rtol=1e-4)


def test_batches_of_laws_and_of_derivatives(program, monkeypatch):
    population = people(2)
    laws = jax.tree.map(lambda x: jnp.stack([x, 1.1 * x]), program.parameters)
    weights = {n: np.ones(population.count(program.entity(n))) for n in OUTPUTS}
    slopes = jax.vmap(jax.grad(total(program, population, weights)))(laws)
    for k in range(2):
        law = Parameters(laws.values[k], laws.index)
        one = jax.grad(total(program, population, weights))(law)
        np.testing.assert_allclose(slopes.values[k], one.values, rtol=1e-5, atol=1e-3)
        batch = jax.vmap(lambda p: program(p, population)["tax"])(laws)[k]
        np.testing.assert_allclose(
            batch, together(monkeypatch, program, population, law)["tax"], rtol=1e-5, atol=1e-3
        )


@pytest.mark.parametrize("laws", [2, 3])
def test_a_decision_about_a_region_in_batches_of_people_and_of_laws(laws):
    """Where somebody lives there the law decides; elsewhere nobody misses it."""

    def grant(household, period, parameters):
        there = household("in_isles", period) & (parameters(period).rate > 0)
        return np.where(there, 10.0, 0) if there.any() else np.zeros(household.count)

    rules = build_system(
        "regions",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=(in_region("ISLES"), rule(entity="household")(grant)),
        inputs=(
            input_variable("income", entity="person"),
            input_variable("region", entity="household", vocabulary=Region),
        ),
    )
    given = people()
    program = compile(rules, ["grant"], 2025, given)
    region, isles = given.columns["household"]["region"], (given.labels("region") == "ISLES").sum()

    def total(rate, region):
        columns = {**given.columns, "household": {"region": region}}
        law = Parameters(program.parameters.values * rate, program.index)
        return program(law, dataclasses.replace(given, columns=columns))["grant"].sum()

    regions = jnp.stack([region, jnp.maximum(region, 1)])  # nobody lives in the Isles, number 0
    by_law = jax.vmap(total, (0, None))
    by_people = jax.vmap(total, (None, 0))
    found = jax.vmap(by_law, (None, 0))(jnp.ones(laws), regions)
    np.testing.assert_array_equal(found, [[10 * isles] * laws, [0] * laws])
    np.testing.assert_array_equal(jax.vmap(by_people, (0, None))(jnp.ones(laws), regions), found.T)
    with pytest.raises(GuardMovedError, match="grant took a Python decision"):
        jax.vmap(by_law, (None, 0))(jnp.zeros(laws), regions)


@pytest.mark.parametrize("regions", [("NORTH",), ("SOUTH", "ISLES")])
def test_a_region_without_people(program, monkeypatch, regions):
    population = people(3, regions=regions)
    apart = program(program.parameters, population)
    for name, expected in together(monkeypatch, program, population).items():
        np.testing.assert_allclose(apart[name], expected, rtol=2e-6, atol=1e-4)


def test_a_region_that_the_program_was_not_compiled_for(apart, monkeypatch):
    program = compile(SYSTEM, OUTPUTS, 2025, people(regions=("NORTH", "SOUTH")))
    population = people(4)
    found = program(program.parameters, population)
    for name, expected in together(monkeypatch, program, population).items():
        np.testing.assert_allclose(found[name], expected, rtol=2e-6, atol=1e-4)
    assert float(jnp.abs(found["tax"]).sum()) > 0


def test_a_population_in_a_jitted_function_runs_on_all_rows(program, monkeypatch):
    population = people(5)
    run = jax.jit(lambda law, who: program(law, who)["tax"])
    expected = together(monkeypatch, program, population)["tax"]
    np.testing.assert_allclose(run(program.parameters, population), expected, rtol=2e-6, atol=1e-4)


def test_padding_changes_nothing(program):
    population = people(6)
    padded = program(program.parameters, population.pad_to())
    for name, expected in program(program.parameters, population).items():
        np.testing.assert_allclose(padded[name], expected, rtol=2e-6, atol=1e-4)


def test_a_saved_program_remembers_the_column(program, tmp_path):
    program.save(tmp_path / "regions.pejax")
    assert (
        load(tmp_path / "regions.pejax").strata
        == program.strata
        == Strata("household.region", (0, 1, 2))
    )
