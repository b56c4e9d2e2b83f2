"""Arguments of imputation of the wrong kind: each is an error that names it and ends with a fix."""

import re

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from pejax import impute
from pejax.core._validate import PejaxError
from pejax.testing import toy_population

pytestmark = pytest.mark.usefixtures("unchecked")

X, Y = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 3.0], [4.0, 4.0]]), np.array([0.0, 1.0, 5.0, 7.0])
GROWN = RandomForestRegressor(2, max_depth=1, random_state=0).fit(X, Y)
KEY = jax.random.key(0)
AGE, STATE = impute.NumberColumn("age", "int64"), impute.CategoryColumn("state", ("CA", "NY"))


@pytest.fixture(scope="module")
def forest():
    return impute.Forest.from_sklearn(GROWN, X, Y, readout="single")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: f.mean(X, trees="a"), "trees is 'a'"),
        (lambda f: f.mean(X, trees=[[1, 2], [3]]), "trees is a list whose rows"),
        (lambda f: f.leaves(X, chunk=0), "chunk is 0; give a number of rows above 0"),
        (lambda f: f.quantile(X, [0.5], method=Y), "method is a ndarray. Choose one of"),
        (lambda f: f.quantile(X, [0.5], method=pd.NA), "method is <NA>. Choose one of"),
        (lambda f: f.cdf(X, ["a", "b", "c", "d"]), "The outcomes[0] is 'a'. Give numbers"),
        (lambda f: f.cdf(X, Y.astype("M8[D]")), "The outcomes holds datetime64[D]"),
        (lambda f: f.draw(X, key=0), "key is 0. Pass key=jax.random.key(0)"),
        (lambda f: f.draw(X, key=KEY, ids=["a", 1, "b", "c"]), "Record ids are 1 in row 1"),
        (lambda f: f.draw(X, key=KEY, ids=jax.random.split(KEY, 4)), "Record ids are key<fry>"),
        (lambda f: impute.soften(3, X), "forest is 3. Give a Forest."),
        (lambda f: impute.soften(f, X, temperature="a"), "temperature is 'a'; give a finite"),
        (lambda f: impute.soften(f, X, beam=1.5), "beam is 1.5; give a whole number"),
        (lambda f: impute.soften(f, X[:0]), "X has no rows. Give the donors' covariates."),
        (lambda f: impute.soften(f, X).quantile(X, [0.5], bandwidth="a"), "bandwidth is 'a'"),
        (lambda f: impute.soften(f, X).quantile(X, [0.5], bandwidth=0), "bandwidth is 0.0; give"),
    ],
)
def test_what_is_asked_of_a_forest(forest, ask, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        ask(forest)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": "a"}, "X is 'a'"),
        ({"y": "a"}, "y is 'a'"),
        ({"y": 3.0}, "y has shape (). Give one outcome a donor."),
        ({"y": [0.0, np.nan, 5.0, 7.0]}, "y, row 1: the outcome is nan. Give a finite number."),
        ({"sample_weight": "a"}, "sample_weight is 'a'"),
        ({"readout": 0}, "readout is 0. Choose one of"),
        ({"readout": Y}, "readout is a ndarray. Choose one of"),
        ({"missing": pd.NA}, "missing is <NA>. Choose one of: refuse, learned."),
        ({"seed": 0.5}, "seed is 0.5; give a whole number"),
        ({"seed": -1}, "seed is -1; give a whole number of at least 0"),
    ],
)
def test_what_a_forest_is_taken_over_from(given, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        impute.Forest.from_sklearn(GROWN, **({"X": X, "y": Y} | given))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: impute.NumberColumn(3), "name is 3. Give a text."),
        (lambda: impute.NumberColumn("age", "M8[D]"), "dtype is 'M8[D]'. Give that of numbers"),
        (lambda: impute.CategoryColumn("a", "ab"), "labels is 'ab'. Give a tuple of labels."),
        (lambda: impute.CategoryColumn("a", ("x", "x")), "Column 'a' has a label twice"),
        (lambda: impute.CategoryColumn("a", ("x",), "no"), "ordered is 'no'; give True or False"),
        (lambda: AGE.encode([1.0]), "Column 'age' is a list. Give a pandas Series."),
        (lambda: STATE.encode(None), "Column 'state' is None. Give a pandas Series."),
        (lambda: AGE.covariates("a"), "Column 'age' is 'a'"),
        (lambda: STATE.covariates([[1.0]]), "Column 'state' has shape (1, 1). Give one number"),
        (lambda: AGE.decode(np.ones(2), [1]), "index has 1 labels, and column 'age' 2 rows"),
        (lambda: AGE.decode(np.ones(2), [[1], [2]]), "index[0] is a list. Give a label."),
        (lambda: AGE.decode([1.0, np.nan], None), "Row 1, column 'age': the value is nan, which"),
        (lambda: STATE.decode([0.0, 2.0], None), "Row 1, column 'state': 2.0 is no code of 2"),
        (lambda: impute.chain(3, toy_population(), key=KEY), "forests is 3. Give what QRF"),
        (lambda: impute.chain([3], toy_population(), key=KEY), "forests[0] is 3. Give what QRF"),
        (lambda: impute.chain([], None, key=KEY), "population is None. Give a pejax.Population."),
        (lambda: impute.chain([], toy_population(), key=0), "key is 0. Pass key="),
        (lambda: impute.chain([], toy_population(), key=KEY, entity=""), "Unknown entity ''"),
    ],
)
def test_what_is_asked_of_columns_and_a_chain(ask, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        ask()


def test_outcomes_of_another_type_are_not_cut_to_whole_numbers():
    assert AGE.outcomes(pd.Series([1.5, 2.0])).tolist() == [1.5, 2.0]


def test_a_code_of_no_label_is_no_category():
    assert np.isnan(STATE.covariates(np.array([2.0, -1.0]))).all()


def test_a_mask_and_a_draw_pass_through_jit(forest):
    mask = np.ones((4, 2), bool)
    inside = jax.jit(lambda x, m, k: (forest.mean(x, trees=m), forest.draw(x, key=k)))
    mean, drawn = inside(X, mask, KEY)
    np.testing.assert_allclose(mean, forest.mean(X, trees=mask), rtol=1e-6)
    np.testing.assert_array_equal(drawn, forest.draw(X, key=KEY))
