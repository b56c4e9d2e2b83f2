"""Programs on people: parity with a hand-written oracle, sizes, populations refused, guards."""

import jax
import numpy as np
import pytest

from pejax import Population
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import GuardMovedError, compile
from pejax.engine.running import _executables
from pejax.testing import (
    NUMBERS,
    Band,
    random_population,
    toy_oracle,
    toy_population,
    toy_program,
    toy_system,
)

EVERYTHING = tuple(toy_oracle(toy_population()))


@pytest.fixture(scope="module")
def people() -> Population:
    return toy_population()


@pytest.fixture(scope="module")
def program(people):
    return toy_program(EVERYTHING, people)


def values(program, population, reform=None):
    law = program.parameters.with_reform(reform or {})
    return {k: np.asarray(v) for k, v in program(law, population).items()}


def assert_equal(found, expected, rtol=1e-6, atol=1e-6):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=atol, err_msg=name)


# ---- parity


def test_single_precision_equals_the_oracle(program, people):
    assert_equal(values(program, people), toy_oracle(people), rtol=3e-7, atol=0.01)


def test_double_precision_equals_the_oracle(x64):
    people = random_population(jax.random.key(1), 40)
    program = toy_program(EVERYTHING, people, dtype="float64")
    found = program(program.parameters, people)
    assert {v.dtype.name for v in found.values()} <= {"float64", "bool", "int32"}
    assert_equal(found, toy_oracle(people), rtol=1e-14, atol=1e-9)


def test_the_interpreter_equals_the_oracle(program, people):
    interpreter = program.interpreter(program.parameters, people)
    for output in program.outputs:
        expected = toy_oracle(people)[output.name]
        np.testing.assert_allclose(interpreter(output.node), expected, rtol=1e-6)


REFORMS = [
    {"tax.rate": 0.35, "tax.surtax[0].rate": 0.0},
    {"tax.surtax[0].threshold": 10_000, "tax.surtax[1].threshold": 20_000},
    {"child.age_limit": 12, "child.monthly[1].amount": 300},
    {"child.phase_out.start": 0, "child.phase_out.rate": 0.9},
    {"winter.limit": 1e9, "housing.limit.SOUTH": 0, "care.supplement": -5},
    {"housing.share": 0.3, "band.high": 30_000},
]


@pytest.mark.parametrize("reform", REFORMS, ids=",".join)
def test_reforms_equal_the_oracle(program, people, reform):
    assert_equal(values(program, people, reform), toy_oracle(people, reform), atol=0.02)


def test_a_reform_of_this_year_alone_equals_the_oracle(program, people):
    """Rents are carried forward by the ratio of next year's index to this year's."""
    found = values(program, people, {"index.rents": {"2025-01-01.2025-12-31": 50}})
    assert_equal(found, toy_oracle(people, {"index.rents": 50}), atol=0.02)


def test_a_category_s_codes_have_names(program, people):
    assert program.vocabulary("income_band") == ("LOW", "MIDDLE", "HIGH")
    assert program.vocabulary("income_tax") is None
    bands = [b.name for b in Band]
    codes = values(program, people)["income_band"]
    named = [program.vocabulary("income_band")[c] for c in codes]
    assert named == [bands[c] for c in toy_oracle(people)["income_band"]]


def test_outputs_are_in_the_caller_s_rows(program, people):
    found = values(program, people)
    assert {k: len(v) for k, v in found.items()} == {
        name: people.count(program.entity(name)) for name in EVERYTHING
    }


def test_an_output_that_was_not_compiled_names_its_neighbours(program):
    with pytest.raises(UnknownNameError, match=r"'incme_tax'.*'income_tax'"):
        program.entity("incme_tax")
    with pytest.raises(UnknownNameError, match=r"'incme_tax'.*'income_tax'"):
        program.vocabulary("incme_tax")


def test_programs_of_equal_content_are_equal(program, people):
    again = toy_program(EVERYTHING, people)
    assert program == again and hash(program) == hash(again)
    assert program != toy_program()
    assert "toyland 2025" in repr(program)


def test_another_year_has_another_law(people):
    program = compile(toy_system(), ["income_tax"], 2026, people)
    assert program.parameters["tax.allowance"] == 9_000
    expected = toy_oracle(people, {"tax.allowance": 9_000})["income_tax"]
    assert_equal(values(program, people), {"income_tax": expected}, atol=0.01)


def test_float64_needs_jax_s_switch(people):
    with pytest.raises(BadInputError, match="jax_enable_x64"):
        toy_program(dtype="float64")
    with pytest.raises(BadInputError, match="choose 'float32' or 'float64'"):
        toy_program(dtype="float16")


def test_questions_that_cannot_be_compiled(people):
    with pytest.raises(BadInputError, match=r"population is None. Give a Population"):
        compile(toy_system(), ["income_tax"], 2025, None)
    with pytest.raises(BadInputError, match="give the names of the variables"):
        compile(toy_system(), [], 2025, people)
    with pytest.raises(BadInputError, match=r"period: 'next' is no period. Give a year, 2025"):
        compile(toy_system(), ["income_tax"], "next", people)
    with pytest.raises(BadInputError, match="period: '2025-03-01' is no period"):
        compile(toy_system(), ["income_tax"], "2025-03-01", people)
    with pytest.raises(UnknownNameError, match=r"'incme_tax'.*Nearest: income_tax"):
        compile(toy_system(), ["incme_tax"], 2025, people)


# ---- sizes


@pytest.mark.parametrize("rows", [None, 64, {"person": 40, "household": 9, "tax_unit": 33}])
def test_padding_changes_nothing(program, people, rows):
    assert_equal(values(program, people.pad_to(rows)), values(program, people), rtol=0, atol=0)


def test_blocks_change_nothing(program, people):
    assert_equal(values(program, people.in_blocks(3)), values(program, people), rtol=1e-6)


def test_chunks_change_nothing(people):
    outputs = EVERYTHING
    whole, cut = toy_program(outputs), compile(toy_system(), outputs, 2025, people, chunk=1)
    assert_equal(values(cut, people), values(whole, people), rtol=1e-6)


def test_another_size_in_the_same_bucket_does_not_compile(program):
    """Buckets hold 16, 20, 24 rows: 17 and 19 persons share one executable."""
    first, second = (_with_persons(n) for n in (17, 19))
    assert first.count() != second.count()
    values(program, first)
    ready = set(_executables._MADE)
    assert_equal(values(program, second), toy_oracle(second), atol=0.01)
    assert set(_executables._MADE) == ready
    values(program, toy_population(40))
    assert set(_executables._MADE) > ready


def _with_persons(count: int) -> Population:
    """Four households, six tax units and so many persons."""
    every = (toy_population(seed=seed) for seed in range(1000))
    return next(p for p in every if p.count() == count)


def test_a_reform_does_not_compile(program, people):
    values(program, people)
    ready = set(_executables._MADE)
    values(program, people, {"tax.rate": 0.9})
    assert set(_executables._MADE) == ready


def test_one_household_only(program):
    one = toy_population(1)
    assert_equal(values(program, one), toy_oracle(one), atol=0.01)


# ---- people


def test_rows_in_another_order(program):
    people = random_population(jax.random.key(3), 12)
    frames = people.to_frames()
    order = np.random.default_rng(0).permutation(people.count())
    frames["person"] = frames["person"].iloc[order]
    frames["household"] = frames["household"].iloc[::-1]
    shuffled = Population.from_frames(frames)
    found, expected = values(program, shuffled), values(program, people)
    for name, value in expected.items():
        kind = program.entity(name)
        turn = {"person": order, "household": slice(None, None, -1)}.get(kind, slice(None))
        np.testing.assert_allclose(found[name], value[turn], rtol=1e-6, atol=0.01, err_msg=name)


def test_a_household_twice_at_half_the_weight(program):
    people = random_population(jax.random.key(4), 9)
    twice = _doubled(people)
    for name in ("income_tax", "net_income", "child_benefit", "child_allowance"):
        entity = program.entity(name)
        totals = [
            np.asarray(program(program.parameters, p)[name], float)
            @ np.asarray(p.trim(p.weight(entity), entity), float)
            for p in (people, twice)
        ]
        np.testing.assert_allclose(totals[0], totals[1], rtol=1e-6)


def _doubled(people: Population) -> Population:
    import pandas as pd

    frames = people.to_frames()
    again = {entity: frame.copy() for entity, frame in frames.items()}
    for frame in again.values():
        for column in [c for c in frame if c.endswith("_id")]:
            frame[column] += 10_000
    for held in (frames, again):
        held["household"]["household_weight"] /= 2
    return Population.from_frames(
        {e: pd.concat([frames[e], again[e]], ignore_index=True) for e in frames}
    )


def test_a_missing_column_is_refused(program, people):
    frames = people.to_frames()
    frames["person"] = frames["person"].drop(columns="earnings")
    with pytest.raises(BadInputError, match="compiled for a column 'earnings' on person"):
        values(program, Population.from_frames(frames))


def test_a_column_that_the_program_computes_is_refused(program, people):
    more = people.with_columns("tax_unit", income_tax=np.zeros(6))
    with pytest.raises(BadInputError, match=r"tax_unit\.income_tax is a variable that the program"):
        values(program, more)


def test_a_population_need_not_know_every_name(program, people):
    """Codes are places among the names that occur; the program asks for the names."""
    moved = people.with_columns("household", region=["SOUTH", "ISLES", "ISLES", "SOUTH"])
    assert moved.schema.vocabularies["household", "region"] == ("ISLES", "SOUTH")
    assert_equal(values(program, moved), toy_oracle(moved), atol=0.01)
    expected = toy_oracle(moved)["housing_benefit"]
    home = next(o.node for o in program.outputs if o.name == "housing_benefit")
    np.testing.assert_allclose(
        program.interpreter(program.parameters, moved)(home), expected, rtol=1e-6
    )


def test_a_program_knows_names_that_its_population_lacked(program, people):
    narrow = people.with_columns("household", region=["SOUTH"] * 4)
    same = toy_program(EVERYTHING, narrow)
    assert_equal(values(same, people), toy_oracle(people), atol=0.01)


def test_a_name_that_the_rules_do_not_know_is_refused(program, people):
    moved = people.with_columns("household", region=["NORTH", "SOTH", "NORTH", "NORTH"])
    message = r"household\.region holds 'SOTH', which the rules do not know\. Nearest: SOUTH"
    with pytest.raises(BadInputError, match=message):
        values(program, moved)
    with pytest.raises(BadInputError, match=message):
        toy_program(EVERYTHING, moved)


def test_another_type_is_refused(program, people):
    aged = people.with_columns("person", age=np.full(people.count(), 30.5))
    with pytest.raises(BadInputError, match=r"person\.age has another type"):
        values(program, aged)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_column_that_is_not_finite_is_refused(program, people, value):
    earnings = np.asarray(people.column("earnings")).copy()
    earnings[3] = value
    odd = people.with_columns({"person": {"earnings": jax.numpy.asarray(earnings)}})
    with pytest.raises(BadInputError, match=r"person\.earnings is .* in row 3"):
        program(program.parameters, odd)


def test_whole_numbers_are_fine_where_there_were_floats(program, people):
    whole = people.with_columns("person", earnings=np.arange(people.count()) * 1_000)
    assert_equal(values(program, whole), toy_oracle(whole), atol=0.01)


def test_a_population_without_a_group_is_refused(program, people):
    frames = people.to_frames()
    del frames["tax_unit"]
    frames["person"] = frames["person"].drop(columns="tax_unit_id")
    without = Population.from_frames(frames)
    message = r"need a tax_unit for every person.*only person, household\. Add tax_unit_id"
    with pytest.raises(BadInputError, match=message):
        values(program, without)
    with pytest.raises(BadInputError, match=message):
        toy_program(EVERYTHING, without)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("wrong", [None, {"tax.rate": 0.3}, np.zeros(25)])
def test_what_is_no_parameters_is_refused(program, people, wrong):
    with pytest.raises(BadInputError, match=r"call program\(parameters, population\)"):
        program(wrong, people)


def test_parameters_of_another_program_are_refused(program, people):
    other = compile(toy_system(), ["winter_grant"], 2025, people)
    with pytest.raises(BadInputError, match="these parameters belong to another program"):
        program(other.parameters, people)


# ---- guards


def _healthy(people: Population) -> Population:
    return people.with_columns("person", disabled=np.zeros(people.count(), bool))


def test_data_that_move_a_decision(program, people):
    with pytest.raises(GuardMovedError, match=r"care_supplement took a Python decision \(bool"):
        values(program, _healthy(people))


def test_a_reform_that_moves_a_decision(program, people):
    """Sorting thresholds was a decision about the law."""
    with pytest.raises(GuardMovedError, match=r"thresholds of tax\.surtax are out of order"):
        values(program, people, {"tax.surtax[0].threshold": 1e6})


def test_inside_a_transformation_guards_are_asked_for(program, people):
    assert bool(program.guards_hold(program.parameters, people).all())
    moved = jax.jit(program.guards_hold)(program.parameters, _healthy(people))
    assert np.sum(~np.asarray(moved)) == 1


def test_a_program_respecialises(program, people):
    healthy = _healthy(people)
    new = program.respecialise(program.parameters, healthy)
    assert_equal(values(new, healthy), toy_oracle(healthy), atol=0.01)
    assert new.report.counts["nodes"] < program.report.counts["nodes"]
    with pytest.raises(GuardMovedError, match="care_supplement"):
        values(new, people)


def test_a_program_respecialises_for_a_law(people):
    program = toy_program(("income_tax",))
    law = program.parameters.with_reform(
        {"tax.surtax[0].threshold": 1e5, "tax.surtax[0].rate": 0.0}
    )
    with pytest.raises(GuardMovedError):
        program(law, people)
    with pytest.raises(ValueError, match=r"thresholds of tax\.surtax do not ascend"):
        program.respecialise(law, people)


# ---- the report


def test_the_report_says_what_became_of_every_variable(program):
    rows = {v.variable: v for v in program.report}
    inputs = {"age", "earnings", "savings", "disabled", "region", "rent"}
    assert {n for n, v in rows.items() if v.status == "given"} == inputs - {"rent"}
    assert {n for n, v in rows.items() if v.status == "traced"} == {*EVERYTHING, "rent"}
    assert rows["rent"].periods == ("2026",)
    assert rows["care_supplement"].guards == 1
    assert len(rows["child_allowance"].periods) == 12
    assert rows["winter_grant"].jumps == 1
    assert rows["income_tax"].jumps == 0
    assert not any(v.cuts_gradient for v in program.report)
    counts = program.report.counts
    assert (counts["traced"], counts["given"], counts["hoisted"]) == (14, 5, 0)
    assert counts["parameters"] == program.parameters.values.size
    assert len(program.report.to_frame()) == len(program.report) == len(rows)
    assert "14 traced, 5 given" in repr(program.report)


def test_the_oracle_knows_every_number(program):
    known = set(program.parameters.paths())
    assert set(NUMBERS) <= known
    assert known - set(NUMBERS) == {"child.monthly[0].threshold"}
