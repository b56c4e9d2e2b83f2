"""What pandas labels is matched by its labels, and refused where they differ."""

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from pejax import calibrate as cal
from pejax.core._validate import BadInputError
from pejax.testing import toy_population

FEW = settings(max_examples=15, deadline=None)
EXACT = cal.Linear(exact=True)

# What each of two units adds to two targets: the weights that meet them are 60 and 40.
MATRIX = pd.DataFrame({"people": [1.0, 1.0], "rent": [1.0, 0.0]}, index=["a", "b"])
TOTALS = pd.Series({"rent": 60.0, "people": 100.0})
BASE = pd.Series({"b": 30.0, "a": 70.0})


def weights(problem, base=BASE):
    return np.asarray(cal.calibrate(problem, base, EXACT).check().weights)


def test_targets_and_base_weights_go_by_their_labels():
    problem = cal.TargetProblem(MATRIX.T, TOTALS)
    assert problem.names == ("people", "rent")
    assert problem.values.tolist() == [100, 60]
    np.testing.assert_allclose(weights(problem), [60, 40], rtol=1e-5)
    solution = cal.calibrate(problem, BASE, EXACT)
    assert solution.base_weights.tolist() == [70, 30]
    np.testing.assert_allclose(problem.estimates(BASE), [100, 70])
    assert problem.downweighted(BASE, delta=0.1).importance[1] < 1


def test_calibration_goes_by_labels():
    fitted = cal.Calibration(
        BASE, TOTALS, estimate_matrix=MATRIX, noise_level=0.0, epochs=800, learning_rate=0.05
    )
    fitted.calibrate()
    np.testing.assert_allclose(fitted.weights, [60, 40], rtol=1e-3)
    assert fitted.summary()["Official target"].tolist() == [100, 60]


def test_sparse_weights_go_by_labels():
    model = cal.SparseCalibrationWeights(2, init_weights=50.0, init_keep_prob=0.999, seed=0)
    model.fit(MATRIX.T, TOTALS, loss_type="relative", lambda_l0=0.0, epochs=400, lr=0.05)
    np.testing.assert_allclose(model.predict(MATRIX.T), [100, 60], rtol=0.05)


def test_groups_of_records_go_by_their_labels():
    method = cal.L0(l0_lambda=0.1, groups=["x", "y"], group_lambda=0.5, epochs=5)
    labelled = cal.L0(
        l0_lambda=0.1, groups=pd.Series({"b": "y", "a": "x"}), group_lambda=0.5, epochs=5
    )
    problem = cal.TargetProblem(MATRIX.T, TOTALS)
    runs = [cal.calibrate(problem, BASE, m, key=jax.random.key(0)) for m in (method, labelled)]
    assert runs[0].weights.tolist() == runs[1].weights.tolist()
    other = cal.L0(l0_lambda=0.1, groups=pd.Series({"a": 1, "c": 2}), group_lambda=0.5)
    with pytest.raises(BadInputError, match=r"groups has no entry for 'b'"):
        cal.calibrate(problem, BASE, other, key=jax.random.key(0))


AREAS = pd.DataFrame(
    {"geo_level": "state", "geo_id": ["06", "36"], "variable": "people", "value": [2.0, 5.0]}
)


def test_areas_of_units_go_by_their_labels():
    values = pd.DataFrame({"people": [2.0, 5.0]}, index=["a", "b"])
    matrix = cal.geography_problem(AREAS, values, pd.Series({"b": "36", "a": "06"}))
    np.testing.assert_allclose(matrix.estimates([1.0, 10.0]), [2, 50])
    with pytest.raises(BadInputError, match=r"geo_id has no entry for 'a'"):
        cal.geography_problem(AREAS, values, pd.Series({"b": "36", "c": "06"}))


def test_clones_go_by_the_labels_of_their_areas():
    values = pd.DataFrame({"people": [2.0, 5.0]})
    area = pd.Series({"first": "06", "second": "36"})
    home = pd.Series({"second": 1, "first": 0})
    problem = cal.geography_problem(AREAS, values, area, household=home)
    np.testing.assert_allclose(problem.estimates([1.0, 10.0]), [2, 50])
    drawn = pd.Series({"second": 7.0, "first": 3.0})
    problem = cal.geography_problem(AREAS, values, area, household=home, own={"people": drawn})
    np.testing.assert_allclose(problem.estimates([1.0, 10.0]), [3, 70])
    with pytest.raises(BadInputError, match=r"household has no entry for 'first'"):
        cal.geography_problem(AREAS, values, area, household=home[:1])


def test_outputs_and_areas_of_households_go_by_row():
    people = toy_population()
    count = people.count("household")
    size = pd.Series(np.arange(1.0, count + 1)).sample(frac=1, random_state=0)
    place = pd.Series(["06", *["36"] * (count - 1)])[::-1]
    targets = AREAS.assign(name=["here", "there"], variable="size", statistic="sum")
    problem = cal.build_problem(targets, {"size": size}, people, geo_id=place)
    np.testing.assert_allclose(problem.estimates(np.ones(count)), [1, count * (count + 1) / 2 - 1])
    with pytest.raises(BadInputError, match=r"outputs\['size'\] has no entry for 0"):
        cal.build_problem(targets, {"size": size.set_axis(size.index + 1)}, people, geo_id=place)


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_the_order_of_labels_decides_nothing(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        rng.integers(0, 9, (4, 6)).astype(float), list("abcd"), [f"unit {k}" for k in range(6)]
    )
    columns = pd.DataFrame(
        {
            "values": rng.integers(1, 99, 4).astype(float),
            "scale": rng.integers(1, 9, 4).astype(float),
            "importance": rng.integers(1, 9, 4).astype(float),
            "tolerance": rng.random(4),
            "groups": list("xyzx"),
            "levels": list("ppqq"),
            "sources": list("stuv"),
        },
        index=X.index,
    )
    shuffled = columns.sample(frac=1, random_state=seed % 2**31)
    one = cal.TargetProblem(X, **dict(columns.items()))
    other = cal.TargetProblem(X, **dict(shuffled.items()))
    unlabelled = cal.TargetProblem(X.to_numpy(), names=list(X.index), **dict(shuffled.items()))
    for problem in (other, unlabelled):
        for field in ("names", "groups", "levels", "sources"):
            assert getattr(problem, field) == getattr(one, field)
        for field in ("values", "scale", "importance", "tolerance"):
            np.testing.assert_array_equal(getattr(problem, field), getattr(one, field))
    base = pd.Series(rng.random(6) + 0.5, index=X.columns)
    np.testing.assert_array_equal(
        one.by_unit("base_weights", base.sample(frac=1, random_state=seed % 2**31)), base
    )


def test_labels_that_do_not_match_are_refused():
    with pytest.raises(BadInputError, match="values has no entry for 'people', which the estimate"):
        cal.TargetProblem(MATRIX.T, pd.Series({"rent": 60.0, "persons": 100.0}))
    with pytest.raises(BadInputError, match="scale has no entry for 'people'"):
        cal.TargetProblem(MATRIX.T, TOTALS, scale=TOTALS.rename({"people": "persons"}))
    problem = cal.TargetProblem(MATRIX.T, TOTALS)
    with pytest.raises(
        BadInputError,
        match=r"base_weights has no entry for 'a'.*base_weights\.to_numpy\(\) to go by",
    ):
        cal.calibrate(problem, BASE.rename({"a": "c"}), EXACT)
    with pytest.raises(BadInputError, match="base_weights has an entry for 'c' and 1 more"):
        cal.calibrate(problem, pd.Series(1.0, index=list("abcd")), EXACT)
    twice = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], index=["a", "b"], columns=["u", "u"])
    problem = cal.TargetProblem(twice, [1.0, 1.0])
    assert problem.by_unit("base_weights", pd.Series([1.0, 2.0], index=["u", "u"])).tolist() == [
        1,
        2,
    ]
    with pytest.raises(BadInputError, match="estimate_matrix"):
        cal.Calibration(BASE, TOTALS.rename({"rent": "r"}), estimate_matrix=MATRIX)


def test_rows_that_are_only_counted_go_by_order():
    """pandas counts rows where nobody labels them: that is no label to those that have names."""
    problem = cal.TargetProblem(MATRIX.T, pd.Series([100.0, 60.0]))
    np.testing.assert_allclose(weights(problem, pd.Series([70.0, 30.0])), [60, 40], rtol=1e-5)
    named = cal.TargetProblem(MATRIX.T.to_numpy(), TOTALS[["people", "rent"]])
    assert named.names == ("people", "rent")
    counted = cal.TargetProblem(pd.DataFrame(MATRIX.T.to_numpy()), TOTALS[["people", "rent"]])
    assert counted.names == ("people", "rent")
    base = pd.Series([30.0, 70.0], index=[1, 0])  # sorted by something, say
    np.testing.assert_allclose(weights(counted, base), [60, 40], rtol=1e-5)
    with pytest.raises(BadInputError, match="base_weights has no entry for 0"):
        weights(counted, pd.Series([30.0, 70.0], index=[1, 2]))
