"""Programs under JAX's transformations: derivatives, batches, devices."""

import functools
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax import Population
from pejax.engine import Parameters, Program, compile, gradient
from pejax.testing import random_population, toy_oracle, toy_population, toy_program, toy_system

OUTPUTS = ("income_tax", "child_benefit", "winter_grant", "housing_benefit", "net_income")
AGES = ("child.age_limit", "child.monthly[0].threshold", "child.monthly[1].threshold")
CLIFFS = (*AGES, "winter.limit")


@pytest.fixture(scope="module")
def people() -> Population:
    return toy_population(30, seed=1)


@pytest.fixture(scope="module")
def program(people) -> Program:
    return toy_program(OUTPUTS, people)


def total(program: Program, people: Population):
    """A sum over everything, each output with a weight of its own."""

    def statistic(law: Parameters) -> jax.Array:
        outputs = program(law, people)
        return sum((i + 1.0) * jnp.sum(v) for i, v in enumerate(outputs.values()))

    return statistic


# ---- derivatives


def test_every_derivative_is_the_oracle_s_difference_quotient(x64):
    """All of Toyland's numbers; at the cliffs the derivative is zero, the quotient is not one."""
    people = random_population(jax.random.key(5), 25)
    program = toy_program(OUTPUTS, people, dtype="float64")
    slope = jax.grad(total(program, people))(program.parameters)
    assert bool(jnp.isfinite(slope.values).all())
    for path in program.parameters.paths():
        if path in CLIFFS:
            assert slope.total(path) == 0
            continue
        value = float(np.mean(program.parameters[path]))
        step = 1e-4 * max(abs(value), 1e-2)
        quotient = (_at(people, path, value + step) - _at(people, path, value - step)) / (2 * step)
        np.testing.assert_allclose(slope.total(path), quotient, rtol=1e-6, atol=1e-6, err_msg=path)


def _at(people: Population, path: str, value: float) -> float:
    found = toy_oracle(people, {path: value})
    return sum((i + 1.0) * float(np.sum(found[name])) for i, name in enumerate(OUTPUTS))


def test_intervals_of_a_year_share_its_derivative(program, people):
    """Half of the year at each amount: half of the derivative each."""
    slope = jax.grad(total(program, people))(program.parameters)["child.monthly[0].amount"]
    np.testing.assert_allclose(slope[0], slope[1], rtol=1e-5)
    assert slope[0] > 0


def test_a_reform_of_another_year_has_no_derivative(program, people):
    slope = jax.grad(total(program, people))(program.parameters)
    entries = {leaf.era: i for i, leaf in enumerate(slope.index.leaves) if "rents" in leaf.path}
    assert slope.values[entries["after"]] > 0
    assert slope.values[entries[""]] < 0
    assert slope["index.rents"] == slope.values[entries[""]]


def test_reverse_and_forward_mode_agree(program, people):
    statistic = total(program, people)
    slope = jax.grad(statistic)(program.parameters)
    for seed in range(3):
        direction = jax.random.normal(jax.random.key(seed), slope.values.shape)
        tangent = Parameters(direction, slope.index)
        _, change = jax.jvp(statistic, (program.parameters,), (tangent,))
        np.testing.assert_allclose(change, slope.values @ direction, rtol=1e-4)


@pytest.mark.parametrize("chunk", [None, 7], ids=["whole", "chunks"])
def test_the_jacobian_of_everybody_in_both_modes(people, chunk):
    """Cotangents come as a batch in `jacrev`."""
    program = compile(toy_system(), OUTPUTS, 2025, people, chunk=chunk)

    def taxes(law: Parameters) -> dict[str, jax.Array]:
        return program(law, people)

    reverse, forward = jax.jacrev(taxes)(program.parameters), jax.jacfwd(taxes)(program.parameters)
    for name in OUTPUTS:
        assert bool((forward[name].values != 0).any())
        np.testing.assert_allclose(reverse[name].values, forward[name].values, rtol=1e-5)


def test_compiled_gradients_equal_the_others(program, people):
    statistic = total(program, people)
    plain, compiled = jax.grad(statistic), jax.jit(jax.grad(statistic))
    np.testing.assert_allclose(
        compiled(program.parameters).values, plain(program.parameters).values, rtol=1e-5
    )


def test_second_derivatives_are_numbers(program, people):
    """The law is linear in rates and piecewise linear in amounts: rate times threshold is left."""

    def slope(law: Parameters) -> jax.Array:
        return jax.grad(total(program, people))(law)["tax.rate"]

    second = jax.grad(slope)(program.parameters)
    assert bool(jnp.isfinite(second.values).all())
    taxed = np.asarray(people.to_tables().links["tax_unit"])
    income = np.bincount(taxed, toy_oracle(people)["income"])
    factor = 1.0 - 5.0  # of income tax itself, and of net income
    np.testing.assert_allclose(second["tax.allowance"], -factor * (income > 8_000).sum())
    assert second["tax.rate"] == 0


def test_gradients_with_respect_to_people(program, people):
    """The marginal tax rate of everybody's earnings, in one pass."""

    def tax(earnings: jax.Array) -> jax.Array:
        richer = people.with_columns("person", earnings=earnings)
        return program(program.parameters, richer)["income_tax"].sum()

    rates = jax.grad(tax)(people.column("earnings"))
    income = np.bincount(people.links["tax_unit"], toy_oracle(people)["income"])
    bands = 0.2 * (income > 8_000) + 0.1 * (income > 40_000) + 0.15 * (income > 90_000)
    np.testing.assert_allclose(rates, bands[np.asarray(people.links["tax_unit"])], rtol=1e-5)


def test_gradients_through_chunks(program, people):
    chunked = compile(toy_system(), OUTPUTS, 2025, people, chunk=7)
    _, whole = gradient(program, program.parameters, people, "net_income")
    _, cut = gradient(chunked, chunked.parameters, people, "net_income")
    np.testing.assert_allclose(cut.values, whole.values, rtol=1e-4, atol=1e-3)


def test_no_derivative_at_the_edges_is_lost():
    """Ratios of zero by zero, roots of zero, infinite limits, in rows that are discarded."""
    from pejax.engine import build_system, input_variable, rule

    @rule(entity="person")
    def odd(earnings, savings, params):
        share = np.where(savings > 0, earnings / savings, 0)
        root = np.where(earnings > 0, np.sqrt(earnings), 0)
        capped = np.minimum(earnings * params.rate, params.limit)
        unused = np.where(savings > 1e9, params.limit * savings, 0)
        return share * params.rate + params.rate * root + capped + unused

    system = build_system(
        "edges",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.3, "limit": float("inf")},
        rules=[odd],
        inputs=[input_variable(n, entity="person") for n in ("earnings", "savings")],
    )
    people = toy_population(6)
    program = compile(system, ["odd"], 2025, people, extra=["age", "disabled", "region", "rent"])
    _, slope = gradient(
        program, program.parameters, people, lambda outputs, _: outputs["odd"].sum()
    )
    assert bool(jnp.isfinite(slope.values).all())
    earnings, savings = (np.asarray(people.column(n), float) for n in ("earnings", "savings"))
    share = np.divide(earnings, savings, out=np.zeros_like(earnings), where=savings > 0)
    np.testing.assert_allclose(slope["rate"], np.sum(share + np.sqrt(earnings) + earnings), 1e-5)
    assert slope["limit"] == 0


# ---- batches


def test_a_batch_of_laws(program, people):
    rates = jnp.linspace(0.0, 0.5, 4)

    def tax(rate: jax.Array) -> jax.Array:
        law = program.parameters.with_reform({"tax.rate": rate})
        return program(law, people)["income_tax"]

    together = jax.vmap(tax)(rates)
    np.testing.assert_allclose(together, jnp.stack([tax(r) for r in rates]), rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("chunk", [None, 7], ids=["whole", "chunks"])
def test_parameters_from_the_host(people, chunk):
    program = compile(toy_system(), OUTPUTS, 2025, people, chunk=chunk)
    law = program.parameters
    host = Parameters(np.asarray(law.values), law.index)
    reform = {"tax.rate": 0.3}
    moved = host.with_reform(reform).values
    np.testing.assert_array_equal(moved, law.with_reform(reform).values)
    for name, value in program(law, people).items():
        np.testing.assert_array_equal(program(host, people)[name], value)
    slopes = [gradient(program, given, people, "net_income")[1].values for given in (law, host)]
    np.testing.assert_array_equal(*slopes)


def test_a_batch_of_gradients(program, people):
    laws = jax.tree.map(lambda x: jnp.stack([x, 1.1 * x, 0.9 * x]), program.parameters)
    slopes = jax.vmap(jax.grad(total(program, people)))(laws)
    assert slopes.values.shape == laws.values.shape
    one = Parameters(laws.values[1], laws.index)
    expected = jax.grad(total(program, people))(one).values
    np.testing.assert_allclose(slopes.values[1], expected, rtol=1e-4, atol=1e-3)


def test_compiled_programs_equal_the_others(program, people):
    compiled = jax.jit(program)(program.parameters, people)
    for name, value in program(program.parameters, people).items():
        np.testing.assert_allclose(compiled[name], value, rtol=1e-6, atol=1e-3)


def test_a_program_is_an_argument_like_any_other(program, people):
    def total(program, parameters, people):
        return program(parameters, people)["net_income"].sum()

    plain = total(program, program.parameters, people)
    assert jax.jit(total)(program, program.parameters, people) == plain
    assert jax.tree.leaves(program) == []
    slope = jax.jit(jax.grad(total, argnums=1))(program, program.parameters, people)
    assert (
        slope["tax.rate"]
        == jax.grad(total, argnums=1)(program, program.parameters, people)["tax.rate"]
    )


def test_a_program_is_a_static_argument(program, people):
    traced = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(program, law):
        traced.append(program)
        return program(law, people)["income_tax"]

    first = run(program, program.parameters)
    second = run(toy_program(OUTPUTS, people), program.parameters)
    np.testing.assert_array_equal(first, second)
    assert len(traced) == 1


# ---- devices


@pytest.mark.filterwarnings("ignore:.*pmap.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(jax, "pmap"), reason="this JAX has no pmap")
def test_under_pmap(program, people):
    laws = jax.tree.map(lambda x: x[None], program.parameters)
    found = jax.pmap(lambda law: program(law, people)["income_tax"])(laws)
    expected = program(program.parameters, people)["income_tax"]
    np.testing.assert_allclose(found[0], expected, rtol=1e-6, atol=1e-3)


def test_on_a_mesh_of_one(program, people):
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    found = program(program.parameters, people.shard(mesh))
    for name, value in program(program.parameters, people).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-3)


TWO_DEVICES = """
    import warnings
    warnings.simplefilter("error")
    import jax
    jax.config.update("jax_num_cpu_devices", 2)
    import numpy as np
    from pejax.engine import gradient
    from pejax.testing import toy_population, toy_program

    people = toy_population(30, seed=1)
    program = toy_program(("net_income",))
    mesh = jax.make_mesh((2,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
    spread = people.shard(mesh)
    assert len(spread.weights.devices()) == 2
    here, there = (program(program.parameters, p) for p in (people, spread))
    for name in here:
        np.testing.assert_allclose(there[name], here[name], rtol=1e-6, atol=1e-2)
    law = program.parameters
    slopes = [gradient(program, law, p, "net_income")[1].values for p in (people, spread)]
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-4)
    laws = jax.numpy.stack([law.values, 0.9 * law.values])
    alone = [program(jax.tree.map(lambda _: one, law), people)["net_income"] for one in laws]
    for kind in (jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit):
        place = jax.NamedSharding(
            jax.make_mesh((2,), ("laws",), axis_types=(kind,)), jax.P("laws")
        )
        together = jax.vmap(program, (0, None))(
            jax.tree.map(lambda _: jax.device_put(laws, place), law), people
        )
        np.testing.assert_allclose(together["net_income"], alone, rtol=1e-6, atol=1e-2)
    elsewhere = jax.device_put(people, jax.devices()[1])
    found = program(jax.device_put(program.parameters, jax.devices()[1]), elsewhere)
    np.testing.assert_allclose(found["net_income"], here["net_income"], rtol=1e-6)
"""


def test_on_two_devices():
    """A population spread over two devices, and one that lies on the second."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TWO_DEVICES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
