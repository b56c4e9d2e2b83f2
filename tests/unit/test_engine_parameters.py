"""The law's numbers as a pytree: reading, reforming, stacking."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import Parameters, ReformWarning, StructuralReformError
from pejax.testing import NUMBERS, toy_population, toy_program

ALLOWANCE = "child.monthly[0].amount"  # 140 to June, 150 from July


@pytest.fixture(scope="module")
def params() -> Parameters:
    return toy_program().parameters


# ---- reading


def test_every_number_is_addressed_by_the_country_s_path(params):
    assert len(params.paths()) == len(set(params.paths()))
    for path in set(NUMBERS) - {ALLOWANCE, "band.middle", "band.high"}:
        np.testing.assert_allclose(params[path], NUMBERS[path], rtol=1e-7)
    assert "tax.rate" in params and "tax.rat" not in params


def test_a_number_that_is_never_read_is_not_there(params):
    """`income_band` is not among the outputs, so nothing reads the bands."""
    assert "band.middle" not in params


def test_a_value_that_changes_within_the_period_is_one_number_an_interval(params):
    np.testing.assert_array_equal(params[ALLOWANCE], [140.0, 150.0])
    assert params.total(ALLOWANCE) == 290.0
    assert params["tax.rate"].shape == ()


def test_the_table_says_what_each_number_is(params):
    table = params.to_frame().set_index(["path", "start"])
    assert len(table) == params.values.size
    july = table.loc[(ALLOWANCE, "2025-07-01")]
    assert (july["value"], july["stop"], july["era"]) == (150.0, "2025-12-31", "")
    january = table.loc[(ALLOWANCE, "2025-01-01")]
    assert (january["value"], january["stop"]) == (140.0, "2025-06-30")
    rate = table.loc[("tax.rate", "2025-01-01")]
    assert (rate["label"], rate["unit"]) == ("Income tax rate", "/1")
    assert rate["reference"] == "Toyland Income Tax Act, section 1"


def test_values_of_another_year_are_entries_of_their_own(params):
    """The rent index of 2026 is read as well as that of 2025: each has its own dates."""
    table = params.to_frame()
    indices = table[table["path"] == "index.rents"].set_index("era")
    assert indices["value"].to_dict() == {"": 100.0, "after": 103.0}
    assert indices.loc["after", ["start", "stop"]].tolist() == ["2026-01-01", "2026-12-31"]
    assert params["index.rents"].shape == ()


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"2025-01-01.2025-12-31": 200.0}, {"": 200.0, "after": 103.0}),
        ({"year:2025:1": 200.0}, {"": 200.0, "after": 103.0}),
        ({"2025": 200.0}, {"": 200.0, "after": 200.0}),
        ({"2026-01-01": 200.0}, {"": 100.0, "after": 200.0}),
        ({"2025": 200.0, "2026": 201.0}, {"": 200.0, "after": 201.0}),
        ({"ETERNITY": 200.0}, {"": 200.0, "after": 200.0}),
        (200.0, {"": 200.0, "after": 200.0}),
    ],
)
def test_a_reform_moves_the_years_that_its_dates_cover(params, dates, expected):
    table = params.with_reform({"index.rents": dates}).to_frame()
    indices = table[table["path"] == "index.rents"].set_index("era")["value"]
    assert indices.to_dict() == expected


def test_half_of_another_year_is_refused_too(params):
    with pytest.raises(BadInputError, match="from 2026-07-01 covers only part of 2026-01-01 to"):
        params.with_reform({"index.rents": {"2026-07-01": 1.0}})


# ---- reforming


@pytest.mark.parametrize(
    "value",
    [0.25, {"2025": 0.25}, {"2025-01-01": 0.25}, {"2025-01-01.2100-12-31": 0.25}],
)
def test_a_reform_in_each_form(params, value):
    new = params.with_reform({"tax.rate": value})
    assert new["tax.rate"] == 0.25
    assert params["tax.rate"] == np.float32(0.2)
    changed = np.asarray(new.values != params.values)
    assert changed.sum() == 1
    assert params.index.leaves[int(changed.argmax())].path == "tax.rate"


def test_a_scalar_sets_every_interval_and_a_dated_value_its_own(params):
    np.testing.assert_array_equal(params.with_reform({ALLOWANCE: 99})[ALLOWANCE], [99, 99])
    july = params.with_reform({ALLOWANCE: {"2025-07-01": 99}})
    np.testing.assert_array_equal(july[ALLOWANCE], [140, 99])
    both = {ALLOWANCE: {"2025-01-01.2025-06-30": 1, "2025-07-01.2025-12-31": 2}}
    np.testing.assert_array_equal(params.with_reform(both)[ALLOWANCE], [1, 2])


@pytest.mark.parametrize(
    ("path", "dates", "message"),
    [
        (
            "tax.rate",
            {"2026-01-01.2026-12-31": 0.8},
            r"tax\.rate: the reform's dates \(2026-01-01 ",
        ),
        ("tax.rate", {"2020-01-01.2024-12-31": 0.9, "2026": 0.8}, "2024-12-31, from 2026-01-01"),
        (
            "index.rents",
            {"2027": 1.0},
            "computes 2025-01-01 to 2025-12-31 and reads it for 2026-01",
        ),
    ],
)
def test_a_reform_of_other_years_alone_changes_nothing_and_says_so(params, path, dates, message):
    with pytest.warns(ReformWarning, match=message):
        new = params.with_reform({path: dates})
    np.testing.assert_array_equal(new.values, params.values)


def test_half_an_interval_is_refused(params):
    with pytest.raises(BadInputError, match="covers only part of 2025-01-01 to 2025-12-31"):
        params.with_reform({"tax.rate": {"2025-03-01": 0.3}})
    with pytest.raises(BadInputError, match="only part of 2025-01-01 to 2025-06-30"):
        params.with_reform({ALLOWANCE: {"2025-01-01.2025-03-31": 1}})


def test_a_path_that_does_not_exist_names_its_neighbours(params):
    with pytest.raises(UnknownNameError, match=r"Unknown parameter 'tax\.rat'.*'tax\.rate'"):
        params.with_reform({"tax.rat": 0.3})
    with pytest.raises(UnknownNameError, match=r"'tax\.rate'"):
        params["tax.rat"]


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("tax.surtax[0].rte", r"'tax\.surtax\[0\]\.rate'"),
        ("tax.surtx[1].threshold", r"'tax\.surtax\[1\]\.threshold'"),
        ("band.midle", r"'band\.middle'"),
        ("housing.limit.SOUTHERN", r"'housing\.limit\.SOUTH'"),
    ],
)
def test_near_names_come_from_the_branch_at_which_a_path_goes_astray(params, path, near):
    with pytest.raises(UnknownNameError, match=near):
        params.with_reform({path: 0.3})


def test_a_parameter_that_nothing_reads_is_told_from_one_that_does_not_exist(params):
    """`income_band` is not among the outputs, so nothing reads the bands."""
    message = (
        r"band\.middle is a parameter of the law, but none of the outputs \(income_tax, child_"
    )
    with pytest.raises(BadInputError, match=message):
        params.with_reform({"band.middle": 0.3})
    with pytest.raises(BadInputError, match=message):
        params["band.middle"]


@pytest.mark.parametrize("path", ["tax", "tax.surtax", "housing.limit"])
def test_a_branch_is_not_one_parameter(params, path):
    with pytest.raises(BadInputError, match=f"{path} is not one parameter. Those under it begin"):
        params.with_reform({path: 1.0})


@pytest.mark.parametrize("path", ["winter.in_force", "income.sources"])
def test_what_decides_the_program_s_shape_is_refused(params, path):
    with pytest.raises(StructuralReformError, match="Compile again"):
        params.with_reform({path: False})


@pytest.mark.parametrize("value", [True, "0.3", [0.3], None])
def test_a_number_stays_a_number(params, value):
    with pytest.raises(StructuralReformError, match=r"tax\.rate is a number in this law"):
        params.with_reform({"tax.rate": value})


@pytest.mark.parametrize("value", [np.nan, np.array(np.nan)])
def test_a_reform_to_nan_is_refused(params, value):
    with pytest.raises(BadInputError, match=r"tax\.rate: a reform to NaN"):
        params.with_reform({"tax.rate": value})


def test_what_is_no_number_at_all_is_refused(params):
    with pytest.raises(StructuralReformError, match=r"tax\.rate is a number in this law"):
        params.with_reform({"tax.rate": object()})


def test_a_traced_value_is_a_reform(params):
    slope = jax.grad(lambda rate: params.with_reform({"tax.rate": rate})["tax.rate"] * 3.0)(0.3)
    assert slope == 3.0


# ---- as a pytree


def test_one_leaf_and_a_static_index(params):
    assert len(jax.tree.leaves(params)) == 1
    again = toy_program().parameters
    assert jax.tree.structure(params) == jax.tree.structure(again)
    assert hash(params.index) == hash(again.index)


def test_stacked_reforms_go_through_vmap(params):
    program, people = toy_program(), toy_population()
    rates = [0.1, 0.2, 0.3]
    laws = [params.with_reform({"tax.rate": r}) for r in rates]
    stack = jax.tree.map(lambda *x: jnp.stack(x), *laws)
    np.testing.assert_allclose(stack["tax.rate"], rates, rtol=1e-6)
    assert stack[ALLOWANCE].shape == (3, 2)
    np.testing.assert_array_equal(stack.total(ALLOWANCE), [290.0] * 3)
    together = jax.vmap(lambda law: program(law, people)["income_tax"])(stack)
    apart = [program(law, people)["income_tax"] for law in laws]
    np.testing.assert_allclose(together, np.stack(apart), rtol=1e-6)


def test_a_stack_is_reformed_as_one(params):
    stack = jax.tree.map(lambda x: jnp.stack([x, x]), params)
    np.testing.assert_array_equal(stack.with_reform({ALLOWANCE: 7})[ALLOWANCE], np.full((2, 2), 7))
