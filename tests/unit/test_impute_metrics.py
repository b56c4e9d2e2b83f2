"""Losses and distances of weighted distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from pejax import BadInputError
from pejax.impute import compare, crps, pinball, wasserstein, weighted_cdf, weighted_quantile

samples = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(0, 5)), min_size=12, max_size=12
).filter(lambda rows: any(weight for _, weight in rows))
levels = st.floats(0, 1, allow_subnormal=False)


def columns(rows):
    """Twelve values and weights, many of them zero; one length, one compilation."""
    values, weights = np.array(rows, float).T
    return values, weights


@settings(max_examples=60, deadline=None)
@given(samples, st.lists(levels, min_size=3, max_size=3))
def test_the_quantile_is_the_inverse_of_the_distribution(rows, levels):
    values, weights = columns(rows)
    with jax.enable_x64(True):
        found = np.asarray(weighted_quantile(values, levels, weights))
        at = np.asarray(weighted_cdf(values, found, weights))
        below = np.asarray(weighted_cdf(values, found - 0.5, weights))
    held = values[weights > 0]
    assert np.isin(found, held).all()
    assert (at >= np.array(levels) - 1e-12).all()
    assert ((below < np.array(levels)) | (found == held.min())).all()


@settings(max_examples=60, deadline=None)
@given(samples, levels)
def test_a_weight_is_that_many_copies(rows, level):
    values, weights = columns(rows)
    copies, once = np.zeros(60), np.zeros(60)
    held = np.repeat(values, weights.astype(int))
    copies[: len(held)], once[: len(held)] = held, 1.0
    with jax.enable_x64(True):
        weighted = weighted_quantile(values, [level], weights)
        np.testing.assert_array_equal(weighted, weighted_quantile(copies, [level], once))
        distance = float(wasserstein(values, copies, weights, once))
    assert distance == pytest.approx(0, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(samples, samples)
def test_the_distance_is_scipys(rows, others):
    (u, uw), (v, vw) = columns(rows), columns(others)
    with jax.enable_x64(True):
        found = float(wasserstein(u, v, uw, vw))
    assert found == pytest.approx(stats.wasserstein_distance(u, v, uw, vw), abs=1e-9)


def test_the_pinball_loss_is_least_at_the_quantile(x64):
    rng = np.random.default_rng(0)
    truth, weights = rng.gamma(2, size=500), rng.uniform(size=500)
    best = weighted_quantile(truth, [0.8], weights)[0]
    losses = [float(pinball(truth, np.full(500, best + d), 0.8, weights)) for d in (-0.3, 0, 0.3)]
    assert losses[1] == min(losses)
    slope = jax.grad(lambda p: pinball(truth, jnp.full(500, p), 0.8, weights))(best + 1e-6)
    assert abs(float(slope)) < 0.02


def test_the_ranked_score_is_its_definition_and_is_proper(x64):
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(size=40), rng.normal(size=(40, 7))
    pairs = np.abs(draws[:, :, None] - draws[:, None])
    wanted = np.abs(draws - truth[:, None]).mean(1) - pairs.sum((1, 2)) / (7 * 6) / 2
    assert float(crps(draws, truth)) == pytest.approx(wanted.mean())
    many = rng.normal(size=(4000, 20))
    truth = rng.normal(size=4000)
    scores = [float(crps(many * spread, truth)) for spread in (0.5, 1.0, 2.0)]
    assert scores[1] == min(scores)


def test_the_comparison_is_a_table(x64):
    rng = np.random.default_rng(0)
    truth = np.maximum(rng.normal(size=2000), 0)
    rows = {row["statistic"]: row for row in compare(truth[::-1], truth)}
    assert rows["share zero"]["truth"] == pytest.approx(np.mean(truth == 0))
    assert {"mean", "quantile 0.5", "mean in the top 1 %"} <= set(rows)
    for row in rows.values():
        assert row["imputed"] == pytest.approx(row["truth"])


@pytest.mark.parametrize("levels", [0.5, [[0.5]], "half", None])
def test_levels_of_a_comparison_are_a_list(levels):
    with pytest.raises(BadInputError, match="levels"):
        compare([1.0, 2.0], [1.0, 2.0], levels=levels)
