"""Rows dealt to the cores of a CPU: parts of one length, the results of one piece, errors kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh
from sklearn.ensemble import RandomForestRegressor

from pejax.impute import Forest, _chunks
from pejax.impute._chunks import Plan, on_cores

PLAN = Plan(rows=4, mesh=None)


@pytest.fixture(autouse=True)
def three_cores(monkeypatch):
    monkeypatch.setattr(_chunks, "available_cores", lambda: 3)


def recorded(lengths):
    def double(held, x, mask):
        lengths.append(x.shape[0])
        return held * jnp.asarray(x) + (0 if mask is None else jnp.asarray(mask))

    return double


@pytest.mark.parametrize(
    ("rows", "parts"), [(4, [4]), (8, [4, 4]), (9, [3, 3, 3]), (25, [9, 9, 9])]
)
@pytest.mark.parametrize("masked", [False, True])
def test_parts_have_one_length_and_come_back_in_order(rows, parts, masked):
    lengths, x = [], np.arange(rows)
    mask = np.arange(rows) % 2 if masked else None
    found = on_cores(recorded(lengths), PLAN, 2, x, mask)
    np.testing.assert_array_equal(found, 2 * x + (mask if masked else 0))
    assert lengths == parts


def test_one_piece_where_rows_are_traced_or_spread_over_devices():
    lengths, mesh = [], Mesh(np.array(jax.devices()[:1]), ("rows",))
    fn, x = recorded(lengths), jnp.arange(25)
    jax.jit(lambda x: on_cores(fn, PLAN, 2, x, None))(x)
    on_cores(fn, PLAN._replace(mesh=mesh), 2, x, None)
    assert lengths == [25, 25]


def test_an_error_in_one_part_is_raised():
    def fail(held, x):
        raise ValueError("no such row")

    with pytest.raises(ValueError, match="no such row"):
        on_cores(fail, PLAN, 2, np.arange(25))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("readout", ["all", "single", "meinshausen"])
def test_readings_are_those_of_one_piece(readout, wide):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 3)), rng.normal(size=150).round(1)
    fitted = RandomForestRegressor(8, min_samples_leaf=3, random_state=0).fit(X, y)
    key, mask = jax.random.key(1), rng.random((150, 8)) < 0.5
    with jax.enable_x64(wide):
        forest = Forest.from_sklearn(fitted, X, y, readout=readout)
        readings = {
            "quantile": lambda **k: forest.quantile(X, [0.1, 0.5, 0.9], **k),
            "mean": lambda **k: forest.mean(X, **k),
            "cdf": lambda **k: forest.cdf(X, y, **k),
            "draw": lambda **k: forest.draw(X, key=key, **k),
        }
        for read in readings.values():
            for options in ({}, {"trees": mask}):
                dealt, whole = read(chunk=16, **options), read(chunk=150, **options)
                assert dealt.dtype == whole.dtype
                np.testing.assert_array_equal(dealt, whole)
        np.testing.assert_array_equal(forest.leaves(X, chunk=16), fitted.apply(X))


@pytest.mark.parametrize("readout", ["mean", "single", "all"])
def test_the_mean_of_a_row_does_not_depend_on_the_rows_beside_it(readout):
    """Blocks of 64 rows gave the means of most rows other last bits than blocks of 500 gave."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 5)), rng.normal(size=500)
    fitted = RandomForestRegressor(30, random_state=0).fit(X, y)
    forest = Forest.from_sklearn(fitted, X, y, readout=readout)
    mask = rng.random((500, 30)) < 0.5
    for trees in (None, mask):
        whole = forest.mean(X, trees=trees)
        for chunk in (64, 7):
            np.testing.assert_array_equal(forest.mean(X, trees=trees, chunk=chunk), whole)
        some = None if trees is None else trees[:3]
        np.testing.assert_array_equal(forest.mean(X[:3], trees=some), whole[:3])
