"""Households that travel with a saved program, and situations read without the country."""

import io
import json
import zipfile

import jax
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import (
    GuardMovedError,
    build_system,
    compile,
    gradient,
    input_variable,
    load,
    rule,
)
from pejax.testing import toy_oracle, toy_population, toy_program, toy_system

FAMILY = {"people": {"anna": {"age": 40, "earnings": 30_000.0}, "bert": {"age": 3}}}


@pytest.fixture(scope="module")
def people() -> Population:
    return toy_population(300, seed=1)


@pytest.fixture(scope="module")
def program(people):
    return toy_program(population=people)


@pytest.fixture
def carried(program, people, tmp_path):
    program.save(tmp_path / "toy.pejax", carrier=people)
    return load(tmp_path / "toy.pejax")


@pytest.fixture
def asked(program) -> Population:
    return program.population_of(FAMILY)


# ---- one family


def test_a_family_that_moves_a_decision_is_answered(program, carried, asked):
    with pytest.raises(GuardMovedError):
        program(program.parameters, asked)
    expected = toy_oracle(asked)
    for name, found in carried(carried.parameters, asked).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-6)


def test_numpy_gives_the_same_without_compiling(carried, asked):
    compiled = carried(carried.parameters, asked)
    for name, found in carried.in_numpy(carried.parameters, asked).items():
        np.testing.assert_allclose(found, compiled[name], rtol=1e-6)
        assert found.dtype == np.float64


@pytest.mark.parametrize("sizes", [{}, {"person": 2_000, "household": 1_000, "tax_unit": 1_500}])
def test_numpy_gives_the_same_to_those_who_need_no_carrier(program, people, sizes):
    people = people.pad_to(sizes) if sizes else people
    compiled = program(program.parameters, people)
    for _ in range(3):
        for name, found in program.in_numpy(program.parameters, people).items():
            np.testing.assert_allclose(found, compiled[name], rtol=1e-6, atol=1e-3)


def test_numpy_answers_law_after_law_and_family_after_family(carried):
    """The third question of a kind walks over no graph; nothing is left of those before."""
    law = carried.parameters
    laws = law, law.with_reform({"tax.rate": 0.35})
    families = []
    for earnings in (0.0, 30_000.0, 64_000.0):
        people = {**FAMILY["people"], "more": {"age": 50, "earnings": earnings}}
        families.append(carried.population_of({"people": people}))
    for _ in range(3):
        for one in laws:
            for family in families:
                expected, found = carried(one, family), carried.in_numpy(one, family)
                for name, values in found.items():
                    np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-3)


def test_numpy_refuses_what_a_call_refuses(people, tmp_path):
    def chosen(earnings):
        return np.array([1.0, 2.0, 3.0])[(earnings / 100).astype(int)]

    program = _program_of(chosen, _people(np.arange(100.0, 200.0)))
    far = _people(np.array([100.0, 900.0]))
    for ask in (program, *3 * [program.in_numpy]):
        with pytest.raises(BadInputError, match="row 1"):
            ask(program.parameters, far)


def test_two_carriers_give_the_same_bits(program, asked, tmp_path):
    found = []
    for seed in (1, 2):
        program.save(tmp_path / f"{seed}.pejax", carrier=toy_population(200, seed=seed))
        found.append(load(tmp_path / f"{seed}.pejax"))
    assert found[0].digest == found[1].digest == program.digest
    assert found[0] != found[1] and found[0] != program  # others are refused beside each
    first, second = (p(p.parameters, asked) for p in found)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def test_gradients_and_transforms_are_those_of_the_family_alone(carried, asked):
    alone = compile(toy_system(), ["net_income"], 2025, asked)
    expected = dict(
        zip(
            (leaf.key for leaf in alone.index.leaves),
            gradient(alone, alone.parameters, asked, "net_income")[1].values,
            strict=True,
        )
    )
    slopes = gradient(carried, carried.parameters, asked, "net_income")[1].values
    for leaf, slope in zip(carried.index.leaves, slopes, strict=True):
        np.testing.assert_allclose(slope, expected.get(leaf.key, 0.0), rtol=1e-5, atol=1e-6)
    at_once = jax.jit(carried)(carried.parameters, asked)
    for name, values in carried(carried.parameters, asked).items():
        np.testing.assert_allclose(at_once[name], values, rtol=1e-6)
    assert carried.guards_hold(carried.parameters, asked).all()


@pytest.mark.parametrize("households", [1, 7, 40, 300])
def test_any_number_of_people_in_their_order(carried, households):
    some = toy_population(households, seed=8)
    expected = toy_oracle(some)
    for name, found in carried(carried.parameters, some).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-4)
        assert found.shape == (some.count(carried.entity(name)),)


def test_padded_people_and_those_in_blocks(carried, people):
    plain = carried(carried.parameters, people)
    ordered = people.in_household_order()
    for other, same in ((people.pad_to(), people), (ordered.in_blocks(3), ordered)):
        found = carried(carried.parameters, other)
        expected = plain if same is people else carried(carried.parameters, same)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_families_of_several_sizes_share_an_executable(carried):
    runtime = carried._runtime
    for many in (1, 2, 5):
        carried(carried.parameters, toy_population(many, seed=many))
    assert len(runtime.prepared) == 1


def test_an_error_names_the_row_of_the_asked(carried, asked):
    broken = asked.with_columns("person", earnings=jax.numpy.array([np.nan, 0.0]))
    with pytest.raises(BadInputError, match=r"person\.earnings is nan in row 0"):
        carried(carried.parameters, broken)


# ---- who is taken along


def test_those_whom_it_was_compiled_for(program, tmp_path):
    program.save(tmp_path / "toy.pejax", carrier=True)
    assert 60 <= load(tmp_path / "toy.pejax").carrier.count("household") < 300


def test_a_household_that_a_decision_needs_is_found(tmp_path):
    people = toy_population(2_000, seed=3)
    rare = np.zeros(people.count(), bool)
    rare[1_234] = True
    people = people.with_columns("person", disabled=rare)
    program = toy_program(population=people)
    program.save(tmp_path / "toy.pejax", carrier=people)
    carrier = load(tmp_path / "toy.pejax").carrier
    assert carrier.count("household") in (60, 61)
    assert np.asarray(carrier.column("disabled")).sum() == 1


def test_somebody_is_taken_of_whom_a_decision_is(tmp_path):
    """A decision about one state holds where nobody of it lives; a carrier has somebody of it all
    the same, beside whom those of that state are answered."""

    def in_one(state):
        return np.where(state == 6, 100.0, 0.0) if (state == 6).any() else 0.0 * state

    def living_in(*states):
        rows = np.arange(len(states))
        homes = pd.DataFrame({"household_id": rows, "state": states})
        persons = pd.DataFrame({"person_id": rows, "household_id": rows})
        return Population.from_frames({"person": persons, "household": homes}, weights=None)

    given = [input_variable("state", entity="household", kind="int")]
    program = _program_of(in_one, living_in(6, 36, 48), "household", given)
    path = tmp_path / "law.pejax"
    with pytest.raises(BadInputError, match="decisions of in_one are about people"):
        program.save(path, carrier=living_in(36, 48))
    program.save(path, carrier=living_in(*[36, 48] * 100, 6, *[36, 48] * 100))
    carrier = load(path).carrier
    assert 6 in np.asarray(carrier.column("state")) and carrier.count("household") in (60, 61)


def test_people_who_are_gone_are_asked_for(tmp_path):
    program = toy_program(population=toy_population(80, seed=4))
    with pytest.raises(BadInputError, match="carrier=people"):
        program.save(tmp_path / "toy.pejax", carrier=True)
    program.save(tmp_path / "toy.pejax", carrier=toy_population(80, seed=4))
    again = load(tmp_path / "toy.pejax")
    again.save(tmp_path / "again.pejax")  # it keeps the carrier that it has
    assert load(tmp_path / "again.pejax").carrier.schema == again.carrier.schema
    assert not (tmp_path / "other.pejax").exists()


def test_people_beside_whom_it_decides_otherwise_are_refused(program, people, tmp_path):
    healthy = people.with_columns("person", disabled=np.zeros(people.count(), bool))
    with pytest.raises(GuardMovedError):
        program.save(tmp_path / "toy.pejax", carrier=healthy)
    assert not list(tmp_path.iterdir())


def test_what_is_no_carrier_is_refused(program, tmp_path):
    with pytest.raises(BadInputError, match="carrier is 60"):
        program.save(tmp_path / "toy.pejax", carrier=60)


def test_chunks_take_no_carrier(people, tmp_path):
    program = compile(toy_system(), ["net_income"], 2025, people, chunk=50)
    with pytest.raises(BadInputError, match="chunks"):
        program.save(tmp_path / "toy.pejax", carrier=people)


EARNINGS = [input_variable("earnings", entity="person")]


def _program_of(formula, people, entity="person", inputs=EARNINGS):
    rules = build_system(
        "law",
        entities=("person", "household"),
        parameters={"rate": 0.5},
        inputs=inputs,
        rules=[rule(entity=entity)(formula)],
    )
    return compile(rules, [formula.__name__], 2025, people)


def _people(earnings):
    rows = np.arange(len(earnings))
    table = {"person_id": rows, "household_id": rows, "earnings": earnings}
    return Population.from_frames({"person": pd.DataFrame(table)}, weights=None)


def share(earnings):
    return earnings / np.sum(earnings)


def has_twice_of_another(earnings):
    return np.isin(earnings, 2 * earnings) * 1.0


@pytest.mark.parametrize("formula", [share, has_twice_of_another])
def test_what_compares_households_is_refused(formula, tmp_path):
    people = _people(np.arange(1.0, 101.0))
    with pytest.raises(BadInputError, match=f"{formula.__name__} compares households"):
        _program_of(formula, people).save(tmp_path / "law.pejax", carrier=people)


def test_a_place_in_the_order_of_all_is_refused(tmp_path):
    def place(earnings):
        return np.unique(earnings, return_inverse=True)[1] * 1.0

    people = _people(np.random.default_rng(0).uniform(0, 1e5, 100))
    with pytest.raises(BadInputError, match="place of a household is another"):
        _program_of(place, people).save(tmp_path / "law.pejax", carrier=people)


def test_how_many_there_are_is_no_comparison(tmp_path):
    def doubled(earnings):
        return np.where(len(earnings) > 1_000, 0.0, 2 * earnings)

    people = _people(np.arange(1.0, 101.0))
    program = _program_of(doubled, people)
    program.save(tmp_path / "law.pejax", carrier=people)
    one = load(tmp_path / "law.pejax")
    assert one(one.parameters, _people(np.ones(1)))["doubled"].tolist() == [2.0]


# ---- the file


def test_a_changed_carrier_is_refused(program, people, tmp_path):
    path = tmp_path / "toy.pejax"
    program.save(path, carrier=people)
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with np.load(io.BytesIO(held["carrier.npz"])) as packed:
        arrays = dict(packed)
    arrays["column/person/earnings"] = arrays["column/person/earnings"] + 1
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    for name, changed in (
        ("carrier.npz", packed.getvalue()),
        ("carrier.json", json.dumps({"person": "tax_unit"}).encode()),
        ("carrier.npz", None),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for member, text in {**held, name: changed}.items():
                if text is not None:
                    archive.writestr(member, text)
        with pytest.raises(BadInputError, match=r"toy\.pejax is not a saved program"):
            load(path)


def test_the_identity_is_that_of_the_law(program, carried, tmp_path):
    carried.save(tmp_path / "again.pejax")
    assert carried == load(tmp_path / "again.pejax")
    assert carried.digest == program.digest


# ---- situations without the country


def test_absent_columns_have_the_countrys_defaults(program):
    family = program.population_of(FAMILY)
    assert family.labels("region").tolist() == ["NORTH"]
    assert family.column("savings").tolist() == [0.0, 0.0]


def test_a_situation_is_read_as_the_country_reads_it(program):
    written = {
        "people": {"a": {"age": 50, "earnings": {"2025": 10.0}}, "b": {}},
        "tax_units": {"one": {"members": ["a"]}, "two": {"members": ["b"]}},
        "households": {"home": {"members": ["a", "b"], "region": "SOUTH", "rent": None}},
        "axes": [[{"name": "earnings", "min": 0, "max": 100, "count": 3}]],
    }
    mine = program.population_of(written)
    theirs = Population.from_situation(written, toy_system(), 2025)
    assert mine.schema.counts == theirs.schema.counts
    for name in ("age", "earnings"):
        np.testing.assert_array_equal(mine.column(name), theirs.column(name))
    assert mine.labels("region").tolist() == theirs.labels("region").tolist()


@pytest.mark.parametrize(
    ("situation", "says"),
    [
        ({"people": {"a": {"income_tax": 3.0}}}, "a variable of the tax_unit"),
        ({"people": {"a": {"earnings": "much"}}}, "earnings is 'much'"),
        (
            {"people": {"a": {}}, "tax_units": {"t": {"income_tax": 3.0, "members": ["a"]}}},
            "program computes it",
        ),
        ({"people": {}}, "no people"),
        ([], "situation is"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(program, situation, says):
    with pytest.raises(BadInputError, match=says):
        program.population_of(situation)


def test_an_unknown_variable_has_near_ones(program):
    with pytest.raises(UnknownNameError, match="earnings"):
        program.population_of({"people": {"a": {"earning": 1.0}}})
    home = {"h": {"region": "MOON", "members": ["a"]}}
    with pytest.raises(UnknownNameError, match="NORTH"):
        program.population_of({"people": {"a": {}}, "households": home})


def test_null_is_no_value_and_what_nobody_reads_is_left_out():
    few = Population.from_situation({"people": {"a": {"earnings": 5.0}}}, toy_system(), 2025)
    program = toy_program(["income_tax"], few)
    units = {"t": {"members": ["a"], "income_tax": None}}
    people = {"a": {"age": {"2025": 5}, "earnings": {"2025": 9.0}}}
    found = program.population_of({"people": people, "tax_units": units})
    assert set(found.columns["person"]) == {"earnings"}
    axis = {"name": "age", "min": 0, "max": 9, "count": 10}
    with pytest.raises(BadInputError, match="axis age: read by no output"):
        program.population_of({"people": people, "axes": [[axis]]})


def test_what_replaces_a_formula_must_be_said(people):
    tax = toy_oracle(people)["income_tax"]
    given = people.with_columns("tax_unit", income_tax=tax)
    program = toy_program(["net_income"], given)
    with pytest.raises(BadInputError, match=r"does not give tax_unit\.income_tax"):
        program.population_of(FAMILY)
    units = {"t": {"members": ["anna", "bert"], "income_tax": 1.0}}
    found = program.population_of({**FAMILY, "tax_units": units})
    assert found.column("income_tax").tolist() == [1.0]
