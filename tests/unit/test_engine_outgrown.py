"""Whole numbers that 32 bits cannot hold are refused by name and row, in a later population too."""

import numpy as np
import pytest
from _engine_rules import INCOME, people, system

from pejax import BadInputError
from pejax.engine import SelfCheckError, UntraceableRule, compile, input_variable, rule

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
    with pytest.raises(BadInputError, match=r"asked is 40,000,000,000 in row 3"):
        value(program, [1, 2, 3, 1_000_000_000])


def test_the_largest_number_itself_is_no_reason():
    program = program_of(lambda code: code, kind="int")
    assert value(program, [1, 2, 3, MOST]) == [1, 2, 3, MOST]


def test_the_check_names_a_float_that_is_cut_off():
    program = program_of(lambda income: (income * 1e9).astype(int) * 1.0)
    with pytest.raises(SelfCheckError, match="whole number 40,000,000,000 of asked"):
        value(program)
