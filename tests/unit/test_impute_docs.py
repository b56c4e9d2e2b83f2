"""What the documentation of imputation shows is true: the docstrings, and the page as it stands."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import pejax.impute

PAGE = Path(__file__).parents[2] / "docs" / "imputation.md"
MODULES = [name for _, name, _ in pkgutil.walk_packages(pejax.impute.__path__, "pejax.impute.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_face_has_examples():
    found = doctest.DocTestFinder().find(pejax.impute.Forest, "Forest")
    found += doctest.DocTestFinder().find(pejax.impute.QRF, "QRF")
    assert sum(bool(test.examples) for test in found) >= 2


@pytest.mark.us
def test_the_examples_of_the_page_are_true():
    pytest.importorskip("taxcalc")
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 20 and result.failed == 0
