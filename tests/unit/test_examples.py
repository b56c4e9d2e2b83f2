"""The examples of the docs and the README's own code and commands run, and find what they say."""

import importlib.util
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from _readme import ROOT, blocks, commands
from typer.testing import CliRunner

from pejax.cli import app

EXAMPLES = ROOT / "docs" / "examples"
SMALL = {
    "simulate": "--households 300",
    "sensitivity": "--households 300",
    "calibrate": "--households 300",
    "doctor": "",
}

pytestmark = [
    pytest.mark.us,
    pytest.mark.skipif(
        any(
            importlib.util.find_spec(name) is None
            for name in ("policyengine_us", "taxcalc", "pyarrow")
        ),
        reason='needs pip install "pejax[us,io]"',
    ),
]


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A folder and caches of the test's own."""
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


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
    credit = table.set_index("path").loc["gov.irs.credits.ctc.amount.base[0].amount"]
    assert -credit["gradient"] * 800 == pytest.approx(cost, rel=0.2)
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
    assert table["cost"].corr(table["credit"]) > 0.5


def test_the_example_pruning():
    found = runpy.run_path(str(EXAMPLES / "pruning.py"))["main"]()
    assert found["right"] > 0.85 and found["kept"] < 0.6 * found["total"]


def test_the_example_features():
    chosen = run("features")
    assert "age" in chosen and not any(name.startswith("chance") for name in chosen)


def test_the_code_of_the_readme(capsys):
    (code,) = blocks("python")
    exec(compile(code.replace("2_000", "300"), "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert re.search(r"the reform costs \d+\.\d billion dollars", printed)
    assert re.search(r"one dollar of the credit costs \d+\.\d million dollars", printed)


@pytest.mark.parametrize("command", commands(), ids=lambda words: words[1])
def test_the_commands_of_the_readme(command, own_cache):
    _, name, *arguments = command
    if name == "demo":  # its own tests run it; here, that it has these options
        shown = CliRunner().invoke(app, ["demo", "--help"], env={"COLUMNS": "200"}).output
        assert [word for word in arguments if word[:2] == "--" and word not in shown] == []
        return
    kept = [word for word in arguments if not word.isdigit() and word != "--households"]
    result = CliRunner().invoke(app, [name, *kept, *SMALL[name].split()])
    assert result.exit_code == 0, result.output
    if "--out" in kept:
        assert Path(kept[kept.index("--out") + 1], "manifest.json").exists()
