"""Programs on disk: nothing is lost, nothing half-written, nothing executed on reading."""

import json
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

from pejax import Population
from pejax.core._validate import BadInputError
from pejax.engine import (
    GuardMovedError,
    Program,
    _compile,
    build_system,
    compile,
    gradient,
    input_variable,
    load,
    rule,
)
from pejax.testing import toy_oracle, toy_population, toy_program, toy_system

UNREAD = ("age", "disabled", "region", "rent", "savings")
EVERYTHING = tuple(toy_oracle(toy_population()))


@pytest.fixture(scope="module")
def people() -> Population:
    return toy_population()


@pytest.fixture(scope="module")
def program(people) -> Program:
    return toy_program(EVERYTHING, people)


@pytest.fixture
def again(program, tmp_path) -> Program:
    program.save(tmp_path / "toyland.pejax")
    return load(tmp_path / "toyland.pejax")


def _values(program, people, law=None):
    return program(program.parameters if law is None else law, people)


# ---- there and back


def test_outputs_are_equal_to_the_bit(program, again, people):
    found, expected = _values(again, people), _values(program, people)
    assert list(found) == list(expected)
    for name in EVERYTHING:
        np.testing.assert_array_equal(found[name], expected[name])


def test_gradients_are_equal_to_the_bit(program, again, people):
    for output in ("income_tax", "net_income"):
        found, expected = (gradient(p, p.parameters, people, output)[1] for p in (again, program))
        np.testing.assert_array_equal(found.values, expected.values)


def test_reforms_and_stacks_of_them(program, again, people):
    reform = {"tax.rate": 0.4, "child.monthly[0].amount": {"2025-07-01": 10}}
    for p in (again, program):
        assert p.parameters.with_reform(reform).total("child.monthly[0].amount") == 150.0
    laws = jax.tree.map(lambda x: x + np.zeros((2, 1), np.float32), again.parameters)
    tax = jax.vmap(lambda law: again(law, people)["income_tax"])(laws)
    np.testing.assert_allclose(tax[1], _values(program, people)["income_tax"], rtol=1e-6)


def test_what_the_program_knows_of_itself(program, again, people):
    assert again == program and hash(again) == hash(program)
    assert again.parameters.index == program.parameters.index
    assert again.parameters.index.leaves == program.parameters.index.leaves
    assert again.report == program.report
    assert again.recipe == program.recipe
    assert again.columns == program.columns
    assert again.vocabulary("income_band") == program.vocabulary("income_band")
    assert repr(again) == repr(program)


def test_guards_are_still_checked(again, people):
    healthy = people.with_columns("person", disabled=np.zeros(people.count(), bool))
    with pytest.raises(GuardMovedError, match="care_supplement"):
        _values(again, healthy)


def test_another_size(again):
    people = toy_population(11, seed=5)
    expected = toy_oracle(people)["net_income"]
    np.testing.assert_allclose(_values(again, people)["net_income"], expected, rtol=1e-6)


def test_saving_what_was_loaded(again, tmp_path):
    again.save(tmp_path / "twice.pejax")
    first, second = (
        zipfile.ZipFile(tmp_path / name).read("program.json")
        for name in ("toyland.pejax", "twice.pejax")
    )
    assert first == second


def test_double_precision(x64, tmp_path, people):
    program = toy_program(("net_income",), people, dtype="float64")
    program.save(tmp_path / "double.pejax")
    again = load(tmp_path / "double.pejax")
    assert again.parameters.values.dtype == np.float64
    np.testing.assert_array_equal(
        _values(again, people)["net_income"], _values(program, people)["net_income"]
    )


# ---- native rules are not in the file


def test_to_respecialise_what_was_loaded_takes_the_rules(again, people):
    law = again.parameters
    with pytest.raises(BadInputError, match="rules of 'toyland' are not in the file"):
        again.respecialise(law, people)
    assert again.respecialise(law, people, toy_system()) == again
    with pytest.raises(BadInputError, match="rules of 'toyland' have changed since"):
        again.respecialise(law, people, toy_system().with_reform({"tax.rate": 0.3}))


# ---- files


def test_no_pickle_and_no_code(tmp_path, program):
    program.save(tmp_path / "toyland.pejax")
    with zipfile.ZipFile(tmp_path / "toyland.pejax") as archive:
        assert sorted(archive.namelist()) == [
            "arrays.npz",
            "digests.json",
            "program.json",
            "report.json",
        ]
        assert json.loads(archive.read("program.json"))["format"] >= 1
        with np.load(archive.open("arrays.npz"), allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "biuf" for name in arrays)


def _corrupt(kind: str, path: Path) -> None:
    whole = path.read_bytes()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut short":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "text":
        path.write_text("income_tax = 3")
    else:
        body = {"other format": {"format": 99}, "no header": {"format": 1}}.get(kind, {})
        with zipfile.ZipFile(path) as archive:
            arrays = archive.read("arrays.npz")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("program.json", "{" if kind == "bad JSON" else json.dumps(body))
            if kind != "no arrays":
                archive.writestr("arrays.npz", b"0" if kind == "bad arrays" else arrays)


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "cut short",
        "text",
        "other format",
        "no header",
        "bad JSON",
        "no arrays",
        "bad arrays",
    ],
)
def test_a_file_that_is_no_program_is_refused(kind, program, tmp_path):
    path = tmp_path / "toyland.pejax"
    program.save(path)
    _corrupt(kind, path)
    with pytest.raises(BadInputError, match=r"toyland\.pejax (is not a saved program|has format)"):
        load(path)


def test_an_interrupted_write_leaves_what_was_there(program, tmp_path, monkeypatch):
    path = tmp_path / "toyland.pejax"
    program.save(path)
    before = path.read_bytes()

    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(KeyboardInterrupt):
        program.save(path)
    with pytest.raises(KeyboardInterrupt):
        program.save(tmp_path / "new.pejax")
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["toyland.pejax"]
    assert path.read_bytes() == before


# ---- the folder of traced programs


@pytest.fixture
def traces(monkeypatch):
    """How often formulas were run."""
    count = []
    original = _compile.trace
    monkeypatch.setattr(_compile, "trace", lambda *a: count.append(1) or original(*a))
    return count


def test_a_second_compile_reads_the_first(tmp_path, people, traces):
    first = compile(toy_system(), ["net_income"], 2025, people, cache=tmp_path)
    second = compile(toy_system(), ["net_income"], 2025, people, cache=tmp_path)
    assert len(traces) == 1
    assert first == second
    np.testing.assert_array_equal(
        _values(first, people)["net_income"], _values(second, people)["net_income"]
    )
    assert second.respecialise(second.parameters, people) == second


def test_another_question_is_traced(tmp_path, people, traces):
    compile(toy_system(), ["net_income"], 2025, people, cache=tmp_path)
    compile(toy_system(), ["net_income"], 2026, people, cache=tmp_path)
    compile(toy_system(), ["income_tax"], 2025, people, cache=tmp_path)
    reformed = toy_system().with_reform({"winter.in_force": False})
    program = compile(reformed, ["net_income"], 2025, people, cache=tmp_path)
    assert len(traces) == 4
    assert "winter.grant" not in program.parameters


def test_people_who_decide_otherwise_are_traced_again(tmp_path, people, traces):
    healthy = people.with_columns("person", disabled=np.zeros(people.count(), bool))
    compile(toy_system(), ["net_income"], 2025, people, cache=tmp_path)
    program = compile(toy_system(), ["net_income"], 2025, healthy, cache=tmp_path)
    assert len(traces) == 2
    np.testing.assert_allclose(
        _values(program, healthy)["net_income"], toy_oracle(healthy)["net_income"], rtol=1e-6
    )


def test_other_rules_of_the_same_name_are_traced(tmp_path, people, traces):
    def system(factor):
        @rule(entity="person")
        def tax(earnings):
            return factor * earnings

        return build_system(
            "island",
            entities=("person", "tax_unit", "household"),
            parameters={},
            rules=[tax],
            inputs=[input_variable("earnings", entity="person")],
        )

    earnings = np.asarray(people.column("earnings"))
    for factor in (0.25, 0.5):
        program = compile(system(factor), ["tax"], 2025, people, cache=tmp_path, extra=UNREAD)
        np.testing.assert_allclose(_values(program, people)["tax"], factor * earnings)
    assert len(traces) == 2


def test_programs_of_equal_graphs_but_other_columns_differ(people):
    """The graph of a tax on savings has the form of one on earnings."""

    def program(income):
        @rule(entity="person", name=f"{income}_tax")
        def tax(person, period, params):
            return params.rate * person(income, period)

        rules = build_system(
            "island",
            entities=("person", "tax_unit", "household"),
            parameters={"rate": 0.5},
            rules=[tax],
            inputs=[input_variable(n, entity="person") for n in ("earnings", "savings")],
        )
        return compile(rules, [f"{income}_tax"], 2025, people, extra=UNREAD[:-1])

    assert program("earnings") == program("earnings")
    assert program("earnings") != program("savings")
