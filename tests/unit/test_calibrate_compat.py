"""The constructors and methods of microcalibrate and l0-python, without either installed."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from pejax.calibrate import Calibration, SparseCalibrationWeights
from pejax.core._validate import BadInputError, UnknownNameError


def parts(units=80, targets=4):
    rng = np.random.default_rng(0)
    X = rng.gamma(0.5, 10.0, (units, targets)) * (rng.random((units, targets)) < 0.6)
    weights = rng.gamma(3.0, 100.0, units)
    y = (weights * rng.lognormal(0, 0.3, units)) @ X
    return weights, y, pd.DataFrame(X, columns=["a", "b", "c", "d"])


def calibration(**settings):
    weights, y, matrix = parts()
    fast = {"epochs": 200, "learning_rate": 0.02, "noise_level": 0.0}
    return Calibration(weights, y, estimate_matrix=matrix, **(fast | settings))


def test_calibrate_sets_weights_that_fit():
    fitted = calibration()
    performance = fitted.calibrate()
    _, y, matrix = parts()
    np.testing.assert_allclose(fitted.weights @ matrix.to_numpy(), y, rtol=0.02)
    np.testing.assert_allclose(fitted.estimate(), y, rtol=0.02)
    assert fitted.estimate().index.tolist() == ["a", "b", "c", "d"]
    assert fitted.summary()["Metric"].tolist() == ["a", "b", "c", "d"]
    assert performance["epoch"].unique().tolist() == [0, 199]
    assert performance["loss"].iloc[-1] < performance["loss"].iloc[0]


def test_an_excluded_target_is_reported_and_not_fitted():
    weights, y, matrix = parts()
    y = y * [1, 1, 3, 1]
    fitted = Calibration(
        weights, y, estimate_matrix=matrix, epochs=200, learning_rate=0.02, excluded_targets=["c"]
    )
    fitted.calibrate()
    error = fitted.summary().set_index("Metric")["Relative error"]
    assert abs(error["c"]) > 0.3
    assert error.drop("c").abs().max() < 0.05


def test_the_sparse_path_keeps_fewer_records():
    fitted = calibration(regularize_with_l0=True, l0_lambda=1e-3)
    fitted.calibrate()
    assert 0 < np.count_nonzero(fitted.sparse_weights) < 80


def test_bad_settings_of_calibration():
    weights, y, matrix = parts()
    with pytest.raises(BadInputError, match="Pass estimate_matrix="):
        Calibration(weights, y)
    with pytest.raises(UnknownNameError, match="Unknown target 'e'"):
        Calibration(weights, y, estimate_matrix=matrix, excluded_targets=["e"])
    with pytest.raises(BadInputError, match=r"Call calibrate\(\) first"):
        calibration().summary()


def sparse_fit(**settings):
    _, y, matrix = parts()
    model = SparseCalibrationWeights(80, init_keep_prob=0.9, init_weights=300.0, seed=0)
    fast = {"lr": 0.1, "epochs": 300, "loss_type": "relative", "lambda_l0": 1e-4}
    return model.fit(scipy.sparse.csr_matrix(matrix.to_numpy().T), y, **(fast | settings))


def test_sparse_weights_fit_and_are_described():
    _, y, matrix = parts()
    model = sparse_fit()
    active = model.get_active_weights()
    weights = model.get_weights(deterministic=True)
    np.testing.assert_array_equal(weights[active["indices"]], active["values"])
    assert active["count"] == np.count_nonzero(weights)
    assert model.get_sparsity() == pytest.approx(1 - active["count"] / 80)
    np.testing.assert_allclose(
        model.predict(matrix.to_numpy().T), matrix.to_numpy().T @ weights, rtol=1e-4
    )
    assert np.abs(np.asarray(model.predict(matrix.to_numpy().T)) / y - 1).mean() < 0.25


def test_a_higher_price_keeps_fewer():
    assert sparse_fit(lambda_l0=0.1).get_sparsity() > sparse_fit(lambda_l0=1e-4).get_sparsity()


def test_squared_weights_are_priced():
    heavy = sparse_fit(lambda_l2=1e-3).get_weights(deterministic=True)
    assert heavy.sum() < 0.5 * sparse_fit().get_weights(deterministic=True).sum()


def test_groups_share_the_loss():
    groups = np.array([0, 0, 0, 1])
    model = sparse_fit(target_groups=groups, group_multipliers={1: 50.0})
    _, y, matrix = parts()
    errors = np.abs(np.asarray(model.predict(matrix.to_numpy().T)) / y - 1)
    assert errors[3] <= errors.max()
    assert np.isfinite(errors).all()


def test_bad_settings_of_sparse_weights():
    with pytest.raises(BadInputError, match="loss_type is 'mae'"):
        sparse_fit(loss_type="mae")
    with pytest.raises(BadInputError, match="without target_groups"):
        sparse_fit(group_multipliers={0: 1.0})
    with pytest.raises(UnknownNameError, match="No target is of group 7"):
        sparse_fit(target_groups=np.zeros(4), group_multipliers={7: 1.0})


def test_every_draw_of_the_gates_is_another():
    def model(seed):
        return SparseCalibrationWeights(60, init_keep_prob=0.5, init_weights=1.0, seed=seed)

    one, same = model(7), model(7)
    first, second = one.get_weights(), one.get_weights()
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(same.get_weights(), first)
    np.testing.assert_array_equal(same.get_weights(), second)
    np.testing.assert_array_equal(model(7).get_weights(True), one.get_weights(True))


def test_without_a_seed_gates_differ():
    def start(seed):
        model = SparseCalibrationWeights(60, init_weights=1.0, seed=seed)
        return model.get_weights(deterministic=True)

    assert not np.array_equal(start(None), start(None))
    np.testing.assert_array_equal(start(0), start(0))


def test_a_target_that_nobody_supports_may_be_excluded():
    weights, y, matrix = parts()
    matrix["c"] = 0.0
    fitted = Calibration(weights, y, estimate_matrix=matrix, excluded_targets=["c"])
    assert fitted.problem.names == ("a", "b", "d")
    assert [refusal.name for refusal in fitted.problem.refused] == ["c"]


def test_a_target_of_zero_has_a_relative_error():
    matrix = pd.DataFrame({"people": [1.0, 1.0], "balance": [2.0, -1.0]})
    fitted = Calibration(
        np.array([5.0, 5.0]), np.array([10.0, 0.0]), estimate_matrix=matrix, noise_level=0.0
    )
    performance = fitted.calibrate()
    assert np.isfinite(performance["rel_abs_error"]).all()
    assert np.isfinite(fitted.summary()["Relative error"].astype(float)).all()
