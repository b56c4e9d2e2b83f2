"""Slopes in place of steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from pejax.core._validate import BadInputError
from pejax.impute import Forest, soften


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(0, 9, 100), rng.normal(size=100).round(1)], axis=1).astype(float)
    y = X[:, 0] * 10 + rng.normal(size=100).round(1)
    return X, y, RandomForestRegressor(4, min_samples_leaf=3, random_state=0).fit(X, y)


@pytest.mark.parametrize("readout", ["mean", "all", "single"])
def test_as_temperature_falls_the_hard_forest_comes_back(x64, problem, readout):
    X, y, fitted = problem
    hard = Forest.from_sklearn(fitted, X, y, readout=readout)
    gaps = [
        float(jnp.abs(soften(hard, X, temperature=t).mean(X) - hard.mean(X)).max())
        for t in (1e-1, 1e-2, 1e-7)
    ]
    assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-6


def all_paths(tree: DecisionTreeRegressor, x, shares, temperature):
    """Every leaf's mean and chance, by walking the whole tree."""
    nodes, chance = tree.tree_, {0: 1.0}
    for node in range(nodes.node_count):
        f = nodes.feature[node]
        if f >= 0:
            at_split, at_row = shares(f, nodes.threshold[node], x[f])
            left = 1 / (1 + np.exp(-(at_split - at_row) / temperature))
            chance[nodes.children_left[node]] = chance[node] * left
            chance[nodes.children_right[node]] = chance[node] * (1 - left)
    leaves = np.flatnonzero(nodes.feature < 0)
    return sum(chance[leaf] * nodes.value[leaf, 0, 0] for leaf in leaves)


def test_a_wide_beam_is_the_whole_mixture(x64, problem):
    X, _, fitted = problem
    X = X.astype(np.float32).astype(float)

    def middle(column, value):
        return (np.mean(column < value) + np.mean(column <= value)) / 2

    def shares(f, threshold, value):
        below = X[:, f][X[:, f] <= threshold].max()
        above = X[:, f][X[:, f] > threshold].min()
        split = (middle(X[:, f], below) + middle(X[:, f], above)) / 2
        return split, middle(X[:, f], value)

    soft = soften(Forest.from_sklearn(fitted), X, temperature=0.05, beam=64)
    wanted = [np.mean([all_paths(t, x, shares, 0.05) for t in fitted.estimators_]) for x in X[:10]]
    np.testing.assert_allclose(soft.mean(X[:10]), wanted, rtol=1e-9)


def test_a_heap_of_zeros_stays_on_its_side(x64):
    """A slope as wide as the tail's standard deviation would carry zeros over the split."""
    rng = np.random.default_rng(0)
    wage = np.where(rng.uniform(size=400) < 0.5, 0.0, rng.lognormal(10, 2, 400))
    y = (wage > 0) * 100.0
    forest = Forest.from_sklearn(RandomForestRegressor(4, random_state=0).fit(wage[:, None], y))
    soft = soften(forest, wage[:, None], temperature=0.02)
    np.testing.assert_allclose(soft.mean(np.zeros((1, 1))), 0, atol=0.5)


def test_the_mean_has_the_slope_of_its_finite_difference(x64, problem):
    X, y, fitted = problem
    soft = soften(Forest.from_sklearn(fitted, X, y), X, temperature=0.05, beam=64)
    X = np.clip(X + 0.013, X.min(axis=0) + 0.013, X.max(axis=0) - 0.013)  # F has kinks at values
    found = np.asarray(jax.grad(lambda x: soft.mean(x).sum())(jnp.asarray(X)))
    assert np.isfinite(found).all() and np.abs(found[:, 0]).max() > 1
    for f in range(2):
        step = np.zeros(2)
        step[f] = 1e-6
        slope = (soft.mean(X + step) - soft.mean(X - step)) / 2e-6
        np.testing.assert_allclose(found[:, f], slope, rtol=1e-5, atol=1e-5)


def test_the_quantile_has_the_slopes_of_its_finite_differences(x64, problem):
    X, y, fitted = problem
    soft = soften(Forest.from_sklearn(fitted, X, y, readout="single"), X, temperature=0.1, beam=64)
    x, level = jnp.asarray(X[:5] + 0.013), jnp.full((5, 1), 0.4)

    def read(x, level):
        return soft.quantile(x, level, bandwidth=3.0)[:, 0]

    by_x, by_level = jax.grad(lambda x, q: read(x, q).sum(), (0, 1))(x, level)
    step = 1e-5
    slope = (read(x.at[:, 0].add(step), level) - read(x.at[:, 0].add(-step), level)) / (2 * step)
    np.testing.assert_allclose(by_x[:, 0], slope, rtol=1e-4)
    slope = (read(x, level + step) - read(x, level - step)) / (2 * step)
    np.testing.assert_allclose(by_level[:, 0], slope, rtol=1e-4)


def test_a_cold_narrow_quantile_is_a_donors_value(x64, problem):
    X, y, fitted = problem
    hard = Forest.from_sklearn(fitted, X, y, readout="single")
    soft = soften(hard, X, temperature=1e-8)
    found = soft.quantile(X[:20], [0.45], bandwidth=1e-4)
    wanted = hard.quantile(X[:20], [0.45], method="inverted_cdf")
    np.testing.assert_allclose(found, wanted, atol=1e-2)


@pytest.mark.parametrize("temperature", [1e-1, 1e-4, 1e-9])
def test_gradients_are_finite_everywhere_even_when_cold_and_single(problem, temperature):
    X, y, fitted = problem
    soft = soften(Forest.from_sklearn(fitted, X, y), X, temperature=temperature)
    far = jnp.asarray(np.concatenate([X, X * 1e6, X * 0]), jnp.float32)
    total = jax.grad(lambda soft, x: soft.mean(x).sum(), argnums=(0, 1), allow_int=True)
    by_soft, by_x = total(soft, far)
    assert np.isfinite(by_x).all() and np.isfinite(by_soft.temperature)


def test_constant_covariates_and_stumps_are_no_trouble(x64):
    X = np.stack([np.ones(40), np.arange(40.0)], axis=1)
    y = (X[:, 1] > 20) * 5.0
    forest = Forest.from_sklearn(RandomForestRegressor(3, random_state=0).fit(X, y))
    soft = soften(forest, X, temperature=1e-6)
    np.testing.assert_allclose(soft.mean(X), forest.mean(X), atol=1e-6)
    flat = Forest.from_sklearn(RandomForestRegressor(2).fit(X, np.ones(40)))
    np.testing.assert_allclose(soften(flat, X).mean(X), 1)


def test_what_cannot_be_softened_is_refused(problem):
    X, y, fitted = problem
    with pytest.raises(BadInputError, match="readout='single'"):
        soften(Forest.from_sklearn(fitted, X, y), X).quantile(X, [0.5], bandwidth=1.0)
    with pytest.raises(BadInputError, match="positive temperature"):
        soften(Forest.from_sklearn(fitted), X, temperature=0.0)
    with pytest.raises(BadInputError, match="missing values"):
        soften(Forest.from_sklearn(fitted, missing="learned"), X)
    single = soften(Forest.from_sklearn(fitted, X, y, readout="single"), X)
    with pytest.raises(BadInputError, match="strictly between"):
        single.quantile(X, [1.0], bandwidth=1.0)
    X = X.copy()
    X[2, 1] = np.nan
    with pytest.raises(BadInputError, match="Row 2, column 1"):
        single.mean(X)
