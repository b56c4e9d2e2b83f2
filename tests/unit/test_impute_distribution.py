"""The conditional distribution, out-of-bag readings, classifiers, single forests as files."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from pejax.core._validate import BadInputError
from pejax.impute import QRF, Forest

ROWS = 200


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 3))
    return X, np.round(X[:, 0] * 4) * rng.integers(0, 2, ROWS)


@pytest.fixture(scope="module")
def fitted(data):
    return RandomForestRegressor(15, min_samples_leaf=4, random_state=0).fit(*data)


def in_leaf(fitted, data, row):
    """The in-bag donors, repeats included, that share a row's leaf, by tree."""
    X, y = data
    leaves = fitted.apply(X)
    bags = fitted.estimators_samples_
    return [y[bag[leaves[bag, t] == leaves[row, t]]] for t, bag in enumerate(bags)]


@pytest.mark.parametrize("readout", ["all", "meinshausen"])
def test_the_distribution_is_the_share_of_the_donors(x64, fitted, data, readout):
    X, y = data
    forest = Forest.from_sklearn(fitted, X, y, readout=readout)
    points = np.array([-4.0, -0.5, 0.0, 3.0, 100.0])
    found = forest.cdf(X[:20], np.broadcast_to(points, (20, 5)))
    middle = forest.rank(X[:20], np.broadcast_to(points, (20, 5)))
    for row in range(20):
        donors = in_leaf(fitted, data, row)
        if readout == "all":
            donors = [np.concatenate(donors)]
        upto = np.mean([(d[:, None] <= points).mean(axis=0) for d in donors], axis=0)
        below = np.mean([(d[:, None] < points).mean(axis=0) for d in donors], axis=0)
        np.testing.assert_allclose(found[row], upto, atol=1e-12)
        np.testing.assert_allclose(middle[row], (upto + below) / 2, atol=1e-12)


def test_one_donor_a_leaf_is_one_vote_a_tree(x64, fitted, data):
    forest = Forest.from_sklearn(fitted, *data, readout="single")
    votes = np.asarray(forest.quantile(data[0][:5], np.arange(15) / 14))  # the fifteen values
    found = forest.cdf(data[0][:5], np.zeros(5))
    np.testing.assert_allclose(found, (votes <= 0).mean(axis=1))


@pytest.mark.parametrize("readout", ["all", "meinshausen", "single"])
def test_the_quantile_at_the_distribution_is_the_outcome(x64, fitted, data, readout):
    forest = Forest.from_sklearn(fitted, *data, readout=readout)
    X, y = data
    level = forest.cdf(X, y)
    inside = np.asarray((level > 0) & (level > forest.cdf(X, y - 0.5)))
    just_before = np.maximum(np.asarray(level)[:, None] - 1e-9, 0)
    back = forest.quantile(X, just_before, method="inverted_cdf")[:, 0]
    np.testing.assert_array_equal(np.asarray(back)[inside], y[inside])


def test_the_distribution_compiles(fitted, data):
    forest = Forest.from_sklearn(fitted, *data)
    X, y = (jnp.asarray(x, jnp.float32) for x in data)
    np.testing.assert_allclose(
        jax.jit(lambda f, X, y: f.cdf(X, y))(forest, X, y), forest.cdf(X, y), rtol=1e-6
    )


def test_out_of_bag_means_are_scikit_learns(x64, data):
    X, y = data
    fitted = RandomForestRegressor(40, oob_score=True, random_state=0).fit(X, y)
    forest = Forest.from_sklearn(fitted, X, y)
    outside = forest.out_of_bag()
    wanted = [np.setdiff1d(np.arange(ROWS), bag) for bag in fitted.estimators_samples_]
    assert [np.flatnonzero(column).tolist() for column in outside.T] == [w.tolist() for w in wanted]
    np.testing.assert_allclose(forest.mean(X, trees=outside), fitted.oob_prediction_, rtol=1e-12)


@pytest.mark.parametrize("readout", ["all", "meinshausen", "single"])
def test_readings_of_some_trees_are_those_of_a_forest_of_them(x64, fitted, data, readout):
    X, y = data
    few = RandomForestRegressor(15, min_samples_leaf=4, random_state=0).fit(X, y)
    few.estimators_ = few.estimators_[::3]
    few.n_estimators = len(few.estimators_)
    whole = Forest.from_sklearn(fitted, X, y, readout=readout)
    part = Forest.from_sklearn(few, X, y, readout=readout)
    some = np.broadcast_to(np.arange(15) % 3 == 0, (30, 15))
    levels = [0.0, 0.3, 0.5, 1.0]
    if readout != "single":  # whose donors are chosen in the order of the trees
        np.testing.assert_allclose(whole.mean(X[:30], trees=some), part.mean(X[:30]))
        np.testing.assert_array_equal(
            whole.quantile(X[:30], levels, trees=some), part.quantile(X[:30], levels)
        )
        np.testing.assert_allclose(whole.cdf(X[:30], y[:30], trees=some), part.cdf(X[:30], y[:30]))
    drawn = whole.draw(X[:30], key=jax.random.key(0), trees=some)
    leaves = [in_leaf(few, data, row) for row in range(30)]
    assert all(d in np.concatenate(leaf) for d, leaf in zip(drawn, leaves, strict=True))


def test_a_row_without_a_tree_has_no_reading(fitted, data):
    forest = Forest.from_sklearn(fitted, *data)
    X, nobody = data[0][:2], np.zeros((2, 15), bool)
    nobody[1, 3] = True
    for found in (
        forest.mean(X, trees=nobody),
        forest.quantile(X, [0.5], trees=nobody)[:, 0],
        forest.cdf(X, [0.0, 0.0], trees=nobody),
        forest.draw(X, key=jax.random.key(0), trees=nobody),
    ):
        assert np.isnan(found[0]) and np.isfinite(found[1])


def test_a_chain_is_scored_out_of_bag(data):
    X, y = data
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y, "z": y + X[:, 2]})
    fitted = QRF(n_estimators=30, min_samples_leaf=3).fit(frame, ["a", "b"], ["y", "z"])
    honest = fitted.predict_out_of_bag(frame, [0.5])[0.5]
    flattered = fitted.predict(frame, [0.5])[0.5]
    assert list(honest) == ["y", "z"] and honest.notna().all().all()
    errors = [(table["y"] - frame["y"]).abs().mean() for table in (honest, flattered)]
    assert errors[0] > errors[1]
    with pytest.raises(BadInputError, match="200 donors, not on 10"):
        fitted.predict_out_of_bag(frame.iloc[:10])


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("labels", [[0, 2, 7], ["car", "bus", "none"]], ids=["numbers", "strings"])
def test_a_classifier_gives_its_probabilities(x64, data, kind, labels):
    X, y = data
    classes = np.array(labels)[np.digitize(y, [-1.0, 1.0])]
    fitted = kind(9, min_samples_leaf=5, random_state=0).fit(X, classes)
    forest = Forest.from_sklearn(fitted)
    np.testing.assert_array_equal(forest.leaves(X), fitted.apply(X))
    values = np.asarray(forest.values)
    assert values.tolist() == ([0, 2, 7] if isinstance(labels[0], int) else [0, 1, 2])
    points = np.broadcast_to(values, (ROWS, 3))
    np.testing.assert_allclose(
        forest.cdf(X, points), np.cumsum(fitted.predict_proba(X), axis=1), atol=1e-12
    )
    many = np.repeat(X[:1], 20_000, axis=0)
    drawn = np.asarray(forest.draw_index(many, key=jax.random.key(0)))
    np.testing.assert_allclose(
        np.bincount(drawn, minlength=3) / len(drawn), fitted.predict_proba(X[:1])[0], atol=0.02
    )


def test_one_forest_is_a_file_too(tmp_path, fitted, data):
    forest = Forest.from_sklearn(fitted, *data)
    forest.save(tmp_path / "forest.npz")
    again = Forest.load(tmp_path / "forest.npz")
    np.testing.assert_array_equal(
        again.quantile(data[0], [0.1, 0.9]), forest.quantile(data[0], [0.1, 0.9])
    )
    np.testing.assert_array_equal(again.out_of_bag(), forest.out_of_bag())
    with pytest.raises(BadInputError, match="no imputer's arrays"):
        from pejax.impute import FittedQRF

        FittedQRF.load(tmp_path / "forest.npz")


def test_what_cannot_be_read_is_named(fitted, data):
    X, y = data
    forest = Forest.from_sklearn(fitted, X, y)
    with pytest.raises(BadInputError, match=r"Give \(row,\) or \(row, point\) with 200 rows"):
        forest.cdf(X, y[:5])
    with pytest.raises(BadInputError, match="Row 1: the outcome is missing"):
        forest.cdf(X[:2], [0.0, np.nan])
    with pytest.raises(BadInputError, match="one truth value a row and tree"):
        forest.mean(X, trees=np.ones((ROWS, 15)))
    with pytest.raises(BadInputError, match="not known which donors"):
        Forest.from_sklearn(ExtraTreesRegressor(3).fit(X, y), X, y).out_of_bag()
    with pytest.raises(BadInputError, match="leaf means only"):
        Forest.from_sklearn(fitted).cdf(X, y)


def test_a_mesh_changes_nothing(fitted, data):
    forest = Forest.from_sklearn(fitted, *data)
    mesh = jax.make_mesh((jax.device_count(),), ("rows",))
    X, y = data[0][:151], data[1][:151]
    np.testing.assert_array_equal(forest.leaves(X, mesh=mesh), forest.leaves(X))
    np.testing.assert_array_equal(forest.quantile(X, [0.5], mesh=mesh), forest.quantile(X, [0.5]))
    np.testing.assert_array_equal(forest.cdf(X, y, mesh=mesh, chunk=40), forest.cdf(X, y))
    key = jax.random.key(0)
    np.testing.assert_array_equal(forest.draw(X, key=key, mesh=mesh), forest.draw(X, key=key))


def test_the_distribution_has_a_derivative_in_the_weights(x64):
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(80, 2)), rng.normal(size=80).round(1)
    grown = RandomForestRegressor(5, min_samples_leaf=6, random_state=0).fit(X, y)
    forest = Forest.from_sklearn(grown, X, y, readout="meinshausen")
    along = jnp.asarray(rng.random(forest.readout.cumulative.shape)) * forest.readout.cumulative

    def share(step):
        moved = forest.readout.cumulative + step * along
        changed = eqx.tree_at(lambda f: f.readout.cumulative, forest, moved)
        return changed.cdf(X[:9], np.full(9, 0.2)).sum()

    difference = float(share(1e-6) - share(-1e-6)) / 2e-6
    assert abs(difference) > 1e-3
    assert float(jax.grad(share)(0.0)) == pytest.approx(difference, rel=1e-6)
