"""Every run leaves a manifest, however it ends."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from pejax import io
from pejax.core._environment import commit, versions
from pejax.core._validate import PejaxError


def read(run):
    return json.loads(run.path.read_text())


def test_a_completed_run(tmp_path):
    lines = []
    run = io.Run(tmp_path / "out", command="demo", config={"n": 3}, seed=7, tell=lines.append)
    with run:
        assert read(run)["status"] == "failed"
        assert "interrupted" in read(run)["reason"]
        with run.step("population"):
            big = np.ones(1_000_000)
        run.digest({"big": big})
        run.note(persons=12)
    written = read(run)
    assert written["status"] == "completed"
    assert written["reason"] is None
    assert written["command"] == "demo"
    assert written["config"] == {"n": 3}
    assert written["seed"] == 7
    assert written["facts"] == {"persons": 12}
    assert written["dtype"] == "float32"
    assert len(written["data_digest"]) == 64
    assert written["versions"]["jax"] == versions(["jax"])["jax"]
    assert {"commit", "dirty", "device", "python"} <= written.keys()
    (step,) = written["steps"]
    assert (step["name"], step["status"]) == ("population", "completed")
    assert step["seconds"] >= 0
    assert written["peak_bytes"] >= step["peak_bytes"] > big.nbytes
    assert written["started"] <= written["finished"]
    assert lines[0] == "population ..."
    assert lines[1].startswith("population: completed")


@pytest.mark.parametrize("error", [ValueError("no such target"), KeyboardInterrupt()])
def test_a_failed_run_says_why_and_lets_the_error_through(tmp_path, error):
    run = io.Run(tmp_path, command="demo")
    with pytest.raises(type(error)), run, run.step("calibrate"):
        raise error
    written = read(run)
    assert written["status"] == "failed"
    assert written["reason"] == f"{type(error).__name__}: {error}"
    assert written["steps"][0]["status"] == "failed"


def test_a_config_that_json_cannot_say_does_not_lose_the_manifest(tmp_path):
    with io.Run(tmp_path, command="demo", config={"x": float("nan"), "f": len}) as run:
        run.note(loss=jnp.float32(0.5))
    assert read(run)["status"] == "completed"
    assert read(run)["config"]["x"] is None
    assert read(run)["facts"]["loss"] == 0.5


def test_write_manifest_in_one_go(tmp_path):
    path = io.write_manifest(tmp_path, "sweep", {"n": 1}, seed=3, data=np.ones(2), rows=5)
    written = json.loads(path.read_text())
    assert (written["status"], written["seed"], written["facts"]) == ("completed", 3, {"rows": 5})
    assert path.name == "manifest.json"
    with pytest.raises(PejaxError, match="'completed' or 'failed'"):
        io.write_manifest(tmp_path, "sweep", status="done")


def test_digests_see_values_names_and_types():
    one = {"a": np.arange(3)}
    others = [{"b": np.arange(3)}, {"a": np.arange(3.0)}, {"a": np.array([0, 1, 3])}]
    assert len({io.data_digest(data) for data in [one, *others]}) == 4


def test_absent_packages_and_foreign_folders():
    assert versions(["no-such-distribution"]) == {"no-such-distribution": None}
    assert set(commit()) == {"commit", "dirty"}
