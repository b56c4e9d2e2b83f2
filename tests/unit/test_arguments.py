"""What becomes of one argument: a number, a switch, an array, a key, or an error that names it."""

import fractions
import re

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, strategies as st

from pejax.core._arguments import (
    as_named,
    as_number,
    as_path,
    as_switch,
    as_whole,
    check_key,
    shown,
)
from pejax.core._arrays import as_column, as_labels, as_names, as_numbers
from pejax.core._validate import BadInputError

pytestmark = pytest.mark.usefixtures("unchecked")

KINDS = [as_number, as_whole, as_switch]
JUNK = (
    st.none() | st.text(max_size=3) | st.binary(max_size=2) | st.dates()
    | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(max_size=1), st.none())
    | st.complex_numbers() | st.sampled_from([dict, object(), np.zeros(2), slice(2), ..., len])
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (np.int8(2), 2.0), (np.float32(0.5), 0.5), (jnp.array(3), 3.0), (np.array(4.0), 4.0),
     (fractions.Fraction(1, 4), 0.25)],
)  # fmt: skip
def test_a_number(value, number):
    assert as_number("x")(value) == number


@pytest.mark.parametrize("value", [True, np.True_, "1", 1j, np.complex64(1), 10**400, np.inf])
def test_what_only_looks_like_a_number(value):
    with pytest.raises(BadInputError, match=r"x is .*; give a finite number"):
        as_number("x")(value)


@pytest.mark.parametrize("value", [3.0, True, "3", jnp.array(3.5), np.array([3])])
def test_what_is_not_whole(value):
    with pytest.raises(BadInputError, match=r"x is .*; give a whole number"):
        as_whole("x")(value)


@pytest.mark.parametrize("kind", KINDS)
@given(value=JUNK)
def test_settings_of_any_other_kind(kind, value):
    with pytest.raises(BadInputError, match=r"^ridge is .*; give "):
        kind("ridge")(value)


@pytest.mark.parametrize("value", ["", "a\0b", b"a", 3, None])
def test_what_is_no_path(value):
    with pytest.raises(BadInputError, match=r"out is .*\. Give a path"):
        as_path(value, "out")


@pytest.mark.parametrize(
    "label", [None, np.nan, pd.NA, np.ma.masked, ["a"], {"a": 1}, b"a", np.zeros(2)]
)
def test_what_is_no_label(label):
    with pytest.raises(BadInputError, match=r"names\[1\] is .*label\."):
        as_labels(["a", label], "names")


def test_what_is_held_by_name_or_year():
    assert as_named({"a": 1, 2025: 2}, "series", "numbers") == {"a": 1, "2025": 2}
    for held, said in {"x": "series is 'x'", None: "has the key None"}.items():
        with pytest.raises(BadInputError, match=said):
            as_named(held or {held: 1}, "series", "numbers")


@given(value=JUNK)
def test_what_is_no_key(value):
    with pytest.raises(BadInputError, match=r"^key is .*Pass key=jax\.random\.key\(0\)"):
        check_key(value)


def test_a_seed_is_not_a_key():
    for key in (jax.random.key(0), jax.random.PRNGKey(0), np.asarray(jax.random.PRNGKey(0))):
        check_key(key)
    with pytest.raises(BadInputError, match=r"key is 7\. Pass key=jax\.random\.key\(7\)"):
        check_key(7)


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        (5.0, "y is 5.0. Give a list or an array with one number a target"),
        ({"a": 1.0}, "y is a dict. Give a list"),
        ({1.0}, "y is a set. Give a list"),
        ((x for x in [1.0]), "y is a generator. Give a list"),
        (None, "y is None. Give a list"),
        ("12", "y is '12'. Give a list"),
        ([1.0, "$1,000"], "y[1] is '$1,000'. Give numbers. pandas.to_numeric converts text"),
        (["1", "2"], "y[0] is '1'. Give numbers. pandas"),
        ([1.0, [2.0, 3.0]], "y is a list whose rows are no numbers, or not of one length"),
        ([[1.0], [2.0]], "y is an array of shape (2, 1)"),
        (np.ones(2, "float16"), "y is float16, which holds three digits"),
        (jnp.ones(2, "bfloat16"), "y is bfloat16, which holds three digits"),
        (np.ones(2, complex), "y holds complex128"),
        (np.array(["2020"], "M8[D]"), "y holds datetime64[D]"),
        (pd.Series(pd.to_timedelta([1, 2])), "y holds timedelta64"),
        (pd.Series([1.0, object()]), "y[1] is an object. Give numbers"),
        (jax.random.split(jax.random.key(0)), "y is "),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_what_is_no_column(given_values, message):
    with pytest.raises(BadInputError, match="^" + re.escape(message)):
        as_column(given_values, "y", "target")


@pytest.mark.parametrize(
    "column",
    [[1, 2, None], (1.0, 2.0, pd.NA), pd.array([1, 2, None], dtype="Int64"), [1, 2, np.nan],
     pd.Series([1, 2, None], dtype="float32"), [fractions.Fraction(1), np.int8(2), None]],
    ids=str,
)  # fmt: skip
def test_numbers_however_they_are_held(column):
    np.testing.assert_array_equal(as_column(column, "y"), [1.0, 2.0, np.nan])


def test_arrays_keep_their_type():
    for dtype in ("bool", "int8", "uint64", "float32", jnp.bfloat16):
        assert as_numbers(np.ones((2, 1), dtype), "x").dtype == np.dtype(dtype)


def test_what_is_traced_is_told():
    with pytest.raises(BadInputError, match="y is a traced value"):
        jax.jit(lambda y: as_column(y, "y"))(jnp.ones(2))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("ab", "names is 'ab'. Give a list"),
        (5, "names is 5"),
        (["a", None], r"names[1] is None. Give every row a label"),
        (["a", np.nan], r"names[1] is nan"),
        ({"a": 1}, "names is a dict"),
        (scipy.sparse.eye_array(2), "names is a dia_array"),
        (pd.DataFrame({"a": [1, 2]}), "names is a DataFrame"),
        (jax.random.key(0), "names is a PRNGKeyArray"),
    ],
)
def test_what_are_no_labels(labels, message):
    with pytest.raises(BadInputError, match="^" + re.escape(message)):
        as_labels(labels, "names")


@pytest.mark.parametrize(
    "names",
    [scipy.sparse.eye_array(2), scipy.sparse.coo_array(np.ones(2)), np.array([["a"]]),
     np.array("a"), b"a", 3, pd.DataFrame({"a": ["b"]})],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_what_are_no_names(names):
    with pytest.raises(BadInputError, match=r"^outputs.* Give (a list of names|names, as texts)"):
        as_names(names, "outputs")


def test_labels_are_texts():
    assert as_labels(pd.Index([1, "b", 2.5]), "names") == ["1", "b", "2.5"]


def test_a_message_does_not_repeat_a_book():
    assert len(shown("x" * 1000)) < 70 and len(shown(10**5000)) < 70
    assert shown([0] * 1000) == "a list" and shown(int) == "the class int"
