"""Problems and solutions as files: the same values, the same answers, no pickle, damage named."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import pejax
from pejax import BadInputError, calibrate as cal
from pejax.core.files._modules import from_arrays, to_arrays

RNG = np.random.default_rng(0)
X = RNG.gamma(1.0, 1.0, (4, 30))
W = RNG.gamma(4.0, 5.0, 30)


def dense():
    return cal.TargetProblem(
        np.vstack([X, X[:1], np.zeros((1, 30))]),
        [*(X @ W) * 1.1, 5.0, 3.0],
        names=["a", "b", "c", "d", "twin of a", "none"],
        importance=[1, 2, 1, 1, 1, 1],
        levels=["nation"] * 2 + ["state"] * 4,
        tolerance=[0.01, 0.02, 0.01, 0.01, 0.01, 0.01],
    )


def labelled():
    frame = pd.DataFrame(X, index=list("abcd"), columns=[f"unit {i}" for i in range(30)])
    return cal.TargetProblem(frame, pd.Series(X @ W, index=list("abcd")))


def by_two_labels():
    units = pd.MultiIndex.from_product([["x", "y"], range(15)], names=["state", "row"])
    return cal.TargetProblem(pd.DataFrame(X, columns=units), X @ W)


def sparse():
    return cal.TargetProblem(scipy.sparse.csr_array(X * (X > 1)), (X * (X > 1)) @ W * 0.9)


def areas():
    targets = pd.DataFrame(
        {
            "name": ["all", "first", "second"],
            "variable": ["people"] * 3,
            "statistic": ["sum"] * 3,
            "value": [90.0, 50.0, 40.0],
            "geo_level": ["nation", "district", "district"],
            "geo_id": ["US", "0101", "0102"],
        }
    )
    values = pd.DataFrame({"people": np.ones(30)})
    return cal.geography_problem(targets, values, ["0101"] * 15 + ["0102"] * 15)


PROBLEMS = [dense, labelled, by_two_labels, sparse, areas]


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("make", PROBLEMS)
def test_a_problem_comes_back_the_same(tmp_path, make):
    problem = make()
    found = pejax.load(pejax.io.save(problem, tmp_path / "problem.npz"))
    same(found, problem)
    assert found.refused == problem.refused and found.names == problem.names
    again = [cal.calibrate(p, W, cal.Entropy()).weights for p in (found, problem)]
    np.testing.assert_array_equal(*again)


@pytest.mark.parametrize("make", PROBLEMS)
@pytest.mark.parametrize("method", [cal.Entropy(), cal.Logit(0.5, 2.0), cal.Adam(epochs=5)])
def test_a_solution_comes_back_the_same(tmp_path, make, method):
    solution = cal.calibrate(make(), W, method, key=jax.random.key(0))
    solution.save(tmp_path / "solution.npz")
    found = pejax.load(tmp_path / "solution.npz")
    same(found, solution)
    assert repr(found) == repr(solution)
    assert [c.name for c in found.warnings] == [c.name for c in solution.warnings]
    for name in ("targets", "weights", "refused"):
        pd.testing.assert_frame_equal(
            getattr(found.report(), name), getattr(solution.report(), name)
        )


def test_a_series_is_matched_by_the_labels_that_were_saved(tmp_path):
    problem = labelled()
    problem.save(tmp_path / "problem.npz")
    base = pd.Series(W, index=[f"unit {i}" for i in range(30)])
    expected = cal.calibrate(problem, base, cal.Entropy()).weights
    found = cal.TargetProblem.load(tmp_path / "problem.npz")
    np.testing.assert_array_equal(
        cal.calibrate(found, base.sample(frac=1, random_state=1), cal.Entropy()).weights, expected
    )


def test_a_saved_solution_starts_another(tmp_path):
    solution = cal.calibrate(dense(), W, cal.Entropy())
    solution.save(tmp_path / "solution.npz")
    start = cal.Solution.load(tmp_path / "solution.npz")
    assert cal.calibrate(dense(), W, cal.Entropy(), start=start).steps < solution.steps


# ---- damage and mischief


def _changed(arrays, change):
    """A file whose header says something else, with a digest that fits."""
    from pejax.core.files._modules import _digest

    header = json.loads(str(arrays["header"]))
    rest = {name: value for name, value in arrays.items() if name != "header"}
    del header["digest"]
    change(header)
    header["digest"] = _digest(header, rest)
    return {"header": np.array(json.dumps(header)), **rest}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h.update(format="other"), "no arrays of a pejax-problem"),
        (lambda h: h.update(version=99), "version 99 of the format"),
        (lambda h: h["value"].update({"class": "os:system"}), "none of pejax's"),
        (lambda h: h["value"].update({"class": "pejax.io:Gone"}), "does not have"),
        (lambda h: h["value"].update({"class": "pejax.nothing:A"}), "does not have"),
        (lambda h: h["value"].update({"class": "pejax.io:write_json"}), "holds no fields"),
        (lambda h: h["value"].update({"class": "pejax.core.files._files:os.remove"}), "no fields"),
    ],
)
def test_a_header_that_says_something_else(change, said):
    arrays = _changed(dense().to_arrays(), change)
    with pytest.raises(BadInputError, match=said):
        cal.TargetProblem.from_arrays(arrays)


def test_a_number_that_was_changed(tmp_path):
    arrays = dense().to_arrays()
    arrays["0"] = arrays["0"] * 1.001
    np.savez(tmp_path / "problem.npz", **arrays)
    with pytest.raises(BadInputError, match=r"problem\.npz holds a calibration problem: .*digest"):
        pejax.load(tmp_path / "problem.npz")
    with pytest.raises(BadInputError, match="no arrays of a pejax-problem"):
        cal.TargetProblem.from_arrays({"a": np.zeros(2)})
    with pytest.raises(BadInputError, match="arrays is 3"):
        cal.Solution.from_arrays(3)


@pytest.mark.parametrize(
    "value",
    [
        (np.arange(3), jnp.ones(2), None, True, 3, -0.0, float("inf"), "text"),
        [{"a": (1.5,), "b": []}],
        pejax.Result.infeasible,
    ],
)
def test_plain_values_come_back(value):
    found = from_arrays(to_arrays(value, "x", 1), "x", 1)
    assert repr(found) == repr(value) and type(found) is type(value)


@pytest.mark.parametrize(
    "value", [{1, 2}, {1: 2}, lambda: 0, object(), np.array([object()]), (1, [2, {3}])]
)
def test_what_no_file_keeps_is_named(value):
    with pytest.raises(BadInputError, match="which no file keeps"):
        to_arrays(value, "x", 1)


def test_examples():
    import doctest

    from pejax.core.files import _modules

    found = doctest.testmod(_modules)
    assert found.attempted and not found.failed
