"""The examples of the docs run, and find what they say."""

import importlib.util
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"

pytestmark = [
    pytest.mark.us,
    pytest.mark.skipif(
        importlib.util.find_spec("policyengine_us") is None
        or importlib.util.find_spec("taxcalc") is None,
        reason='needs pip install "pejax[us]"',
    ),
]


def run(name, **sizes):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](households=300, **sizes)


def test_every_example_is_listed_and_run():
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    listed = (EXAMPLES / "README.md").read_text()
    tests = {name.removeprefix("test_the_example_") for name in globals() if "example_" in name}
    assert files <= tests
    assert all(f"[{name}.py]({name}.py)" in listed for name in files)


def test_the_example_population(capsys):
    people, own = run("population")
    assert people.count("household") == 300
    assert own.count() == 3
    assert "349.8 million persons" in capsys.readouterr().out


def test_the_example_law(capsys):
    program = run("law")
    assert program.report.counts["traced"] > 300
    assert "eitc: " in capsys.readouterr().out


def test_the_example_reform():
    cost, table = run("reform")
    assert cost > 0
    first = table.iloc[0]
    assert first["path"] == "gov.irs.credits.ctc.amount.base[0].amount"
    assert first["gradient"] * 800 == pytest.approx(cost, rel=0.1)
    assert {"active", "cliff", "unreached"} <= set(table["status"])


def test_the_example_calibration():
    solutions = run("calibration")
    assert list(solutions) == ["linear", "entropy", "L0"]
    kept = {name: solution.report().summary["records_kept"] for name, solution in solutions.items()}
    assert kept["L0"] <= 150 < kept["entropy"]
    errors = solutions["entropy"].report().summary
    assert errors["mean_error"] < errors["mean_error_before"] / 2


def test_the_example_imputation():
    table = run("imputation").set_index("statistic")
    assert table.loc["share zero", "imputed"] == pytest.approx(
        table.loc["share zero", "truth"], abs=0.15
    )


def test_the_example_gradients():
    by_law, by_target = run("gradients")
    assert by_law > 1e7
    assert np.isfinite(by_target).all()
    assert np.any(by_target != 0)


def test_the_example_sweep():
    table = run("sweep", reforms=5)
    assert len(table) == 5
    assert table["ctc"].corr(table["credit"]) > 0.5


def test_the_example_pruning():
    found = runpy.run_path(str(EXAMPLES / "pruning.py"))["main"]()
    assert found["right"] > 0.85 and found["kept"] < 0.6 * found["total"]


def test_the_example_features():
    chosen = run("features")
    assert "age" in chosen and not any(name.startswith("chance") for name in chosen)
