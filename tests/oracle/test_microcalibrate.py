"""The dense gradient path against microcalibrate's own (needs Python 3.13 and torch)."""

import numpy as np
import pandas as pd
import pytest

from pejax import calibrate as cal

microcalibrate = pytest.importorskip("microcalibrate")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]


def parts(units=300, targets=8):
    rng = np.random.default_rng(0)
    X = rng.gamma(0.5, 10.0, (units, targets)) * (rng.random((units, targets)) < 0.4)
    weights = rng.gamma(3.0, 100.0, units)
    y = (weights * rng.lognormal(0, 0.5, units)) @ X
    return weights, y, pd.DataFrame(X, columns=[f"t{k}" for k in range(targets)])


def both(**settings):
    weights, y, matrix = parts()
    for package in (microcalibrate, cal):
        calibration = package.Calibration(
            weights=weights.copy(), targets=y, estimate_matrix=matrix, noise_level=0.0, **settings
        )
        calibration.calibrate()
        yield calibration


def test_the_same_optimiser_gives_the_same_weights():
    peer, mine = both(epochs=200, learning_rate=1e-2)
    np.testing.assert_allclose(mine.weights, peer.weights, rtol=2e-3)
    np.testing.assert_allclose(mine.estimate(), peer.estimate(), rtol=1e-3)


def test_the_summary_has_their_columns():
    peer, mine = (calibration.summary() for calibration in both(epochs=50, learning_rate=1e-2))
    assert list(mine.columns) == list(peer.columns)
    assert mine["Metric"].tolist() == peer["Metric"].tolist()
    np.testing.assert_allclose(mine["Relative error"], peer["Relative error"], atol=2e-2)


def test_the_performance_table_has_their_columns():
    peer, mine = (calibration.performance_df for calibration in both(epochs=50))
    assert set(mine.columns) == set(peer.columns)


def test_excluded_targets_are_not_fitted():
    peer, mine = both(epochs=200, learning_rate=1e-2, excluded_targets=["t3"])
    np.testing.assert_allclose(mine.weights, peer.weights, rtol=2e-3)


def test_the_sparse_path_keeps_fewer_records_and_fits():
    _, y, matrix = parts()
    peer, mine = both(
        epochs=300, learning_rate=1e-2, regularize_with_l0=True, l0_lambda=1e-4, seed=1
    )
    kept = [np.count_nonzero(calibration.sparse_weights) for calibration in (peer, mine)]
    errors = [np.abs(c.sparse_weights @ matrix.to_numpy() / y - 1).mean() for c in (peer, mine)]
    assert kept[1] == pytest.approx(kept[0], abs=40)
    assert errors[1] <= errors[0]


def test_raking_beats_a_thousand_epochs():
    weights, y, matrix = parts()
    peer = microcalibrate.Calibration(
        weights=weights.copy(), targets=y, estimate_matrix=matrix, epochs=1_000, learning_rate=1e-2
    )
    peer.calibrate()
    theirs = np.abs(peer.weights @ matrix.to_numpy() / y - 1).mean()
    problem = cal.TargetProblem(matrix.to_numpy().T.astype(np.float32), y)
    solution = cal.calibrate(problem, weights, cal.Raking()).check()
    assert np.abs(solution.errors()).mean() <= theirs
    spread = [w.sum() ** 2 / (w**2).sum() for w in (np.asarray(solution.weights), peer.weights)]
    assert spread[0] >= spread[1]
