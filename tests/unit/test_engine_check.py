"""A program compares itself with its own graph in numpy, the first time on people of a kind."""

import _engine_world as world
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from _engine_rules import INCOME, system
from test_engine_strata import OUTPUTS, SYSTEM, people

from pejax import BadInputError, Population
from pejax.engine import SelfCheckError, build_system, compile, input_variable, load, rule
from pejax.engine.graph import _support
from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.running import _check, _emit, _executables, _runtime
from pejax.engine.running._check import Shaken
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


@pytest.fixture
def otherwise(monkeypatch):
    """Sets what an operation means in JAX, for programs of this test alone."""

    def set_to(operation, meaning):
        monkeypatch.setitem(_emit.EMITTERS, operation, meaning)

    _executables._MADE.clear()
    yield set_to
    _executables._MADE.clear()


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


def test_an_output_alone_is_what_it_is_among_all(apart, monkeypatch):
    """To find what is to blame, only one output is compiled again: all outputs of a whole law, up
    to three times, ended the process before the error was told."""
    seen, honest = [], _check._compared
    noted = lambda *given: seen.append(_check._Values(*given)) or honest(*given)  # noqa: E731
    monkeypatch.setattr(_check, "_compared", noted)
    program = compile(SYSTEM, OUTPUTS, 2025, people())
    program(program.parameters, people(households=60))
    (mine,) = seen
    assert len(mine.roots) > 1
    for i, found in enumerate(mine.compiled()):
        one = mine.alone(i)
        assert one.roots == (mine.roots[i],)
        for how in ({}, *_check.PASSES.values()):
            (again,) = one.compiled(**how)
            np.testing.assert_array_equal(again, found)


def test_what_is_left_of_a_difference_is_as_near_as_its_amounts_are_rounded(apart, monkeypatch):
    """A tax of 2,033 that a comparison of equal amounts makes 0, or the 0.00026 that moved
    roundings leave of it."""
    seen, honest = [], _check._compared
    noted = lambda *given: seen.append(_check._Values(*given)) or honest(*given)  # noqa: E731
    monkeypatch.setattr(_check, "_compared", noted)
    program = toy_program()
    program(program.parameters, random_population(jax.random.key(1), 33))
    low, high = np.array([0.00026, 0.00026, 1.0]), np.array([2033.1, 2033.1, 1.0])
    found = np.array([0.0, -1.0, 2.0], np.float32)
    assert _check._between(seen[0], low, high, found).tolist() == [True, False, False]


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


def test_an_operation_that_means_something_else_in_jax(otherwise):
    program = toy_program()
    otherwise("maximum", _emit.EMITTERS["minimum"])
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


def test_rows_that_rounding_decides_are_listed(otherwise, monkeypatch):
    """What one rounding more or less turns over is told, not refused."""
    rng = np.random.default_rng(0)
    person = pd.DataFrame(
        {"person_id": range(200), "household_id": range(200), "income": rng.uniform(0, 1e4, 200)}
    )
    household = pd.DataFrame({"household_id": range(200)})
    population = Population.from_frames({"person": person, "household": household}, weights=None)
    monkeypatch.setattr("pejax.engine.running._sample.MOST", 10_000)
    honest = _emit.EMITTERS["divide"]
    nudge = jnp.float32(1 + 2**-22)
    otherwise("divide", lambda e, n: honest(e, n) * nudge)
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


def test_a_difference_of_large_amounts_is_no_alarm(apart, otherwise):
    """A marginal rate divides what rounding leaves of two incomes by a small step: whichever way
    one of them is rounded, other roundings reach it."""

    @rule(entity="person")
    def marginal_rate(income):
        def net(pay):
            return pay - 0.0765 * pay - np.maximum(pay - 12_000.0, 0.0) * 0.22 - np.sqrt(pay) * 3.1

        return 1 - (net(income + 10.0) - net(income)) / 10.0

    homes = np.repeat(np.arange(70), np.arange(70) + 1)  # a household of every size is compared
    incomes = np.round(np.random.default_rng(0).uniform(1e4, 5e5, homes.size))
    person = pd.DataFrame(
        {"person_id": range(homes.size), "household_id": homes, "income": incomes, "age": 40}
    )
    household = pd.DataFrame({"household_id": range(70), "rent": 0.0})
    population = Population.from_frames({"person": person, "household": household}, weights=None)
    honest, bits = _emit.EMITTERS["sqrt"], jax.random.bernoulli(jax.random.key(0), 0.5, (2**13,))

    def nudged(emitter, node):
        value = honest(emitter, node)
        return value * jnp.where(bits[: value.shape[0]], 1 + 2**-22, 1 - 2**-22)

    otherwise("sqrt", nudged)
    program = world.program_of("marginal_rate", marginal_rate)
    program(program.parameters, population)
    assert len(program.report.checks[0].rounded) > 100


def test_every_move_of_a_result_has_its_opposite():
    """Otherwise chance decides whether the draws reach to both sides of a value."""
    graph = Graph({"person": 101})
    node = graph.apply(
        "multiply", graph.input("x", np.linspace(0.1, 7.3, 101)), graph.constant(3.7)
    )
    given = {"x": np.linspace(0.1, 7.3, 101)}, {101: 101}, {}
    plain = Interpreter(*given)(node)
    how = {"seed": 1, "dtype": np.float32, "whole": True}
    up, down = (Shaken(*given, **how, scale=k)(node) - plain for k in (1, -1))
    assert np.allclose(up, -down, rtol=1e-5, atol=1e-14) and (up > 0).any() and (up < 0).any()


def test_what_rounding_decides_in_float64_is_no_alarm(x64):
    """Amounts that are equal, but XLA puts the two literals of one of them together."""

    def left(income, other):
        mine, theirs = income.astype(np.float32), other.astype(np.float32)
        return np.maximum(mine * 0.1 * 0.3 - np.where(theirs > 0, theirs * 0.1, theirs) * 0.3, 0)

    columns = (INCOME, input_variable("other", entity="person", kind="float"))
    made = rule(entity="person", name="asked", kind="float")(left)
    amounts = np.random.default_rng(0).uniform(1e3, 1e5, 400).astype(np.float32).astype(float)
    amounts = amounts[amounts * (0.1 * 0.3) > amounts * 0.1 * 0.3]
    rows = np.arange(len(amounts))
    links = {"person_id": rows, "household_id": rows, "tax_unit_id": rows}
    person = pd.DataFrame({**links, "income": amounts, "other": amounts})
    population = Population.from_frames({"person": person}, weights=None)
    program = compile(system(made, inputs=columns), ["asked"], 2025, population, dtype="float64")
    found = np.asarray(program(program.parameters, population)["asked"])
    assert 0 < found.max() < 1e-10
    assert len(program.report.checks[0].rounded) > 0


def test_a_literal_of_32_bits_is_no_alarm_in_float64(x64):
    """Twice 0.2 is 0.4 in the program and 0.4000000059604645 in the source's width."""

    def doubled(age, params):
        return np.where(age > 3, np.float32(2.0) * params.rate, 0)

    law = build_system(
        "flatland",
        entities=("person", "household"),
        parameters={"rate": 0.2},
        rules=[rule(entity="person", name="asked")(doubled)],
        inputs=[input_variable("age", entity="person", kind="int")],
    )
    person = pd.DataFrame({"person_id": [0, 1], "household_id": [0, 1], "age": [2, 40]})
    population = Population.from_frames({"person": person}, weights=None)
    program = compile(law, ["asked"], 2025, population, dtype="float64")
    assert program(program.parameters, population)["asked"].tolist() == [0.0, 0.4]
    assert program.report.checks[0].rounded == (("asked", 1, 0.4, float(np.float32(0.4))),)


@pytest.mark.parametrize("chunk", [None, 20])
def test_a_second_run_reads_no_column_on_the_host(apart, monkeypatch, chunk):
    """What the checks find out about people is found out once."""
    population = people(households=60)
    program = compile(SYSTEM, OUTPUTS, 2025, population, chunk=chunk)
    program(program.parameters, population)
    reform = program.parameters.with_reform({"rate.NORTH": 0.3})
    honest, read = np.asarray, []

    def counted(values, *given, **settings):
        read.append(values.size if isinstance(values, jax.Array) else 0)
        return honest(values, *given, **settings)

    monkeypatch.setattr(np, "asarray", counted)
    program(program.parameters, population)
    program(reform, population)
    assert max(read) <= len(program.index.leaves) < population.count("household")


def test_a_number_of_the_law_that_is_no_float_of_32_bits_raises_no_alarm():
    """What the law writes is exactly what a formula compares it with."""
    from pejax.engine import build_system, input_variable, rule

    @rule(entity="person")
    def grant(income, params):
        if abs(params.share - 0.3) > 1e-9:
            return income * 2
        return income * params.share

    rules = build_system(
        "shares",
        entities=("person", "household"),
        parameters={"share": 0.3},
        rules=(grant,),
        inputs=(input_variable("income", entity="person"),),
    )
    person = pd.DataFrame({"person_id": [0, 1], "household_id": [0, 1], "income": [1.0, 2.0]})
    household = pd.DataFrame({"household_id": [0, 1]})
    population = Population.from_frames({"person": person, "household": household}, weights=None)
    program = compile(rules, ["grant"], 2025, population)
    found = program(program.parameters, population)["grant"]
    np.testing.assert_allclose(found, [0.3, 0.6], rtol=1e-6)
    (check,) = program.report.checks
    assert [row[2:] for row in check.rounded] == [(0.0, 1.0)]
