"""Errors, suggestions and optional packages."""

import pytest

from pejax.core._validate import (
    BadInputError,
    MissingExtraError,
    PejaxError,
    UnknownNameError,
    require,
    suggest,
    unknown,
)


def test_suggest_puts_the_nearest_first():
    assert suggest("incme_tax", ["income_tax", "income", "rent"])[0] == "income_tax"


def test_suggest_ignores_case_and_keeps_the_option_as_written():
    assert suggest("AGI_amount", ["agi_Amount"]) == ["agi_Amount"]


def test_suggest_finds_a_name_that_contains_the_word():
    assert suggest("ctc", ["gov.irs.credits.ctc.amount", "rent"]) == ["gov.irs.credits.ctc.amount"]


def test_suggest_is_silent_when_nothing_is_near():
    assert suggest("zzz", ["income_tax", "rent"]) == []


def test_suggest_among_many_paths_finds_the_misspelt_one():
    paths = [f"gov.states.s{i}.tax.rate[{j}].amount" for i in range(50) for j in range(100)]
    wanted = "gov.irs.credits.ctc.amount.base"
    assert suggest("gov.irs.credit.ctc.amont.base", [*paths, wanted])[0] == wanted


def test_suggest_among_many_single_words_that_share_no_word():
    words = [f"variable{i}" for i in range(1500)]
    assert suggest("hosehold", [*words, "household"]) == ["household"]


def test_unknown_names_the_neighbours_or_the_choices():
    assert str(unknown("target", "populaton", ["population"])).endswith(
        "Did you mean 'population'?"
    )
    assert "Choose one of: a, b." in str(unknown("target", "zzzz", ["b", "a"]))
    assert "There is no target" in str(unknown("target", "zzzz", []))


def test_unknown_name_is_a_key_error_whose_text_is_readable():
    with pytest.raises(KeyError) as caught:
        raise unknown("column", "agee", ["age"])
    assert isinstance(caught.value, UnknownNameError)
    assert str(caught.value) == "Unknown column 'agee'. Did you mean 'age'?"


def test_every_error_is_a_value_error():
    assert all(
        issubclass(kind, PejaxError) and issubclass(kind, ValueError)
        for kind in (BadInputError, UnknownNameError, MissingExtraError)
    )


def test_a_missing_extra_says_the_exact_install_command():
    with pytest.raises(MissingExtraError, match=r'pip install "pejax\[ray\]"') as caught:
        require("no_such_package_anywhere.part", "ray")
    assert isinstance(caught.value, ImportError)
    assert "'no_such_package_anywhere'" in str(caught.value)


def test_an_import_error_inside_an_installed_package_passes_through(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("import something_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("broken_package", "io")
    assert not isinstance(caught.value, MissingExtraError)
