"""Jobs of many items: kept as they come, resumed by item, failures as rows."""

import json

import jax
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from pejax import BadInputError, PejaxError, runs


def squares(items):
    return {"square": items**2.0, "name": np.array([f"item {'x' * i}" for i in items])}


class Counting:
    """What a computation was asked for, in order."""

    def __init__(self, compute=squares, stop_after=None):
        self.compute, self.stop_after, self.asked = compute, stop_after, []

    def __call__(self, items):
        if self.stop_after == len(self.asked):
            raise KeyboardInterrupt
        self.asked.append(items.tolist())
        return self.compute(items)


def same(left, right):
    assert left.columns.keys() == right.columns.keys()
    for name, values in right.columns.items():
        np.testing.assert_array_equal(left.columns[name], values)
    assert left.reasons == right.reasons


def test_results_are_in_the_order_of_the_items():
    found = runs.run(squares, 5, batch=2)
    assert found.columns["square"].tolist() == [0, 1, 4, 9, 16]
    assert found.columns["name"].tolist() == ["item " + "x" * i for i in range(5)]
    assert not found.reasons


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 3))
def test_a_stopped_job_does_the_rest_once(tmp_path_factory, count, first, second, after):
    """Whatever the sizes of the parts before and after."""
    out = tmp_path_factory.mktemp("job")
    begun = Counting(stop_after=after)
    try:
        runs.run(begun, count, out=out, batch=first)
    except KeyboardInterrupt:
        rest = Counting()
        same(runs.run(rest, count, out=out, batch=second), runs.run(squares, count))
        done = [i for part in (*begun.asked, *rest.asked) for i in part]
        assert sorted(done) == list(range(count))
    nothing = Counting()
    same(runs.run(nothing, count, out=out, batch=second), runs.run(squares, count))
    assert not nothing.asked


def test_the_same_job_writes_the_same_files(tmp_path):
    for folder in ("a", "b"):
        runs.run(squares, 5, out=tmp_path / folder, batch=2)
    names = [[p.name for p in sorted((tmp_path / f / "job").glob("*.npz"))] for f in "ab"]
    assert names[0] == names[1] and len(names[0]) == 3


def test_jobs_of_another_identity_do_not_meet(tmp_path):
    runs.run(squares, 3, out=tmp_path, identity="squares")
    found = runs.run(lambda items: {"square": items * 0}, 3, out=tmp_path, identity="zeros")
    assert not found.columns["square"].any()


def test_a_longer_job_takes_what_a_shorter_one_left(tmp_path):
    runs.run(squares, 3, out=tmp_path)
    more = Counting()
    same(runs.run(more, 5, out=tmp_path), runs.run(squares, 5))
    assert more.asked == [[3, 4]]
    same(runs.run(Counting(), 2, out=tmp_path), runs.run(squares, 2))


# ---- failures


def odd_ones_fail(items):
    if (items % 2).any():
        raise ValueError("odd")
    return {"half": items / 2, "whole": items // 2}


def test_an_item_that_fails_is_a_row_with_a_reason(tmp_path):
    found = runs.run(odd_ones_fail, 5, batch=3, out=tmp_path)
    np.testing.assert_array_equal(found.columns["half"], [0, np.nan, 1, np.nan, 2])
    assert found.columns["whole"].tolist() == [0, 0, 1, 0, 2]
    assert found.reasons == {1: "ValueError: odd", 3: "ValueError: odd"}
    log = json.loads((tmp_path / "job" / "run.json").read_text())
    assert log["status"] == "completed, with failures"
    assert log["done"] == 5 and log["failed"] == {"1": "ValueError: odd", "3": "ValueError: odd"}
    assert log["environment"]["versions"]["jax"]


def test_what_failed_is_tried_again(tmp_path):
    runs.run(odd_ones_fail, 5, batch=3, out=tmp_path)
    mended = Counting(lambda items: {"half": items / 2, "whole": items // 2})
    found = runs.run(mended, 5, batch=3, out=tmp_path)
    assert mended.asked == [[1, 3]] and not found.reasons
    assert found.columns["half"].tolist() == [0, 0.5, 1, 1.5, 2]


def test_an_error_can_end_the_job(tmp_path):
    with pytest.raises(ValueError, match="odd"):
        runs.run(odd_ones_fail, 5, batch=1, out=tmp_path, on_error="raise")
    log = json.loads((tmp_path / "job" / "run.json").read_text())
    assert log["status"] == "stopped: ValueError" and log["done"] == 1


def test_a_job_without_any_result_is_an_error():
    def fails(items):
        raise RuntimeError("no disk")

    with pytest.raises(PejaxError, match="every item failed; number 0: RuntimeError: no disk"):
        runs.run(fails, 3)


def test_a_wrong_number_of_rows_is_named():
    with pytest.raises(BadInputError, match=r"a has shape \(1,\) for 2 items"):
        runs.run(lambda items: {"a": np.zeros(1)}, 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": 0}, "count is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"on_error": "skip"}, "on_error is 'skip'. Choose"),
        ({"out": 3}, "out is 3. Give a path"),
        ({"count": 10**30}, "count is 1000.*; give a whole number up to 1,000,000,000"),
        ({"compute": None}, "compute is None. Give a function"),
        ({"progress": 3}, "progress is 3. Give a function"),
        ({"on_error": np.zeros(2)}, "on_error is a ndarray. Choose"),
        ({"identity": 5}, "identity is 5. Give a text"),
        *(({"identity": name}, "Give the name of a folder") for name in ("", "..", "a/b", "\0")),
        *(({"executor": e}, "Give one with a `map`") for e in (pd.Series([1]), runs.Local)),
        ({"executor": "local"}, "executor is 'local'. Give one with a `map`"),
    ],
)
def test_arguments(given, said):
    with pytest.raises(PejaxError, match=said):
        runs.run(**{"compute": squares, "count": 2, **given})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"a": [[1], [2, 3]]}, "a is a list. Give one row an item"),
        ({"a": jax.random.split(jax.random.key(0), 2)}, "Give one row an item"),
        ({"a": [object(), object()]}, "a is a list of objects. Give numbers or texts"),
        ({1: [0, 1]}, "the name of a result is 1. Give a text"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_no_file_holds_is_no_result(found, said):
    with pytest.raises(BadInputError, match=said):
        runs.run(lambda items: found, 2)


def test_parts_may_be_made_on_the_way():
    parts = (np.array([k]) for k in range(2))
    assert len(list(runs.Local().map(lambda items: {"x": items}, parts))) == 2


def test_the_row_of_an_item_that_failed_says_nothing():
    """Whatever the types of the parts before and after."""

    def compute(items):
        if (items == 1).any():
            raise ValueError("bad")
        whole = bool(items[0] < 2)
        return {
            "x": items if whole else items * 1.5,
            "text": items if whole else np.array(["a"] * len(items)),
            "day": np.array(["2025-01-01"] * len(items), "M8[D]"),
        }

    found = runs.run(compute, 4, batch=2).columns
    np.testing.assert_array_equal(found["x"], [0, np.nan, 3, 4.5])
    assert found["text"].tolist() == ["0", "", "a", "a"]
    assert np.isnat(found["day"][1]) and not np.isnat(found["day"][0])


@pytest.mark.parametrize(
    "compute",
    [
        lambda i: {"x": np.ones((len(i), 3 if i[0] < 2 else 1))},
        lambda i: {"x": np.ones((len(i), 1 if i[0] < 2 else 3))},
        lambda i: {"x": i} if i[0] < 2 else {"y": i},
        lambda i: {"x": i} if i[0] < 2 else {"x": i, "y": i},
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_parts_with_other_columns_are_refused(compute):
    with pytest.raises(BadInputError, match="Give every item the same columns"):
        runs.run(compute, 4, batch=2)


def test_items_that_an_executor_loses_are_missed():
    class Loses:
        def map(self, compute, parts):
            for part in parts[:-1]:
                yield part, compute(part)

    with pytest.raises(PejaxError, match="2 items did not come back, the first number 2"):
        runs.run(squares, 4, batch=2, executor=Loses())


def test_a_shorter_job_knows_no_failure_beyond_its_end(tmp_path):
    def compute(items):
        if (items == 4).any():
            raise ValueError("bad")
        return {"x": items * 1.0}

    assert runs.run(compute, 5, out=tmp_path, batch=2).reasons == {4: "ValueError: bad"}
    assert not runs.run(compute, 3, out=tmp_path, batch=2).reasons


# ---- damage


def test_a_damaged_shard_is_computed_again(tmp_path):
    whole = runs.run(squares, 6, out=tmp_path, batch=2)
    second, third = sorted((tmp_path / "job").glob("*.npz"))[1:]
    second.write_bytes(second.read_bytes()[:50])
    np.savez(third, item=np.arange(2))
    again = Counting()
    with pytest.warns(UserWarning, match="computed again"):
        same(runs.run(again, 6, out=tmp_path, batch=4), whole)
    assert again.asked == [[2, 3, 4, 5]]


# ---- progress


def test_progress_counts_items_and_says_what_is_left(tmp_path):
    seen = []
    runs.run(squares, 5, batch=2, out=tmp_path, progress=seen.append)
    assert [(at.done, at.total, at.began) for at in seen] == [(2, 5, 0), (4, 5, 0), (5, 5, 0)]
    seen.clear()
    runs.run(squares, 8, batch=2, out=tmp_path, progress=seen.append)
    assert [(at.done, at.began) for at in seen] == [(7, 5), (8, 5)]
    assert seen[-1].left == 0
    assert str(runs.Progress(0, 9, 0, 0.0)) == "0 of 9" and runs.Progress(0, 9, 0, 1.0).left > 1e9
    assert str(runs.Progress(1_000, 9_000, 0, 100.0)) == "1,000 of 9,000, 10 a second, 13 min left"


def test_parts_may_come_in_any_order():
    class Backwards:
        def map(self, compute, parts):
            for part in reversed(parts):
                yield part, compute(part)

    same(runs.run(squares, 7, batch=2, executor=Backwards()), runs.run(squares, 7))


@pytest.mark.parametrize("module", ["_executor", "_progress", "_run"])
def test_examples(module):
    import doctest
    import importlib

    found = doctest.testmod(importlib.import_module(f"pejax.runs.{module}"))
    assert found.attempted and not found.failed
