"""Whose law, which outputs, which year: what a command asks for is what it gets, or is refused
before anything slow begins."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pejax import datasets, engine, io
from pejax.cli import app
from pejax.cli._law import ask
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine.importer import Country
from pejax.testing import toy_population, toy_program, toy_system

COMMANDS = {
    "simulate": ["simulate"],
    "sensitivity": ["sensitivity", "income_tax"],
    "calibrate": ["calibrate"],
    "sweep": ["sweep", "reforms.json", "--statistic", "income_tax"],
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A saved program of two outputs, its people, and a reform."""
    folder = tmp_path_factory.mktemp("toy")
    people = toy_population(12)
    toy_program(["income_tax", "child_benefit"], people).save(folder / "toy.pejax")
    io.save(people, folder / "people.npz")
    return folder


@pytest.fixture
def pejax(toy, tmp_path, monkeypatch):
    """Runs a command on the toy people, in a folder of its own."""
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reforms.json").write_text('[{"tax.rate": 0.3}]')
    on_people = ("--population", toy / "people.npz", "--out", "out")
    return lambda *given: CliRunner().invoke(app, [str(a) for a in (*given, *on_people)])


@pytest.fixture
def nothing_is_read(monkeypatch):
    """Reading people or importing a country ends the test: it should have been refused before."""

    def too_late(*given, **more):
        raise AssertionError("too late")

    monkeypatch.setattr(datasets, "load_cps", too_late)
    monkeypatch.setattr(io, "load", too_late)
    monkeypatch.setattr(Country, "load", too_late)


def refused(result, *words):
    """Status 2, a message, and a run that ended before its first step."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert [word for word in words if word not in result.output] == []
    with open("out/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    assert manifest["status"] == "failed"
    assert manifest["steps"] == []


# ---- a saved program


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize(
    "command",
    [
        ["simulate", "snap"],
        ["simulate", "income_tax", "snap"],
        ["sensitivity", "snap"],
        ["calibrate", "snap"],
        ["sweep", "reforms.json", "--statistic", "snap"],
    ],
    ids=" ".join,
)
def test_an_output_that_a_program_lacks_is_refused(pejax, toy, command):
    result = pejax(*command, "--program", toy / "toy.pejax")
    refused(result, "snap", "income_tax, child_benefit")


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("option", "value"),
    [("--year", "2026"), ("--country", "policyengine_us"), ("--extra", "hat")],
)
def test_a_program_of_another_law_is_refused(pejax, toy, command, option, value):
    result = pejax(*COMMANDS[command], "--program", toy / "toy.pejax", option, value)
    refused(
        result, *([option] if option == "--extra" else [f"{option} {value}", "toyland", "2025"])
    )


def test_outputs_that_are_named_are_the_only_ones(pejax, toy):
    arguments = ("simulate", "child_benefit", "--program", toy / "toy.pejax")
    assert pejax(*arguments).exit_code == 0
    assert pd.read_parquet("out/totals.parquet")["variable"].tolist() == ["child_benefit"]
    assert pejax(*arguments, "--year", "2025", "--country", "toyland").exit_code == 0


def test_the_year_is_the_programs(tmp_path, toy):
    people = toy_population(12)
    earlier = engine.compile(toy_system(), ["income_tax"], 2024, people)
    earlier.save(tmp_path / "earlier.pejax")
    asked = ask(tmp_path / "earlier.pejax", None, [], None)
    assert (asked.year, asked.outputs) == (2024, ("income_tax",))
    np.testing.assert_array_equal(
        asked.program(people)(earlier.parameters, people)["income_tax"],
        earlier(earlier.parameters, people)["income_tax"],
    )


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize(
    ("reform", "words"),
    [
        ('{"tax.rat": 0.3}', ["tax.rat", "Did you mean 'tax.rate'?"]),
        ("[1]", ["reform.json holds no reform"]),
        ("{", ["reform.json, line 1"]),
        (None, ["There is no file reform.json"]),
    ],
)
def test_a_wrong_reform_is_refused_at_once(pejax, toy, tmp_path, reform, words):
    if reform is not None:
        (tmp_path / "reform.json").write_text(reform)
    result = pejax("simulate", "--program", toy / "toy.pejax", "--reform", "reform.json")
    refused(result, *words)


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sweep", "none.json", "--statistic", "income_tax"], ["There is no file none.json"]),
        (["sweep", "wrong.json", "--statistic", "income_tax"], ["holds no list of reforms"]),
        ([*COMMANDS["sweep"], "--executor", "rey"], ["Did you mean 'ray'?"]),
        (["calibrate", "--sums", "kep"], ["Did you mean 'keep'?"]),
        (["calibrate", "--epochs", "9"], ["--epochs is for --method l0"]),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_at_once(pejax, toy, tmp_path, command, words):
    (tmp_path / "wrong.json").write_text('[{"tax.rate": 0.3}, 0.4]')
    refused(pejax(*command, "--program", toy / "toy.pejax"), *words)


# ---- a country package

VARIABLES = {
    "household/income.py": "class wage(Variable): ...\n\nclass pension(\n    Variable\n): ...",
    "gov/taxes.py": "class income_tax(Variable):\n    adds = ['wage', 'made_elsewhere']",
    "gov/places.py": """
for place, words in [("north", "the North"), ("south", "the South")]:
    for part in ("tax", "credit"):
        globals()[f"{place}_{part}"] = type(f"{place}_{part}", (Variable,), {})
""",
    "gov/forms.py": """
NAMES = ["e00100", "e00200"]
for name in NAMES:
    globals()[name] = type(name, (Variable,), {})
""",
}
THERE = ("wage", "pension", "income_tax", "made_elsewhere", "north_tax", "south_credit", "e00200")
NOT_THERE = ("wages", "north_taxes", "east_tax", "north_", "e00300", "type")


@pytest.fixture
def wonderland(tmp_path, monkeypatch):
    """An installed country package that must not be imported."""
    (tmp_path / "wonderland-1.2.dist-info").mkdir()
    (tmp_path / "wonderland-1.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: wonderland\nVersion: 1.2\n"
    )
    texts = {f"variables/{name}": text for name, text in VARIABLES.items()}
    for name, text in (texts | {"__init__.py": "raise AssertionError('imported')"}).items():
        (tmp_path / "wonderland" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "wonderland" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return engine.import_country("wonderland")


def test_a_name_that_may_be_a_variable_passes(wonderland):
    wonderland.fail_if_no_variable(THERE)
    for name in THERE:
        wonderland.fail_if_no_variable([name])


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_name_that_can_be_none_does_not(wonderland, name):
    with pytest.raises(UnknownNameError, match=f"Unknown variable '{name}'"):
        wonderland.fail_if_no_variable(["wage", name])


def test_the_nearest_names_are_told(wonderland):
    with pytest.raises(UnknownNameError, match="Did you mean 'income_tax'"):
        wonderland.fail_if_no_variable(["incom_tax"])


def test_a_library_call_checks_names_before_the_import_too(wonderland):
    with pytest.raises(UnknownNameError, match="Did you mean 'wage'"):
        engine.compile(wonderland, ["wagee"], 2025, toy_population())


def test_columns_that_are_not_looked_at_are_handed_on(wonderland):
    asked = ask(None, "wonderland", ["wage"], 2026, extra=["hat"])
    assert (asked.country, asked.year, asked.extra) == (wonderland, 2026, ("hat",))


@pytest.mark.usefixtures("nothing_is_read")
def test_what_the_cps_reports_is_not_asked_of_other_people(pejax, toy):
    refused(pejax("simulate", "--program", toy / "toy.pejax", "--reported"), "--reported is for")


@pytest.mark.usefixtures("nothing_is_read", "wonderland")
@pytest.mark.parametrize(
    "command",
    [
        ["simulate", "wagee"],
        ["compile", "wage", "wagee"],
        ["sensitivity", "wagee"],
        ["calibrate", "wagee"],
        ["sweep", "reforms.json", "--statistic", "wagee"],
    ],
    ids=" ".join,
)
def test_a_misspelt_name_is_refused_before_anything_is_read(pejax, command):
    refused(pejax(*command, "--country", "wonderland"), "Did you mean 'wage'?")


@pytest.mark.usefixtures("nothing_is_read", "wonderland")
def test_the_dates_of_a_reform_are_read_before_the_country_is(pejax, tmp_path):
    (tmp_path / "reform.json").write_text('{"tax.rate": {"next year": 0.3}}')
    arguments = ("simulate", "wage", "--country", "wonderland", "--reform", "reform.json")
    refused(pejax(*arguments), "'next year' is not a date")


def test_a_country_without_outputs_is_refused():
    with pytest.raises(BadInputError, match="Name the variables to compute"):
        ask(None, None, None, None)


@pytest.mark.us
@pytest.mark.skipif(
    importlib.util.find_spec("policyengine_us") is None, reason='needs pip install "pejax[us]"'
)
class TestTheUnitedStates:
    def test_names_that_no_class_statement_has_pass(self):
        """Made by functions: states, forms, taxes of spouses who file apart; by reforms; by
        another package."""
        made = [
            "AK",
            "e00700",
            "ar_agi",
            "ky_taxable_income",
            "mi_surtax",
            "spm_unit_spm_threshold",
        ]
        engine.import_country("policyengine_us").fail_if_no_variable(made)

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [
            ("ctcc", "ctc"),
            ("income_taxes", "income_tax"),
            ("employment_incom", "employment_income"),
        ],
    )
    @pytest.mark.usefixtures("nothing_is_read")
    def test_a_misspelt_name_is_refused(self, pejax, wrong, right):
        refused(pejax("simulate", wrong), f"Did you mean '{right}'")
