"""The child-credit experiment, run by its own command on a thousand households."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).resolve().parents[2] / "experiments" / "child_credit"
HOUSEHOLDS = 1000
SMALL = """
country = "policyengine_us"
year = 2025
seed = 0
batch = 4
slopes = 2
chunk = 20_000

[grid]
amounts = [1000, 2200, 4000]
rates = [50]

[[grid.thresholds]]
name = "law"
SINGLE = 200_000
JOINT = 400_000
SEPARATE = 200_000
HEAD_OF_HOUSEHOLD = 200_000
SURVIVING_SPOUSE = 400_000

[[grid.thresholds]]
name = "low"
SINGLE = 75_000
JOINT = 110_000
SEPARATE = 55_000
HEAD_OF_HOUSEHOLD = 75_000
SURVIVING_SPOUSE = 75_000

[[designs]]
name = "law"
title = "as the law has it"
cap_follows_amount = false
fully_refundable = false

[[designs]]
name = "uncapped"
title = "no cap"
cap_follows_amount = true
fully_refundable = false

[reference]
amount = 2200
rate = 50
thresholds = "law"

[derivatives]
tolerance = 1e-6
numbers = [
  {path = "gov.irs.credits.ctc.amount.base[0].amount", step = 0.01},
  {path = "gov.irs.credits.ctc.refundable.phase_in.rate", step = 1e-6},
  {path = "gov.irs.credits.ctc.phase_out.amount", step = 1e-3},
  {path = "gov.irs.credits.ctc.phase_out.threshold.JOINT", step = 100_000, jump = true},
]

[smoothing]
bandwidths = [1, 1000]
step = 500

[parity]
households = 50
tolerance = 1.0
amounts = [4000]
"""
TABLES = ("grid", "derivatives", "smoothing", "parity")
INSTALLED = all(importlib.util.find_spec(name) for name in ("taxcalc", "policyengine_us"))


def us(test):
    """Mark a test of the whole experiment: it needs the country package, and minutes."""
    needs = pytest.mark.skipif(not INSTALLED, reason="needs the `us` extra")
    return pytest.mark.oracle(pytest.mark.us(needs(test)))


def run(out: Path, cache: Path, config: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE / "run.py")]
    command += ["--config", str(config), "--households", str(HOUSEHOLDS)]
    command += ["--out", str(out), "--cache", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Results of two runs: a fresh one, and one that finds everything in the cache."""
    folder = tmp_path_factory.mktemp("child_credit")
    config = folder / "config.toml"
    config.write_text(SMALL, encoding="utf-8")
    for name in ("fresh", "again"):
        run(folder / name, folder / "cache", config)
    return folder / "fresh", folder / "again"


@pytest.fixture(scope="module")
def tables(folders):
    return {name: pd.read_csv(folders[0] / f"{name}.csv") for name in TABLES}


@pytest.fixture(scope="module")
def grid(tables):
    return tables["grid"].set_index(["design", "thresholds", "amount"]).sort_index()


def test_the_readme_quotes_the_committed_results():
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    assert (HERE / "results" / "summary.md").read_text(encoding="utf-8").strip() in readme


def test_the_committed_results_belong_to_the_committed_configuration():
    manifest = json.loads((HERE / "results" / "manifest.json").read_text(encoding="utf-8"))
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))
    assert manifest["status"] == "completed"
    assert manifest["config"] == config


@us
def test_the_manifest_tells_how_it_went(folders):
    manifest = json.loads((folders[0] / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "completed"
    assert manifest["dtype"] == "float64"
    assert manifest["config"]["households"] == HOUSEHOLDS
    assert {step["status"] for step in manifest["steps"]} == {"completed"}
    assert manifest["facts"]["households"] < HOUSEHOLDS


@us
def test_every_point_of_every_design_is_there(grid):
    assert len(grid) == 2 * 2 * 3
    assert grid.notna().all(axis=None)


@us
def test_a_larger_credit_costs_more_and_leaves_fewer_in_poverty(grid):
    for _, row in grid.groupby(level=["design", "thresholds"]):
        assert (np.diff(row["cost"]) > 0).all()
        assert (np.diff(row["poor_children"]) <= 0).all()
        assert (np.diff(row["poverty_gap"]) <= 0).all()


@us
def test_an_earlier_phase_out_costs_less(grid):
    law, low = (grid.xs(name, level="thresholds") for name in ("law", "low"))
    assert (low["cost"] < law["cost"]).all()
    assert (grid["d_cost_d_rate"] <= 0).all()


@us
def test_the_cap_on_refunds_binds_only_above_itself(grid):
    law, uncapped = (grid.xs(name, level="design") for name in ("law", "uncapped"))
    capped = law.index.get_level_values("amount") > 1700
    np.testing.assert_allclose(law["cost"][~capped], uncapped["cost"][~capped], rtol=1e-12)
    assert (law["cost"][capped] < uncapped["cost"][capped]).all()


@us
def test_what_is_paid_lies_between_the_refund_and_the_entitlement(grid):
    assert (grid["refunds"] <= grid["cost"]).all()
    assert (grid["cost"] <= grid["entitlement"]).all()


@us
def test_derivatives_are_finite_differences_and_a_staircase_has_none(tables):
    smooth = tables["derivatives"].dropna(subset="relative_error")
    jumps = tables["derivatives"].query("relative_error.isna()")
    assert (smooth["relative_error"] < 1e-6).all()
    assert (smooth["derivative"] != 0).sum() >= 4
    assert (jumps["derivative"] == 0).all()
    assert (jumps.query("statistic == 'cost'")["difference"] > 0).all()


@us
def test_the_soft_count_tends_to_the_exact_one(tables):
    for _, rows in tables["smoothing"].groupby("design"):
        bias = rows.set_index("bandwidth")["bias"].abs()
        assert bias[1] < bias[1000]
        assert bias[1] < 0.01 * rows["exact"].iloc[0]


@us
def test_the_source_engine_agrees_under_a_reform(tables):
    assert set(tables["parity"]["variable"]) >= {"ctc", "refundable_ctc", "ctc_value"}
    assert (tables["parity"]["above_tolerance"] == 0).all()


@us
def test_a_second_run_gives_the_same_files(folders):
    for name in (*(f"{table}.csv" for table in TABLES), "summary.md", "figure.svg"):
        fresh, again = ((folder / name).read_bytes() for folder in folders)
        assert fresh == again, name
