"""The estimator on tables: chains, weights, categories, files."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax.core._validate import UnknownNameError
from pejax.impute import QRF, FittedQRF
from pejax.impute._keys import record_uniforms, record_words

SMALL = QRF(n_estimators=16, min_samples_leaf=3, n_jobs=2)


@pytest.fixture(scope="module")
def donors():
    rng = np.random.default_rng(0)
    n = 600
    age = rng.integers(16, 90, n)
    retired = age > 64
    pension = np.where(retired & (rng.uniform(size=n) < 0.6), rng.gamma(2, 9000, n).round(2), 0.0)
    state = rng.choice(["CA", "NY", "TX"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "age": age,
            "is_male": rng.uniform(size=n) < 0.5,
            "state": state,
            "pension": pension,
            "benefit": np.where(retired, 12_000 - 0.3 * pension, 0.0),
            "owns_home": rng.uniform(size=n) < np.where(state == "CA", 0.2, 0.9),
            "job": pd.Categorical(np.where(retired, "none", rng.choice(["a", "b"], n))),
            "children": rng.integers(0, 4, n),
            "w": rng.integers(0, 4, n).astype(float),
        }
    )


@pytest.fixture(scope="module")
def chain(donors):
    targets = ["pension", "benefit", "owns_home", "job", "children"]
    return SMALL.fit(donors, ["age", "is_male", "state"], targets, weight_col="w")


def test_draws_are_donors_values_in_the_donors_dtypes(donors, chain, key):
    drawn = chain.draw(donors, key=key)
    assert list(drawn) == list(chain.imputed_variables)
    for name in drawn:
        assert drawn[name].dtype == donors[name].dtype
        assert set(drawn[name]) <= set(donors[name][donors["w"] > 0])


def test_zeros_stay_zeros(donors, chain, key):
    drawn = chain.draw(donors, key=key)
    young = donors["age"] < 60
    assert (drawn["pension"][young] == 0).all() and (drawn["benefit"][young] == 0).all()
    weighted = np.average(donors["pension"] == 0, weights=donors["w"])
    assert (drawn["pension"] == 0).mean() == pytest.approx(weighted, abs=0.05)


def test_later_variables_follow_earlier_ones(donors, chain, key):
    """Pension and benefit go together among donors, and so they must among receivers."""
    drawn = chain.draw(donors, key=key)
    old = donors["age"] > 64
    assert drawn[old]["pension"].corr(drawn[old]["benefit"]) < -0.8


def test_truth_values_and_categories_are_drawn_by_share_not_by_mode(donors, chain, key):
    drawn = chain.draw(donors, key=key)
    for state, share in (("CA", 0.2), ("TX", 0.9)):
        found = drawn["owns_home"][donors["state"] == state].mean()
        assert found == pytest.approx(share, abs=0.12)
    jobs = drawn["job"][donors["age"] < 60].value_counts(normalize=True)
    assert jobs["none"] == 0 and jobs["a"] == pytest.approx(0.5, abs=0.15)


def test_the_draw_follows_the_record_not_the_row(donors, chain, key):
    drawn = chain.draw(donors, key=key)
    shuffled = donors.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(chain.draw(shuffled, key=key), drawn.loc[shuffled.index])
    other = chain.draw(donors, key=jax.random.key(1))
    assert (other["children"] != drawn["children"]).any()
    renumbered = chain.draw(donors, key=key, ids=np.arange(len(donors)) + 7)
    assert (renumbered["children"] != drawn["children"]).any()


@pytest.mark.parametrize(
    "name",
    [lambda i: f"p{i}", lambda i: i - 100, lambda i: i + 2**40, lambda i: i + 2**63],
    ids=["text", "negative", "beyond 32 bits", "beyond 63 bits"],
)
def test_the_draw_follows_any_name_of_the_record(donors, chain, key, name):
    """Text was passed over for the row number, negative and large numbers were refused."""
    named = donors.set_index(pd.Index([name(i) for i in range(len(donors))]))
    drawn = chain.draw(named, key=key)
    shuffled = named.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(chain.draw(shuffled, key=key), drawn.loc[shuffled.index])
    pd.testing.assert_frame_equal(
        chain.draw(named[:9], key=key, ids=list(named.index[:9])), drawn[:9]
    )
    by_row = chain.draw(donors, key=key)
    assert (drawn["children"].to_numpy() != by_row["children"].to_numpy()).any()
    unnamed = named.set_index(pd.Index(["same"] * len(named)))
    pd.testing.assert_frame_equal(
        chain.draw(unnamed, key=key).reset_index(drop=True), by_row.reset_index(drop=True)
    )


def test_the_numbers_of_a_record_depend_on_its_id_alone(key):
    held = [0, 7, 2**32 - 1, 2**32, 2**63 - 1, -1, -(2**31), -(2**63)]
    every = np.asarray(record_uniforms(key, record_words(np.array(held), len(held)), 2))
    assert len(np.unique(every)) == every.size
    for i, drawn in zip(held[:4], every, strict=False):
        one = record_uniforms(key, record_words([i], 1), 2)[0]
        np.testing.assert_array_equal(one, drawn)
    for wide, kind in ((False, jnp.int32), (True, jnp.int64)):
        with jax.enable_x64(wide):
            rows = [k for k, i in enumerate(held) if np.iinfo(kind).min <= i <= np.iinfo(kind).max]
            ids = jnp.array([held[k] for k in rows], kind)
            traced = jax.jit(lambda x: record_uniforms(key, record_words(x, len(x)), 2))(ids)
            np.testing.assert_array_equal(traced, every[rows])


def test_the_draws_of_plain_ids_are_what_they_were(key):
    found = record_uniforms(key, record_words(np.array([0, 1, 4294967295]), 3), 1)
    wanted = [
        jax.random.uniform(jax.random.fold_in(key, np.uint32(i)), (1,)) for i in (0, 1, 2**32 - 1)
    ]
    np.testing.assert_array_equal(found, np.array(wanted))


def test_the_same_seed_grows_the_same_forest_whatever_the_threads(donors, key):
    grow = [
        QRF(n_estimators=5, seed=seed, n_jobs=jobs).fit(donors, ["age"], ["pension"])
        for seed, jobs in ((3, 1), (3, 4), (4, 1))
    ]
    records = [np.asarray(f.imputers[0].forest.trees.records) for f in grow]
    np.testing.assert_array_equal(records[0], records[1])
    assert records[0].shape != records[2].shape or (records[0] != records[2]).any()


@pytest.mark.parametrize(
    "features", [np.float32(0.5), np.float16(0.5), np.int8(2), np.uint32(2)], ids=repr
)
def test_settings_may_be_numbers_of_numpy(donors, features):
    grown = [
        QRF(n_estimators=2, max_features=of).fit(donors, ["age", "is_male"], ["pension"])
        for of in (features, features.item())
    ]
    records = [np.asarray(f.imputers[0].forest.trees.records) for f in grown]
    np.testing.assert_array_equal(*records)


@pytest.mark.parametrize("readout", ["meinshausen", "single"])
def test_a_weight_acts_once(readout, key):
    """On an uninformative covariate, draws have the weighted mean of the donors."""
    rng = np.random.default_rng(0)
    n = 1000
    frame = pd.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n)})
    frame["w"] = np.where(frame["y"] > 0, 5.0, 1.0)
    settings = QRF(n_estimators=60, min_samples_leaf=100, readout=readout)
    fitted = settings.fit(frame, ["x"], ["y"], weight_col="w")
    receivers = pd.DataFrame({"x": rng.normal(size=20_000)})
    drawn = fitted.draw(receivers, key=key)["y"]
    assert drawn.mean() == pytest.approx(np.average(frame["y"], weights=frame["w"]), abs=0.06)


def test_an_integer_weight_is_that_many_copies(key):
    """At the same number of draws the two forests have the same distribution."""
    rng = np.random.default_rng(1)
    n = 300
    frame = pd.DataFrame({"x": rng.integers(0, 4, n), "w": rng.integers(0, 5, n)})
    frame["y"] = frame["x"] * 10.0 + rng.integers(0, 3, n)
    copies = frame.loc[frame.index.repeat(frame["w"])].reset_index(drop=True)
    receivers = pd.DataFrame({"x": np.repeat(np.arange(4), 8000)})
    settings = QRF(n_estimators=300, min_samples_leaf=20, max_samples=400)
    by_weight = settings.fit(frame, ["x"], ["y"], weight_col="w").draw(receivers, key=key)
    by_copies = settings.fit(copies, ["x"], ["y"]).draw(receivers, key=jax.random.key(9))
    share = [
        pd.crosstab(receivers["x"], drawn["y"], normalize="index")
        for drawn in (by_weight, by_copies)
    ]
    assert (share[0] - share[1]).abs().to_numpy().max() < 0.025
    truth = pd.crosstab(copies["x"], copies["y"], normalize="index")
    assert (share[0] - truth).abs().to_numpy().max() < 0.025


def test_a_leaf_is_sized_in_draws(donors):
    fitted = QRF(n_estimators=8, min_samples_leaf=10, readout="all").fit(
        donors, ["age"], ["pension"], "w"
    )
    readout = fitted.imputers[0].forest.readout
    start = np.asarray(readout.offset)[:, None] + np.asarray(readout.start)
    last, held = start[:, 1:] - 1, start[:, 1:] > start[:, :-1]
    assert np.asarray(readout.cumulative)[last[held]].min() == 10


def test_quantiles_are_tables_by_level(donors):
    fitted = SMALL.fit(donors, ["age", "state"], ["pension", "benefit"])
    tables = fitted.predict(donors, levels=[0.1, 0.9])
    assert list(tables) == [0.1, 0.9]
    assert (tables[0.1]["pension"] <= tables[0.9]["pension"] + 1e-6).all()
    assert list(tables[0.9].index) == list(donors.index)


def test_ordered_categories_keep_their_order(key):
    grades = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    frame = pd.DataFrame({"x": np.arange(90) % 3})
    frame["grade"] = pd.Categorical.from_codes(frame["x"], dtype=grades)
    frame["y"] = frame["x"] * 2.0
    fitted = QRF(n_estimators=5).fit(frame, ["x"], ["grade", "y"])
    drawn = fitted.draw(frame, key=key)
    pd.testing.assert_series_equal(drawn["grade"], frame["grade"])
    pd.testing.assert_series_equal(drawn["y"], frame["y"])
    assert fitted.imputers[1].forest.trees.n_features == 2


def test_missing_numbers_are_learned_when_asked(donors, key):
    holes = donors.assign(age=donors["age"].astype(float).where(donors["age"] < 65))
    settings = QRF(n_estimators=5, missing="learned")
    drawn = settings.fit(holes, ["age"], ["pension"]).draw(holes, key=key)
    assert (drawn["pension"][donors["age"] < 65] == 0).all()
    assert drawn["pension"][donors["age"] > 64].mean() > 5000


def test_a_file_brings_back_the_same_chain(tmp_path, donors, chain, key):
    path = tmp_path / "chain.npz"
    chain.save(path)
    again = FittedQRF.load(path)
    assert again.predictors == chain.predictors
    pd.testing.assert_frame_equal(again.draw(donors, key=key), chain.draw(donors, key=key))
    assert [p.name for p in tmp_path.iterdir()] == ["chain.npz"]
    for name, array in chain.to_arrays().items():
        assert array.dtype != object, name


BIG = {
    "beyond 2^24": ("int64", [2**24 + 1, 2**24 + 2, -(2**24) - 1, 0]),
    "beyond 2^53": ("int64", [2**53, 2**53 + 1, -(2**53) - 1, -(2**53)]),
    "the ends": ("int64", [2**63 - 1, 2**63 - 2, -(2**63), 0]),
    "unsigned": ("uint64", [2**64 - 1, 2**64 - 2, 2**63, 0]),
    "nullable": ("Int64", [2**60, 2**60 + 1, 2**60 + 2, 2**60 + 3]),
}


@pytest.mark.parametrize(
    ("case", "sign_stage"), [*((case, False) for case in BIG), ("beyond 2^53", True)]
)
def test_whole_numbers_come_back_as_they_are(tmp_path, key, case, sign_stage):
    """They passed through floats, and came back as other numbers."""
    dtype, values = BIG[case]
    frame = pd.DataFrame({"x": np.repeat(np.arange(4.0), 20)})
    frame["y"] = pd.array(np.repeat(np.array(values, dtype.lower()), 20), dtype)
    settings = QRF(n_estimators=8, min_samples_leaf=1, n_jobs=1, sign_stage=sign_stage)
    fitted = settings.fit(frame, ["x"], ["y"])
    drawn = fitted.draw(frame, key=key)["y"]
    assert drawn.dtype == dtype.lower() and set(drawn.tolist()) == set(values)
    if len({float(v) for v in values}) == 4:  # else the trees cannot tell them apart
        assert drawn.tolist() == frame["y"].tolist()
    fitted.save(tmp_path / "chain.npz")
    again = FittedQRF.load(tmp_path / "chain.npz")
    pd.testing.assert_series_equal(again.draw(frame, key=key)["y"], drawn)


def test_values_keep_their_last_digit_in_single_precision(tmp_path, key):
    cents = pd.DataFrame({"x": [0, 1] * 10, "y": [123_456_789.01, 987_654_321.99] * 10})
    fitted = QRF(n_estimators=5).fit(cents, ["x"], ["y"])
    assert set(fitted.draw(cents, key=key)["y"]) == set(cents["y"])
    fitted.save(tmp_path / "cents.npz")
    with jax.enable_x64(True):
        again = FittedQRF.load(tmp_path / "cents.npz")
        assert set(again.draw(cents, key=key)["y"]) == set(cents["y"])


def test_a_fitted_chain_is_a_pytree(chain, donors, key):
    leaves, structure = jax.tree.flatten(chain)
    again = jax.tree.unflatten(structure, leaves)
    assert hash(structure) == hash(jax.tree.structure(again))
    pd.testing.assert_frame_equal(again.draw(donors, key=key), chain.draw(donors, key=key))


def test_one_forest_at_a_time_draws_what_the_whole_chain_draws(donors, key):
    told = []
    settings = QRF(n_estimators=5, min_samples_leaf=5)
    arguments = (["age", "state"], ["pension", "job"], "w")
    whole = settings.fit(donors, *arguments).draw(donors, key=key)
    found = settings.impute(
        donors, donors, *arguments, key=key, progress=lambda *at: told.append(at)
    )
    pd.testing.assert_frame_equal(found, whole)
    assert told == [(0, 2, "pension"), (1, 2, "job"), (2, 2, "")]


def test_a_chosen_order_goes_from_what_is_known_best():
    rng = np.random.default_rng(0)
    a = rng.normal(size=600)
    near = a + 0.1 * rng.normal(size=600)
    frame = pd.DataFrame({
        "a": a, "noise": rng.normal(size=600), "far": near + rng.normal(size=600), "near": near,
        "weight": rng.integers(0, 3, 600),
    })  # fmt: skip
    targets = ["noise", "far", "near"]
    given = QRF(n_estimators=2).fit(frame, ["a"], targets, "weight")
    chosen = QRF(n_estimators=2, order="chosen").fit(frame, ["a"], targets, "weight")
    assert given.imputed_variables == ("noise", "far", "near")
    assert chosen.imputed_variables == ("near", "far", "noise")
    with pytest.raises(UnknownNameError, match="chosen"):
        QRF(order="chose").fit(frame, ["a"], targets)
