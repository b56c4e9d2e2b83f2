"""A program compares itself with its own graph in numpy, the first time on people of a kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_engine_strata import OUTPUTS, SYSTEM, people

from pejax import BadInputError
from pejax.engine import SelfCheckError, build_system, compile, input_variable, load, rule
from pejax.engine.graph import _support
from pejax.engine.running import _emit, _runtime
from pejax.testing import random_population, toy_program


@pytest.fixture
def apart(monkeypatch):
    """Every population is worth dividing."""
    monkeypatch.setattr(_runtime, "SMALLEST_COMPACTED", 0)
    monkeypatch.setattr(_runtime, "FEWEST_AT_HOME", 1)


@pytest.fixture
def wrong_strata(apart, monkeypatch):
    """A strata pass that takes the South for empty."""
    honest = _support.support

    def blind(*given):
        nonzero, zero = honest(*given)
        return {i: n & 0b101 for i, n in nonzero.items()}, zero

    monkeypatch.setattr("pejax.engine.graph._strata.support", blind)


def pairs(population, column="region"):
    home = np.asarray(population.household_of("person"))
    size = np.bincount(home, minlength=population.count("household"))
    return set(zip(np.asarray(population.column(column)).tolist(), size.tolist(), strict=True))


def test_the_sample_has_every_pair_of_stratum_and_size(apart):
    program, population = compile(SYSTEM, OUTPUTS, 2025, people()), people(households=60)
    program(program.parameters, population)
    (check,) = program.report.checks
    assert check.kinds == len(pairs(population))
    assert check.kinds <= check.households <= 60
    assert check.values > 0 and check.seconds > 0 and check.rounded == ()


def test_only_kinds_that_are_new_are_compared(apart):
    program = compile(SYSTEM, OUTPUTS, 2025, people())
    first, second = people(1, households=60), people(2, households=60)
    for population in (first, first, second):
        program(program.parameters, population)
    assert [c.kinds for c in program.report.checks[:1]] == [len(pairs(first))]
    assert sum(c.kinds for c in program.report.checks[1:]) <= len(pairs(second) | pairs(first))


def test_nothing_is_compiled_for_it(apart, monkeypatch):
    program, population = compile(SYSTEM, OUTPUTS, 2025, people()), people(3)
    compiled = []
    honest = _runtime.executables
    monkeypatch.setattr(_runtime, "executables", lambda jobs: compiled.append(1) or honest(jobs))
    program(program.parameters, population)
    assert compiled == [1]
    assert len(program.report.checks) == 1


def test_a_pass_that_changes_values_is_found_and_named(wrong_strata):
    program, population = compile(SYSTEM, OUTPUTS, 2025, people()), people(households=60)
    with pytest.raises(SelfCheckError, match="the law of a stratum on its own rows") as raised:
        program(program.parameters, population)
    assert raised.value.variable in OUTPUTS
    entity = program.entity(raised.value.variable)
    region = population.labels("region")[np.asarray(population.household_of(entity))]
    assert set(region[raised.value.rows]) == {"SOUTH"}
    assert (raised.value.found == 0).all() and (raised.value.expected != 0).all()


def test_it_can_be_turned_off(wrong_strata, tmp_path):
    program = compile(SYSTEM, OUTPUTS, 2025, people(), check=False)
    program(program.parameters, people())
    assert program.report.checks == []
    program.save(tmp_path / "regions.pejax")
    again = load(tmp_path / "regions.pejax", check=False)
    again(again.parameters, people())
    with pytest.raises(SelfCheckError):
        again = load(tmp_path / "regions.pejax")
        again(again.parameters, people())


def test_a_gradient_and_a_batch_are_checked_too(wrong_strata):
    program, population = compile(SYSTEM, OUTPUTS, 2025, people()), people()

    def total(law):
        return jnp.sum(program(law, population)["tax"])

    with pytest.raises(SelfCheckError):
        jax.grad(total)(program.parameters)
    laws = jax.tree.map(lambda x: jnp.stack([x, 1.1 * x]), program.parameters)
    with pytest.raises(SelfCheckError):
        jax.vmap(total)(laws)


def test_blocks_are_checked(wrong_strata):
    program = compile(SYSTEM, OUTPUTS, 2025, people(), chunk=20)
    with pytest.raises(SelfCheckError):
        program(program.parameters, people(households=60).in_household_order())


def test_an_operation_that_means_something_else_in_jax(monkeypatch):
    program = toy_program()
    monkeypatch.setitem(_emit.EMITTERS, "maximum", _emit.EMITTERS["minimum"])
    with pytest.raises(SelfCheckError, match="meaning in JAX"):
        program(program.parameters, random_population(jax.random.key(1), 33))


def rounding_system():
    from pejax.engine import build_system, input_variable, rule

    @rule(entity="person", kind="bool")
    def is_third(income):
        return income / 3 * 3 == income

    @rule(entity="person")
    def grant(is_third, params):
        return params.grant * is_third

    return build_system(
        "thirds",
        entities=("person", "household"),
        parameters={"grant": 100.0},
        rules=(is_third, grant),
        inputs=(input_variable("income", entity="person"),),
    )


def test_rows_that_rounding_decides_are_listed(monkeypatch):
    """What one rounding more or less turns over is told, not refused."""
    import pandas as pd

    from pejax import Population

    rng = np.random.default_rng(0)
    person = pd.DataFrame(
        {"person_id": range(200), "household_id": range(200), "income": rng.uniform(0, 1e4, 200)}
    )
    household = pd.DataFrame({"household_id": range(200)})
    population = Population.from_frames({"person": person, "household": household}, weights=None)
    monkeypatch.setattr("pejax.engine.running._sample.MOST", 10_000)
    honest = _emit.EMITTERS["divide"]
    nudge = jnp.float32(1 + 2**-22)
    monkeypatch.setitem(_emit.EMITTERS, "divide", lambda e, n: honest(e, n) * nudge)
    program = compile(rounding_system(), ["grant"], 2025, population)
    found = np.asarray(program(program.parameters, population)["grant"])
    told = program.report.rounded()
    assert set(told["variable"]) <= {"grant"}
    assert all(found[row] == value for row, value in zip(told["row"], told["program"], strict=True))


def test_whole_numbers_that_overflow_are_found_where_they_are_largest(apart):
    """Programs hold 32 bits where numpy has 64: one household of sixty has so much."""

    @rule(entity="person")
    def cents(income):
        return (income * 100).astype(int) // 100

    system = build_system(
        "cents",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=[cents],
        inputs=[input_variable("income", entity="person")],
    )
    population = people(households=60)
    values = np.full(population.count(), 50.0)
    extra = sorted({n for held in population.columns.values() for n in held if n != "income"})
    for at, most in ((37, 9e6), (41, 9e7)):
        values[at] = most
        rich = population.with_columns("person", income=values)
        program = compile(system, ["cents"], 2025, rich, extra=extra)
        if most < 2**31 / 100:
            assert program(program.parameters, rich)["cents"][at] == most
        else:
            with pytest.raises(BadInputError, match=f"row {at}"):
                program(program.parameters, rich)
