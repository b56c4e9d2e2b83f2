"""What the documentation of calibration and gates shows is true: docstrings and pages."""

import doctest
import importlib
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import pejax.calibrate
import pejax.gates

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("calibrators.md", "targets.md")
INSTALLED = all(importlib.util.find_spec(name) for name in ("taxcalc", "policyengine_us"))
MODULES = [
    name
    for room in (pejax.calibrate, pejax.gates)
    for _, name, _ in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.us
@pytest.mark.skipif(not INSTALLED, reason="needs the `us` extra")
@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_the_pages_are_true(page):
    result = doctest.testfile(str(DOCS / page), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", ["TargetProblem", "DenseOperator", "SparseOperator", "calibrate"])
def test_the_face_has_examples(name):
    found = doctest.DocTestFinder().find(getattr(pejax.calibrate, name), name)
    assert any(test.examples for test in found)
