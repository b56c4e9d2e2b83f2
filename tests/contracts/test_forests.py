"""What every forest keeps to, whatever grew it and whatever its leaves hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from pejax.impute import QRF, Forest

ROWS = 40
FEW = settings(max_examples=10, deadline=None)


def training_data():
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(0, 6, 120), rng.normal(size=120).round(1)], axis=1)
    y = np.where(rng.uniform(size=120) < 0.4, 0.0, X[:, 0] * 10 + rng.normal(size=120).round(2))
    return X.astype(float), y


def grown(kind, readout, **options):
    X, y = training_data()
    fitted = kind(7, random_state=0, **options).fit(X, y)
    return Forest.from_sklearn(fitted, X, y, readout=readout)


def of_qrf(readout):
    import pandas as pd

    X, y = training_data()
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": y, "w": np.arange(120) % 3.0})
    fitted = QRF(n_estimators=6, readout=readout, min_samples_leaf=4).fit(
        frame, ["a", "b"], ["y"], weight_col="w"
    )
    return fitted.imputers[0].forest


FORESTS = {
    "random forest, all": lambda: grown(RandomForestRegressor, "all", min_samples_leaf=3),
    "random forest, single": lambda: grown(RandomForestRegressor, "single"),
    "shallow forest, all": lambda: grown(RandomForestRegressor, "all", max_depth=2),
    "extra trees, single": lambda: grown(ExtraTreesRegressor, "single", bootstrap=True),
    "random forest, meinshausen": lambda: grown(RandomForestRegressor, "meinshausen"),
    "weighted chain, meinshausen": lambda: of_qrf("meinshausen"),
    "weighted chain, single": lambda: of_qrf("single"),
}


@pytest.fixture(scope="module", params=FORESTS)
def forest(request):
    return FORESTS[request.param]()


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    return np.stack([rng.integers(-1, 7, ROWS), rng.normal(size=ROWS)], axis=1)


def donors():
    return np.float32(training_data()[1])


@FEW
@given(order=st.permutations(range(ROWS)))
def test_permuted_rows_get_permuted_results(forest, rows, order):
    order = np.array(order)
    key = jax.random.key(0)
    for read in (
        forest.leaves,
        forest.mean,
        lambda x: forest.quantile(x, [0.2, 0.9]),
    ):
        np.testing.assert_array_equal(read(rows[order]), np.asarray(read(rows))[order])
    drawn = np.asarray(forest.draw(rows, key=key))
    np.testing.assert_array_equal(forest.draw(rows[order], key=key, ids=order), drawn[order])


@FEW
@given(levels=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=5, max_size=5))
def test_quantiles_rise_with_the_level_and_stay_among_the_donors(forest, rows, levels):
    found = np.asarray(forest.quantile(rows, sorted(levels)))
    assert (np.diff(found, axis=1) >= -1e-5).all()
    assert found.min() >= donors().min() - 1e-5 and found.max() <= donors().max() + 1e-5
    inverse = forest.quantile(rows, sorted(levels), method="inverted_cdf")
    assert np.isin(inverse, donors()).all()


@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_a_draw_is_a_donors_value_from_a_leaf_the_row_reaches(forest, rows, seed):
    drawn = np.asarray(forest.draw(rows, key=jax.random.key(seed)))
    assert np.isin(drawn, donors()).all()
    lowest, highest = np.asarray(forest.quantile(rows, [0.0, 1.0])).T
    assert ((lowest <= drawn) & (drawn <= highest)).all()


@FEW
@given(seed=st.integers(0, 2**32 - 1), first=st.integers(0, 2**32 - 1 - ROWS))
def test_the_same_key_and_id_give_the_same_draw(forest, rows, seed, first):
    key, ids = jax.random.key(seed), np.arange(ROWS, dtype=np.uint32) + np.uint32(first)
    together = np.asarray(forest.draw(rows, key=key, ids=ids))
    np.testing.assert_array_equal(forest.draw(rows, key=key, ids=ids), together)
    twins = np.repeat(rows[:1], ROWS, axis=0)
    same = np.asarray(forest.draw(twins, key=key, ids=np.full(ROWS, first, np.uint32)))
    assert (same == together[0]).all()


@pytest.mark.parametrize("chunk", [1, 16])
def test_the_block_size_changes_nothing(forest, rows, chunk):
    key = jax.random.key(3)
    for read in (
        lambda **k: forest.leaves(rows, **k),
        lambda **k: forest.mean(rows, **k),
        lambda **k: forest.quantile(rows, [0.1, 0.5], **k),
        lambda **k: forest.draw(rows, key=key, **k),
    ):
        np.testing.assert_array_equal(read(chunk=chunk), read())


def test_rows_of_padding_leave_the_others_alone(forest, rows):
    padded = np.concatenate([rows, np.zeros((9, 2))])
    key = jax.random.key(3)
    np.testing.assert_array_equal(
        forest.quantile(padded, [0.3])[:ROWS], forest.quantile(rows, [0.3])
    )
    np.testing.assert_array_equal(forest.draw(padded, key=key)[:ROWS], forest.draw(rows, key=key))


def test_no_rows_give_no_results(forest):
    nothing = np.zeros((0, 2))
    assert forest.leaves(nothing).shape == (0, forest.trees.count)
    assert forest.quantile(nothing, [0.1, 0.9]).shape == (0, 2)
    assert forest.draw(nothing, key=jax.random.key(0)).shape == (0,)


def doubled(forest):
    """Every tree twice."""
    twice = jax.tree.map(lambda x: jnp.concatenate([x, x]), forest.trees)
    readout = forest.readout
    by_tree = {"index"} if readout.name == "single" else {"start", "index", "cumulative"}
    again = {name: jnp.concatenate([getattr(readout, name)] * 2) for name in by_tree}
    if readout.name != "single":
        again["offset"] = jnp.concatenate([readout.offset, readout.offset + len(readout.index)])
    return Forest(twice, type(readout)(**{**vars(readout), **again}))


def test_every_tree_twice_has_the_same_distribution(forest, rows):
    levels = [0.0, 0.13, 0.5, 0.71, 1.0]
    once, twice = (
        f.quantile(rows, levels, method="inverted_cdf") for f in (forest, doubled(forest))
    )
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_allclose(doubled(forest).mean(rows), forest.mean(rows), rtol=1e-5)


@FEW
@given(shift=st.integers(-1000, 1000), scale=st.sampled_from([0.5, 2.0, 8.0]))
def test_shifted_and_scaled_outcomes_shift_and_scale_the_quantiles(rows, shift, scale):
    X, y = training_data()
    y = np.round(y)  # whole numbers: the trees of both forests are the same to the last bit
    both = [
        Forest.from_sklearn(RandomForestRegressor(3, random_state=0).fit(X, z), X, z)
        for z in (y, y * scale + shift)
    ]
    found, moved = (np.asarray(f.quantile(rows, [0.25, 0.5])) for f in both)
    np.testing.assert_allclose(moved, found * scale + shift, rtol=1e-5, atol=1e-3)


def test_rows_may_lie_on_a_mesh(forest, rows):
    mesh = jax.make_mesh((len(jax.devices()),), ("rows",))
    by_row = jax.sharding.PartitionSpec("rows")
    read = jax.shard_map(
        lambda x: forest.quantile(x, [0.5]),
        mesh=mesh,
        in_specs=by_row,
        out_specs=by_row,
        check_vma=False,  # the walk starts from constants
    )
    spread = jax.device_put(rows, jax.sharding.NamedSharding(mesh, by_row))
    np.testing.assert_array_equal(jax.jit(read)(spread), forest.quantile(rows, [0.5]))
