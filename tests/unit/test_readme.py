"""The README's own commands work, its numbers are those of a run, and no link leads nowhere."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pejax.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "experiments/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
SMALL = {
    "demo": "--households 300 --budget 150 --trees 5 --reforms 3",
    "simulate": "--households 300",
    "sensitivity": "--households 300",
    "calibrate": "--households 300",
    "doctor": "",
}

needs_us = pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("policyengine_us", "taxcalc", "plotly")),
    reason='needs pip install "pejax[us,io,viz]"',
)


def blocks(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    return [block for fence, block in found if fence == language]


def commands():
    """The `pejax ...` lines of the README, without their comments."""
    lines = [line for block in blocks("") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("pejax ")]


@pytest.fixture
def own_cache(tmp_path, monkeypatch, cache_settings):
    """A folder and caches of the test's own."""
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.us
@needs_us
def test_the_example_in_python_runs(capsys):
    (code,) = blocks("python")
    exec(compile(code.replace("2_000", "300"), "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert re.search(r"the reform costs \d+\.\d billion dollars", printed)
    assert re.search(r"one dollar of the credit costs \d+\.\d million dollars", printed)


@pytest.mark.us
@needs_us
@pytest.mark.parametrize("command", commands(), ids=lambda words: words[1])
def test_the_commands_run(command, own_cache):
    _, name, *arguments = command
    kept = [word for word in arguments if not word.isdigit() and word != "--households"]
    result = CliRunner().invoke(app, [name, *kept, *SMALL[name].split()])
    assert result.exit_code == 0, result.output
    if "--out" in kept:
        assert Path(kept[kept.index("--out") + 1], "manifest.json").exists()


def test_the_make_targets_exist_and_are_listed():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)", "\n".join(blocks("")), flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= set(listed)
    wanted = "help demo setup format lint types test test-oracle bench docs check clean"
    assert listed == wanted.split()
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("exec make check")


def test_the_numbers_are_those_of_the_run_behind_the_picture():
    run = json.loads((ROOT / "docs" / "report.json").read_text(encoding="utf-8"))
    facts = run["facts"]
    error = {row["method"]: row["mean_error"] for row in facts["calibration"]["methods"]}
    first = facts["calibration"]["methods"][0]
    mean = facts["imputation"]["statistics"][0]
    numbers = [
        f"{facts['population']['household']:,} real households",
        f"{facts['population']['person']:,} persons",
        f"{facts['law']['traced']:,} variables",
        f"{facts['law']['parameters']:,} numbers of the law",
        f"${facts['reform']['cost'] / 1e9:.1f} billion",
        f"{facts['gradients']['largest_gap_by_parameter']:.0e}",
        f"{facts['gradients']['largest_gap_by_target']:.0e}",
        f"{facts['calibration']['targets']:,} public totals",
        f"{first['mean_error_before']:.1%}",
        f"{error['entropy']:.2%}",
        f"{error['L0']:.2%}",
        f"{facts['imputation']['receivers']:,} tax units",
        f"${mean['imputed']:,.0f}",
        f"${mean['truth']:,.0f}",
        f"{run['seconds']:.0f} s",
        f"{run['peak_bytes'] / 1e9:.1f} GB",
    ]
    assert run["status"] == "completed"
    assert [number for number in numbers if number not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_leads_nowhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_page_of_the_docs_is_in_the_index():
    for folder in (ROOT / "docs", ROOT / "docs" / "decisions"):
        index = (folder / "README.md").read_text(encoding="utf-8")
        pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
        assert [name for name in sorted(pages) if f"]({name})" not in index] == []
