"""Filling columns of a population."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._validate import BadInputError, PejaxError, UnknownNameError
from pejax.impute import QRF, Forest, Imputer, chain

SETTINGS = QRF(n_estimators=10, min_samples_leaf=1, n_jobs=1)


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    persons, homes = 90, 30
    person = pd.DataFrame(
        {
            "person_id": np.arange(persons) + 500,
            "household_id": np.arange(persons) // 3 + 1,
            "tax_unit_id": np.arange(persons) // 3 + 1,
            "age": rng.integers(0, 80, persons),
            "job": rng.choice(["a", "b"], persons),
        }
    )
    household = pd.DataFrame(
        {
            "household_id": np.arange(homes) + 1,
            "household_weight": rng.uniform(1, 9, homes),
            "state": rng.choice(["CA", "NY"], homes),
            "rooms": rng.integers(1, 6, homes),
        }
    )
    return {"person": person, "household": household}


@pytest.fixture(scope="module")
def population(frames):
    return Population.from_frames(frames)


@pytest.fixture(scope="module")
def donors():
    rng = np.random.default_rng(1)
    n = 200
    frame = pd.DataFrame(
        {
            "age": rng.integers(0, 80, n),
            "job": rng.choice(["a", "b", "c"], n),
            "state": rng.choice(["NY", "CA"], n),
        }
    )
    frame["wage"] = np.where(frame["job"] == "a", 0.0, rng.gamma(2, 100.0, n))
    frame["tenant"] = (frame["state"] == "NY") & (frame["wage"] < 150)
    frame["plan"] = np.where(frame["tenant"], "silver", "gold")
    return frame


TARGETS = ["wage", "tenant", "plan"]


@pytest.fixture(scope="module")
def fitted(donors):
    return SETTINGS.fit(donors, ["age", "job", "state"], TARGETS)


def drawn_columns(population):
    held = {name: np.asarray(population.column(name, "person")) for name in TARGETS}
    return held | {"plan": population.labels("plan", "person")}


def test_a_population_gets_what_its_table_would(frames, population, fitted, key):
    """Predictors of the household included; the person's id is the record's id."""
    filled = chain(fitted, population, key=key)
    table = frames["person"].merge(frames["household"], on="household_id")
    wanted = fitted.draw(table, key=key, ids=table["person_id"].to_numpy())
    for name, found in drawn_columns(filled).items():
        np.testing.assert_array_equal(found, wanted[name].to_numpy().astype(found.dtype))
    assert filled.column("tenant").dtype == bool
    assert "plan" in filled.to_frames()["person"]


def test_neither_padding_nor_order_nor_jit_changes_a_draw(frames, population, fitted, key):
    plain = drawn_columns(chain(fitted, population, key=key))
    padded = drawn_columns(chain(fitted, population.pad_to(128), key=key))
    compiled = jax.jit(lambda f, p, k: chain(f, p, key=k))(fitted, population, key)
    for name in TARGETS:
        np.testing.assert_array_equal(padded[name], plain[name])
        np.testing.assert_array_equal(drawn_columns(compiled)[name], plain[name])
    order = np.random.default_rng(0).permutation(90)
    shuffled = {**frames, "person": frames["person"].iloc[order]}
    moved = drawn_columns(chain(fitted, Population.from_frames(shuffled), key=key))
    for name in TARGETS:
        np.testing.assert_array_equal(moved[name], plain[name][order])


def test_padding_rows_are_filled_with_zeros(population, fitted, key):
    filled = chain(fitted, population.pad_to(128), key=key)
    assert not np.asarray(filled.columns["person"]["wage"])[90:].any()


def test_another_entity_is_filled_from_its_own_columns(population, donors, key):
    rng = np.random.default_rng(0)
    homes = pd.DataFrame({"rooms": rng.integers(1, 6, 100), "state": ["CA", "NY"] * 50})
    homes["rent"] = homes["rooms"] * 100
    fitted = SETTINGS.fit(homes, ["rooms", "state"], ["rent"])
    filled = chain(fitted, population, key=key, entity="household")
    np.testing.assert_array_equal(filled.column("rent"), filled.column("rooms") * 100)
    assert filled.column("rent").dtype == jnp.int32
    with pytest.raises(UnknownNameError, match="'rooms'"):
        chain(fitted, population, key=key, entity="tax_unit")


def test_an_imputer_can_be_put_together_by_hand(population, key):
    from sklearn.ensemble import RandomForestRegressor

    X, y = np.arange(80.0)[:, None], np.arange(80) // 40 * 7.0
    forest = Forest.from_sklearn(RandomForestRegressor(5, random_state=0).fit(X, y), X, y)
    filled = chain([Imputer.of_numbers(forest, ["age"], "debt")], population, key=key)
    old = np.asarray(filled.column("age")) >= 45
    assert (np.asarray(filled.column("debt"))[old] == 7).all()


def test_numbers_may_be_categories(population, key):
    donors = pd.DataFrame({"rooms": pd.Categorical([1, 2, 3, 4, 5] * 8), "y": np.arange(40) % 5.0})
    fitted = SETTINGS.fit(donors, ["rooms"], ["y"])
    filled = chain(fitted, population, key=key, entity="household")
    np.testing.assert_array_equal(filled.column("y"), np.asarray(filled.column("rooms")) - 1.0)


def test_whole_numbers_are_filled_in_as_they_are(population, key):
    """From 2^24 on single precision rounds them."""
    rooms = np.arange(40) % 5 + 1
    donors = pd.DataFrame({"rooms": rooms, "code": 2**24 + rooms})
    fitted = SETTINGS.fit(donors, ["rooms"], ["code"])

    def fill(fitted, population):
        return chain(fitted, population, key=key, entity="household").column("code")

    for found in (fill(fitted, population), jax.jit(fill)(fitted, population)):
        np.testing.assert_array_equal(found, np.asarray(population.column("rooms")) + 2**24)
    wide = SETTINGS.fit(donors.assign(code=donors["code"] + 2**31), ["rooms"], ["code"])
    for refused in (fill, jax.jit(fill)):
        with pytest.raises(BadInputError, match=r"'code'.*beyond the 32 bits"):
            refused(wide, population)


def test_inside_a_trace_a_row_that_is_refused_gets_no_donors_value(population, key):
    """It got 0 where the column was one of whole numbers, and the first of the categories."""
    age = np.arange(80)
    donors = pd.DataFrame({"age": age, "kids": age % 3 + 1, "debt": age / 2})
    donors["plan"] = np.where(age % 2, "gold", "silver")
    lost = jnp.asarray(population.column("age"), float).at[4].set(jnp.nan)
    for name, nothing in (("kids", -(2**31)), ("plan", -(2**31)), ("debt", np.nan)):
        fitted = SETTINGS.fit(donors, ["age"], [name])

        def fill(people, fitted=fitted, name=name):
            return chain(fitted, people, key=key).columns["person"][name]

        found = np.asarray(jax.jit(fill)(population.with_columns("person", age=lost)))
        np.testing.assert_array_equal(found[4], nothing)
        whole = np.asarray(fill(population))
        np.testing.assert_array_equal(np.delete(found, 4), np.delete(whole, 4))


def test_large_categories_are_told_apart(frames, key):
    """They were compared in single precision, and 16777217 was taken for 16777216."""
    rooms = frames["household"]["rooms"] + 2**24
    population = Population.from_frames(
        {**frames, "household": frames["household"].assign(rooms=rooms)}
    )
    tract = pd.Categorical(np.arange(1, 6).tolist() * 8)
    tract = tract.rename_categories(tract.categories + 2**24)
    donors = pd.DataFrame({"rooms": tract, "y": np.arange(40) % 5.0})
    fitted = SETTINGS.fit(donors, ["rooms"], ["y"])
    filled = chain(fitted, population, key=key, entity="household")
    np.testing.assert_array_equal(filled.column("y"), rooms - 2**24 - 1)
    as_floats = frames["household"].assign(rooms=rooms.astype("float32"))
    with pytest.raises(BadInputError, match=r"'rooms' holds float32.*are one number"):
        chain(
            fitted,
            Population.from_frames({**frames, "household": as_floats}),
            key=key,
            entity="household",
        )
    far = pd.DataFrame({"rooms": np.arange(40) % 5 + 1, "tract": tract})
    far["tract"] = far["tract"].cat.rename_categories(lambda x: x + 2**32)
    fitted = SETTINGS.fit(far, ["rooms"], ["tract"])
    with pytest.raises(BadInputError, match=r"'tract'.*Turn them into texts"):
        chain(fitted, population, key=key, entity="household")


def test_padding_is_no_unseen_category(population, key):
    donors = pd.DataFrame({"rooms": pd.Categorical([1, 2, 3, 4, 5] * 8), "y": np.arange(40) % 5.0})
    fitted = SETTINGS.fit(donors, ["rooms"], ["y"])
    padded = chain(fitted, population.pad_to(128), key=key, entity="household")
    np.testing.assert_array_equal(padded.column("y"), np.asarray(padded.column("rooms")) - 1.0)


def test_strings_and_numbers_are_not_confused(frames, fitted, key):
    numbered = {**frames, "household": frames["household"].assign(state=1)}
    with pytest.raises(BadInputError, match=r"'state' holds numbers.*CA, NY"):
        chain(fitted, Population.from_frames(numbered), key=key)
    spelt = {**frames, "person": frames["person"].assign(age="old")}
    with pytest.raises(BadInputError, match="'age' holds strings"):
        chain(fitted, Population.from_frames(spelt), key=key)


def test_a_string_column_may_be_replaced_by_numbers(frames, key):
    donors = pd.DataFrame({"age": np.arange(80), "job": np.arange(80) // 40 * 1.0})
    fitted = SETTINGS.fit(donors, ["age"], ["job"])
    filled = chain(fitted, Population.from_frames(frames), key=key)
    assert set(filled.to_frames()["person"]["job"]) == {0.0, 1.0}


def test_a_category_no_donor_had_is_named(frames, fitted, key):
    homes = frames["household"].assign(state="CAL")
    population = Population.from_frames({**frames, "household": homes})
    with pytest.raises(UnknownNameError, match=r"of column 'state'.*'CAL'.*'CA'"):
        chain(fitted, population, key=key)


def test_a_predictor_in_two_groups_must_be_chosen(frames, fitted, key):
    units = pd.DataFrame({"tax_unit_id": np.arange(30) + 1, "state": ["CA"] * 30})
    population = Population.from_frames({**frames, "tax_unit": units})
    with pytest.raises(PejaxError, match=r"household and tax_unit have a column 'state'"):
        chain(fitted, population, key=key)


def test_an_infinite_predictor_is_named(population, fitted, key):
    age = jnp.asarray(population.column("age"), float).at[4].set(jnp.inf)
    with pytest.raises(BadInputError, match="Row 4, column 'age'"):
        chain(fitted, population.with_columns("person", age=age), key=key)
