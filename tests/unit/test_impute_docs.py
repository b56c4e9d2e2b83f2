"""The page on imputation runs as it stands."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "imputation.md"


@pytest.mark.us
def test_the_examples_of_the_page_are_true():
    pytest.importorskip("taxcalc")
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 20 and failed == 0
