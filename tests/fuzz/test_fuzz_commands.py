"""Any text in the place of any option of a command: a message and the status of a mistake."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pejax import io
from pejax.cli import app
from pejax.testing import toy_population, toy_program

TEXTS = ("", "nan", "-1", "1e400", "ü", "\x00", "folder", "missing.json", "text.txt", "empty.csv",
    "empty.npz", "empty.pejax", "list.json")  # fmt: skip
FOLDERS = ("", "\x00", "folder", "text.txt")
"""For the results: most other texts are the name of a sound one."""
LAW = {"--program": "toy.pejax", "--population": "people.npz"}
PLAIN = {
    "simulate": (["income_tax"], LAW | {"--reform": "reform.json"}),
    "sensitivity": (["income_tax"], LAW | {"--reform": "reform.json"}),
    "sweep": (["reforms.json"], LAW | {"--statistic": "income_tax", "--executor": "local",
        "--workers": "1", "--batch": "2"}),
    "compile": (["income_tax"], {"--country": "atlantis", "--population": "people.npz"}),
    "conform": (["atlantis"], {"--sample": "2", "--path": "gov", "--before": "list.json"}),
    "calibrate": (["income_tax"], LAW | {"--targets": "targets.csv", "--sums": "keep",
        "--only": "all", "--method": "entropy"}),
    "impute": ([], {"--donor": "donors.csv", "--receiver": "donors.csv", "--targets": "rent",
        "--predictors": "age", "--weight": "w", "--trees": "2", "--leaf": "1",
        "--order": "given"}),
}  # fmt: skip
MORE = ("--year", "--seed", "--out", "--households", "--extra", "--checkpoint", "--budget",
    "--epochs")  # fmt: skip
"""Options that a plain call goes without."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of every kind that a command reads, and others."""
    path, people = tmp_path_factory.mktemp("files"), toy_population(12)
    toy_program(population=people).save(path / "toy.pejax")
    io.save(people, path / "people.npz")
    (path / "folder").mkdir()
    (path / "text.txt").write_text("a text")
    for name in ("empty.csv", "empty.npz", "empty.pejax"):
        (path / name).touch()
    (path / "list.json").write_text('["a", 1]')
    (path / "reform.json").write_text(json.dumps({"tax.rate": 0.3}))
    (path / "reforms.json").write_text(json.dumps([{"tax.rate": 0.3}]))
    rows = np.arange(20.0)
    pd.DataFrame({"age": rows, "rent": rows, "w": 1.0}).to_csv(path / "donors.csv", index=False)
    total = {"name": "all", "variable": "people", "statistic": "count", "geo_level": "nation",
        "geo_id": "US", "value": 30.0}  # fmt: skip
    pd.DataFrame([total]).to_csv(path / "targets.csv", index=False)
    return path


@pytest.fixture
def command(folder, tmp_path, monkeypatch):
    """Runs a command where the files are, with a cache of its own."""
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.chdir(folder)
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


@pytest.mark.parametrize("name", PLAIN)
def test_every_text_in_the_place_of_every_option(name, command):
    arguments, plain = PLAIN[name]
    every = dict.fromkeys((*plain, *MORE))
    calls = [
        ({**plain, option: text}, arguments)
        for option in every
        for text in (FOLDERS if option == "--out" else TEXTS)
    ]
    calls += [(plain, [text]) for text in TEXTS if arguments]
    finds = []
    for options, given in calls:
        words = [word for pair in options.items() for word in pair]
        result = command(name, *words, "--", *given)
        told = result.stderr.strip()
        raised = result.exception
        if raised is not None and not isinstance(raised, SystemExit):
            finds.append(f"{options} {given}: {type(raised).__name__}: {raised}")
        elif result.exit_code not in (0, 2) or (result.exit_code and not told):
            finds.append(f"{options} {given}: {result.exit_code}, {told or 'without a word'}")
    assert not finds, "\n".join(finds)
