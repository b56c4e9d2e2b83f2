"""A formula changes its own arrays in place as numpy does; another variable's array is refused.

In the source engine a variable's values are one array, so that a change in place is seen by whoever
reads the variable later, in an order that nobody has written down.
"""

import numpy as np
import pytest
from _engine_rules import people, system
from hypothesis import given, strategies as st

from pejax.engine import UntraceableRule, compile, rule
from pejax.engine.graph._ir import Graph
from pejax.engine.tracing._array import Traced

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


# ---- views, which share the values of their base


def whole_view(income):
    own = income * 1
    view = own[:]
    own[income > 15] = 0
    return view


def reversed_view_of_columns(income):
    table = np.stack([income, income * 2], axis=1)
    view = table[:, ::-1]
    table[:, 0] = 7
    return view[:, 1] + 0.0


def column_of_the_transpose(income):
    table = np.stack([income, income * 2], axis=1)
    turned = table.T
    table += 1
    return turned[1]


def another_shape(income):
    own = income * 1
    view = own.reshape(-1, 1)
    own[income > 15] = 0
    return view.sum(axis=1)


def flat(income):
    own = income * 1
    view, other = own.ravel(), np.ravel(own)
    own[income > 15] = 0
    return view + other


def the_same_array(income):
    own = income * 1
    other = np.asarray(own)
    own[income > 15] = 0
    return other


def array_without_a_copy(income):
    own = income * 1
    other = np.asarray(own, dtype=float)
    other[income > 15] = 0
    return own


def two_names_at_once(income):
    first = second = income * 1
    first[income > 15] = 0
    second += 1
    return first


def view_of_a_view(income):
    table = np.stack([income, income * 2], axis=1)
    view = table.T[1][:, None]
    table[income > 15] = 0
    return view[:, 0] * 1


def columns_of_a_loop(income):
    table = np.stack([income, income * 2], axis=1)
    columns = list(table.T)
    table[:, 1] = 5
    return columns[0] + columns[1]


def broadcast(income):
    own = income * 1
    view = np.broadcast_to(own[:, None], (len(income), 2))
    own[income > 15] = 0
    return view.sum(axis=1)


def before_and_after(income):
    own = income * 1
    view = own[:]
    before = view + 0
    own *= 2
    after = view + 0
    return before * 100 + after


def added_into(income):
    own = income * 1
    same = np.add(own, 1, out=own)
    same[income > 15] = 0
    return own


def chosen_rows_are_a_copy(income):
    own = income * 1
    chosen = own[income > 15]
    own[income > 15] = 0
    own[income > 15] += chosen
    return own


def a_list_of_columns_is_a_copy(income):
    table = np.stack([income, income * 2], axis=1)
    copied = table.T[[0, 1]]
    table += 1
    return copied[0] + copied[1]


def what_astype_gives_is_a_copy(income):
    own = income * 1
    other, same = own.astype(float), own.copy()
    own[income > 15] = 0
    return other + same


@pytest.mark.parametrize(
    "formula",
    [
        whole_view,
        reversed_view_of_columns,
        column_of_the_transpose,
        another_shape,
        flat,
        the_same_array,
        array_without_a_copy,
        two_names_at_once,
        view_of_a_view,
        columns_of_a_loop,
        broadcast,
        before_and_after,
        added_into,
        chosen_rows_are_a_copy,
        a_list_of_columns_is_a_copy,
        what_astype_gives_is_a_copy,
    ],
)
def test_a_view_shows_what_its_array_becomes(formula):
    assert value(formula) == formula(X.copy()).tolist()


ROWS, COLUMNS = 101, 3
VIEWS = [
    lambda a: a[:],
    lambda a: a[:, 1:],
    lambda a: a[:, ::-1],
    lambda a: a[..., -1:],
    lambda a: a.T.T,
    lambda a: a.reshape(-1, a.shape[1], 1)[:, :, 0],
    lambda a: a.copy(),
    lambda a: a + 1,
]


def change_some(a):
    a[a[:, 0] > 50] = -3


def change_a_column(a):
    a[:, 0] = 9


def change_all(a):
    a *= 2


STEPS = st.one_of(
    st.tuples(st.sampled_from(VIEWS), st.integers(0, 9)),
    st.sampled_from([change_some, change_a_column, change_all]),
)


@given(st.lists(STEPS, min_size=2, max_size=12))
def test_views_and_changes_in_any_order(steps):
    """The shadow of a trace is what numpy gives."""
    start = np.arange(ROWS * COLUMNS, dtype=float).reshape(ROWS, COLUMNS)
    node = Graph({"person": ROWS}).input("x", start.copy())
    ours, theirs = [Traced(node)], [start.copy()]
    for step in steps:
        if isinstance(step, tuple):
            form, of = step
            ours.append(form(ours[of % len(ours)]))
            theirs.append(form(theirs[of % len(theirs)]))
        else:
            step(ours[0])
            step(theirs[0])
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.node.shadow, other)


def test_texts_that_are_made_texts_again_are_a_copy():
    def renamed(income):
        names = np.where(income > 15, "rich", "poor")
        other = names.astype(str)
        other[income > 35] = "richest"
        return (names == "rich") * 1.0 + 10 * (other == "richest")

    assert value(renamed) == [0, 1, 1, 11]


def test_a_view_of_names_shows_new_names():
    def renamed(income):
        names = np.where(income > 15, "rich", "poor")
        view = names[:]
        names[income > 35] = "richest"
        return (view == "rich") * 1.0 + 10 * (view == "richest")

    assert value(renamed) == [0, 1, 1, 10]


def test_the_links_of_a_population_are_not_changed():
    def moved(household, income):
        place = household.members_position
        place += 1
        return place * 1.0

    with pytest.raises(UntraceableRule, match="changes the array of members_position in place"):
        value(moved)


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
