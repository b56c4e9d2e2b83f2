"""The command line: results and a manifest when it works, one message and a status when not."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pejax import engine, impute, io
from pejax.cli import app
from pejax.cli._doctor import _PURPOSES
from pejax.core import _environment
from pejax.core._countries import countries
from pejax.testing import toy_population, toy_program

COMMANDS = (
    "demo",
    "doctor",
    "compile",
    "simulate",
    "sensitivity",
    "calibrate",
    "impute",
    "sweep",
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A saved program and the people it was compiled for."""
    folder = tmp_path_factory.mktemp("toy")
    people = toy_population(12)
    toy_program(population=people).save(folder / "toy.pejax")
    io.save(people, folder / "people.npz")
    return folder


@pytest.fixture
def pejax(tmp_path, monkeypatch):
    """Runs a command in a folder and a cache of its own."""
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


def on_toyland(toy):
    return ("--program", toy / "toy.pejax", "--population", toy / "people.npz", "--out", "out")


def manifest():
    with open("out/manifest.json", encoding="utf-8") as file:
        return json.load(file)


def test_help_lists_every_command(pejax):
    result = pejax("--help")
    assert result.exit_code == 0
    assert all(f" {name} " in result.output for name in COMMANDS)
    for name in COMMANDS:
        assert pejax(name, "--help").exit_code == 0


def test_it_is_the_module_too():
    command = [sys.executable, "-m", "pejax", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("pejax 0.")


def test_starting_loads_nothing_heavy():
    code = (
        "import sys, pejax.cli; "
        "heavy = {'pandas', 'sklearn', 'plotly', 'ray', 'pyarrow', 'scipy.optimize',"
        " 'policyengine_us', 'pejax.engine', 'pejax.calibrate', 'pejax.impute'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_doctor_tells_what_is_there(pejax, tmp_path):
    result = pejax("doctor")
    assert result.exit_code == 0
    for word in ("device", "dtype", "float32", f"jax {jax.__version__}", str(tmp_path / "cache")):
        assert word in result.output
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "cache" / "xla")


def test_doctor_tells_how_to_install_what_is_missing(pejax, monkeypatch):
    installed = importlib.metadata.version

    def version(name):
        if name in ("ray", "plotly", "flax"):
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    output = pejax("doctor").output
    for extra in ("ray", "viz", "flax", "dev"):
        assert f'pip install "pejax[{extra}]"' in output
    assert "(ray not installed)" in output


def test_doctor_lists_every_extra_and_what_it_is_for(pejax):
    project = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]
    assert {*_PURPOSES, *(country.extra for country in countries())} == set(extras)
    lines = pejax("doctor").output.partition("extras")[2].splitlines()
    told = {line.split()[0] for line in lines if len(line.split()) > 1}
    assert told == {*extras, "gpu"}


def test_an_extra_brings_what_its_own_extras_bring(monkeypatch):
    wanted = {
        "pejax": ["numpy>=2", "jax[fast]>=1; extra == 'gpu'", "old; python_version < '3.0' and"
                  " extra == 'gpu'", "new; python_version >= '3.0' and extra == \"gpu\""],
        "jax": ["jax-plugin[with-x]==1; extra == 'fast'", "other; extra == 'slow'"],
    }  # fmt: skip

    def requires(name):
        if name not in wanted:
            raise importlib.metadata.PackageNotFoundError(name)
        return wanted[name]

    monkeypatch.setattr(importlib.metadata, "requires", requires)
    assert _environment._needed("pejax", "gpu") == ["jax", "jax-plugin", "new"]


def test_jax_own_variable_rules_the_compile_cache(pejax, monkeypatch, tmp_path):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert str(tmp_path / "elsewhere") in pejax("doctor").output


def test_simulate(pejax, toy):
    result = pejax("simulate", *on_toyland(toy))
    assert result.exit_code == 0, result.output
    program, people = engine.load(toy / "toy.pejax"), io.load(toy / "people.npz")
    tax = program(program.parameters, people)["income_tax"]
    entity = program.entity("income_tax")
    written = pd.read_parquet(f"out/{entity}.parquet")
    np.testing.assert_array_equal(written["income_tax"], tax)
    totals = pd.read_parquet("out/totals.parquet").set_index("variable")["total"]
    weights = np.asarray(people.weight(entity), float)
    assert totals["income_tax"] == pytest.approx(float(weights @ np.asarray(tax, float)))
    assert manifest()["status"] == "completed"
    assert len(manifest()["data_digest"]) == 64
    assert [step["name"] for step in manifest()["steps"]] == ["population", "law", "simulate"]


def test_simulate_a_reform(pejax, toy, tmp_path):
    (tmp_path / "reform.json").write_text('{"tax.rate": {"2025-01-01.2025-12-31": 0.3}}')
    pejax("simulate", *on_toyland(toy))
    before = pd.read_parquet("out/totals.parquet").set_index("variable")["total"]
    result = pejax("simulate", *on_toyland(toy), "--reform", "reform.json")
    assert result.exit_code == 0, result.output
    after = pd.read_parquet("out/totals.parquet").set_index("variable")["total"]
    assert after["income_tax"] > before["income_tax"]


def test_sensitivity(pejax, toy):
    result = pejax("sensitivity", "income_tax", *on_toyland(toy))
    assert result.exit_code == 0, result.output
    table = pd.read_parquet("out/sensitivity.parquet").set_index("path")
    assert table.loc["tax.rate", "gradient"] > 0
    assert table.loc["tax.rate", "status"] == "active"


def test_sweep_resumes(pejax, toy, tmp_path):
    reforms = [{"tax.rate": 0.2 + 0.01 * n} for n in range(5)]
    (tmp_path / "reforms.json").write_text(json.dumps(reforms))
    arguments = ("sweep", "reforms.json", "--statistic", "income_tax", "--batch", "2")
    result = pejax(*arguments, *on_toyland(toy))
    assert result.exit_code == 0, result.output
    first = pd.read_parquet("out/sweep.parquet")
    assert first["income_tax"].is_monotonic_increasing
    (batch,) = (tmp_path / "out" / "batches").glob("*/items-000000002-*.npz")
    kept = {path: path.stat().st_mtime_ns for path in batch.parent.glob("*.npz") if path != batch}
    batch.unlink()
    assert pejax(*arguments, *on_toyland(toy)).exit_code == 0
    assert batch.exists()
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    pd.testing.assert_frame_equal(pd.read_parquet("out/sweep.parquet"), first)


def write_targets(path, people):
    """Two totals a little above the survey's own, and one of a variable that nobody has."""
    total = float(people.weights.sum())
    rows = {
        "name": ["households", "earnings", "moon"],
        "variable": ["household_count", "earnings", "moonlight"],
        "statistic": ["count", "sum", "sum"],
        "entity": ["household", "person", "person"],
        "geo_level": "nation",
        "geo_id": "US",
        "value": [1.1 * total, 1.2 * float(people.weight() @ people.column("earnings")), 5.0],
    }
    pd.DataFrame(rows).to_csv(path, index=False)
    return total


def test_calibrate(pejax, toy, tmp_path):
    total = write_targets(tmp_path / "targets.csv", io.load(toy / "people.npz"))
    arguments = ("--targets", "targets.csv", "--population", toy / "people.npz", "--out", "out")
    result = pejax("calibrate", *arguments)
    assert result.exit_code == 0, result.output
    assert "effective sample is" not in result.output
    weights = pd.read_parquet("out/weights.parquet")
    assert weights["weight"].sum() == pytest.approx(1.1 * total, rel=1e-3)
    refused = pd.read_parquet("out/refused.parquet")
    assert refused["name"].tolist() == ["moon"]
    assert "moonlight" in refused["reason"].iloc[0]
    assert pd.read_parquet("out/targets.parquet")["error"].abs().max() < 1e-3
    assert "<h1>" in Path("out/report.html").read_text()
    assert json.loads(Path("out/log.jsonl").read_text().splitlines()[0])["targets"] == 2


def test_the_last_line_says_what_weights_leave_of_the_sample(pejax, toy, tmp_path):
    people = io.load(toy / "people.npz")
    write_targets(tmp_path / "targets.csv", people)
    targets = pd.read_csv(tmp_path / "targets.csv")
    home = np.asarray(people.trim(people.household_of("person"), "person"))
    richest = np.bincount(home, np.asarray(people.trim(people.column("earnings"), "person"))).max()
    total = float(people.weights.sum())
    targets["value"] = [total, 0.9999 * total * richest, 5.0]
    targets.to_csv(tmp_path / "targets.csv", index=False)
    arguments = ("--targets", "targets.csv", "--population", toy / "people.npz", "--out", "out")
    result = pejax("calibrate", *arguments)
    assert result.exit_code == 0, result.output
    last = result.output.splitlines()[-1]
    assert "the effective sample is" in last
    assert "% of the total" in last
    weights = pd.read_parquet("out/weights.parquet")["weight"]
    assert f"{weights.max() / weights.sum():.1%}" in last
    assert "large_weight" in manifest()["facts"]["warnings"]


def test_an_unknown_target_comes_with_the_nearest(pejax, toy, tmp_path):
    write_targets(tmp_path / "targets.csv", io.load(toy / "people.npz"))
    arguments = ("--targets", "targets.csv", "--only", "earningz", "--out", "out")
    refused(pejax("calibrate", *arguments), "Did you mean 'earnings'?")


def test_impute(pejax, tmp_path):
    rng = np.random.default_rng(0)
    age = rng.integers(20, 90, 400)
    pension = np.where(age >= 65, rng.integers(10, 30, 400) * 100.0, 0.0)
    frame = pd.DataFrame({"age": age, "pension": pension, "weight": 1.0})
    io.save(frame.iloc[:300], tmp_path / "donors.csv")
    io.save(frame.iloc[300:][["age"]], tmp_path / "receivers.parquet")
    arguments = (
        "impute", "--donor", "donors.csv", "--receiver", "receivers.parquet",
        "--targets", "pension", "--weight", "weight", "--trees", "20",
    )  # fmt: skip
    result = pejax(*arguments, "--out", "out")
    assert result.exit_code == 0, result.output
    assert "predictors: age" in result.output
    drawn = pd.read_parquet("out/imputed.parquet")
    kept = pejax(*arguments, "--save-forest", "--out", "kept")
    assert kept.exit_code == 0, kept.output
    pd.testing.assert_frame_equal(pd.read_parquet("kept/imputed.parquet"), drawn)
    assert impute.FittedQRF.load("kept/forest.npz").imputed_variables == ("pension",)
    summary = pd.read_parquet("out/summary.parquet").set_index("statistic")
    assert summary.loc["share zero", "donors"] == pytest.approx((pension[:300] == 0).mean())
    assert (drawn.loc[drawn["age"] < 60, "pension"] == 0).all()
    assert (drawn.loc[drawn["age"] > 70, "pension"] > 0).all()
    assert set(drawn["pension"]) <= set(pension)


def test_the_summary_of_impute_weighs_both_sides(pejax, tmp_path):
    """The receivers' side was counted once a row."""
    old = np.arange(100) % 2 == 0
    frame = pd.DataFrame({"old": old.astype(int), "pension": np.where(old, 100.0, 0.0)})
    donors = frame.assign(weight=1.0)
    receivers = frame[["old"]].assign(weight=np.where(old, 3, 1))
    arguments = (
        "impute", "--donor", "donors.csv", "--receiver", "receivers.csv", "--targets", "pension",
        "--weight", "weight", "--trees", "5", "--out", "out",
    )  # fmt: skip
    io.save(donors, tmp_path / "donors.csv")
    for table, share in ((receivers, 0.75), (receivers[["old"]], 0.5)):
        io.save(table, tmp_path / "receivers.csv")
        result = pejax(*arguments)
        assert result.exit_code == 0, result.output
        summary = pd.read_parquet("out/summary.parquet").set_index("statistic")
        assert summary.loc["mean"].tolist() == ["pension", 100 * share, 50]
        assert ("no column 'weight'" in result.output) == ("weight" not in table)
    io.save(receivers.assign(weight=-1), tmp_path / "receivers.csv")
    refused(pejax(*arguments), "column 'weight' of the receivers, row 0: the weight is -1")


def refused(result, *words):
    """A user's mistake: status 2, the message, no traceback, and the manifest says failed."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.output


def test_an_unknown_parameter_comes_with_the_nearest(pejax, toy, tmp_path):
    (tmp_path / "reform.json").write_text('{"tax.rat": 0.3}')
    result = pejax("simulate", *on_toyland(toy), "--reform", "reform.json")
    refused(result, "tax.rat", "Did you mean 'tax.rate'?")
    assert manifest()["status"] == "failed"
    assert "Did you mean 'tax.rate'?" in manifest()["reason"]


def test_an_unknown_statistic_comes_with_the_nearest(pejax, toy):
    refused(pejax("sensitivity", "income_taxx", *on_toyland(toy)), "Did you mean 'income_tax'?")


def test_the_reform_of_a_sweep_that_is_wrong_is_numbered(pejax, toy, tmp_path):
    (tmp_path / "reforms.json").write_text('[{"tax.rate": 0.3}, {"tax.rats": 0.3}]')
    arguments = ("sweep", "reforms.json", "--statistic", "income_tax")
    refused(pejax(*arguments, *on_toyland(toy)), "tax.rats", "reform number 1")


def test_broken_json_names_the_line(pejax, toy, tmp_path):
    (tmp_path / "reform.json").write_text('{\n"tax.rate": \n}')
    result = pejax("simulate", *on_toyland(toy), "--reform", "reform.json")
    refused(result, "reform.json, line 3")


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "--population", "nowhere.npz", "--program", "x.pejax"),
        ("impute", "--donor", "a.csv", "--receiver", "b.csv", "--targets", "y"),
        ("calibrate", "--targets", "none.csv", "--population", "nowhere"),
    ],
)
def test_a_missing_file_is_named(pejax, arguments):
    result = pejax(*arguments, "--out", "out")
    refused(result)
    assert any(name in result.output for name in ("nowhere", "a.csv", "none.csv"))
    assert manifest()["status"] == "failed"


BROKEN = {
    "bytes.json": b"\xff\xfe\x00",
    "nested.json": b"[" * 100_000,
    "digits.json": b'{"tax.rate": ' + b"9" * 5000 + b"}",
    "number.json": b"3",
    "rows.csv": b'a,b\n1,2,3\n"',
    "empty.csv": b"",
    "bytes.csv": b"\xff\xfe\x00a",
    "donors.csv": b"age,pension\n1,2\n2,3\n",
    "broken.h5": b"x",
    "broken.npz": b"x",
    "broken.parquet": b"x",
}


@pytest.mark.parametrize(
    ("command", "option", "given"),
    [
        *(("simulate", "--reform", f) for f in ("none.json", "folder", *BROKEN) if "json" in f),
        *(("simulate", "--population", f) for f in ("none", "folder", "rows.csv", "broken.h5",
                                                    "broken.npz", "broken.parquet")),
        *(("simulate", "--program", f) for f in ("none", "folder", "broken.npz")),
        *(("calibrate", "--targets", f) for f in ("none.csv", "folder", "rows.csv", "empty.csv",
                                                  "bytes.csv", "broken.parquet")),
        *(("impute", "--donor", f) for f in ("none", "folder", "rows.csv", "empty.csv", "bytes.csv",
                                             "people.npz")),
        *(("impute", "--receiver", f) for f in ("none", "rows.csv")),
        ("simulate", "--out", "rows.csv"),
        ("simulate", "--seed", str(2**70)),
        *(("simulate", "--country", f) for f in ("os", "", "json.tool")),
        ("impute", "--predictors", ""),
        ("simulate", "--year", "next"),
        ("calibrate", "--method", "3"),
    ],
)  # fmt: skip
def test_every_mistake_of_a_user_ends_alike(pejax, toy, tmp_path, command, option, given):
    """Status 2 and one message, whatever was wrong: with the name of the file or the option."""
    for name, content in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "people.npz").write_bytes((toy / "people.npz").read_bytes())
    law = {"--program": toy / "toy.pejax", "--population": toy / "people.npz"}
    tables = {"--donor": "donors.csv", "--receiver": "donors.csv", "--targets": "pension"}
    options = {"simulate": law, "calibrate": {"--population": toy / "people.npz"}}
    options = {**options.get(command, tables), "--out": "out", option: given}
    names = ["income_tax"] if option == "--country" else []
    result = pejax(command, *names, *(part for pair in options.items() for part in pair))
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert given in result.output or option in result.output


def test_an_unknown_method_comes_with_the_nearest(pejax):
    refused(pejax("calibrate", "--method", "entropi", "--out", "out"), "Did you mean 'entropy'?")


def test_l0_needs_a_budget(pejax):
    refused(pejax("calibrate", "--method", "l0", "--out", "out"), "--budget")


def test_people_are_given_or_drawn_not_both(pejax, toy):
    arguments = (*on_toyland(toy), "--households", "5")
    refused(pejax("simulate", *arguments), "--households", "--population")


def test_a_missing_country_comes_with_the_install(pejax, toy, monkeypatch):
    hide(monkeypatch, "policyengine_us")
    arguments = ("income_tax", "--population", toy / "people.npz", "--out", "out")
    refused(pejax("compile", *arguments), 'pip install "pejax[us]"')


def test_the_demo_names_all_that_is_missing_before_it_starts(pejax, monkeypatch):
    hide(monkeypatch, "taxcalc", "pyarrow")
    refused(pejax("demo", "--out", "out"), 'pip install "pejax[us,io]"')
    assert manifest()["status"] == "failed"
    assert manifest()["steps"] == []


@pytest.mark.parametrize("option", ["budget", "epochs", "donors", "trees", "reforms"])
def test_the_demo_refuses_sizes_of_nothing(pejax, monkeypatch, option):
    show(monkeypatch, "policyengine_us", "taxcalc", "pyarrow")
    refused(pejax("demo", f"--{option}", "0", "--out", "out"), f"{option} is 0")


def hide(monkeypatch, *absent):
    """Let these packages look as if they were not installed."""
    found = importlib.util.find_spec

    def find(name, package=None):
        return None if name.split(".")[0] in absent else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def show(monkeypatch, *present):
    """Let these packages look as if they were installed."""
    found = importlib.util.find_spec

    def find(name, package=None):
        return found("json") if name in present else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
