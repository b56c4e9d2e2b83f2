"""Values that somebody might hand in for any argument."""

import datetime
import decimal
import fractions
import math
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import scipy.sparse
from hypothesis import strategies as st

DTYPES = ("bool", "int8", "uint64", "int64", "float16", "float32", "float64", "complex64", "O",
          "U3", "S2", "M8[D]", "m8[s]")  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 40),
    st.floats(),
    st.sampled_from([2**31, 2**53 + 1, 10**30, 1e39, -1e39, 1e-60, 1e308, True, np.float32(0.5)]),
)
TEXTS = st.sampled_from(["", "a", "1", "$1,000", "age", "entropy", "nan", "\x00", "CA"])
SCALARS = (
    NUMBERS
    | TEXTS
    | st.sampled_from(
        [None, pd.NA, pd.NaT, b"a", 1j, decimal.Decimal("1.5"), datetime.date(2025, 1, 1), ...]
    )
)


@st.composite
def arrays(draw):
    """An array of any type, of one dimension or two."""
    rows = st.integers(0, 5)
    shape = draw(st.tuples(rows) | st.tuples(rows, st.integers(0, 3)))
    plain = np.arange(int(np.prod(shape))).reshape(shape)
    return plain.astype(draw(st.sampled_from(DTYPES)))


def _series(values):
    return pd.Series(values) if np.ndim(values) == 1 else pd.DataFrame(np.atleast_2d(values))


LISTS = st.lists(SCALARS, max_size=4)
JUNK = st.one_of(
    SCALARS,
    LISTS,
    LISTS.map(tuple),
    arrays(),
    arrays().map(_series),
    st.lists(LISTS, max_size=3),
    st.dictionaries(st.sampled_from(["a", "person", "tax.rate"]), SCALARS, max_size=2),
    st.sampled_from(["x"]).map(lambda _: (value for value in [1.0, 2.0, 3.0])),
    st.sampled_from([
        dict, len, object(), {1.0}, slice(2), range(3), jnp.ones(3), jnp.ones((2, 3), complex),
        jax.random.key(1), jax.random.PRNGKey(1), scipy.sparse.eye_array(3), pd.Categorical(["a"]),
        pd.array([1, None, 2], dtype="Int64"), pd.array(["a", None], dtype="string"),
        pd.RangeIndex(3), pd.MultiIndex.from_tuples([(1, 2)]), memoryview(b"ab"),
    ]),
)  # fmt: skip


SHAPES = ((), (0,), (2,), (3,), (0, 2), (2, 0), (2, 3), (1, 2, 3))
PLAIN = (
    None, True, False, 0, 1, 2, -1, 7, 10**30, 0.5, 1.5, -0.5, 1e39, 1e308, 1e-60, math.nan,
    math.inf, -math.inf, 1j, "", "a", "1", "$1,000", "age", "person", "entropy", "nan", "\x00",
    "CA", b"a", ..., pd.NA, pd.NaT, decimal.Decimal("1.5"), fractions.Fraction(1, 2),
    datetime.date(2025, 1, 1), datetime.timedelta(1), pd.Timestamp("2025-01-01"),
    [], [None], [1, None], [1.0, math.nan, 2.0], ["a"], ["a", 1], [1, 2], [1, 2, 3], [1, 10**30],
    [[1, 2], [3]], [[]], [[], []], [pd.NA], [True, False], [b"a", b"b"], [[1.0, 2.0, 3.0]] * 2,
    [{}], [[None, 1], [2, 3]], (), ("a",), (1, 2), {}, {"a": 1}, {"tax.rate": 0.5}, {"a": [1, 2]},
    {"tax.rate": {"2025": 0.5}}, {"person": {"age": [1]}}, {1: 2}, {None: None}, {"a": {}},
    {"tax.rate": None}, {1.0}, set(), frozenset("a"), dict, len, int, object(), slice(2), range(3),
    memoryview(b"ab"), bytearray(b"a"), abs, Exception("x"), NotImplemented,
)  # fmt: skip
TABLES = (
    pd.Categorical(["a"]), pd.Categorical(["a", None]), pd.array([1, None, 2], dtype="Int64"),
    pd.array(["a", None], dtype="string"), pd.array([True, None], dtype="boolean"),
    pd.RangeIndex(3), pd.MultiIndex.from_tuples([(1, 2)]), pd.Index(["a", "b"]), pd.DataFrame(),
    pd.DataFrame({"a": [1]}), pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.Series(dtype=object),
    pd.Series([1, "a"]), pd.Series([1, 2], index=[0, 0]), pd.DataFrame({1: [1, 2]}),
    pd.DataFrame({"a": pd.Categorical(["x"])}), pd.DataFrame({"age": ["x", None]}),
    pd.Series(["a", None]), scipy.sparse.eye_array(3), scipy.sparse.csr_array((2, 3)),
    scipy.sparse.coo_matrix((3, 2)),
    np.ma.masked_array([1.0, 2.0], [True, False]), np.rec.array([(1, 2.0)], dtype="i4,f4"),
    np.array([1, None], object), np.array(["a", 1], object), np.array([[1, 2], [3, 4]])[::2],
)  # fmt: skip


def every_kind():
    """One value of every kind that somebody might hand in, each with how it is written."""
    for value in (*PLAIN, *TABLES):
        yield repr(value)[:80], value
    for dtype in DTYPES:
        for shape in SHAPES:
            array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
            yield f"{dtype} of shape {shape}", array
            if array.ndim in (1, 2):
                yield f"pandas of {dtype}, {shape}", _series(array)
        yield f"a number of {dtype}", np.arange(2).astype(dtype)[1]
    for dtype in (bool, "int32", "uint8", "float32", "bfloat16", "complex64"):
        for shape in ((), (0,), (2,), (3,), (2, 3)):
            yield f"jax {dtype} of shape {shape}", jnp.ones(shape, dtype)
    yield "a key", jax.random.key(1)
    for many in (2, 3, (2, 3)):
        yield f"keys {many}", jax.random.split(jax.random.key(1), many)
    yield "a raw key", jax.random.PRNGKey(1)
    yield "a generator", (value for value in [1.0, 2.0, 3.0])
    yield "an iterator", iter([1, 2])
    yield "a view", {"a": 1}.keys()
    yield from _places().items()


_ALL = tempfile.TemporaryDirectory()  # goes with the process


def fresh_folder():
    """A new folder, which nobody has to remove."""
    return Path(tempfile.mkdtemp(dir=_ALL.name))


def _places():
    """Paths where something else is already, or under which nothing can be."""
    folder = fresh_folder()
    (folder / "held").mkdir()
    for file in (folder / "file", folder / "held" / "file"):
        file.write_text("something else")
    return {
        "a folder": folder / "held",
        "a file": folder / "file",
        "what lies below a file": folder / "file" / "a" / "b",
        "what lies in no folder": folder / "new" / "a",
    }
