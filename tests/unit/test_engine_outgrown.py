"""Whole numbers that 32 bits cannot hold are refused by name and row, in a later population too."""

import numpy as np
import pytest
from _engine_rules import INCOME, people, system

from pejax import BadInputError
from pejax.engine import UntraceableRule, compile, input_variable, rule
from pejax.engine.graph._bounds import Given, WholeNumbers, ends_of
from pejax.engine.graph._ir import Graph
from pejax.engine.graph._node import reachable
from pejax.engine.tracing._array import Traced

CODE = input_variable("code", entity="person", kind="int")
MOST = 2**31 - 1


def program_of(formula, kind="float", **options):
    made = rule(entity="person", name="asked", kind=kind)(formula)
    rules = system(made, inputs=(INCOME, CODE), law={"big": 3e9})
    return compile(rules, ["asked"], 2025, people(code=[1, 2, 3, 4]), **options)


def value(program, codes=(1, 2, 3, 4)):
    found = program(program.parameters, people(code=list(codes)))
    return np.asarray(found["asked"]).tolist()


# ---- literals


def added(code):
    return (code + 3_000_000_000) * 1.0


def chosen(code):
    return np.where(code > 2, 3_000_000_000, 0)


def filled(code):
    return np.full(len(code), -3_000_000_000)


@pytest.mark.parametrize("formula", [added, chosen, filled])
def test_a_literal_is_refused(formula):
    with pytest.raises(UntraceableRule, match=r"asked has the whole number -?3,000,000,000"):
        program_of(formula, kind="int")


def test_a_literal_that_is_only_compared_is_itself():
    program = program_of(lambda code: (code < 3_000_000_000) * 1.0 + (code == 3_000_000_000))
    assert value(program) == [1, 1, 1, 1]
    program = program_of(lambda code: np.searchsorted(np.array([2, 3_000_000_000]), code) * 1.0)
    assert value(program) == [0, 0, 1, 1]


def test_a_literal_that_becomes_a_float_is_one():
    program = program_of(lambda code: np.full(len(code), 3_000_000_000))
    assert value(program) == [3e9] * 4


# ---- what is reckoned


def product(code):
    return (code * 1_000_000) * 1.0


def power(code):
    return (code**11) * 1.0


def difference(code):
    return (0 - code * 2) * 1.0


def total(code):
    return code.sum() + code * 0.0


def running_total(code):
    return np.cumsum(code) * 1.0


@pytest.mark.parametrize("formula", [product, power, difference, total, running_total])
def test_a_later_population_is_looked_at(formula):
    program = program_of(formula)
    assert len(value(program)) == 4
    with pytest.raises(BadInputError, match=r"asked reckons with the whole number -?[\d,]+ in row"):
        value(program, [1, 2, 3, MOST])


def test_numbers_that_could_be_too_large_and_are_not_pass():
    program = program_of(lambda code: (np.where(code < 1000, code, 0) * 1_000_000) * 1.0)
    assert value(program, [1, 2, 3, MOST]) == [1e6, 2e6, 3e6, 0]


def test_blocks_are_looked_at_too():
    program = program_of(product, chunk=1)
    with pytest.raises(BadInputError, match="4,000,000,000 in row 3"):
        value(program, [1, 2, 3, 4000])


def test_a_result_that_was_cut_off_is_refused_in_a_later_population():
    program = program_of(lambda income, code: income * code, kind="int")
    assert value(program) == [10, 40, 90, 160]
    with pytest.raises(BadInputError, match=r"whole number 40,000,000,000 in row 3"):
        value(program, [1, 2, 3, 1_000_000_000])


def test_the_largest_number_itself_is_no_reason():
    program = program_of(lambda code: code, kind="int")
    assert value(program, [1, 2, 3, MOST]) == [1, 2, 3, MOST]


# ---- what comes from floats


def cents(income):
    return (income * 100).astype(int) * 1.0


def floored(income):
    return np.floor(income * 100).astype(np.int64) * 1.0


def rounded_to_int32(income):
    return np.round(income * 100).astype(np.int32) * 1.0


def of_quotients(income):
    return (income * 1e4 / np.maximum(income - 5, 1)).astype(int) * 1.0 * income


def of_a_sum(household, income):
    return (household.project(household.sum(income)) * 100).astype(int) * 1.0


def under_a_law(income, params):
    return (income * params.big / 1e7).astype(int) * 1.0


def shifted(income):
    return np.left_shift(income.astype(int), 6) * 1.0


def multiplied_along(income):
    return np.prod(np.stack([income, income], axis=1).astype(int), axis=1) * 1.0


def raised_to_a_power(income):
    return np.power(income.astype(int), np.minimum(income.astype(int), 5)) * 1.0


def incomes(program, values):
    found = program(program.parameters, people(code=[1, 2, 3, 4], income=values))
    return np.asarray(found["asked"]).tolist()


SMALL, LARGE = [10.0, 20.0, 30.0, 40.0], [10.0, 20.0, 4e7, 40.0]


@pytest.mark.parametrize(
    "formula",
    [
        cents,
        floored,
        rounded_to_int32,
        of_a_sum,
        under_a_law,
        shifted,
        multiplied_along,
        raised_to_a_power,
    ],
)
@pytest.mark.parametrize("chunk", [None, 1])
def test_whole_numbers_made_from_floats_are_looked_at_in_every_population(formula, chunk):
    if formula is of_a_sum and chunk:
        return
    program = program_of(formula, chunk=chunk)
    assert len(incomes(program, SMALL)) == 4
    with pytest.raises(BadInputError, match=r"asked reckons with the whole number [\d,]+ in row"):
        incomes(program, LARGE)
    assert len(incomes(program, SMALL)) == 4


def test_a_quotient_of_any_size_is_looked_at():
    program = program_of(of_quotients)
    assert incomes(program, SMALL) == of_quotients(np.array(SMALL)).tolist()
    with pytest.raises(BadInputError, match=r"5,000,000,000 in row 0"):
        incomes(program_of(lambda income: (income * 1e10).astype(int) * 1.0), [0.5, 0.0, 0.0, 0.0])


def test_a_reform_that_makes_numbers_too_large_is_refused():
    def under(income, params):
        return np.where(income > params.big, (income * 1e9).astype(int), 0) * 1.0

    program = program_of(under)
    assert incomes(program, SMALL) == [0.0] * 4
    lower = program.parameters.with_reform({"big": 25})
    with pytest.raises(BadInputError, match="30,000,000,000 in row 2"):
        program(lower, people(code=[1, 2, 3, 4]))
    assert incomes(program, SMALL) == [0.0] * 4


@pytest.mark.parametrize("formula", [under_a_law, lambda income, params: income + params.big])
def test_reforms_nearby_ask_nothing_new_and_those_far_away_are_looked_at(formula, monkeypatch):
    looks = []
    unsure = WholeNumbers.unsure
    monkeypatch.setattr(WholeNumbers, "unsure", lambda *of: looks.append(of) or unsure(*of))
    program, given = program_of(formula), people(code=[1, 2, 3, 4])
    law = np.asarray(program.parameters.values)[program.index.places["big"][0]]
    for times in (1.0, 1.5, 3.9, 0.3):
        program(program.parameters.with_reform({"big": law * times}), given)
    near = len(looks)
    assert near == (formula is under_a_law)
    if formula is under_a_law:
        with pytest.raises(BadInputError, match="which does not fit in 32 bits"):
            program(program.parameters.with_reform({"big": law * 1e9}), given)
        program(program.parameters, given)
        assert len(looks) == near + 2  # by their ends, and when the program had found one too large


def test_a_choice_that_a_reform_turns_is_looked_at_again():
    """Small numbers under this law say nothing of another, be it as near as can be."""

    def chosen(income, params):
        return np.where(income > params.big, income * 1e9, 0.0).astype(int) * 1.0

    program = program_of(chosen)
    higher = program.parameters.with_reform({"big": 50.0})
    given = people(code=[1, 2, 3, 4])
    assert np.asarray(program(higher, given)["asked"]).tolist() == [0.0] * 4
    with pytest.raises(BadInputError, match="40,000,000,000 in row 3"):
        program(program.parameters.with_reform({"big": 35.0}), given)


def test_another_column_by_which_a_row_is_chosen_is_looked_at():
    def chosen(income, code):
        return np.where(code > 10, (income * 1e9).astype(int), 0) * 1.0

    program, given = program_of(chosen), people(code=[1, 2, 3, 4])
    assert np.asarray(program(program.parameters, given)["asked"]).tolist() == [0.0] * 4
    others = given.with_columns("person", code=np.array([1, 2, 3, 40]))
    with pytest.raises(BadInputError, match="40,000,000,000 in row 3"):
        program(program.parameters, others)


def test_numbers_that_a_choice_leaves_out_pass():
    def shares(income, code):
        share = np.floor(income / (code - 2)).astype(int)
        return np.where(code == 2, 0, np.where(code > 2, share + 1, share)) * 1.0

    assert value(program_of(shares)) == [-10, 0, 31, 21]


@pytest.mark.parametrize("name", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_no_whole_number(name):
    program = program_of(lambda income: (income / (income - 40) * float(name)).astype(int) * 1.0)
    with pytest.raises(BadInputError, match=r"asked makes a whole number of \S+ in row 0"):
        value(program)


NARROW = {np.int8: 127, np.uint8: 255, np.int16: 32767, np.uint16: 65535}


@pytest.mark.parametrize(("dtype", "most"), NARROW.items())
def test_narrow_types_hold_what_they_hold(dtype, most):
    def cast(code):
        return code.astype(dtype) * 1.0

    def added(code):
        return (np.minimum(code, most).astype(dtype) + np.minimum(code, 1).astype(dtype)) * 1.0

    def of_floats(code):
        return (code * 1.0).astype(dtype) * 1.0

    for formula in (cast, added, of_floats):
        program = program_of(formula)
        assert value(program, [1, 2, 3, most - 1])[3] >= most - 1
        bits = 8 * np.dtype(dtype).itemsize
        with pytest.raises(BadInputError, match=f"{most + 1:,} in row 3.* not fit in {bits} bits"):
            value(program, [1, 2, 3, most + 1])


def test_columns_of_whole_numbers_that_are_floats_pass():
    program = program_of(lambda income: income.astype(np.uint8) * 1.0)
    assert incomes(program, [0.0, 1.5, 254.9, 255.9]) == [0, 1, 254, 255]
    with pytest.raises(BadInputError, match="-1 in row 0, which does not fit in 8 bits"):
        incomes(program, [-1.0, 0.0, 0.0, 0.0])


def test_padding_is_not_looked_at():
    program = program_of(lambda income: (1000 / income).astype(int) * 1.0)
    padded = people(code=[1, 2, 3, 4]).pad_to({"person": 64, "tax_unit": 64, "household": 64})
    found = np.asarray(program(program.parameters, padded)["asked"])
    assert found[:4].tolist() == [100, 50, 33, 25]


# ---- the ends themselves

ENDS = [
    lambda x, i: (x * 3 - i).astype(int),
    lambda x, i: np.floor(x / 7).astype(int) // 3,
    lambda x, i: np.maximum(x, i).astype(int) % 5,
    lambda x, i: np.where(x > 0, x, -x * 2).astype(np.int16) ^ i,
    lambda x, i: np.cumsum(np.round(x, -1).astype(int)) | (i << 3),
    lambda x, i: np.ceil(-np.abs(x)).astype(int) & ~i,
    lambda x, i: np.rint(x // 2).astype(int) >> 1,
    lambda x, i: np.sign(x).astype(int) * i**2 - np.trunc(x % 4).astype(int),
    lambda x, i: np.stack([x, x * i], axis=1).sum(axis=1).astype(int),
]


@pytest.mark.parametrize("formula", ENDS)
def test_numbers_lie_between_their_ends(formula):
    """Ends that follow from those of the columns hold every number."""
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(0, 40, 101), "i": rng.integers(-9, 9, 101)}
    graph = Graph({"person": 101})
    node = formula(*(Traced(graph.input(name, v)) for name, v in columns.items())).node
    ends = {name: (v.min().item(), v.max().item()) for name, v in columns.items()}
    known = {}
    for one in reachable([node]):
        known[one.index] = ends_of(one, known, Given(ends, {}, {101: 101}))
        if known[one.index] is not None:
            low, high = known[one.index]
            assert low <= np.min(one.shadow) <= np.max(one.shadow) <= high, one.op
    assert known[node.index] is not None
