"""Derivatives of programs for people who stand at a kink: the side to which things rise."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.engine import build_system, compile, gradient, input_variable, rule

LAW = {
    "credit": {"rate": 0.34, "most": 600.0, "start": 2_000.0, "phase_out": 0.16},
    "tax": {"rate": 0.1, "exemption": 0.0},
    "loss": {"limit": 300.0},
    "pension": {"floor": 100.0},
}


@rule(entity="person")
def loss(trade, params):
    """What a trade loses, up to a limit."""
    return np.minimum(np.maximum(0, -trade), params.loss.limit)


@rule(entity="person")
def earned(wages, trade):
    return np.maximum(wages, 0) + np.maximum(trade, 0)


@rule(entity="person")
def credit(earned, params):
    """Phased in with the first dollar, and out again."""
    out = params.credit.phase_out * np.maximum(earned - params.credit.start, 0)
    return np.maximum(np.minimum(params.credit.rate * earned, params.credit.most) - out, 0)


@rule(entity="person")
def tax(earned, loss, params):
    """Of what exceeds an exemption that is zero this year."""
    return params.tax.rate * np.maximum(earned - loss - params.tax.exemption, 0)


@rule(entity="person")
def surcharge(wages):
    """By a comparison, in one formula, and by a product, in another."""
    return np.where(wages > 0, wages, 0) * 0.02 + 0.01 * (wages * (wages > 0))


@rule(entity="person")
def net(wages, trade, credit, tax, surcharge):
    return wages + trade + credit - tax - surcharge


@rule(entity="household")
def best(household, period):
    """The most that anybody in the household earns."""
    return household.max(household.members("wages", period))


SYSTEM = build_system(
    "kinkland",
    entities=("person", "tax_unit", "household"),
    parameters=LAW,
    rules=[loss, earned, credit, tax, surcharge, net, best],
    inputs=[input_variable(name, entity="person") for name in ("wages", "trade")],
)
WAGES = np.array([0.0, 0.0, 2_000.0, 600 / 0.34, 500.0, 0.0])
TRADE = np.array([0.0, -100.0, 0.0, 0.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def people():
    ids = np.arange(6)
    person = pd.DataFrame(
        {
            "person_id": ids,
            "household_id": [0, 1, 2, 3, 4, 4],
            "tax_unit_id": [0, 1, 2, 3, 4, 4],
            "wages": WAGES,
            "trade": TRADE,
        }
    )
    household = pd.DataFrame({"household_id": np.arange(5), "household_weight": np.ones(5)})
    return Population.from_frames({"person": person, "household": household}, "household_weight")


@pytest.fixture(scope="module")
def program(people):
    return compile(SYSTEM, ["net", "best"], 2025, people)


def _net(program, people, name, law=None):
    """Everybody's net income as a function of a column."""
    law = program.parameters if law is None else law
    return lambda column: program(law, people.with_columns("person", **{name: column}))["net"]


# The first wage earns the credit and pays tax and surcharge; at 2,000 the credit is phased out, at
# 600 / 0.34 it stops to grow.
RIGHT = {
    "wages": [1 + 0.34 - 0.1 - 0.03, 1.31 - 0.1, 0.81 - 0.1, 0.97 - 0.1, 1.31 - 0.1, 1.31 - 0.1],
    "trade": [1 + 0.34 - 0.1, 1 + 0.0, 1 - 0.16 - 0.1, 1 - 0.1, 1.34 - 0.1, 1.34 - 0.1],
}
RIGHT["wages"][1] = 1 + 0.34 - 0.03  # a loss is left to set off: no tax on the first dollar


@pytest.mark.parametrize("name", ["wages", "trade"])
def test_people_without_income_have_the_derivative_to_the_right(program, people, name):
    start = jnp.asarray({"wages": WAGES, "trade": TRADE}[name], jnp.float32)
    function = _net(program, people, name)
    forward = jax.jvp(function, (start,), (jnp.ones_like(start),))[1]
    np.testing.assert_allclose(forward, RIGHT[name], rtol=1e-5)
    for transform in (lambda f: f, jax.jit):
        reverse = transform(jax.grad(lambda column: function(column).sum()))(start)
        np.testing.assert_allclose(reverse, RIGHT[name], rtol=1e-5)
    batch = jax.vmap(jax.grad(lambda column: function(column).sum()))(start[None])
    np.testing.assert_allclose(batch[0], RIGHT[name], rtol=1e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", ["wages", "trade"])
def test_the_program_s_own_differences_agree(people, name):
    program = compile(SYSTEM, ["net"], 2025, people, dtype="float64")
    start = jnp.asarray({"wages": WAGES, "trade": TRADE}[name])
    function = _net(program, people, name)
    quotient = (function(start + 1e-4) - function(start)) / 1e-4
    slope = jax.jvp(function, (start,), (jnp.ones_like(start),))[1]
    np.testing.assert_allclose(slope, quotient, rtol=1e-6)
    second = jax.hessian(lambda column: function(column).sum())(start)
    np.testing.assert_array_equal(second, 0.0)


def test_a_number_of_the_law_at_a_kink(program, people):
    """A higher exemption takes nothing from those who pay no tax, and a lower one is none."""
    law = program.parameters
    slope = gradient(program, program.parameters, people, "net")[1]
    paying = (WAGES + TRADE > 0).sum()
    np.testing.assert_allclose(slope["tax.exemption"], 0.1 * paying, rtol=1e-5)
    up = law.with_reform({"tax.exemption": 1.0})
    quotient = (program(up, people)["net"] - program(law, people)["net"]).sum()
    np.testing.assert_allclose(slope["tax.exemption"], quotient, rtol=1e-3)
    # One person earns just what the phase-out starts from, and a later start changes nothing.
    np.testing.assert_allclose(slope["credit.start"], 0.0, atol=1e-6)
    # One has just reached the most: rate and most tie, and the derivative is that of one of them.
    np.testing.assert_allclose(slope["credit.most"], 2.0, rtol=1e-5)
    np.testing.assert_allclose(slope["credit.rate"], 500.0, rtol=1e-5)


@pytest.mark.parametrize("chunk", [None, 2])
def test_every_way_to_a_derivative_in_the_law_takes_the_same_side(people, chunk):
    program = compile(SYSTEM, ["net"], 2025, people, chunk=chunk)
    law, blocks = program.parameters, people if chunk is None else people.in_blocks(3)

    def total(law, people):
        return program(law, people)["net"].sum()

    eager = jax.grad(total)(law, blocks)
    ways = {
        "jit": jax.jit(jax.grad(total))(law, blocks),
        "jit over the law": jax.jit(jax.grad(lambda law: total(law, blocks)))(law),
        "vmap": jax.tree.map(
            lambda x: x[0],
            jax.vmap(jax.grad(lambda law: total(law, blocks)))(
                jax.tree.map(lambda x: x[None], law)
            ),
        ),
    }
    for way, found in ways.items():
        np.testing.assert_allclose(found.values, eager.values, rtol=1e-5, atol=1e-6, err_msg=way)
    steps = jax.tree.map(jnp.ones_like, law)
    forward = jax.jvp(lambda law: total(law, blocks), (law,), (steps,))[1]
    np.testing.assert_allclose(forward, eager.values.sum(), rtol=1e-4)


@pytest.mark.parametrize("chunk", [None, 2])
def test_every_way_to_a_derivative_in_the_people_takes_the_same_side(people, chunk):
    program = compile(SYSTEM, ["net"], 2025, people, chunk=chunk)
    blocks = people.pad_to() if chunk is None else people.in_blocks(3)
    start = blocks.columns["person"]["wages"]
    real = np.asarray(blocks.mask("person"))

    def total(wages):
        return program(program.parameters, blocks.with_columns("person", wages=wages))["net"].sum()

    for transform in (lambda f: f, jax.jit):
        found = transform(jax.grad(total))(start)
        np.testing.assert_allclose(np.asarray(found)[real], RIGHT["wages"], rtol=1e-5)


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_each_column_has_its_own_side(people, turn):
    """Who stands at a limit gains with what is above it and loses nothing with what is below."""

    @rule(entity="person")
    def gap(wages, trade, params):
        return np.maximum(turn * (trade - params.share * wages), 0)

    @rule(entity="person")
    def paid(gap, wages):
        return wages - gap

    system = build_system(
        "kinkland",
        entities=("person", "tax_unit", "household"),
        parameters={"share": 0.5},
        rules=[gap, paid],
        inputs=[input_variable(name, entity="person") for name in ("wages", "trade")],
    )
    tied = people.with_columns("person", wages=jnp.full(6, 8.0), trade=jnp.full(6, 4.0))
    program = compile(system, ["paid"], 2025, tied)
    law = program.parameters

    def total(law, **columns):
        return program(law, tied.with_columns("person", **columns))["paid"].sum()

    up = float(turn > 0)
    for transform in (lambda f: f, jax.jit):
        wages = transform(jax.grad(lambda x: total(law, wages=x)))(jnp.full(6, 8.0))
        trade = transform(jax.grad(lambda x: total(law, trade=x)))(jnp.full(6, 4.0))
        share = transform(jax.grad(total))(law)
        np.testing.assert_allclose(wages, 1 - 0.5 * (1 - up))
        np.testing.assert_allclose(trade, -up)
        np.testing.assert_allclose(share.values, -6 * 8.0 * (1 - up))


def test_the_first_of_equals_is_the_best(program, people):
    def total(wages):
        return program(program.parameters, people.with_columns("person", wages=wages))["best"].sum()

    found = jax.grad(total)(jnp.zeros(6, jnp.float32))
    np.testing.assert_array_equal(found, [1, 1, 1, 1, 1, 0])


# ---- what rounds is reported

ROUNDINGS = {
    "round": lambda x, rate: np.round(x),
    "round to cents": lambda x, rate: np.round(x, 2),
    "rint": lambda x, rate: np.rint(x),
    "floor": lambda x, rate: np.floor(x),
    "ceil": lambda x, rate: np.ceil(x),
    "trunc": lambda x, rate: np.trunc(x),
    "floor division": lambda x, rate: x // 50,
    "sign": lambda x, rate: np.sign(x),
    "whole numbers": lambda x, rate: x.astype(int),
    "of the law alone": lambda x, rate: x * np.floor(10 * rate),
    "float of Python": lambda x, rate: x * float(rate),
    "int of Python": lambda x, rate: x * int(4 * rate),
}
OTHERS = {
    "a comparison": lambda x, rate: np.where(x > 100, x, rate * x),
    "a remainder": lambda x, rate: x % 50,
    "a literal": lambda x, rate: x * np.floor(2.7),
    "another float type": lambda x, rate: x.astype(np.float64),
    "whole years": lambda x, rate: x + np.floor(np.ones(len(x)) * 3),
}


@pytest.mark.parametrize("what", [*ROUNDINGS, *OTHERS])
def test_rounding_shows_in_the_report(people, what):
    function = (ROUNDINGS | OTHERS)[what]

    @rule(entity="person")
    def benefit(wages, params):
        return function(wages, params.rate)

    @rule(entity="person")
    def twice(benefit):
        return 2 * benefit

    system = build_system(
        "kinkland",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=[benefit, twice],
        inputs=[input_variable("wages", entity="person")],
    )
    program = compile(system, ["twice"], 2025, people, extra=["trade"])
    cuts = {row.variable: row.cuts_gradient for row in program.report}
    assert cuts == {"benefit": what in ROUNDINGS, "twice": False, "wages": False}
    assert program.report.counts["gradient_cuts"] == sum(cuts.values())
