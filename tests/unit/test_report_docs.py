"""What the docstrings of the report show is true, and every public name shows something."""

import doctest
import importlib
import pkgutil

import pytest

from pejax import report

MODULES = [name for _, name, _ in pkgutil.iter_modules(report.__path__, "pejax.report.")]
FACE = {name: x for name, x in vars(report).items() if callable(x) and not name.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_docstrings_are_true(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", FACE)
def test_every_public_name_has_an_example(name):
    found = doctest.DocTestFinder().find(FACE[name], name)
    assert any(test.examples for test in found)
