"""A formula changes its own arrays in place as numpy does; another variable's array is refused.

In the source engine a variable's values are one array, so that a change in place is seen by whoever
reads the variable later, in an order that nobody has written down.
"""

import numpy as np
import pytest
from _engine_rules import people, system

from pejax.engine import UntraceableRule, compile, rule

X = np.array([10.0, 20.0, 30.0, 40.0])


def value(formula):
    made = rule(entity="person", name="asked")(formula)
    program = compile(system(made), ["asked"], 2025, people())
    return np.asarray(program(program.parameters, people())["asked"]).tolist()


def some(income):
    income[income > 15] = 0
    return income


def added(income):
    income += 1
    return income


def divided(income):
    income //= 3
    return income


def asked_for(person, period):
    income = person("income", period)
    income *= 2
    return income


def under_another_name(income):
    mine = income
    mine -= 1
    return income


def in_a_view(income):
    mine = income[:]
    mine[income > 15] = 0
    return income


def in_an_array_of_it(income):
    mine = np.asarray(income)
    mine[income > 15] = 0
    return income


def of_the_same_type(income):
    mine = np.asarray(income, dtype=float)
    mine[income > 15] = 0
    return mine


def without_a_copy(income):
    mine = income.astype(float, copy=False)
    mine[income > 15] = 0
    return mine


def into_it(income):
    np.add(income, 1, out=income)
    return income


def at_places(income):
    np.maximum.at(income, np.arange(len(income)), 25.0)
    return income


def reshaped(income):
    mine = income.reshape(-1, 1)
    mine += 1
    return income


@pytest.mark.parametrize(
    "formula",
    [
        some,
        added,
        divided,
        asked_for,
        under_another_name,
        in_a_view,
        in_an_array_of_it,
        of_the_same_type,
        without_a_copy,
        into_it,
        at_places,
        reshaped,
    ],
)
def test_the_array_of_a_variable_is_not_changed(formula):
    with pytest.raises(UntraceableRule, match="changes the array of income in place"):
        value(formula)


def test_a_view_of_an_own_array_is_refused():
    def viewed(income):
        table = np.column_stack([income, income])
        first = table[:, 0]
        first += 1
        return table.sum(axis=1)

    with pytest.raises(UntraceableRule, match="another array, of which it is a view"):
        value(viewed)


def copied(income):
    mine = income.copy()
    mine[income > 15] = 0
    mine += 1
    return mine + income


def an_array_of_another_type(income):
    mine = np.asarray(income, dtype=np.float32)
    mine += 1
    other = np.array(income, dtype=float)
    other[income > 15] = 0
    return mine + other + income


def two_names(income):
    total = income * 1.5
    before = total
    total += 1
    return total - before + income


def kept_type(income):
    whole = income.astype(int)
    whole //= 3
    whole += income > 15
    narrow = income.astype(np.float32)
    narrow += np.float64(1e-9)
    return whole * 10.0 + (narrow == income)


def powers(income):
    mine = income / 10
    mine **= 2
    mine %= 5
    mine /= 2
    return mine


def flags(income):
    mine = income > 15
    mine &= income < 35
    mine |= income > 38
    mine ^= income > 25
    return mine * 1.0


def a_number(income):
    total = 0.0
    first = total
    total += income.max()
    total += 1
    return income * 0 + total - first


@pytest.mark.parametrize(
    "formula", [copied, an_array_of_another_type, two_names, kept_type, powers, flags, a_number]
)
def test_an_own_array_is_changed_as_in_numpy(formula):
    assert value(formula) == formula(X.copy()).tolist()


def test_what_numpy_refuses_is_refused():
    def fractions_into_whole_numbers(income):
        whole = income.astype(int)
        whole += 0.5
        return whole

    with pytest.raises(UntraceableRule, match="float64 in place of an array of int64"):
        value(fractions_into_whole_numbers)


def test_what_flatten_gives_is_another_array():
    def flattened(income):
        own = income * 1
        other = own.flatten()
        other[income > 15] = 0
        return own

    def raised(income):
        other = income.flatten()
        other += 1
        return other

    assert value(flattened) == X.tolist()
    assert value(raised) == (X + 1).tolist()


def test_a_column_of_a_loop_is_a_view():
    def raised(income):
        both = np.stack([income, income], axis=1)
        for column in both.T:
            column += 1  # noqa: PLW2901
        return both[:, 1]

    with pytest.raises(UntraceableRule, match="of which it is a view"):
        value(raised)
