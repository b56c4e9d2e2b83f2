"""Chunks of households: quantities that need all of them are computed first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.core._validate import BadInputError
from pejax.engine import (
    GuardMovedError,
    build_system,
    compile,
    gradient,
    input_variable,
    rule,
)
from pejax.engine.running import _runtime
from pejax.testing import toy_population

OUTPUTS = ("levy", "grant", "bonus")
UNREAD = ("age", "disabled", "rent", "savings")


@rule(entity="person")
def levy(earnings, params):
    """In proportion to the largest earnings that anybody is taxed on."""
    taxed = earnings * params.rate
    return taxed * taxed / taxed.max()


@rule(entity="household")
def grant(household, levy, params):
    """All levies together, dealt out alike, if the least of them is not too large."""
    if not (levy >= 0).all():
        return np.zeros(household.count)
    each = levy.sum() * params.share
    return np.where(levy < levy.max() + each, each, 0)


@rule(entity="person")
def bonus(earnings, params):
    """For everybody if anybody has much."""
    return np.where((earnings > params.much).any(), params.bonus, 0) + 0 * earnings


@rule(entity="person")
def place(earnings, params):
    return np.cumsum(earnings) * params.rate


@pytest.fixture(scope="module")
def system():
    return build_system(
        "across",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.3, "share": 0.001, "much": 1_000.0, "bonus": 5.0},
        rules=[input_variable("earnings", entity="person"), levy, grant, bonus, place],
    )


@pytest.fixture(scope="module")
def people():
    return toy_population(60)


@pytest.fixture(scope="module")
def pair(system, people):
    whole = compile(system, OUTPUTS, 2025, people, extra=(*UNREAD, "region"))
    return whole, compile(system, OUTPUTS, 2025, people, chunk=5, extra=(*UNREAD, "region"))


def test_values_are_those_of_all_households_together(pair, people):
    whole, cut = (p(p.parameters, people) for p in pair)
    assert set(whole) == set(OUTPUTS)
    for name, expected in whole.items():
        np.testing.assert_allclose(cut[name], expected, rtol=1e-5, err_msg=name)
        assert np.asarray(expected).any()


def test_what_depends_on_each_other_is_computed_in_rounds(pair):
    rounds = pair[1]._chunked.rounds
    assert len(rounds) > 1
    assert {kind for one in rounds for kind in one.kinds} >= {"max", "sum", "any", "all"}


@pytest.mark.parametrize("output", OUTPUTS)
def test_gradients_pass_through_them(pair, people, output):
    expected, found = (
        np.asarray(gradient(p, p.parameters, people, output)[1].values) for p in pair
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.any()


def test_batches_and_forward_mode_pass_through_them(pair, people):
    def total(program, values):
        outputs = program(type(program.parameters)(values, program.index), people)
        return sum(outputs[n].sum() for n in OUTPUTS)

    def moved(program):
        theta = program.parameters.values
        laws = jnp.stack([theta, theta * 1.1])
        batch = jax.vmap(lambda v: total(program, v))(laws)
        forward = jax.jvp(lambda v: total(program, v), (theta,), (jnp.ones_like(theta),))
        traced = jax.jit(lambda v: total(program, v))(theta)
        return np.array([*batch, *forward, traced])

    expected, found = map(moved, pair)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_guard_across_households_is_checked(pair, people):
    _, cut = pair
    poor = people.with_columns("person", earnings=-np.asarray(people.column("earnings")))
    with pytest.raises(GuardMovedError, match="grant took a Python decision"):
        cut(cut.parameters, poor)


def test_a_guard_holds_if_one_block_makes_it_hold(people):
    """Somebody in the last block alone."""

    @rule(entity="person")
    def gift(earnings, params):
        return earnings * params.rate if (earnings > 1e8).any() else earnings

    held = np.array(people.column("earnings"), float)
    held[-1] = 1e9
    people = people.with_columns("person", earnings=held)
    system = build_system(
        "gifts",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=[input_variable("earnings", entity="person"), gift],
    )
    cut = compile(system, ["gift"], 2025, people, chunk=5, extra=(*UNREAD, "region"))
    found = cut(cut.parameters, people)["gift"]
    np.testing.assert_allclose(found, held * 0.5, rtol=1e-6)


def test_strata_have_the_same_capacities_in_every_block(monkeypatch, people):
    """Blocks share executables: the second one lowers nothing."""
    monkeypatch.setattr(_runtime, "SMALLEST_COMPACTED", 0)
    monkeypatch.setattr(_runtime, "FEWEST_AT_HOME", 1)

    @rule(entity="person")
    def tax(earnings, region, params):
        one = np.where(region == 1, np.maximum(earnings - 100, 0) * params.rate, 0)
        return one + np.where(region == 2, earnings * params.share, 0)

    homes = people.count("household")
    people = people.with_columns("household", region=np.arange(homes) % 3)
    system = build_system(
        "regions",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.3, "share": 0.001},
        rules=[
            input_variable("earnings", entity="person"),
            input_variable("region", entity="household", kind="int"),
            tax,
        ],
    )
    whole = compile(system, ["tax"], 2025, people, extra=UNREAD)
    cut = compile(system, ["tax"], 2025, people, chunk=4, extra=UNREAD)
    expected, found = (p(p.parameters, people)["tax"] for p in (whole, cut))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    runtime = cut._chunked.outputs
    assert runtime.homes is not None and len(runtime.homes.of) > 0
    assert len(runtime.prepared) == 1
    expected, found = (
        np.asarray(gradient(p, p.parameters, people, "tax")[1].values) for p in (whole, cut)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_order_of_all_households_is_refused(system, people):
    with pytest.raises(BadInputError, match="place put all of them in an order"):
        compile(system, ["place"], 2025, people, chunk=5, extra=(*UNREAD, "region"))


# ---- numbers of rows


@rule(entity="person")
def own_number(person, earnings):
    return person.ids * 1.0 + 0 * earnings


@rule(entity="person")
def every_other(person, earnings):
    return (np.arange(len(earnings)) % 2) * earnings


@rule(entity="person")
def number_of_the_group(household, earnings):
    return household.members_entity_id + 0 * earnings


@rule(entity="person")
def kind(earnings):
    return np.unique(earnings, return_inverse=True)[1] + 0 * earnings


@rule(entity="person")
def of_the_third(person, earnings):
    return earnings[person.ids * 0 + 2]


@rule(entity="person")
def is_early(person, earnings):
    return (np.arange(len(earnings)) < 3) * earnings


NUMBERED = [own_number, every_other, number_of_the_group, kind, of_the_third, is_early]


@pytest.mark.parametrize("one", NUMBERED, ids=lambda one: one.name)
def test_rows_that_are_reckoned_with_are_not_dealt_into_blocks(one):
    """In a block they have other numbers: every block had a first row of its own."""
    people = toy_population()
    system = build_system(
        "numbered",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=[one],
        inputs=[input_variable("earnings", entity="person")],
    )
    extra = sorted({n for held in people.columns.values() for n in held if n != "earnings"})
    message = rf"{one.name} reckons with numbers of rows"
    with pytest.raises(BadInputError, match=message):
        compile(system, [one.name], 2025, people, chunk=2, extra=extra)
    program = compile(system, [one.name], 2025, people, extra=extra)
    with pytest.raises(BadInputError, match=message):
        program(program.parameters, people.in_blocks(2))
    expected = program.interpreter(program.parameters, people)(program.outputs[0].node)
    np.testing.assert_allclose(program(program.parameters, people)[one.name], expected)
