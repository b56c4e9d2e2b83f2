"""Cases that an examination of the calibrators found wrong, each with the right answer."""

import jax
import numpy as np
import pandas as pd
import pytest

from pejax import BadInputError, Result, calibrate as cal

AREAS = pd.DataFrame(
    {
        "geo_level": ["district", "district", "state"],
        "geo_id": ["0601", "0602", "06"],
        "variable": "people",
        "value": [6.0, 3.0, 15.0],
        "weight": [1.0, 1.0, 0.0],
    }
)
EXACT = [
    cal.Entropy(exact=True),
    cal.Raking(),
    cal.Linear(exact=True),
    cal.Logit(0.01, 10.0, exact=True),
]


def test_base_weights_of_a_geography_go_by_the_labels_of_its_units():
    values = pd.DataFrame({"people": [2.0, 3.0]}, index=["h1", "h2"])
    problem = cal.geography_problem(AREAS[:2], values, pd.Series({"h2": "0602", "h1": "0601"}))
    weights = pd.Series({"h2": 10.0, "h1": 1.0})
    assert problem.estimates(weights).tolist() == [2, 30]
    assert cal.calibrate(problem, weights, cal.Entropy()).base_weights.tolist() == [1, 10]


def test_households_and_own_values_of_clones_go_by_each_other_s_labels():
    problem = cal.geography_problem(
        AREAS[:2],
        pd.DataFrame({"people": [2.0, 3.0]}),
        ["0601", "0602"],
        household=pd.Series({"u1": 0, "u2": 1}),
        own={"people": pd.Series({"u2": 8.0, "u1": 7.0})},
    )
    assert problem.estimates(np.ones(2)).tolist() == [7, 8]


@pytest.mark.parametrize("sums", ["rake", "refuse"])
def test_a_whole_that_is_held_out_decides_nothing(sums):
    values = pd.DataFrame({"people": [2.0, 3.0]})
    problem = cal.geography_problem(AREAS, values, ["0601", "0602"], sums=sums)
    assert problem.values[:2].tolist() == [6, 3]


@pytest.mark.parametrize("method", [cal.Cube(10), cal.PPS(10), cal.Random(10), cal.Largest(10)])
def test_a_start_gives_no_weight_to_units_that_have_none(method):
    A = np.vstack([np.ones(40), np.random.default_rng(0).uniform(0, 1, 40)])
    problem = cal.TargetProblem(A, [40.0, 20.0])
    start = cal.calibrate(problem, np.ones(40), cal.Entropy())
    base = np.repeat([0.0, 1.0], 20)
    found = cal.calibrate(problem, base, method, key=jax.random.key(0), start=start)
    assert not np.asarray(found.weights)[:20].any()


@pytest.mark.parametrize("method", EXACT, ids=lambda m: type(m).__name__)
def test_float32_data_that_can_be_met_are_met(method):
    A = np.array([[1, 5, 20000, 1, 5, 1.0], [5, 5, 0, 2, 5, 5], [1, 1, 50000, 5, 1, 5]])
    y = A @ [3, 0.1, 2, 5, 0.4, 0.3]
    solution = cal.calibrate(cal.TargetProblem(A, y), np.ones(6), method)
    assert Result.of(solution.result) is Result.successful
    assert "contradiction" not in [w.name for w in solution.warnings]


@pytest.mark.parametrize("method", EXACT[:3], ids=lambda m: type(m).__name__)
def test_a_unit_of_no_weight_stops_nobody(method):
    problem = cal.TargetProblem([[1e4, 1.0, 0.0], [0.0, 1.0, 1.0]], [10.0, 20.0])
    weights = cal.calibrate(problem, [0.0, 5.0, 15.0], method).check().weights
    np.testing.assert_allclose(weights, [0, 10, 10], rtol=1e-4)


def test_rows_that_differ_beside_a_large_entry_are_no_repeats():
    problem = cal.TargetProblem([[5e9, 1.0, 0.0], [5e9, 0.0, 1.0]], [10.0, 10.0])
    assert problem.n_targets == 2


def test_labels_of_weights_count_in_the_compatible_classes():
    M = pd.DataFrame(np.diag([1.0, 2.0, 3.0]), index=list("xyz"), columns=list("abc"))
    targets = pd.Series([1.0, 4.0, 9.0], index=list("abc"))
    fitted = cal.Calibration(pd.Series([1.0, 2, 3], list("xyz")), targets, estimate_matrix=M)
    start = pd.Series({"z": 3.0, "y": 2.0, "x": 1.0})
    assert fitted.estimate(start).tolist() == [1, 4, 9]
    sparse = cal.SparseCalibrationWeights(3, init_weights=start, init_keep_prob=0.999, seed=0)
    sparse.fit(M.T, targets, epochs=1, lr=1e-9, lambda_l0=0.0)
    np.testing.assert_allclose(sparse.predict(M.T), [1, 4, 9], rtol=1e-3)
    np.testing.assert_allclose(sparse.predict(M.T[["z", "y", "x"]]), [1, 4, 9], rtol=1e-3)


def test_what_is_masked_is_missing():
    masked = np.ma.masked_array([1.0, 1e6], [False, True])
    with pytest.raises(BadInputError, match="is nan"):
        cal.TargetProblem(np.eye(2), masked)


@pytest.mark.parametrize("index", [[2020, 2021], pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])])
def test_any_labels_of_targets_become_names(index):
    problem = cal.TargetProblem(np.eye(2), pd.Series([1.0, 2.0], index=index))
    assert problem.names == tuple(str(label) for label in index)


@pytest.mark.parametrize("kind", ["uint8", "int32", "float32"])
@pytest.mark.parametrize("size", [1, 25])
def test_diagnostics_reckon_in_floats(kind, size):
    weights = np.array([1, 1, 2], kind) * np.array(size, kind)
    assert float(cal.effective_sample_size(weights)) == pytest.approx(16 / 6)
    assert float(cal.gini(weights)) == pytest.approx(1 / 6)
    np.testing.assert_allclose(cal.lorenz_curve(weights, 4)[1], [0, 0.25, 0.5, 1])
    one, two = np.array([1], kind), np.array([2], kind)
    assert cal.relative_error(one, two, two).tolist() == [-0.5]


def test_the_effective_sample_of_weights_of_any_size():
    for size in (1e-25, 1.0, 1e25):
        found = cal.effective_sample_size(np.array([1.0, 1.0, 2.0], np.float32) * np.float32(size))
        assert float(found) == pytest.approx(16 / 6)
