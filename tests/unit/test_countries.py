"""Countries: named in one room, told of by a table, their parameter files read by one reader."""

import ast
import dataclasses
import datetime
import doctest
import importlib
import re
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pejax import BadInputError, Population, calibrate as cal, engine
from pejax.core import _countries
from pejax.core._countries import CountryFacts, Geography, countries, country, country_of
from pejax.core.population._checks import no_row
from pejax.countries._yaml import ParameterFiles, start_of
from pejax.testing import toy_population, toy_system

PACKAGE = Path(__file__).parents[2] / "pejax"

# ---- no country's name outside of its room

NAMES = {
    *("us", "usa", "california", "cps", "puf", "census", "fips", "taxcalc"),
    *("gov", "irs", "soi", "cbo", "snap", "ssi", "tanf", "wic", "medicaid", "eitc", "ctc", "spm"),
    *("uk", "hmrc", "frs"),
}
"""Words that name a country's package, data, areas, agencies or programmes."""

AT_HOME = ("countries/", "engine/importer/")
EXCEPTIONS = {
    "__init__.py": "registers the countries, by module",
    "datasets/": "public names are of data that a country has",
    "cli/_options.py": "help texts say which people are read if none are given",
    "demo/": "is a study of one country's tax credit",
}


def _said(tree: ast.AST) -> set[str]:
    """Identifiers and texts that are no docstrings."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    told = {id(value) for value in alone if isinstance(value, ast.Constant)}
    nodes = [node for node in ast.walk(tree) if id(node) not in told]
    fields = ("id", "attr", "arg", "name", "asname", "module", "value")
    found = {getattr(node, field, None) for node in nodes for field in fields}
    return {text for text in found if isinstance(text, str)}


def _names_in(source: str) -> set[str]:
    text = " ".join(_said(ast.parse(source)))
    humps = re.findall(r"[A-Z][a-z]{2,}|[A-Z]{3,}", text)
    return {word.lower() for word in (*re.findall(r"[A-Za-z]+", text), *humps)} & NAMES


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("state_fips = 1", {"fips"}),
        ("def load_cps(): ...", {"cps"}),
        ("from ..countries import us", {"us"}),
        ("x = f'policyengine_us {1}'", {"us"}),
        ("law.gov.irs", {"gov", "irs"}),
        ("f(inCalifornia=1)", {"california"}),
        ("def f():\n    'of the US'\n    return 1", set()),
        ("bus = 'custom'  # the US", set()),
        ("kinds = 'biuUS'", set()),
    ],
)
def test_a_name_is_seen(source, names):
    assert _names_in(source) == names


def _files_with_names() -> dict[str, set[str]]:
    files = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    found = {n: _names_in(p.read_text()) for n, p in files.items() if not n.startswith(AT_HOME)}
    return {name: names for name, names in found.items() if names}


def test_no_country_is_named_outside_of_its_room():
    found = _files_with_names()
    assert {n: w for n, w in found.items() if not n.startswith(tuple(EXCEPTIONS))} == {}
    assert {e for e in EXCEPTIONS if any(n.startswith(e) for n in found)} == EXCEPTIONS.keys()


# ---- what other rooms ask of a country


def test_the_country_that_is_registered():
    assert [known.package for known in countries()] == ["policyengine_us"]
    assert country() is country_of("policyengine_us") is countries()[0]
    assert country_of("policyengine_toyland") is None
    assert len(country().geography.states) == 51


def _no_region_above_three(tables):
    for entity, columns in tables.columns.items():
        if "ward" in columns:
            no_row(tables, entity, "ward", columns["ward"] > 3, "there is no ward {value}. Recode.")


TOYLAND = CountryFacts(
    package="policyengine_toyland",
    extra="toys",
    distributions=(),
    purpose="",
    geography=Geography("TL", frozenset({"01", "02", "03"}), "ward", "a ward, 01 to 03"),
    rules={"ward": _no_region_above_three},
    targets=lambda year: [
        {"name": "people", "variable": "people", "statistic": "count", "geo_level": "nation",
         "geo_id": "TL", "value": float(year)},
        {"name": "people of 2", "variable": "people", "statistic": "count", "geo_level": "state",
         "geo_id": 2, "value": 20.0},
    ],
)  # fmt: skip


@pytest.fixture
def toyland(monkeypatch):
    """A country that is registered for the time of one test."""
    module = types.ModuleType("toyland_facts")
    module.FACTS = TOYLAND
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(_countries, "_MODULES", [])
    _countries.register(module.__name__)
    _countries.register(module.__name__)
    return _of_wards


def _of_wards(*wards):
    ids = np.arange(len(wards))
    household = {"household_id": ids, "household_weight": ids + 1.0, "ward": list(wards)}
    person = {"person_id": ids, "household_id": ids}
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


def test_targets_and_areas_are_the_country_s(toyland):
    table = cal.load_targets(period=2031)
    assert table[["geo_id", "value"]].values.tolist() == [["TL", 2031.0], ["02", 20.0]]
    problem = cal.build_problem(table, {}, toyland(1, 2, 2))
    np.testing.assert_allclose(problem.operator.mv(np.array([1.0, 2.0, 3.0])), [6.0, 5.0])


def test_ids_of_another_country_are_refused(toyland, tmp_path):
    table = cal.load_targets(period=2031)
    for row, geo_id, wanted in ((0, "US", "Give 'TL'"), (1, "06", "Give a ward, 01 to 03")):
        table.assign(geo_id=table["geo_id"].where(table.index != row, geo_id)).to_csv(
            tmp_path / "targets.csv", index=False
        )
        with pytest.raises(BadInputError, match=wanted):
            cal.load_targets(tmp_path / "targets.csv")


def test_the_state_is_looked_up_in_the_country_s_own_column(toyland):
    table = cal.load_targets(period=2031)
    problem = cal.build_problem(table, {}, toy_population())
    (refused,) = problem.refused
    assert refused.reason == "the population has no household column 'ward'"


def test_a_country_s_rules_hold_for_every_population(toyland):
    with pytest.raises(BadInputError, match=r"household row 1 .*'ward': there is no ward 4"):
        toyland(1, 4)
    with pytest.raises(BadInputError, match="there is no ward 9"):
        toyland(1, 3).with_columns("household", ward=[9, 1])


def test_without_a_country_there_are_no_areas(monkeypatch):
    monkeypatch.setattr(_countries, "_MODULES", [])
    assert _of_wards(1, 70).schema.person == "person"
    with pytest.raises(BadInputError, match="No country is registered"):
        cal.load_targets(period=2031)


@pytest.mark.parametrize(
    "module", ["core._countries", "countries._installed", "countries.us._hash"]
)
def test_the_examples_run(module):
    found = doctest.testmod(importlib.import_module(f"pejax.{module}"))
    assert found.attempted and not found.failed


# ---- strata


def _by_region_and_block(divided_by):
    """Rules that are divided by a column of 2 values and one of 3."""

    def levy(household, period, parameters):
        return household("region", period) * 10.0 + household("block", period)

    variables = [
        engine.input_variable(name, entity="household", kind="int") for name in ("region", "block")
    ]
    system = engine.build_system(
        "wards",
        entities=("person", "household"),
        parameters={"rate": 1.0},
        rules=[engine.rule(entity="household", name="levy")(levy)],
        inputs=variables,
    )
    people = _of_wards(1, 2, 3).with_columns("household", region=[1, 2, 2], block=[1, 2, 3])
    rules = dataclasses.replace(system, divided_by=divided_by)
    return engine.compile(rules, ["levy"], 2025, people, extra=["ward"]), people


@pytest.mark.parametrize(
    ("divided_by", "column"),
    [("region", "region"), ("block", "block"), ("", "block"), ("elsewhere", "block")],
)
def test_the_country_says_what_divides_its_law(divided_by, column):
    program, people = _by_region_and_block(divided_by)
    assert program.strata.column == f"household.{column}"
    levy = program(program.parameters, people)["levy"]
    np.testing.assert_allclose(levy, [11.0, 22.0, 23.0])


def test_native_rules_name_no_column():
    assert toy_system().divided_by == ""


# ---- parameter files


@pytest.fixture
def files(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "index.yaml").write_text("values:\n  2020-01-01: 100\n  2025-01-01: 130\n")
    (tmp_path / "figure.yaml").write_text(
        "metadata:\n  uprating: calibration.index\n"
        "values:\n  2019-01-01: 1\n  2020-01-01:\n    value: 50\n"
    )
    (tmp_path / "late.yaml").write_text(
        "metadata:\n  uprating:\n    parameter: calibration.index\n    start_instant: 2020-01-01\n"
        "values:\n  2018-01-01: 10\n"
    )
    (tmp_path / "table.yaml").write_text(
        "AL:\n  2020-01-01: 3\nAK:\n  values:\n    2020-01-01: 4\n"
    )
    return ParameterFiles(tmp_path, "calibration", "toyland", "toys")


def test_a_figure_in_force_is_taken_as_it_is(files):
    assert files.value(files.node("figure"), 2019) == 1.0
    assert files.value(files.node("figure"), 2020) == 50.0
    assert files.value(files.node("figure"), 2000) == 1.0


def test_a_figure_of_the_past_grows_with_its_index(files):
    assert files.value(files.node("figure"), 2025) == pytest.approx(50 * 1.3)
    assert files.value(files.node("late"), 2025) == pytest.approx(10 * 1.3)
    assert files.growth("index", datetime.date(2000, 1, 1), datetime.date(2025, 1, 1)) == 1.0


def test_a_node_ends_inside_its_file(files):
    assert files.value(files.node("table.AL"), 2020) == 3.0
    assert files.value(files.node("table.AK"), 2020) == 4.0
    with pytest.raises(
        BadInputError, match=r"installed toyland has no figure calibration.other.*pejax\[toys\]"
    ):
        files.node("other")


def test_a_year_that_no_calendar_has_is_the_nearest_one():
    assert start_of(2025) == datetime.date(2025, 1, 1)
    assert start_of(0) == datetime.date.min
    assert start_of(10**6) == datetime.date(9999, 1, 1)
