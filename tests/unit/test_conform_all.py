"""All cases of a country: counts, tables, a run that goes on where it was stopped, the page."""

import dataclasses
import json

import pandas as pd
import pytest
from test_conform import PASS, REFUSED, WRONG, runner
from typer.testing import CliRunner

from pejax import conform as room, report
from pejax.cli import app
from pejax.conform import Suite, conform
from pejax.core._validate import BadInputError, MissingExtraError
from pejax.engine import Country
from pejax.engine.running import _emit


@dataclasses.dataclass(frozen=True)
class Toyland(Suite):
    """Toyland with a folder of tests, as an installed package would be."""

    asked: list = dataclasses.field(default_factory=list)

    def runner(self, in_jax=0.0):
        made = runner(in_jax)
        run = made.run

        def noted(cases, most_nodes=None):
            self.asked.extend(case.key for case in cases)
            return run(cases, most_nodes)

        made.run = noted
        return made


@pytest.fixture
def toyland(tmp_path):
    for name, text in {"tax/a.yaml": PASS, "tax/b.yaml": WRONG, "c.yaml": REFUSED}.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Toyland(Country("toyland", "1"), tmp_path / "tests")


def test_counts_and_tables(toyland):
    found = conform(toyland)
    cases = len(found.cases)
    assert found.counts == {"cases": cases, "passed": cases - 14, "failed": 3, "refused": 11}
    table = found.to_frame()
    assert table["case"].tolist() == sorted(table["case"], key=[c.key for c in found.cases].index)
    wrong = table[table["name"] == "wrong"].iloc[0]
    assert (wrong["status"], wrong["reason"]) == ("failed", "income_tax in 2025 is 4000, not 4001")
    folders = found.by_folder().set_index("folder")
    assert folders.loc[".", "missed"] == 11
    assert folders.loc["tax", "missed"] == 3
    assert folders["cases"].sum() == cases
    held = json.loads(json.dumps(found.to_json()))
    assert held["passed"] == cases - 14
    assert len(held["rows"]) == cases
    assert repr(found).startswith(f"Conformity(toyland 1: {cases} cases")


def test_what_is_done_is_not_done_again(toyland, tmp_path):
    seen = []
    first = conform(toyland, out=tmp_path / "kept", progress=seen.append)
    assert seen[-1].done == len(first.cases)
    asked = len(toyland.asked)
    again = conform(toyland, out=tmp_path / "kept")
    assert len(toyland.asked) == asked
    assert again.verdicts == first.verdicts
    (toyland.folder / "d.yaml").write_text(WRONG)  # other cases are another job
    assert len(conform(toyland, out=tmp_path / "kept").cases) == len(first.cases) + 4


def test_a_stopped_run_goes_on(toyland, tmp_path, monkeypatch):
    monkeypatch.setattr("pejax.conform._conform._BATCH", 5)

    def stop(progress):
        if progress.done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conform(toyland, out=tmp_path / "kept", progress=stop)
    done = len(toyland.asked)
    found = conform(toyland, out=tmp_path / "kept")
    assert len(toyland.asked) < done + len(found.cases)
    assert found.counts == conform(toyland).counts


def test_other_processes_say_the_same(toyland):
    here, elsewhere = conform(toyland), conform(toyland, jobs=2)
    said = [
        [(v.status, v.reason, v.together) for v in found.verdicts] for found in (here, elsewhere)
    ]
    assert said[0] == said[1]


def test_large_graphs_are_asked_together(toyland, monkeypatch):
    alone = conform(toyland)
    monkeypatch.setattr("pejax.conform._conform.MOST_NODES", 30)
    together = conform(toyland)
    assert together.counts == alone.counts
    share = {c.name: v.together for c, v in zip(together.cases, together.verdicts, strict=True)}
    assert share["one entity of a kind"] == share["a month"] > 3


def test_a_share_is_computed_in_jax_too(toyland, monkeypatch):
    found = conform(toyland, in_jax=1)
    decided = [v for v in found.verdicts if v.status in ("passed", "failed")]
    assert decided and all(v.in_jax for v in decided)
    assert found.counts["in_jax"] == len(decided)
    alone = conform(toyland)
    assert [v.status for v in found.verdicts] == [v.status for v in alone.verdicts]
    assert "in_jax" not in alone.counts
    some = [conform(toyland, in_jax=0.5).counts.get("in_jax", 0) for _ in range(2)]
    assert some[0] == some[1] < len(decided)


def test_another_value_in_jax_is_a_failure(toyland, monkeypatch):
    """Also where each case of the batch would pass by itself, without being drawn."""
    known = dict(_emit.EMITTERS)
    monkeypatch.setitem(_emit.EMITTERS, "subtract", lambda e, n: known["subtract"](e, n) + 1e-3)
    found = conform(toyland, in_jax=1)
    wrong = [v for v in found.verdicts if "JAX gives another value than numpy" in v.reason]
    assert len(wrong) > 3 and {v.status for v in wrong} == {"failed"}


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), "half", None])
def test_a_share_that_is_none(toyland, share):
    with pytest.raises(BadInputError, match="in_jax is"):
        conform(toyland, in_jax=share)


def test_a_part_of_the_cases(toyland):
    assert {c.folder for c in conform(toyland, path="tax").cases} == {"tax"}
    assert len(conform(toyland, sample=5, seed=1).cases) == 5
    with pytest.raises(BadInputError, match=r"no tests at .*income. Give a path below"):
        conform(toyland, path="income")


def test_a_country_that_is_not_there():
    with pytest.raises(MissingExtraError, match="'atlantis' is not installed"):
        conform("atlantis")
    with pytest.raises(BadInputError, match="ships no tests"):
        room.suite_of("typer")


def test_the_page(toyland):
    found = conform(toyland)
    page = report.conformity_page("Toyland", found.to_frame(), found.by_folder())
    assert f"{found.counts['passed']} of {len(found.cases)} cases pass" in page
    assert "income_tax in 2025 is 4000, not 4001" in page.replace("<wbr>", "")
    assert "<script" not in page
    good = found.to_frame().query("status == 'passed'")
    assert "<p>None.</p>" in report.conformity_page("Toyland", good, found.by_folder())


def test_the_command(toyland, tmp_path, monkeypatch):
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pejax.conform._conform.suite_of", lambda package: toyland)
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["conform", "toyland", "--path", "tax", "--out", str(out)])
    assert done.exit_code == 0, done.output
    held = json.loads((out / "conform.json").read_text())
    assert held["cases"] == len(held["rows"]) == len(pd.read_parquet(out / "cases.parquet"))
    assert held["failed"] == 3
    assert json.loads((out / "manifest.json").read_text())["status"] == "completed"
    assert "cases pass" in (out / "conform.html").read_text()


def test_the_command_asks_which_cases(tmp_path):
    done = CliRunner().invoke(app, ["conform", "toyland", "--out", str(tmp_path / "out")])
    assert done.exit_code != 0
    assert "say which cases" in done.output


RELEASED = """
- name: written before the others
  period: 2025
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_000}
- name: wrong
  period: 2025
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_000}
- name: right
  period: 2025
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 3_999}
- name: a wrong category
  period: 2025
  input: {region: NORTH}
  output: {region: ISLES}
"""


@pytest.fixture
def released(toyland):
    """Runs on a release and on the next, whose tests differ in one file."""
    first = conform(toyland, path="tax")
    (toyland.folder / "tax/b.yaml").write_text(RELEASED)
    return first, conform(toyland, path="tax")


def test_what_a_new_release_changes(released, tmp_path):
    """Cases are known by their names, whatever was written before them."""
    first, second = released
    table = room.changes(first, second)
    assert dict(zip(table["name"], table["change"], strict=True)) == {
        "right": "newly missed",
        "a wrong category": "missed otherwise",
        "written before the others": "new",
        "a wrong month": "gone",
        "wrong": "newly passed",
    }
    row = table.iloc[0]
    assert (row["before"], row["after"]) == ("passed", "failed")
    assert row["reason_after"] == "income_tax in 2025 is 4000, not 3999"
    assert len(room.changes(second, second)) == 0
    for name, found in (("a", first), ("b", second)):
        (tmp_path / f"{name}.json").write_text(json.dumps(found.to_json()))
    kept = room.changes(tmp_path / "a.json", str(tmp_path / "b.json"))
    pd.testing.assert_frame_equal(kept, table)
    page = report.conformity_page("T", second.to_frame(), second.by_folder(), changes=table)
    assert "newly missed" in page
    same = report.conformity_page("T", second.to_frame(), second.by_folder(), changes=table[:0])
    assert "Every case is what it was." in same


def test_names_that_are_there_twice_are_counted(tmp_path):
    rows = [{"case": f"a.yaml[{i}]", "name": "", "status": "passed", "reason": ""} for i in (0, 1)]
    after = [rows[0], {**rows[1], "status": "failed"}]
    for name, held in (("before", rows), ("after", after)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"rows": held}))
    table = room.changes(tmp_path / "before.json", tmp_path / "after.json")
    assert table[["case", "change"]].to_dict("records") == [
        {"case": "a.yaml[1]", "change": "newly missed"}
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{"case": "a"}]}', "\x00"])
def test_a_file_that_is_no_run(toyland, tmp_path, text):
    path = tmp_path / "conform.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"before: .* is no conform.json"):
        room.changes(path, conform(toyland, path="tax"))
    with pytest.raises(BadInputError, match="there is no file"):
        room.changes(tmp_path / "none.json", path)


def test_the_command_says_what_changed(toyland, tmp_path, monkeypatch):
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pejax.conform._conform.suite_of", lambda package: toyland)
    run = ["conform", "toyland", "--path", "tax", "--out"]
    assert CliRunner().invoke(app, [*run, str(tmp_path / "a")]).exit_code == 0
    (toyland.folder / "tax/b.yaml").write_text(RELEASED)
    before = str(tmp_path / "a" / "conform.json")
    done = CliRunner().invoke(app, [*run, str(tmp_path / "b"), "--before", before])
    assert done.exit_code == 0, done.output
    assert len(pd.read_parquet(tmp_path / "b" / "changes.parquet")) == 5
    assert "newly missed" in (tmp_path / "b" / "conform.html").read_text()
    wrong = CliRunner().invoke(app, [*run, str(tmp_path / "c"), "--before", str(tmp_path / "no")])
    assert wrong.exit_code != 0
    assert "there is no file" in wrong.output
