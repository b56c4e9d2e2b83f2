"""What a call refuses is refused under every transformation in which values are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _engine_rules import INCOME, people, system
from test_engine_strata import (
    OUTPUTS as REGIONAL,
    SYSTEM as REGIONS,
    Region,
    in_region,
    people as regional_people,
)

from pejax import BadInputError
from pejax.engine import (
    GuardMovedError,
    build_system,
    compile,
    gradient,
    input_variable,
    load,
    rule,
    sensitivity,
    sweep,
)
from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._strata import homes
from pejax.engine.running import _runtime
from pejax.testing import toy_population, toy_program

OUT_OF_ORDER = {"tax.surtax[0].threshold": 1e6}
CODE = input_variable("code", entity="person", kind="int")
GIVEN = people(code=[1, 2, 3, 4])


def program_of(formula, big=3.0, **options):
    made = rule(entity="person", name="asked", kind="float")(formula)
    rules = system(made, inputs=(INCOME, CODE), law={"big": big})
    return compile(rules, ["asked"], 2025, GIVEN, **options)


def whole(income, params):
    return (income * params.big).astype(int) * 1.0


def chosen_first(income, code, params):
    return np.where(code > 10, (income * params.big * 1e9).astype(int), 0) * 1.0


@pytest.fixture(scope="module")
def toy():
    return toy_program(("income_tax",)), toy_population()


@pytest.fixture(scope="module")
def counted():
    return program_of(whole)


def total(program, population, name):
    return lambda law: program(law, population)[name].sum()


def stacked(program, reforms):
    laws = [program.parameters.with_reform(reform) for reform in reforms]
    return jax.tree.map(lambda *values: jnp.stack(values), *laws)


WAYS = {
    "grad": lambda f, law: jax.grad(f)(law),
    "value_and_grad": lambda f, law: jax.value_and_grad(f)(law),
    "jvp": lambda f, law: jax.jvp(f, (law,), (law,)),
    "jacfwd": lambda f, law: jax.jacfwd(f)(law),
    "vmap": lambda f, law: jax.vmap(f)(jax.tree.map(lambda v: v[None], law)),
    "vmap of grad": lambda f, law: jax.vmap(jax.grad(f))(jax.tree.map(lambda v: v[None], law)),
}


# ---- decisions


@pytest.mark.parametrize("way", WAYS)
def test_a_moved_decision_is_met_under_a_transformation(toy, way):
    program, population = toy
    f = total(program, population, "income_tax")
    WAYS[way](f, program.parameters)
    with pytest.raises(GuardMovedError, match=r"thresholds of tax\.surtax are out of order"):
        WAYS[way](f, program.parameters.with_reform(OUT_OF_ORDER))


@pytest.mark.parametrize("derivative", [gradient, sensitivity])
def test_a_derivative_under_a_reform_that_moves_a_decision(toy, derivative):
    program, population = toy
    law = program.parameters.with_reform(OUT_OF_ORDER)
    with pytest.raises(GuardMovedError, match=r"tax\.surtax"):
        derivative(program, law, population, "income_tax")


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_a_sweep_names_the_reform_that_moves_a_decision(toy, batch):
    program, population = toy
    reforms = [{"tax.rate": 0.1}, {}, {"tax.rate": 0.2}, OUT_OF_ORDER, {}]
    with pytest.raises(GuardMovedError, match=r"tax\.surtax") as caught:
        sweep(program, reforms, population, ["income_tax"], batch=batch)
    assert "in reform number 3" in caught.value.__notes__


def test_a_decision_about_people_is_met_in_a_batch_of_laws():
    program = toy_program()
    population = toy_population()
    healthy = population.with_columns("person", disabled=np.zeros(population.count(), bool))
    with pytest.raises(GuardMovedError, match="care_supplement took a Python decision"):
        jax.vmap(total(program, healthy, "net_income"))(stacked(program, [{}, {"tax.rate": 0.1}]))


def test_inside_of_jit_guards_are_still_asked_for(toy):
    program, population = toy
    law = program.parameters.with_reform(OUT_OF_ORDER)
    jax.jit(total(program, population, "income_tax"))(law)
    assert not bool(jax.jit(program.guards_hold)(law, population).all())


# ---- whole numbers


@pytest.mark.parametrize("way", WAYS)
def test_a_number_that_does_not_fit_is_met_under_a_transformation(counted, way):
    f = total(counted, GIVEN, "asked")
    WAYS[way](f, counted.parameters)
    with pytest.raises(BadInputError, match=r"10,000,000,000 in row 0, which does not fit"):
        WAYS[way](f, counted.parameters.with_reform({"big": 1e9}))


def test_a_sweep_names_the_reform_under_which_a_number_does_not_fit(counted):
    reforms = [{"big": 4.0}, {"big": 5.0}, {"big": 1e9}]
    with pytest.raises(BadInputError, match="does not fit in 32 bits") as caught:
        sweep(counted, reforms, GIVEN, ["asked"])
    assert "in reform number 2" in caught.value.__notes__
    table = sweep(counted, reforms[:2], GIVEN, ["asked"])
    assert table["asked"][1] == table["asked"][0] * 5 / 4 > 0


@pytest.mark.parametrize("big", [2.75e7, 1e8])
def test_beyond_half_the_room_the_numbers_themselves_decide(counted, big):
    """40 * 2.75e7 is beyond half the room and fits; 40 * 1e8 does not."""
    law = counted.parameters.with_reform({"big": big})
    if big < 5e7:
        assert 2**30 < np.asarray(counted(law, GIVEN)["asked"])[3] == 40 * big
    else:
        with pytest.raises(BadInputError, match="3,000,000,000 in row 2"):
            counted(law, GIVEN)


def test_a_row_that_a_choice_leaves_out_is_no_reason():
    program = program_of(chosen_first)
    found = sweep(program, [{}, {"big": 9.0}], GIVEN, ["asked"])
    assert found["asked"].tolist() == [0.0, 0.0]


def test_not_a_number_is_met():
    program = program_of(lambda income, params: (income / params.big).astype(int) * 1.0)
    with pytest.raises(BadInputError, match="makes a whole number of inf in row 0"):
        jax.vmap(total(program, GIVEN, "asked"))(stacked(program, [{"big": 2.0}, {"big": 0.0}]))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32"])
def test_narrow_types_have_limits_of_their_own(kind):
    def narrow(income, params):
        return (income * params.big).astype(kind) * 1.0

    program = program_of(narrow, big=0.5)
    assert np.asarray(program(program.parameters, GIVEN)["asked"]).tolist() == [5, 10, 15, 20]
    most = np.iinfo(kind).max
    with pytest.raises(BadInputError, match="which does not fit in"):
        sweep(program, [{}, {"big": most / 38}], GIVEN, ["asked"])


def test_a_place_that_a_law_makes_is_looked_at_under_each():
    def placed(income, params):
        return income[(income * params.big).astype(int) // 10 - 1] * 1.0

    program = program_of(placed, big=0.5)
    found = program(program.parameters, GIVEN)["asked"]
    assert np.asarray(found).tolist() == [40.0, 10.0, 10.0, 20.0]
    with pytest.raises(BadInputError, match="asks for place 5 in row 3, but there are 4") as caught:
        sweep(program, [{}, {"big": 1.5}], GIVEN, ["asked"])
    assert "in reform number 1" in caught.value.__notes__


def test_reforms_compute_nothing_twice(counted, monkeypatch):
    """The program looks at its numbers itself; nobody computes them again in numpy."""
    counted(counted.parameters, GIVEN)
    monkeypatch.setattr(Interpreter, "all", None)
    for times in (0.5, 2.0, 100.0):
        law = counted.parameters.with_reform({"big": 3.0 * times})
        assert np.asarray(counted(law, GIVEN)["asked"])[0] == int(30 * times)


def test_a_program_from_disk_looks_too(counted, tmp_path):
    counted.save(tmp_path / "law.pejax")
    again = load(tmp_path / "law.pejax")
    assert len(again.limits) == len(counted.limits) == 1 and again == counted
    with pytest.raises(BadInputError, match="10,000,000,000 in row 0"):
        again(again.parameters.with_reform({"big": 1e9}), GIVEN)


def test_a_program_that_asks_itself_nothing_is_looked_at_in_a_batch():
    """A product of columns has no limit; whether anybody reads it, a law decides."""
    program = program_of(lambda code, params: np.where(params.big > 5, code * code, 0) * 1.0)
    large = GIVEN.with_columns("person", code=np.array([1, 2, 3, 50_000]))
    program(program.parameters, large)
    with pytest.raises(BadInputError, match="2,500,000,000 in row 3") as caught:
        sweep(program, [{"big": 4.0}, {"big": 6.0}], large, ["asked"])
    assert not program.limits and "in reform number 1" in caught.value.__notes__


def test_what_is_known_inside_of_a_jit_is_looked_at(counted):
    """The law and the people are no arguments of the function that is traced."""
    law = counted.parameters.with_reform({"big": 1e9})
    with pytest.raises(BadInputError, match="10,000,000,000 in row 0"):
        jax.jit(lambda factor: counted(law, GIVEN)["asked"] * factor)(1.0)


def test_people_of_no_stratum_are_asked_too():
    """What one of two regions had when a program was made, a third may have later."""

    def elsewhere(person, period, parameters):
        number = (person("income", period) * parameters(period).rate).astype(int)
        return np.where(person.household("in_north", period), 0, number)

    rules = build_system(
        "regions",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=(in_region("NORTH"), rule(entity="person")(elsewhere)),
        inputs=(INCOME, input_variable("region", entity="household", vocabulary=Region)),
    )
    known = regional_people(regions=("NORTH", "SOUTH"))
    program = compile(rules, ["elsewhere"], 2025, known)
    large = program.parameters.with_reform({"rate": 1e9})
    assert len(program.limits) == 1
    for population in (known, regional_people(regions=("NORTH", "ISLES"))):
        program(program.parameters, population)
        with pytest.raises(BadInputError, match="does not fit in 32 bits"):
            program(large, population)


def test_what_belongs_to_a_stratum_stays_there(monkeypatch):
    """A limit asks the rows of its own stratum alone."""
    monkeypatch.setattr(_runtime, "SMALLEST_COMPACTED", 0)
    monkeypatch.setattr(_runtime, "FEWEST_AT_HOME", 1)
    program = compile(REGIONS, [*REGIONAL, "isles_grant"], 2025, regional_people())
    assert program.strata is not None
    asked = [output.node for output in program.outputs]
    without = homes(asked, program.strata)
    within = homes([*asked, *(limit.node for limit in program.limits)], program.strata)
    assert without.of.items() <= within.of.items() and without.idle <= within.idle
