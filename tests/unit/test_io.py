"""Saving and loading: what is written comes back, and nothing is ever half-written."""

import contextlib
import json
import random
import sys

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population, calibrate, engine, io
from pejax.core._validate import (
    BadInputError,
    MissingExtraError,
    MissingFileError,
    PejaxError,
)
from pejax.core.files._files import atomic_folder, atomic_path, made_folder, plain
from pejax.testing import toy_population, toy_system


@pytest.fixture
def pop():
    person = pd.DataFrame(
        {
            "person_id": [4, 5, 6],
            "household_id": [2, 2, 1],
            "tax_unit_id": [9, 9, 8],
            "age": [30, 2, 50],
            "income": np.array([1.25, 0.0, 1e9], np.float32),
            "blind": [True, False, False],
            "job": ["cook", "none", "baker"],
        }
    )
    household = pd.DataFrame({"household_id": [2, 1], "wgt": [10.5, 3.0]})
    return Population.from_frames({"person": person, "household": household}, weights="wgt")


def assert_same(left, right):
    for entity, frame in left.to_frames().items():
        pd.testing.assert_frame_equal(right.to_frames()[entity], frame)
    assert left.schema == right.schema


def test_npz_keeps_everything_and_drops_the_padding(pop, tmp_path):
    path = io.save(pop.pad_to(), tmp_path / "people.npz")
    assert_same(pop, io.load(path))


def test_npz_holds_no_pickle(pop, tmp_path):
    path = io.save(pop, tmp_path / "people.npz")
    with np.load(path, allow_pickle=False) as archive:
        assert all(not archive[name].dtype.hasobject for name in archive.files)


def test_parquet_keeps_everything(pop, tmp_path):
    pytest.importorskip("pyarrow")
    folder = io.save(pop, tmp_path / "people")
    assert sorted(p.name for p in folder.iterdir()) == [
        "household.parquet",
        "person.parquet",
        "population.json",
        "tax_unit.parquet",
    ]
    assert_same(pop, io.load(folder))


def test_parquet_of_others_needs_no_description(pop, tmp_path):
    pytest.importorskip("pyarrow")
    for entity, frame in pop.to_frames().items():
        frame.to_parquet(tmp_path / f"{entity}.parquet")
    assert io.read_parquet(tmp_path, weights="wgt").count() == 3
    with pytest.raises(BadInputError, match="no weight column 'household_weight'"):
        io.read_parquet(tmp_path)


def test_parquet_replaces_an_older_folder_whole(pop, tmp_path):
    pytest.importorskip("pyarrow")
    io.save(toy_population(), tmp_path / "people")
    (tmp_path / "people" / "family.parquet").write_text("left over")
    assert_same(pop, io.load(io.write_parquet(pop, tmp_path / "people")))
    assert [p.name for p in tmp_path.iterdir()] == ["people"]


def test_an_empty_folder_is_no_population(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(BadInputError, match=r"no \.parquet files .* person.parquet"):
        io.load(tmp_path)


def test_parquet_without_pyarrow_names_the_extra(pop, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pejax\[io\]"'):
        io.write_parquet(pop, tmp_path / "people")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "int4", "float16", "bool", "S3"])
@pytest.mark.parametrize("shape", [(), (0,), (6,), (2, 3)])
def test_arrays_of_every_type_come_back(tmp_path, dtype, shape):
    """bfloat16 came back as bytes of no type."""
    given = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(jnp.dtype(dtype))
    found = io.load(io.save({"a": given, "rate::old": given}, tmp_path / "a.npz"))
    assert list(found) == ["a", "rate::old"]
    for array in found.values():
        assert (array.dtype, array.shape) == (given.dtype, given.shape)
        assert array.tobytes() == given.tobytes()


def test_columns_of_bfloat16_come_back(pop, tmp_path):
    given = pop.with_columns("person", share=jnp.array([0.5, 1.5, 3.0], jnp.bfloat16))
    back = io.load(io.save(given, tmp_path / "people.npz"))
    assert back.column("share").dtype == jnp.bfloat16
    assert back.column("share").tolist() == [0.5, 1.5, 3.0]


def test_columns_that_parquet_does_not_hold_are_refused_by_name(pop, tmp_path):
    given = pop.with_columns("person", share=jnp.array([0.5, 1.5, 3.0], jnp.bfloat16))
    with pytest.raises(BadInputError, match="column share with type bfloat16"):
        io.save(given, tmp_path / "people")
    with pytest.raises(BadInputError, match="column a with type object"):
        io.save(pd.DataFrame({"a": [1, "x"]}), tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_a_name_that_tells_a_type_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="'x::bfloat16'"):
        io.save({"x::bfloat16": np.arange(2)}, tmp_path / "a.npz")


def test_named_arrays(tmp_path):
    path = io.save({"a": jnp.arange(3), "b/c": np.ones((2, 2))}, tmp_path / "x.npz")
    loaded = io.load(path)
    assert loaded["a"].tolist() == [0, 1, 2]
    assert loaded["b/c"].shape == (2, 2)
    with pytest.raises(BadInputError, match="'a' holds Python objects"):
        io.save({"a": np.array([None])}, tmp_path / "y.npz")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_tables(tmp_path, name):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"path": ["a", "b"], "value": [1.0, 2.5]})
    pd.testing.assert_frame_equal(io.load(io.save(table, tmp_path / name)), table)


@pytest.mark.parametrize(
    ("thing", "name"), [({"a": 1}, "x.csv"), (3, "x.npz"), (pd.DataFrame(), "x.npy")]
)
def test_what_cannot_be_saved(tmp_path, thing, name):
    with pytest.raises(BadInputError, match=f"Cannot save a {type(thing).__name__}"):
        io.save(thing, tmp_path / name)


def test_what_cannot_be_loaded(pop, tmp_path):
    with pytest.raises(BadInputError, match=r"Known are \.npz"):
        io.load(tmp_path / "x.pickle")
    with pytest.raises(FileNotFoundError):
        io.load(tmp_path / "absent.npz")
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(BadInputError, match=r"torn\.npz is no readable \.npz"):
        io.load(tmp_path / "torn.npz")
    other = {"schema.json": np.array(json.dumps({"format": "pejax population 99"}))}
    with pytest.raises(BadInputError, match="found 'pejax population 99'"):
        io.load(io.save(other, tmp_path / "other.npz"))


def test_a_loaded_population_is_checked_again(pop, tmp_path):
    path = io.save(pop, tmp_path / "people.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["weights"][0] = np.nan
    with pytest.raises(BadInputError, match="the weight is nan"):
        io.load(io.save(arrays, path))
    arrays["weights"] = np.full(len(arrays["weights"]), 1e39)  # infinite in single precision
    with pytest.raises(BadInputError, match=r"the weight is 1e\+39.*up to 3.4e\+38"):
        io.load(io.save(arrays, path))
    name = next(name for name in arrays if name.startswith("ids/person"))
    wide = {**arrays, "weights": np.ones(len(arrays["weights"]))}
    wide[name] = arrays[name].astype("int64") + 2**32  # would come back less 2^32
    with pytest.raises(BadInputError, match="does not fit in a 32-bit integer"):
        io.load(io.save(wide, path))


@pytest.mark.parametrize("name", ["people.npz", "people"])
def test_a_changed_bit_is_refused_by_name_or_means_nothing(pop, tmp_path, name):
    pytest.importorskip("pyarrow")
    path = io.save(pop, tmp_path / name)
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    rng, refused = random.Random(0), 0
    for _ in range(120):
        file = rng.choice(files)
        kept = file.read_bytes()
        changed = bytearray(kept)
        changed[rng.randrange(len(kept))] ^= 1 << rng.randrange(8)
        file.write_bytes(changed)
        try:
            assert_same(pop, io.load(path))
        except PejaxError:
            refused += 1
        file.write_bytes(kept)
    assert refused > 60


def test_a_changed_page_of_a_table_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"value": np.random.default_rng(0).normal(size=500)})
    path = io.save(table, tmp_path / "table.parquet")
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 3] ^= 1
    path.write_bytes(changed)
    with pytest.raises(BadInputError, match=r"table\.parquet is no readable parquet table"):
        io.load(path)


def test_a_folder_that_somebody_edited_says_how_to_go_on(pop, tmp_path):
    pytest.importorskip("pyarrow")
    folder = io.save(pop, tmp_path / "people")
    frame = pd.read_parquet(folder / "person.parquet")
    frame.assign(age=frame["age"] + 1).to_parquet(folder / "person.parquet", index=False)
    with pytest.raises(BadInputError, match=r"person\.parquet is not what was saved.*remove pop"):
        io.load(folder)
    (folder / "population.json").unlink()
    assert io.read_parquet(folder, weights="wgt").column("age").tolist() == [31, 3, 51]


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_a_damaged_description_of_a_folder_is_named(pop, tmp_path, text):
    pytest.importorskip("pyarrow")
    folder = io.save(pop, tmp_path / "people")
    (folder / "population.json").write_text(text)
    with pytest.raises(BadInputError, match=r"population\.json is damaged"):
        io.load(folder)


def test_a_population_that_is_not_whole_is_named(pop, tmp_path):
    path = io.save(pop, tmp_path / "people.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    schema = json.loads(str(arrays["schema.json"]))
    for name in arrays.keys() - {"schema.json", "columns/person/age"}:
        rest = {k: v for k, v in arrays.items() if k != name}
        if not name.startswith("columns/"):
            with pytest.raises(BadInputError, match=r"people\.npz holds .* not whole"):
                io.load(io.save(rest, path))
    for key in schema:
        for other in (None, 3, [3], {}):
            changed = np.array(json.dumps({**schema, key: other}))
            with contextlib.suppress(PejaxError):  # some say something else: no name of weights
                io.load(io.save({**arrays, "schema.json": changed}, path))
    with pytest.raises(PejaxError):
        io.load(io.save({**arrays, "schema.json": np.array("[1]")}, path))


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = io.write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_folder_leaves_the_old_one(tmp_path):
    folder = tmp_path / "f"
    for attempt in ("old", "half"):
        try:
            with atomic_folder(folder) as temporary:
                (temporary / attempt).write_text(attempt)
                if attempt == "half":
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            assert attempt == "half"
    assert [p.name for p in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("other", ["notes.txt", "person.parquet", "data"])
def test_a_population_replaces_nothing_but_a_population(pop, tmp_path, other):
    folder = tmp_path / "people"
    io.save(toy_population(), folder)
    assert_same(pop, io.load(io.save(pop, folder)))
    if other.endswith(".parquet"):  # tables of one's own, which nothing describes
        (folder / "population.json").unlink()
    elif other == "data":
        (folder / other).mkdir()
    else:
        (folder / other).write_text("mine")
    with pytest.raises(BadInputError, match="would be lost"):
        io.save(pop, folder)
    assert (folder / other).exists()


def test_json_of_everything_a_result_holds(tmp_path):
    payload = {"a": jnp.float32(1.5), "b": [np.int64(2), np.nan, np.inf], 3: {"c": tmp_path}}
    path = io.write_json(tmp_path / "x.json", payload)
    expected = {"a": 1.5, "b": [2, None, None], "3": {"c": str(tmp_path)}}
    assert json.loads(path.read_text()) == expected
    assert plain((True, None, "x", {1})) == [True, None, "x", [1]]


@pytest.mark.parametrize("name", ["a.npz", "a.csv", "a.parquet", "a.pejax"])
def test_a_file_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(MissingFileError, match=f"There is no file .*{name}. Check path"):
        io.load(tmp_path / name)


def test_a_file_and_a_folder_do_not_replace_each_other(tmp_path):
    (tmp_path / "people").write_text("kept")
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(BadInputError, match="people is no folder"):
        io.save(toy_population(), tmp_path / "people")
    with pytest.raises(BadInputError, match=r"x\.npz is a folder"):
        io.save({"x": [1.0]}, tmp_path / "x.npz")
    with pytest.raises(BadInputError, match="is no folder of its own"):
        io.save(toy_population(), ".")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["people", "x.npz"]


@pytest.mark.parametrize("inside", [".", "a", "a/b"])
def test_a_file_where_a_folder_goes_is_named(tmp_path, inside):
    file = tmp_path / "taken"
    file.write_text("something else")
    place = file / inside
    for make in (
        lambda: made_folder(place),
        lambda: io.save(pd.DataFrame({"x": [1]}), place / "x.csv"),
        lambda: io.write_parquet(toy_population(), place),
        lambda: io.Run(place, "demo").__enter__(),
        lambda: engine.compile(toy_system(), ["income_tax"], 2025, toy_population(), cache=place),
        lambda: calibrate.JsonlLog(place / "log.jsonl")(calibrate.Progress(1, 2, 0.5, 1.0, 1.0)),
    ):
        with pytest.raises(BadInputError, match="taken"):
            make()
    assert file.read_text() == "something else"
