"""What the benchmark harness writes; never how long anything took."""

import importlib.util
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

HARNESS = Path(__file__).parents[2] / "benchmarks" / "_harness.py"


@pytest.fixture
def harness():
    spec = importlib.util.spec_from_file_location("harness", HARNESS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_first_call_is_kept_apart(harness):
    calls = []
    result = harness.measure(lambda x: calls.append(x) or x, jnp.ones(2), repeats=3, label="id")
    assert len(calls) == 4
    assert len(result["seconds"]) == 3
    assert result["label"] == "id"
    assert result["peak_bytes"] > 0


def test_contenders_take_turns(harness):
    turns = []
    report = harness.interleave(
        {"ours": lambda: turns.append("ours"), "peer": lambda: turns.append("peer")},
        repeats=2,
        baseline="peer",
    )
    assert turns == ["ours", "peer"] * 3
    ours, peer = (report["results"][name]["median_seconds"] for name in ("ours", "peer"))
    assert report["ratios"]["ours"] == peer / ours
    assert report["ratios"]["peer"] == 1.0


def test_what_a_call_uses_up_is_renewed_before_it(harness):
    stock = []
    report = harness.interleave({"ours": stock.pop}, repeats=2, before=lambda: stock.append(1))
    assert stock == []
    assert len(report["results"]["ours"]["seconds"]) == 2


def test_results_carry_their_circumstances(harness, tmp_path):
    timing = harness.measure(jax.jit(jnp.sum), jnp.ones(3), repeats=1)
    path = harness.write(
        "sum", {"timing": timing, "error": 0.0}, sizes={"rows": 3}, packages=["no"], folder=tmp_path
    )
    written = json.loads(path.read_text())
    assert path.name == "sum.json"
    assert written["sizes"] == {"rows": 3}
    assert written["versions"]["no"] is None
    assert {"commit", "dirty", "device", "dtype", "peak_bytes", "measured"} <= written.keys()
    assert len(written["timing"]["seconds"]) == 1
