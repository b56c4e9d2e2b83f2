"""Chains of formulas that are longer than Python's usual stack, and those without an end."""

import sys

import numpy as np
import pytest
from _engine_world import INCOME, people, program_of

from pejax.engine import UntraceableRule, rule


def _chain(length):
    """Rules `v0`, `v1`, ..., each one more than the one before."""
    lines = ["from pejax.engine import rule"]
    for k in range(length):
        before = f"v{k - 1}" if k else "income"
        lines += ["@rule(entity='person')", f"def v{k}({before}):", f"    return {before} + 1.0"]
    return lines


@pytest.fixture
def chain(tmp_path, monkeypatch):
    def rules(length):
        (tmp_path / f"chain_of_{length}.py").write_text("\n".join(_chain(length)))
        monkeypatch.syspath_prepend(tmp_path)
        module = __import__(f"chain_of_{length}")
        return [getattr(module, f"v{k}") for k in range(length)]

    return rules


def test_three_hundred_formulas_that_ask_for_each_other(chain):
    before = sys.getrecursionlimit()
    program = program_of("v299", *chain(300))
    assert np.array_equal(program(program.parameters, people())["v299"], INCOME + 300)
    assert sys.getrecursionlimit() == before


def test_a_formula_that_calls_itself_without_end_is_refused_by_name():
    def endless(x):
        return endless(x + 1)

    @rule(entity="person")
    def bottomless(income):
        return endless(income)

    with pytest.raises(UntraceableRule, match=r"bottomless for 2025: .* more than 10000 deep"):
        program_of("bottomless", bottomless)
