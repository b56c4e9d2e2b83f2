"""Forests of the quantile-forest package, read by pejax."""

import jax
import numpy as np
import pytest

from pejax.core._validate import BadInputError
from pejax.impute import Forest

quantile_forest = pytest.importorskip("quantile_forest")
pytestmark = pytest.mark.oracle

LEVELS = [0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0]
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")
KINDS = {
    "random": quantile_forest.RandomForestQuantileRegressor,
    "extra": quantile_forest.ExtraTreesQuantileRegressor,
}


def survey(rows, seed=0):
    """Ages, counts and incomes as surveys have them: ties, zeros and a long tail."""
    rng = np.random.default_rng(seed)
    age = rng.integers(15, 90, rows)
    wage = np.where(rng.uniform(size=rows) < 0.4, 0.0, rng.lognormal(10, 1, rows).round())
    X = np.stack([age, rng.integers(0, 5, rows), wage], axis=1).astype(float)
    pension = np.where((age > 62) & (rng.uniform(size=rows) < 0.5), rng.gamma(2, 9e3, rows), 0.0)
    return X, pension.round(2)


def fitted(kind, **options):
    X, y = survey(1500)
    return KINDS[kind](n_estimators=30, random_state=0, n_jobs=2, **options).fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"min_samples_leaf": 20}, {"max_depth": 5}])
def test_the_default_readout(x64, kind, options):
    peer = fitted(kind, **options)
    forest = Forest.from_quantile_forest(peer)
    X = survey(2000, seed=1)[0]
    assert forest.readout.name == "single"
    np.testing.assert_array_equal(forest.leaves(X), peer.apply(X))
    for method in METHODS:
        wanted = peer.predict(X, quantiles=LEVELS, interpolation=method)
        found = forest.quantile(X, LEVELS, method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12 * np.abs(wanted).max())
    np.testing.assert_allclose(forest.mean(X), peer.predict(X, quantiles="mean"), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_all_leaf_samples(x64, kind):
    """Against the peer's quantiles of repeated values, its exact form of the same estimator."""
    peer = fitted(kind, min_samples_leaf=5, max_samples_leaf=None)
    forest = Forest.from_quantile_forest(peer)
    X = survey(1000, seed=1)[0]
    assert forest.readout.name == "all"
    for method in ("linear", "lower", "higher", "midpoint"):
        wanted = peer.predict(X, quantiles=LEVELS, interpolation=method, weighted_quantile=False)
        found = forest.quantile(X, LEVELS, method=method)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12 * np.abs(wanted).max())


def test_where_the_peers_two_forms_differ_numpy_decides(x64):
    """The peer's cumulative-weight form and its form on repeated values part at exact halves."""
    peer = fitted("random", min_samples_leaf=5, max_samples_leaf=None)
    forest = Forest.from_quantile_forest(peer)
    X = survey(1000, seed=1)[0]
    kept = np.asarray(peer.forest_.y_train_leaves)[:, :, 0]
    outcomes = np.asarray(peer.forest_.y_train)[0]
    by_weight = peer.predict(X, quantiles=LEVELS, interpolation="nearest")
    found = np.asarray(forest.quantile(X, LEVELS, method="nearest"))
    differs = np.flatnonzero((by_weight != found).any(axis=1))
    assert len(differs)
    leaves = peer.apply(X[differs])
    for row, reached in zip(differs, leaves, strict=True):
        places = np.concatenate([kept[t, leaf] for t, leaf in enumerate(reached)])
        pooled = outcomes[places[places > 0] - 1]
        np.testing.assert_array_equal(found[row], np.quantile(pooled, LEVELS, method="nearest"))


def test_draws_follow_the_trees_values(x64):
    peer = fitted("random")
    forest = Forest.from_quantile_forest(peer)
    X = survey(1, seed=3)[0]
    X[0, 0] = 75.0
    n = 50_000
    drawn = np.asarray(forest.draw(np.repeat(X, n, axis=0), key=jax.random.key(0)))
    values = np.asarray(peer.forest_.y_train)[0]
    kept = np.asarray(peer.forest_.y_train_leaves)[:, :, 0, 0]
    one_a_tree = values[kept[np.arange(30), peer.apply(X)[0]] - 1]
    for value in np.unique(one_a_tree):
        share = np.mean(one_a_tree == value)
        assert np.mean(drawn == value) == pytest.approx(share, abs=4.5 * np.sqrt(share / n))
    assert np.isin(drawn, one_a_tree).all()


def test_what_is_not_taken_over_is_refused():
    X, y = survey(200)
    forests = KINDS["random"](5, random_state=0)
    with pytest.raises(BadInputError, match="no fitted quantile forest"):
        Forest.from_quantile_forest(forests)
    with pytest.raises(BadInputError, match="2 outcomes at once"):
        Forest.from_quantile_forest(KINDS["random"](5).fit(X, np.stack([y, y], axis=1)))
    with pytest.raises(BadInputError, match="monotonic"):
        Forest.from_quantile_forest(KINDS["random"](5, monotonic_cst=[1, 0, 0]).fit(X, y))
