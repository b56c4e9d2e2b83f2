"""Rows reach the leaves that scikit-learn sends them to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from pejax.core._validate import BadInputError
from pejax.impute import Forest
from pejax.impute.forest._layout import round_down


def data(rows=300, seed=0):
    """Covariates on coarse grids, so that thresholds often equal values that rows have."""
    rng = np.random.default_rng(seed)
    X = np.stack(
        [rng.integers(0, 9, rows), rng.normal(size=rows).round(1), rng.uniform(size=rows)], axis=1
    )
    return X, X[:, 0] + rng.normal(size=rows)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize("max_depth", [1, 4, None])
def test_leaves_are_those_of_scikit_learn(kind, max_depth):
    X, y = data()
    fitted = kind(8, max_depth=max_depth, random_state=0).fit(X, y)
    receivers = np.concatenate([X, data(200, seed=1)[0], 3 * X])
    np.testing.assert_array_equal(
        Forest.from_sklearn(fitted).leaves(receivers), fitted.apply(receivers)
    )


def test_rows_on_a_threshold_go_where_float64_sends_them():
    X, y = data()
    fitted = RandomForestRegressor(20, random_state=0).fit(X, y)
    forest = Forest.from_sklearn(fitted)
    splits = [(tree.tree_.feature, tree.tree_.threshold) for tree in fitted.estimators_]
    feature = np.concatenate([f for f, _ in splits])
    threshold = np.concatenate([t for _, t in splits])[feature >= 0]
    rows = np.repeat(X.mean(axis=0)[None], len(threshold), axis=0)
    rows[np.arange(len(threshold)), feature[feature >= 0]] = threshold
    for nudged in (rows, np.nextafter(rows, np.inf), np.nextafter(rows, -np.inf)):
        np.testing.assert_array_equal(forest.leaves(nudged), fitted.apply(nudged))


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e30, 1e30), st.integers(-3, 3))
def test_a_rounded_threshold_divides_float32_numbers_as_the_exact_one_does(threshold, steps):
    x = np.float32(threshold)
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.copysign(np.inf, steps)))
    rounded = round_down(np.array([threshold]))[0]
    assert (np.float64(x) <= threshold) == (x <= rounded)


def test_infinite_thresholds_become_the_largest_number():
    assert round_down(np.array([np.inf]))[0] == np.finfo(np.float32).max


def test_a_tree_without_splits_has_one_leaf():
    X, _ = data(20)
    fitted = RandomForestRegressor(3).fit(X, np.ones(20))
    assert np.asarray(Forest.from_sklearn(fitted).leaves(X)).max() == 0


def test_many_one_hot_covariates_fit_the_records():
    rng = np.random.default_rng(0)
    X = np.eye(400)[rng.integers(0, 400, 500)]
    fitted = ExtraTreesRegressor(3, random_state=0).fit(X, rng.normal(size=500))
    np.testing.assert_array_equal(Forest.from_sklearn(fitted).leaves(X), fitted.apply(X))


def with_holes(X, seed=0):
    holes = np.random.default_rng(seed).uniform(size=X.shape) < 0.2
    return np.where(holes, np.nan, X)


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
def test_learned_missing_values_go_where_scikit_learn_sends_them(kind):
    X, y = data()
    X = with_holes(X)
    X[:, 2] = np.where(y > np.median(y), np.nan, 1.0)  # splits on being missing or not
    fitted = kind(10, random_state=0).fit(X, y)
    receivers = np.concatenate([X, with_holes(data(seed=3)[0], seed=3)])
    forest = Forest.from_sklearn(fitted, missing="learned")
    np.testing.assert_array_equal(forest.leaves(receivers), fitted.apply(receivers))


def test_missing_values_are_refused_with_row_and_column():
    X, y = data()
    forest = Forest.from_sklearn(RandomForestRegressor(3).fit(X, y))
    X[7, 2] = np.nan
    with pytest.raises(BadInputError, match=r"Row 7, column 2.*missing"):
        forest.leaves(X)
    X[7, 2] = 1e300
    with pytest.raises(BadInputError, match=r"Row 7, column 2.*infinite in float32"):
        forest.mean(X)


def test_inside_jit_a_row_with_a_missing_value_has_no_leaf_and_no_outcome():
    X, y = data()
    forest = Forest.from_sklearn(RandomForestRegressor(3, random_state=0).fit(X, y), X, y)
    X[7, 2] = np.nan
    X = jnp.asarray(X)
    leaves = np.asarray(eqx.filter_jit(forest.leaves)(X))
    assert (leaves[7] == -1).all() and (np.delete(leaves, 7, axis=0) >= 0).all()
    for read in (
        forest.mean,
        lambda x: forest.quantile(x, [0.5])[:, 0],
        lambda x: forest.draw(x, key=jax.random.key(0)),
    ):
        found = np.asarray(eqx.filter_jit(read)(X))
        assert np.isnan(found[7]) and np.isfinite(np.delete(found, 7)).all()


def test_trees_side_by_side_reach_the_same_leaves_as_one_after_another():
    """The accelerator's order of work, run on the CPU."""
    from functools import partial

    from pejax.impute.forest._trees import _at_once, _in_turn, _walk

    X, y = data()
    trees = Forest.from_sklearn(RandomForestRegressor(5, random_state=0).fit(X, y)).trees
    walk = partial(_walk, bits=trees.feature_bits)
    codes = jnp.asarray(X, jnp.float32)
    np.testing.assert_array_equal(
        _at_once(walk, trees.records, trees.depth, codes),
        _in_turn(walk, trees.records, trees.depth, codes),
    )


@pytest.mark.parametrize("kind", [RandomForestRegressor, ExtraTreesRegressor])
@pytest.mark.parametrize("with_data", [True, False])
def test_a_gap_that_no_donor_had_is_refused(kind, with_data):
    """All such rows went to the larger side of each split."""
    X, y = data()
    X[::3, 1] = np.nan
    fitted = kind(10, random_state=0).fit(X, y)
    training = (X, y) if with_data else ()
    forest = Forest.from_sklearn(fitted, *training, missing="learned")
    assert forest.gaps == (1,)
    np.testing.assert_array_equal(forest.leaves(X), fitted.apply(X))
    X[7, 2] = np.nan
    with pytest.raises(BadInputError, match=r"Row 7, column 2.*no donor lacked it.*Fill it"):
        forest.mean(X)
    leaves = np.asarray(eqx.filter_jit(forest.leaves)(jnp.asarray(X)))
    assert (leaves[7] == -1).all() and (np.delete(leaves, 7, axis=0) >= 0).all()


def test_gaps_of_donors_without_weight_teach_nothing():
    X, y = data()
    X[:50, 0] = np.nan
    weight = np.where(np.isnan(X[:, 0]), 0.0, 1.0)
    fitted = RandomForestRegressor(5, random_state=0).fit(X, y, sample_weight=weight)
    forest = Forest.from_sklearn(fitted, X, y, sample_weight=weight, missing="learned")
    assert forest.gaps == ()
    with pytest.raises(BadInputError, match=r"\(300, 2\).*trained on 3 columns"):
        Forest.from_sklearn(fitted, X[:, :2], missing="learned")
