"""A formula that asks for types is told what the source engine has: numbers, arrays, counts."""

import numbers

import numpy as np
import pytest
from _engine_rules import people, system

from pejax.engine import GuardMovedError, UntraceableRule, compile, rule

LAW = {"share": 0.5, "amount": 3000}


def program_of(formula):
    made = rule(entity="person", name="asked")(formula)
    return compile(system(made, law=LAW), ["asked"], 2025, people())


def value(formula, reform=None):
    program = program_of(formula)
    law = program.parameters if reform is None else program.parameters.with_reform(reform)
    return np.asarray(program(law, people())["asked"])[0]


def share_is_float(income, params):
    return income * 0 + (1.0 if isinstance(params.share, float) else 2.0)


def amount_is_int(income, params):
    return income * 0 + (1.0 if isinstance(params.amount, int) else 2.0)


def amount_is_no_float(income, params):
    return income * 0 + (2.0 if isinstance(params.amount, float) else 1.0)


def one_of_several(income, params):
    return income * 0 + (1.0 if isinstance(params.amount, (int, float)) else 2.0)


def of_a_union(income, params):
    return income * 0 + (1.0 if isinstance(params.share, int | float) else 2.0)


def a_number(income, params):
    return income * 0 + (1.0 if isinstance(params.share, numbers.Number) else 2.0)


def no_numpy_number(income, params):
    return income * 0 + (2.0 if isinstance(params.share, np.floating) else 1.0)


def numpy_number(income, params):
    least = np.maximum(np.float64(1.0), params.share)
    return income * 0 + (1.0 if isinstance(least, np.floating) else 2.0)


def reckoned(income, params):
    half, double = params.amount / 2, params.amount * 2
    return income * 0 + (1.0 if isinstance(half, float) and isinstance(double, int) else 2.0)


def a_column(income, params):
    return income * 0 + (1.0 if isinstance(income, np.ndarray) else 2.0)


def no_column(income, params):
    return income * 0 + (2.0 if isinstance(params.share, np.ndarray) else 1.0)


def type_itself(income, params):
    right = type(params.share) is float and type(params.amount) is int and type(len("a")) is int
    return income * 0 + (1.0 if right else 2.0)


def among_types(income, params):
    return income * 0 + (1.0 if type(params.amount) in (int, float) else 2.0)


def a_scalar(income, params):
    right = np.isscalar(params.share) and not np.isscalar(income)
    return income * 0 + (1.0 if right else 2.0)


def without_shape(income, params):
    right = hasattr(income, "shape") and not hasattr(params.share, "shape")
    return income * 0 + (1.0 if right else 2.0)


def default_for_shape(income, params):
    return income * 0 + (1.0 if getattr(params.share, "shape", None) is None else 2.0)


def matched(income, params):
    match params.share:
        case float():
            return income * 0 + 1.0
    return income * 0 + 2.0


def a_count(income, params):
    return income * 0 + (1.0 if isinstance(len(income), int) else 2.0)


def its_class(income, params):
    return income * 0 + (1.0 if params.share.__class__ is float else 2.0)


def no_call(income, params):
    return income * 0 + (2.0 if callable(params.share) else 1.0)


@pytest.mark.parametrize(
    "formula",
    [
        share_is_float,
        amount_is_int,
        amount_is_no_float,
        one_of_several,
        of_a_union,
        a_number,
        no_numpy_number,
        numpy_number,
        reckoned,
        a_column,
        no_column,
        type_itself,
        among_types,
        a_scalar,
        without_shape,
        default_for_shape,
        matched,
        a_count,
        its_class,
        no_call,
    ],
)
def test_types_are_those_of_the_source_engine(formula):
    assert value(formula) == 1.0


def test_a_type_that_decides_nothing_is_no_decision():
    assert program_of(one_of_several).decisions == ()
    assert value(one_of_several, {"amount": {"2025": 10.5}}) == 1.0


@pytest.mark.parametrize(
    ("formula", "reform"),
    [
        (amount_is_int, {"amount": {"2025": 3000.5}}),
        (share_is_float, {"share": {"2025": 1}}),
        (type_itself, {"amount": {"2025": 3000.5}}),
    ],
)
def test_a_reform_that_makes_another_type_is_told(formula, reform):
    with pytest.raises(GuardMovedError, match="asked"):
        value(formula, reform)


def test_a_reform_that_keeps_the_type_holds():
    assert value(amount_is_int, {"amount": {"2025": 4000}}) == 1.0


def test_classes_of_the_source_engine_are_refused():
    engine = pytest.importorskip("policyengine_core.enums")

    def asks_for_names(income):
        return income * 0 + (1.0 if isinstance(income, engine.EnumArray) else 2.0)

    with pytest.raises(UntraceableRule, match="EnumArray"):
        value(asks_for_names)
