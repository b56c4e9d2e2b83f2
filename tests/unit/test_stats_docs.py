"""What the documentation of statistics shows is true: the docstrings, and the page as it stands."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

from pejax import stats

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
MODULES = [name for _, name, _ in pkgutil.iter_modules(stats.__path__, "pejax.stats.")]
FACE = {name: x for name, x in vars(stats).items() if callable(x) and not name.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", FACE)
def test_every_public_name_has_an_example(name):
    found = doctest.DocTestFinder().find(FACE[name], name)
    assert any(test.examples for test in found)


def test_the_examples_of_the_page_are_true():
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 10 and result.failed == 0


def test_the_page_names_all():
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in FACE if f"`{name}" not in page] == []
