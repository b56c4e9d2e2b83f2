"""What is read from leaves, against the definitions written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from pejax.core._validate import BadInputError, UnknownNameError
from pejax.impute import Forest
from pejax.impute.readout._levels import METHODS

LEVELS = [0.0, 0.1, 0.25, 0.5, 0.77, 1.0]


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = np.round(X[:, 0] * 4) * rng.integers(0, 2, 200)
    return RandomForestRegressor(15, min_samples_leaf=4, random_state=0).fit(X, y), X, y


def donors_of(forest, X, y, row):
    """The in-bag donors, repeats included, that share a row's leaf, by tree."""
    leaves = forest.apply(X)
    bags = forest.estimators_samples_
    return [y[bag[leaves[bag, t] == leaves[row, t]]] for t, bag in enumerate(bags)]


@pytest.mark.parametrize("method", METHODS)
def test_all_pools_the_donors_of_every_tree(x64, fitted, method):
    forest, X, y = fitted
    pooled = Forest.from_sklearn(forest, X, y, readout="all")
    found = pooled.quantile(X[:20], LEVELS, method=method)
    for row in range(20):
        pooled = np.concatenate(donors_of(forest, X, y, row))
        np.testing.assert_allclose(
            found[row], np.quantile(pooled, LEVELS, method=method), rtol=1e-12, atol=1e-12
        )


def test_meinshausen_gives_every_tree_the_same_weight(x64, fitted):
    forest, X, y = fitted
    array = Forest.from_sklearn(forest, X, y)
    assert array.readout.name == "meinshausen"
    levels = np.random.default_rng(0).uniform(size=30)  # none where the distribution just gets to
    found = array.quantile(X[:20], levels)
    for row in range(20):
        by_tree = donors_of(forest, X, y, row)
        weights = np.concatenate([np.full(len(d), 1 / len(d)) for d in by_tree])
        wanted = np.quantile(
            np.concatenate(by_tree), levels, weights=weights, method="inverted_cdf"
        )
        np.testing.assert_array_equal(found[row], wanted)


@pytest.mark.parametrize("readout", ["all", "meinshausen"])
def test_a_level_that_is_just_reached_is_reached_despite_rounding(readout):
    X, y = np.zeros((10, 1)), np.arange(10.0)
    forest = ExtraTreesRegressor(7, random_state=0).fit(X, y)
    array = Forest.from_sklearn(forest, X, y, readout=readout)
    found = array.quantile(X[:1], np.arange(1, 11) / 10, method="inverted_cdf")
    np.testing.assert_array_equal(found[0], y)


@pytest.mark.parametrize("method", METHODS)
def test_single_takes_the_quantile_of_one_donor_a_tree(x64, fitted, method):
    forest, X, y = fitted
    single = Forest.from_sklearn(forest, X, y, readout="single")
    found = single.quantile(X[:20], LEVELS, method=method)
    kept = np.asarray(single.readout.outcomes())
    places = np.asarray(single.trees.leaves(jnp.asarray(X[:20])))
    for row in range(20):
        one_each = kept[np.arange(15), places[:, row]]
        for value, donors in zip(one_each, donors_of(forest, X, y, row), strict=True):
            assert value in donors
        np.testing.assert_allclose(
            found[row], np.quantile(one_each, LEVELS, method=method), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("readout", ["mean", "all", "meinshausen"])
def test_the_mean_is_scikit_learns_prediction(x64, fitted, readout):
    forest, X, y = fitted
    found = Forest.from_sklearn(forest, X, y, readout=readout).mean(X)
    np.testing.assert_allclose(found, forest.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("readout", ["single", "all", "meinshausen"])
def test_levels_may_differ_by_row(fitted, readout):
    forest, X, y = fitted
    array = Forest.from_sklearn(forest, X, y, readout=readout)
    levels = np.random.default_rng(1).uniform(size=(30, 2))
    together = array.quantile(X[:30], levels)
    alone = np.stack([array.quantile(X[i : i + 1], levels[i])[0] for i in range(30)])
    np.testing.assert_array_equal(together, alone)


def test_donors_are_drawn_tree_by_tree_then_by_weight(fitted):
    forest, X, y = fitted
    array = Forest.from_sklearn(forest, X, y)
    n = 20_000
    drawn = np.asarray(array.draw(np.repeat(X[5:6], n, axis=0), key=jax.random.key(1)))
    values = np.unique(y)
    by_tree = [np.mean(d[:, None] == values, axis=0) for d in donors_of(forest, X, y, 5)]
    wanted = np.mean(by_tree, axis=0)
    share = np.mean(drawn[:, None] == values, axis=0)
    np.testing.assert_array_less(np.abs(share - wanted), 4.5 * np.sqrt(wanted / n) + 1e-9)


def test_single_donors_are_chosen_by_weight():
    X, y = np.zeros((4, 1)), np.arange(4.0)
    weight = np.array([0.0, 1.0, 2.0, 5.0])
    forest = ExtraTreesRegressor(4000, max_depth=1, random_state=0).fit(X, y, weight)
    kept = Forest.from_sklearn(forest, X, y, sample_weight=weight, readout="single")
    share = np.mean(np.asarray(kept.readout.outcomes())[:, :1] == y, axis=0)
    np.testing.assert_allclose(share, weight / 8, atol=0.03)


def test_fractional_weights_allow_only_the_inverse_distribution(x64):
    rng = np.random.default_rng(0)
    X, y, weight = np.zeros((30, 1)), rng.normal(size=30), rng.uniform(0.1, 2, 30)
    forest = ExtraTreesRegressor(5, random_state=0).fit(X, y, weight)
    array = Forest.from_sklearn(forest, X, y, sample_weight=weight, readout="all")
    wanted = np.quantile(y, LEVELS, weights=weight, method="inverted_cdf")
    np.testing.assert_array_equal(array.quantile(X[:1], LEVELS)[0], wanted)
    with pytest.raises(BadInputError, match="inverted_cdf"):
        array.quantile(X[:1], LEVELS, method="linear")


def test_weights_given_to_scikit_learn_act_once():
    """A forest of stumps on nothing: every leaf's mean is the weighted mean of its bag."""
    rng = np.random.default_rng(0)
    X, y, weight = np.zeros((400, 1)), rng.normal(size=400), rng.integers(0, 5, 400).astype(float)
    forest = RandomForestRegressor(400, random_state=0).fit(X, y, weight)
    array = Forest.from_sklearn(forest, X, y, sample_weight=weight)
    np.testing.assert_allclose(array.mean(X[:1]), np.average(y, weights=weight), atol=0.02)


def test_leaf_means_refuse_what_needs_donors(fitted):
    array = Forest.from_sklearn(fitted[0])
    with pytest.raises(BadInputError, match=r"from_sklearn\(forest, X, y\)"):
        array.quantile(fitted[1][:2], [0.5])
    with pytest.raises(BadInputError, match="leaf means only"):
        array.draw(fitted[1][:2], key=jax.random.key(0))


def test_gradients_reach_levels_and_donor_values(x64, fitted):
    import equinox as eqx

    forest, X, y = fitted
    array = Forest.from_sklearn(forest, X, y, readout="all")

    def read(values, level):
        moved = eqx.tree_at(lambda f: f.readout.values, array, values)
        return moved.quantile(X[:1], level[None])[0, 0]

    values, level = jnp.asarray(array.readout.values), jnp.asarray(0.8013)
    by_value, by_level = jax.grad(read, (0, 1))(values, level)
    step = 1e-6
    slope = (read(values, level + step) - read(values, level - step)) / (2 * step)
    assert float(by_value.sum()) == pytest.approx(1)
    assert float(by_level) == pytest.approx(float(slope), rel=1e-6)
    assert not np.any(jax.grad(lambda x: array.quantile(x, [0.5]).sum())(jnp.asarray(X)))


def test_what_is_no_such_forest_is_refused(fitted):
    from sklearn.linear_model import LinearRegression

    forest, X, y = fitted
    with pytest.raises(BadInputError, match="no fitted forest"):
        Forest.from_sklearn(LinearRegression())
    with pytest.raises(BadInputError, match="no fitted forest"):
        Forest.from_sklearn(RandomForestRegressor())
    with pytest.raises(BadInputError, match="2 outcomes at once"):
        Forest.from_sklearn(RandomForestRegressor(2).fit(X, np.stack([y, y], axis=1)))
    with pytest.raises(BadInputError, match="no fitted quantile forest"):
        Forest.from_quantile_forest(forest)
    with pytest.raises(UnknownNameError, match="single"):
        Forest.from_sklearn(forest, X, y, readout="singel")
    with pytest.raises(BadInputError, match="Give the training data"):
        Forest.from_sklearn(forest, readout="all")


def test_other_data_than_the_training_data_is_refused(fitted):
    forest, X, y = fitted
    with pytest.raises(BadInputError, match="rows"):
        Forest.from_sklearn(forest, X[:50], y[:50])
    with pytest.raises(BadInputError, match=r"Tree 0, leaf \d+"):
        Forest.from_sklearn(forest, X[::-1], y)
    with pytest.raises(BadInputError, match="negative"):
        Forest.from_sklearn(forest, X, y, sample_weight=np.full(200, -1.0))


@pytest.mark.parametrize("readout", ["all", "meinshausen"])
@pytest.mark.parametrize("donors", [9, 200])
def test_counting_and_searching_find_the_same_donors(x64, readout, donors, monkeypatch):
    from pejax.impute.readout import _all_values

    rng = np.random.default_rng(donors)
    X, y = rng.normal(size=(donors, 2)), rng.normal(size=donors).round(1)
    grown = RandomForestRegressor(11, min_samples_leaf=4, random_state=0).fit(X, y)
    forest = Forest.from_sklearn(grown, X, y, readout=readout)
    levels = jnp.asarray(rng.random((donors, 7)))
    left_out = rng.random((11, donors)) < 0.5
    leaves = jnp.where(left_out, -1, forest.trees.leaves(jnp.asarray(X, jnp.float32)))
    found = []
    for counts in (True, False):
        monkeypatch.setattr(_all_values, "worth_counting", lambda *_, c=counts: jnp.array(c))
        found.append(np.asarray(forest.readout.quantile(leaves, levels, None)))
    np.testing.assert_array_equal(found[0], found[1])


def test_leaves_too_large_to_count_are_searched():
    from pejax.impute.readout._pooled import worth_counting

    first = jnp.zeros((10, 3), jnp.int32)
    assert bool(worth_counting(first, first + 20, 9, 1_000))
    assert not bool(worth_counting(first, first + 5_000, 1, 1_000))
