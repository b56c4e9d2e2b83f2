"""The main job, small: what it leaves, that it repeats itself, and how it fails."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pejax import demo
from pejax.cli import app
from pejax.core._validate import PejaxError
from pejax.demo import _page, _run

SIZES = {
    "households": 900,
    "budget": 150,
    "epochs": 200,
    "trees": 10,
    "reforms": 6,
    "sweep-households": 200,
    "seed": 3,
}
SMALL = [word for name, size in SIZES.items() for word in (f"--{name}", str(size))]
STEPS = [
    "population",
    "law",
    "reform",
    "weights",
    "imputation",
    "gradients",
    "sweep",
    "report",
]
# Ray is left out: a cluster a test is slow, and `test_the_sweep_is_the_same_on_ray` starts one.
WITHOUT_RAY = """
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "ray" else found(name, *more)
from pejax.cli import app
app(sys.argv[1:], standalone_mode=False)
print("imported:", "policyengine_us" in sys.modules)
"""

needs_us = [
    pytest.mark.us,
    pytest.mark.skipif(
        any(importlib.util.find_spec(m) is None for m in ("policyengine_us", "taxcalc", "pyarrow")),
        reason='needs pip install "pejax[us,io]"',
    ),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the command in this process; its output and its folder."""
    folder = tmp_path_factory.mktemp("demo")
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEJAX_CACHE", str(folder / "cache"))
        patch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
        found = importlib.util.find_spec
        patch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *more: None if name == "ray" else found(name, *more),
        )
        result = CliRunner().invoke(app, ["demo", *SMALL, "--out", str(folder / "out")])
    for name, value in before.items():
        jax.config.update(name, value)
    assert result.exit_code == 0, result.output
    return result.output, folder


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "tables" / f"{name}.parquet")


class TestTheMainJob:
    pytestmark = needs_us

    def test_the_manifest_tells_the_run(self, finished):
        _, folder = finished
        manifest = json.loads((folder / "out" / "manifest.json").read_text())
        assert manifest["status"] == "completed"
        assert [step["name"] for step in manifest["steps"]] == STEPS
        assert all(step["seconds"] > 0 and step["peak_bytes"] > 0 for step in manifest["steps"])
        assert manifest["seed"] == 3
        assert manifest["config"]["households"] == 900
        assert len(manifest["data_digest"]) == 64
        assert {"versions", "commit", "device", "dtype"} <= manifest.keys()

    def test_progress_and_findings_are_shown(self, finished):
        output, _ = finished
        for step in STEPS:
            assert f"{step} ..." in output
            assert f"{step}: completed" in output
        assert "349.8 million people" in output
        assert 'pip install "pejax[ray]"' in output

    def test_the_report_needs_nothing_else(self, finished):
        _, folder = finished
        page = (folder / "out" / "report.html").read_text()
        assert not re.search(r"<(script|img|iframe)[^>]+src=|<link|@import", page)
        assert "<script" not in page and len(page) < 300_000
        assert page.count("<svg") == page.count("<figcaption>") == 11
        assert page.count("<section>") == 7
        assert not re.search(r"\bnan\b", page.lower())

    def test_the_report_is_drawn_from_tables_and_manifest_alone(self, finished):
        _, folder = finished
        tables = {path.stem: pd.read_parquet(path) for path in (folder / "out/tables").iterdir()}
        manifest = json.loads((folder / "out" / "manifest.json").read_text())
        manifest["steps"].pop()  # the report's own, which was not at its end
        page = (folder / "out" / "report.html").read_text()
        assert _page.demo_page(tables, manifest) == page

    def test_what_was_set_aside_has_a_reason(self, finished):
        _, folder = finished
        refused = table(folder, "targets_refused")
        assert len(refused) > 0
        assert refused["reason"].str.len().min() > 0
        variables = table(folder, "variables")
        assert set(variables["status"]) <= {"traced", "given", "hoisted"}
        assert (variables.loc[variables["status"] == "hoisted", "reason"] != "").all()

    def test_calibration_meets_more_than_the_survey(self, finished):
        _, folder = finished
        found = table(folder, "calibration").set_index("method")
        assert list(found.index) == ["linear", "entropy", "L0"]
        assert (found["mean_error"] < found["mean_error_before"] / 2).all()
        assert found.loc["L0", "records_kept"] <= 150
        weights = table(folder, "weights")
        assert len(weights) == 900
        assert (weights[["survey", "entropy", "L0"]] >= 0).all(axis=None)

    def test_gradients_equal_their_finite_differences(self, finished):
        _, folder = finished
        by_law = table(folder, "gradient_by_parameter")
        assert by_law["relative_gap"].median() < 1e-3
        by_target = table(folder, "gradient_by_target").dropna(subset="finite_difference")
        assert len(by_target) == 2
        assert by_target["relative_gap"].max() < 1e-2

    def test_the_price_is_what_the_tax_loses_not_the_entitlement(self, finished):
        _, folder = finished
        facts = json.loads((folder / "out" / "manifest.json").read_text())["facts"]
        cost, entitlement = facts["reform"]["cost"], facts["reform"]["entitlement"]
        assert 0 < cost < 0.7 * entitlement
        assert facts["gradients"]["cost"] == pytest.approx(cost, rel=1e-9)
        tenths = table(folder, "reform_by_decile")
        assert (tenths.loc[:1, "share_gaining"] == 0).all()  # they owe no tax, but are entitled
        assert tenths["mean_change"].max() > 0

    def test_every_parameter_has_a_status(self, finished):
        _, folder = finished
        found = table(folder, "sensitivity")
        assert set(found["status"]) == {"active", "cliff", "unreached", "unused"}
        assert (found.loc[found["status"] != "active", "gradient"] == 0).all()
        assert np.isfinite(found["gradient"]).all()

    def test_the_forest_beats_the_donors_quantile(self, finished):
        _, folder = finished
        loss = table(folder, "imputation_pinball").set_index("level")
        assert loss.loc[0.75, "forest"] < loss.loc[0.75, "donors_quantile"]

    def test_a_second_run_imports_no_country_and_finds_the_same(self, finished):
        _, folder = finished
        again = folder / "again"
        environment = os.environ | {"PEJAX_CACHE": str(folder / "cache")}
        command = [sys.executable, "-c", WITHOUT_RAY, "demo", *SMALL, "--out", str(again)]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        assert "imported: False" in result.stdout
        for path in sorted((folder / "out" / "tables").iterdir()):
            second = pd.read_parquet(again / "tables" / path.name)
            pd.testing.assert_frame_equal(second, pd.read_parquet(path))

    def test_the_sweep_is_the_same_on_ray(self, tmp_path):
        pytest.importorskip("ray")
        settings = demo.Settings(tmp_path, households=200, reforms=10)
        people = demo.load_people(settings).population
        law = demo.compile_law(settings, people)
        swept = demo.sweep_reforms(settings, people, law.program)
        assert swept.facts["sweep"]["largest_gap_on_ray"] == 0


def test_a_failure_leaves_a_manifest_and_no_report(tmp_path, monkeypatch):
    def fail(settings):
        raise PejaxError("the people are on holiday")

    monkeypatch.setattr(_run, "load_people", fail)
    monkeypatch.setattr(_run, "check", lambda settings: None)
    (tmp_path / "report.html").write_text("of an older run")
    with pytest.raises(PejaxError, match="on holiday"):
        demo.run(demo.Settings(tmp_path))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["reason"] == "PejaxError: the people are on holiday"
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_an_interrupted_run_leaves_a_manifest_that_says_so(tmp_path, monkeypatch):
    def interrupt(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(_run, "load_people", interrupt)
    monkeypatch.setattr(_run, "check", lambda settings: None)
    with pytest.raises(KeyboardInterrupt):
        demo.run(demo.Settings(tmp_path))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert "KeyboardInterrupt" in manifest["reason"]
    assert manifest["steps"][0]["status"] == "failed"
