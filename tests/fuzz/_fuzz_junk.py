"""Values that somebody might hand in for any argument."""

import datetime
import decimal

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
