"""Heaps at zero and outcomes of both signs: the sign first, then the size."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax.core._validate import BadInputError
from pejax.impute import QRF, FittedQRF, SignForest

ROWS = 1_500


@pytest.fixture(scope="module")
def donors():
    rng = np.random.default_rng(0)
    age = rng.integers(20, 90, ROWS)
    sign = np.where(rng.random(ROWS) < 0.5, 0, np.where(rng.random(ROWS) < age / 120, 1, -1))
    return pd.DataFrame(
        {
            "age": age,
            "gain": sign * np.exp(rng.normal(6, 1, ROWS)).round(2),
            "pension": np.where(age > 60, rng.gamma(2, 500, ROWS).round(), 0.0),
            "weight": rng.integers(1, 4, ROWS).astype(float),
        }
    )


@pytest.fixture(scope="module")
def fitted(donors):
    settings = QRF(n_estimators=20, min_samples_leaf=10, sign_stage=True, seed=1)
    return settings.fit(donors, ["age"], ["gain", "pension"], "weight")


def test_an_outcome_of_both_signs_has_three_stages(fitted):
    gain, pension = (imputer.forest for imputer in fitted.imputers)
    assert isinstance(gain, SignForest) and isinstance(pension, SignForest)
    assert np.all(np.asarray(gain.negative.values) < 0) and np.all(gain.positive.values > 0)
    assert pension.negative is None
    assert np.all(np.diff(gain.values) > 0) and 0.0 in gain.values


def test_draws_are_donors_values_with_the_donors_shares(donors, fitted):
    drawn = fitted.draw(donors[["age"]], key=jax.random.key(0))
    for name in ("gain", "pension"):
        assert set(drawn[name]) <= set(donors[name])
    truth = np.average(np.sign(donors["gain"].to_numpy())[:, None] == [-1, 0, 1], axis=0,
                       weights=donors["weight"])  # fmt: skip
    found = (np.sign(drawn["gain"].to_numpy())[:, None] == [-1, 0, 1]).mean(axis=0)
    np.testing.assert_allclose(found, truth, atol=0.04)
    assert (drawn.loc[donors["age"] <= 55, "pension"] == 0).all()


def test_quantiles_are_those_of_the_mixture(x64, fitted):
    forest = fitted.imputers[0].forest
    X = np.array([[30.0], [80.0]])
    chances = np.asarray(forest.chances(X))
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    levels = np.linspace(0.01, 0.99, 25)
    found = np.asarray(forest.quantile(X, levels))
    for row, (below, zero, _) in enumerate(chances):
        side = np.where(levels <= below, -1, np.where(levels <= below + zero, 0, 1))
        np.testing.assert_array_equal(np.sign(found[row]), side)
        inside = levels <= below
        wanted = forest.negative.quantile(X[row : row + 1], levels[inside] / below)[0]
        np.testing.assert_array_equal(found[row, inside], wanted)
    assert np.all(np.diff(found, axis=1) >= 0)


def test_the_mean_is_that_of_many_draws(fitted):
    forest = fitted.imputers[0].forest
    X = np.full((40_000, 1), 50.0)
    drawn = np.asarray(forest.draw(X, key=jax.random.key(2)), float)
    error = drawn.std() / np.sqrt(len(drawn))
    assert abs(drawn.mean() - float(forest.mean(X[:1])[0])) < 5 * error


def test_it_is_a_pytree_and_a_file(tmp_path, donors, fitted, key):
    drawn = fitted.draw(donors[["age"]], key=key)
    fitted.save(tmp_path / "chain.npz")
    again = FittedQRF.load(tmp_path / "chain.npz").draw(donors[["age"]], key=key)
    pd.testing.assert_frame_equal(again, drawn)
    forest = fitted.imputers[0].forest
    inside = jax.jit(lambda f, X: f.draw(X, key=key))(forest, jnp.asarray([[30.0], [80.0]]))
    np.testing.assert_array_equal(inside, forest.draw([[30.0], [80.0]], key=key))


def test_what_has_no_heap_or_too_few_on_a_side_stays_in_one_stage(donors):
    settings = QRF(n_estimators=2, min_samples_leaf=5, sign_stage=True)
    frame = donors.assign(
        always=donors["gain"].abs() + 1.0,
        rare=np.where(np.arange(ROWS) < 6, -1.0, 1.0 * donors.age),
    )
    for name in ("always", "rare"):
        assert not isinstance(settings.fit(frame, ["age"], [name]).imputers[0].forest, SignForest)


def test_a_sign_stage_has_no_one_bag(donors, fitted):
    with pytest.raises(BadInputError, match="'gain' has a sign stage"):
        fitted.predict_out_of_bag(donors)
