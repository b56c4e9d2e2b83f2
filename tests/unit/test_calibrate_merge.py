"""Identical records are solved as one; units spread over devices are solved together."""

import os
import subprocess
import sys
import textwrap

import jax
import numpy as np
import pytest
import scipy.sparse
from _calibrate_world import world

from pejax import calibrate as cal
from pejax.calibrate.problem._merge import merge_identical
from pejax.core._validate import BadInputError

METHODS = [cal.Linear(), cal.Entropy(), cal.Logit(0.2, 5.0), cal.Raking()]


def copies(seed=0):
    """Records in random order, each a copy of one of sixty, with base weights of their own."""
    X, y, _ = world(seed)
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 60, 500)
    kind[:60] = np.arange(60)
    base = rng.gamma(2.0, 1.0, 500)
    return X, X[:, kind], y / y[0] * base.sum(), base, kind


@pytest.mark.parametrize("wrap", [np.asarray, scipy.sparse.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_merging_changes_no_weight(method, wrap, monkeypatch):
    X, repeated, y, base, kind = copies()
    problem = cal.TargetProblem(wrap(repeated), y)
    merged = merge_identical(problem, base)
    assert merged is not None and merged.problem.n_units == np.unique(X, axis=1).shape[1]
    found = cal.calibrate(problem, base, method)
    monkeypatch.setattr("pejax.calibrate.dual._methods.merge_identical", lambda *_: None)
    whole = cal.calibrate(problem, base, method)
    assert int(found.result) == int(whole.result)
    np.testing.assert_allclose(found.weights, whole.weights, rtol=1e-5)
    ratio = np.asarray(found.weights, float) / base
    np.testing.assert_allclose(ratio, ratio[:60][kind], rtol=1e-6)
    np.testing.assert_allclose(found.estimates, repeated @ np.asarray(found.weights), rtol=1e-6)


def test_records_that_differ_in_one_target_are_not_merged():
    _, repeated, y, base, _ = copies()
    other = repeated.copy()
    other[3] += np.arange(500) * 1e-6
    assert merge_identical(cal.TargetProblem(other, y), base) is None


def test_a_kind_whose_copies_have_no_weight_stays_without():
    _, repeated, y, base, kind = copies()
    base = np.where(kind == 7, 0.0, base)
    weights = np.asarray(cal.calibrate(cal.TargetProblem(repeated, y), base, cal.Entropy()).weights)
    assert np.all(weights[kind == 7] == 0) and np.isfinite(weights).all()


def test_clones_of_a_household_in_one_district_are_merged():
    operator = cal.GeographyOperator(
        [[2.0, 5.0], [1.0, 3.0]], [0, 0, 0, 1, 1, 0], ([0, 0, 1], [0, 1, 0], [0, 0, 1]), [[0, 0]],
        household=[0, 1, 0, 1, 1, 0],
    )  # fmt: skip
    merged = merge_identical(cal.TargetProblem(operator, [5.0, 2.0, 30.0]), np.ones(6))
    assert merged is not None
    assert sorted(merged.base.tolist()) == [1, 2, 3] and merged.kind[3] == merged.kind[4]


def test_four_devices_give_the_weights_of_one():
    """Clones with values of their own; tests/oracle/test_four_devices.py has every operator."""
    code = """
        import jax, numpy as np
        from pejax import calibrate as cal
        assert jax.device_count() == 4
        rng = np.random.default_rng(0)
        area, home = rng.integers(0, 4, 5_001), rng.integers(0, 900, 5_001)
        places = np.r_[np.repeat(np.arange(4), 2), 0, 0]
        where = np.repeat([0, 1], [8, 2]), places, np.tile([0, 1], 5)
        operator = cal.GeographyOperator(
            rng.gamma(1.0, 1.0, (900, 2)), area, where, [np.zeros(4, int)],
            household=home, own={1: rng.gamma(1.0, 1.0, 5_001)})
        base = rng.gamma(2.0, 1.0, 5_001)
        y = np.asarray(operator.mv(base * rng.uniform(0.5, 1.5, 5_001)), float)
        problem = cal.TargetProblem(operator, y)
        spread = problem.shard(jax.make_mesh((4,), ("unit",)))
        held = [x for x in jax.tree.leaves(spread.operator.parts) if isinstance(x, jax.Array)]
        assert all(len(x.sharding.device_set) == 4 for x in held)
        one, four = (cal.calibrate(p, base, cal.Entropy()) for p in (problem, spread))
        np.testing.assert_allclose(four.weights, one.weights, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(four.estimates, one.estimates, rtol=1e-5)
    """
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, env={**os.environ, **flags}
    )


class Borrowed(cal.DenseOperator):
    """A matrix that nobody has taught to be cut."""

    cut = cal.Operator.cut


def test_what_cannot_be_spread_is_named():
    mesh = jax.make_mesh((1,), ("unit",))
    with pytest.raises(BadInputError, match="a Borrowed cannot be spread"):
        cal.ShardedOperator(Borrowed(np.eye(3)), mesh)
    with pytest.raises(BadInputError, match="no axis 'rows'"):
        cal.ShardedOperator(cal.DenseOperator(np.eye(3)), mesh, "rows")


def test_a_sample_tells_whether_merging_is_worth_a_copy():
    rng = np.random.default_rng(0)
    X = rng.gamma(1.0, 1.0, (2, 100_000))
    assert merge_identical(cal.TargetProblem(X, X.sum(1)), np.ones(100_000)) is None
    fourfold = np.tile(X[:, :25_000], 4)
    merged = merge_identical(cal.TargetProblem(fourfold, fourfold.sum(1)), np.ones(100_000))
    assert merged is not None and merged.problem.n_units == 25_000
    assert set(merged.base.tolist()) == {4.0}
