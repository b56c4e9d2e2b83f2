"""What imputation refuses: each message names the row and the column, and ends with the fix."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pejax.core._validate import BadInputError, PejaxError, UnknownNameError
from pejax.impute import QRF, FittedQRF, Forest, weighted_quantile
from pejax.impute.forest._to_arrays import VERSION

pytestmark = pytest.mark.usefixtures("unchecked")

KEY = jax.random.key(0)
SMALL = QRF(n_estimators=3, n_jobs=1)


@pytest.fixture
def donors():
    return pd.DataFrame(
        {
            "age": np.arange(40.0),
            "state": ["CA", "NY"] * 20,
            "income": np.arange(40.0) ** 2,
            "w": np.ones(40),
        }
    )


@pytest.fixture
def fitted(donors):
    return SMALL.fit(donors, ["age", "state"], ["income"])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("age", np.nan, r"Row 3, column 'age'.*missing='learned'"),
        ("age", np.inf, r"Row 3, column 'age'.*infinite"),
        ("state", None, r"Row 3, column 'state'.*missing"),
        ("income", np.nan, r"Row 3, column 'income'.*Drop such donors"),
        ("w", np.nan, r"Row 3, column 'w'"),
        ("w", -1.0, r"Row 3, column 'w'.*-1.*not negative"),
    ],
)
def test_a_bad_donor_is_named(donors, column, value, message):
    donors.loc[3, column] = value
    with pytest.raises(BadInputError, match=message):
        SMALL.fit(donors, ["age", "state"], ["income"], weight_col="w")


def test_a_gap_that_no_donor_had_is_refused_by_column(donors, key):
    donors["rent"] = np.where(donors.index % 3, np.nan, 1.0)
    settings = QRF(n_estimators=3, n_jobs=1, missing="learned")
    fitted = settings.fit(donors, ["rent", "age"], ["income"])
    assert fitted.draw(donors, key=key).notna().all(axis=None)
    receivers = donors.assign(age=donors["age"].where(donors.index != 3))
    for chain in (fitted, FittedQRF.from_arrays(fitted.to_arrays())):
        with pytest.raises(BadInputError, match=r"Row 3, column 'age'.*no donor lacked it"):
            chain.draw(receivers, key=key)


def test_a_gap_that_one_side_of_zero_never_had_is_refused(donors, key):
    """Inside of a trace, such a row got the zero."""
    donors = pd.concat([donors] * 3, ignore_index=True)
    donors["income"] = np.where(donors["age"] % 2, 0.0, donors["age"] + 1)
    donors["age"] = donors["age"].where(donors["income"] > 0)  # no donor of zero has an age
    donors["rent"] = np.where((donors["income"] == 0) & (donors.index % 3 == 0), np.nan, 1.0)
    settings = QRF(n_estimators=3, n_jobs=1, missing="learned", sign_stage=True)
    forest = settings.fit(donors, ["rent", "age"], ["income"]).imputers[0].forest
    assert forest.sign.gaps == (0, 1) and forest.positive.gaps == forest.gaps == ()
    rows = jnp.array([[1.0, 2.0], [np.nan, 2.0]])
    with pytest.raises(BadInputError, match=r"Row 1, column 0.*no donor lacked it"):
        forest.draw(rows, key=key)
    assert np.isfinite(forest.draw(rows[:1], key=key)).all()
    assert float(forest.sign.draw(rows, key=jax.random.split(key)[0])[1]) == 1
    assert np.isnan(jax.jit(lambda x: forest.draw(x, key=key))(rows)[1])


def test_weights_that_are_all_zero(donors):
    with pytest.raises(BadInputError, match="'w': every donor weight is zero"):
        SMALL.fit(donors.assign(w=0.0), ["age"], ["income"], weight_col="w")


def test_an_outcome_without_variation(donors):
    with pytest.raises(BadInputError, match=r"'income' has one value, 5, .*Assign it"):
        SMALL.fit(donors.assign(income=5.0), ["age"], ["income"])


def test_too_few_donors_for_the_leaf_size(donors):
    with pytest.raises(BadInputError, match=r"40 draws .* leaves of 30.*Lower min_samples_leaf"):
        QRF(min_samples_leaf=30).fit(donors, ["age"], ["income"])


@pytest.mark.parametrize(
    ("predictors", "targets", "weight"),
    [(["agee"], ["income"], None), (["age"], ["incme"], None), (["age"], ["income"], "ww")],
)
def test_a_misspelt_column_meets_its_neighbour(donors, predictors, targets, weight):
    with pytest.raises(UnknownNameError, match="Did you mean"):
        SMALL.fit(donors, predictors, targets, weight)


def test_columns_named_twice_or_not_at_all(donors):
    with pytest.raises(BadInputError, match="'income' is named twice"):
        SMALL.fit(donors, ["age", "income"], ["income"])
    with pytest.raises(BadInputError, match="at least one predictor"):
        SMALL.fit(donors, [], ["income"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"readout": "singel"}, "single"),
        ({"missing": "learnt"}, "learned"),
        ({"n_estimators": 0}, "at least one"),
        ({"min_samples_leaf": 0}, "at least one"),
        ({"min_samples_leaf": 6, "max_samples": 0.25}, "10 draws"),
    ],
)
def test_settings_that_grow_no_forest(donors, settings, message):
    with pytest.raises(PejaxError, match=message):
        QRF(**settings).fit(donors, ["age"], ["income"])


def test_a_column_of_dates(donors):
    donors["born"] = pd.Timestamp("1980-01-01")
    with pytest.raises(BadInputError, match="'born' holds Timestamp values"):
        SMALL.fit(donors, ["born"], ["income"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.drop(columns="age"), "Unknown column 'age'"),
        (lambda x: x.assign(age="old"), "'age' holds .*trained on numbers"),
        (lambda x: x.assign(age=x.age.where(x.index != 3)), "Row 3, column 'age'"),
        (lambda x: x.assign(state="CAA"), r"row 0\) of column 'state'.*'CA'"),
    ],
)
def test_a_bad_receiver_is_named(donors, fitted, key, change, message):
    with pytest.raises(PejaxError, match=message):
        fitted.draw(change(donors), key=key)


@pytest.mark.parametrize("name", ["max_depth", "max_samples", "max_features", "n_estimators"])
def test_settings_beyond_32_bits(donors, name):
    with pytest.raises(BadInputError, match=f"{name} is 1.*give a number that 32 bits hold"):
        QRF(**{name: 10**30}).fit(donors, ["age"], ["income"])


def test_record_ids_that_are_none(donors, fitted, key):
    with pytest.raises(BadInputError, match="there are 40 rows"):
        fitted.draw(donors, key=key, ids=np.arange(39))
    with pytest.raises(BadInputError, match="a list of lists"):
        fitted.draw(donors, key=key, ids=[[], [0]])
    with pytest.raises(BadInputError, match="whole numbers"):
        fitted.draw(donors, key=key, ids=np.arange(40.0))
    with pytest.raises(BadInputError, match=r"None in row 7.*whole numbers"):
        fitted.draw(donors, key=key, ids=np.array(["a"] * 7 + [None] * 33, object))
    with pytest.raises(BadInputError, match="18446744073709551616 in row 0"):
        fitted.draw(donors, key=key, ids=[2**64] * 40)
    forest = fitted.imputers[0].forest
    with pytest.raises(BadInputError, match=r"float32.*whole numbers"):
        jax.jit(lambda i: forest.draw(jnp.zeros((2, 3)), key=key, ids=i))(jnp.array([1.5, 1.0]))


def test_covariates_of_another_shape(fitted):
    forest = fitted.imputers[0].forest
    with pytest.raises(BadInputError, match=r"\(4, 2\).*reads 3 columns"):
        forest.leaves(np.zeros((4, 2)))


@pytest.mark.parametrize("levels", [[1.5], [-0.1], [np.nan], 0.5, np.full((3, 1), 0.5)])
def test_levels_that_are_none(fitted, levels):
    with pytest.raises(BadInputError, match="quantile level"):
        fitted.imputers[0].forest.quantile(jnp.zeros((4, 3)), levels)


def test_categories_have_no_quantiles(donors):
    fitted = SMALL.fit(donors, ["age"], ["state"])
    with pytest.raises(BadInputError, match=r"'state' holds categories.*Use draw"):
        fitted.predict(donors)


def altered(arrays, name, change):
    return {**arrays, name: change(arrays[name].copy())}


def flip(array):
    array.flat[0] ^= 1
    return array


def test_altered_arrays(fitted):
    arrays = fitted.to_arrays()
    with pytest.raises(BadInputError, match="digest"):
        FittedQRF.from_arrays(altered(arrays, "0/records", flip))
    with pytest.raises(BadInputError, match="digest"):
        FittedQRF.from_arrays({k: v for k, v in arrays.items() if k != "0/depth"})
    with pytest.raises(BadInputError, match="no imputer's arrays"):
        FittedQRF.from_arrays({"x": np.zeros(3)})
    for version in (VERSION - 1, VERSION + 1):
        other = altered(
            arrays,
            "header",
            lambda h, v=version: np.array(
                str(h).replace(f'"version": {VERSION}', f'"version": {v}')
            ),
        )
        with pytest.raises(BadInputError, match=f"in version {version} .* reads version {VERSION}"):
            FittedQRF.from_arrays(other)


def test_damaged_files(tmp_path, fitted):
    path = tmp_path / "chain.npz"
    fitted.save(path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no archive"):
        path.write_bytes(damaged)
        with pytest.raises(BadInputError, match=r"chain\.npz is no readable \.npz file"):
            FittedQRF.load(path)
    with pytest.raises(FileNotFoundError):
        FittedQRF.load(tmp_path / "nowhere.npz")


def test_an_interrupted_save_leaves_the_old_file(tmp_path, fitted, monkeypatch):
    path = tmp_path / "chain.npz"
    fitted.save(path)
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(KeyboardInterrupt):
        fitted.save(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["chain.npz"]


def test_outcomes_that_floats_do_not_hold_are_refused_from_elsewhere():
    X, y = np.arange(40.0)[:, None], np.arange(40) // 20 + 2**53
    with pytest.raises(BadInputError, match=r"y, row 0: 9007199254740992 .*Fit with QRF"):
        Forest.from_sklearn(RandomForestRegressor(3).fit(X, y), X, y)
    with pytest.raises(BadInputError, match=r"classes_, place 0: 9007199254740992"):
        Forest.from_sklearn(RandomForestClassifier(3).fit(X, y))


# ---- arguments of another kind


@pytest.mark.parametrize(
    ("change", "predictors", "outcomes", "weight", "message"),
    [
        (lambda d: None, ["age"], ["income"], None, "X is None. Give a pandas DataFrame"),
        (
            lambda d: d,
            "age",
            ["income"],
            None,
            "predictors is 'age'. Give a list of columns: ['age']",
        ),
        (lambda d: d, ["age"], None, None, "imputed_variables is None. Give a list"),
        (lambda d: d, ["age"], ["income"], [1], "Unknown column a list"),
        (lambda d: d.rename(columns={"w": "age"}), ["age"], ["income"], None, "X has two columns"),
        (
            lambda d: d.assign(state=["CA", 1] * 20),
            ["state"],
            ["income"],
            None,
            "Column 'state' holds a str in row 0 and a int in row 1",
        ),
        (
            lambda d: d.assign(state=[[1]] * 40),
            ["state"],
            ["income"],
            None,
            "Column 'state' holds a list",
        ),
        (lambda d: d.assign(age=1j), ["age"], ["income"], None, "Column 'age' holds complex128"),
        (lambda d: d.assign(w="1"), ["age"], ["income"], "w", "column 'w'[0] is '1'. Give numbers"),
        (
            lambda d: d.assign(w=pd.Timestamp("2020")),
            ["age"],
            ["income"],
            "w",
            "column 'w' holds datetime64",
        ),
    ],
)
def test_donors_of_another_kind(donors, change, predictors, outcomes, weight, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        SMALL.fit(change(donors), predictors, outcomes, weight)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_estimators": 1.5}, "n_estimators is 1.5; give a whole number"),
        ({"n_estimators": True}, "n_estimators is True"),
        ({"min_samples_leaf": "5"}, "min_samples_leaf is '5'"),
        ({"max_depth": 0}, "max_depth is 0; give a whole number above 0"),
        ({"max_features": "some"}, "max_features is 'some'"),
        ({"max_features": 2.0}, "max_features is 2.0; give a share"),
        ({"max_samples": 0}, "max_samples is 0; give a number above 0"),
        ({"max_features": np.zeros((0, 1))}, "max_features is a ndarray"),
        ({"order": pd.NA}, "order is <NA>. Choose one of: given, chosen"),
        ({"readout": pd.RangeIndex(3)}, "readout is a RangeIndex. Choose one of"),
        ({"missing": pd.Series([0, 1])}, "missing is a Series. Choose one of"),
        ({"sign_stage": "no"}, "sign_stage is 'no'; give True or False"),
        ({"seed": -1}, "seed is -1; give a whole number"),
        ({"n_jobs": 0}, "n_jobs is 0; give a whole number above 0"),
    ],
)
def test_settings_of_another_kind(donors, setting, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        dataclasses.replace(SMALL, **setting).fit(donors, ["age"], ["income"])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f, x: f.draw(None, key=KEY), "X is None. Give a pandas DataFrame"),
        (lambda f, x: f.draw(x, key=0), "key is 0. Pass key=jax.random.key(0)"),
        (lambda f, x: f.draw(x, key=KEY, mesh=3), "mesh is 3. Give a jax.sharding.Mesh"),
        (lambda f, x: f.predict(x, 0.5), "levels is 0.5. Give a list"),
        (lambda f, x: f.predict(x, ["a"]), "levels[0] is 'a'"),
        (lambda f, x: f.imputers[0].forest.mean(np.zeros((1, 3)), chunk=0), "chunk is 0; give"),
        (lambda f, x: f.imputers[0].forest.leaves([["a", 1, 2]]), "The covariates[0, 0] is 'a'"),
        (lambda f, x: f.save(3), "path is 3. Give a path"),
        (lambda f, x: FittedQRF.from_arrays(3), "arrays is 3. Give what to_arrays"),
    ],
)
def test_what_is_asked_of_a_chain(donors, fitted, ask, message):
    with pytest.raises(BadInputError, match="^" + re.escape(message)):
        ask(fitted, donors)


def test_weights_whose_sum_overflows_draw_as_others_do(donors):
    """Divided by an infinite sum all were 0, and every tree grew on the last donor alone."""
    even = SMALL.fit(donors, ["age"], ["income"])
    huge = SMALL.fit(donors.assign(w=1e308), ["age"], ["income"], "w")
    receivers = donors[["age"]]
    pd.testing.assert_frame_equal(
        huge.draw(receivers, key=jax.random.key(0)), even.draw(receivers, key=jax.random.key(0))
    )


def test_metrics_refuse_rows_of_several_lengths_and_tuples():
    with pytest.raises(BadInputError, match=r"levels is list\. Give an array of numbers"):
        weighted_quantile([1.0], [[None], [0.5, 3]])
    with pytest.raises(BadInputError, match=r"values is MultiIndex\. Give an array of numbers"):
        weighted_quantile(pd.MultiIndex.from_tuples([(1, 2)]), [0.5])
