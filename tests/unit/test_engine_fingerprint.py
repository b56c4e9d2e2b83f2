"""Digests of functions: equal if and only if they would compute the same."""

import enum
import functools
import subprocess
import sys
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from pejax.core._fingerprint import fingerprint
from pejax.testing import toy_population, toy_system


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


LIMIT = 3.0


def _helper(x):
    return x + 1


def _uses_helper(x):
    return _helper(x) * LIMIT


def _circular(x):
    return _circular(x - 1) if x else 0


def make(limit=None, default=1, member=Colour.RED, names=("a", "b")):
    def rule(x, factor=default):
        if x in {"u", "v"}:
            return list(names)
        return np.where(x > limit, factor, member == Colour.RED)

    return rule


def test_the_same_function_made_twice():
    assert make(3) is not make(3)
    assert fingerprint(make(3)) == fingerprint(make(3))
    assert fingerprint(_circular) == fingerprint(_circular)


@pytest.mark.parametrize(
    "other",
    [
        make(4),
        make(3.0),
        make(3, default=2),
        make(3, member=Colour.BLUE),
        make(3, names=("a", "c")),
        make(np.array([3])),
        lambda x: x,
    ],
)
def test_another_closure_default_or_body(other):
    assert fingerprint(make(3)) != fingerprint(other)


def test_constants_and_operations_count():
    assert fingerprint(lambda x: x > 1) != fingerprint(lambda x: x > 2)
    assert fingerprint(lambda x: x > 1) != fingerprint(lambda x: x < 1)
    assert fingerprint(lambda x: x.real) != fingerprint(lambda x: x.imag)


def test_what_a_function_names_in_its_module_counts(monkeypatch):
    before = fingerprint(_uses_helper)
    monkeypatch.setitem(globals(), "LIMIT", 4.0)
    assert fingerprint(_uses_helper) != before
    monkeypatch.undo()
    assert fingerprint(_uses_helper) == before
    monkeypatch.setitem(globals(), "_helper", lambda x: x + 2)
    assert fingerprint(_uses_helper) != before


def test_values():
    same = [{"a": 1}, (1, 2), [1, 2], {1, 2}, None, 2.5, b"x", Colour, Colour.RED, np, np.add]
    assert len({fingerprint(v) for v in same}) == len(same)
    assert fingerprint(jnp.arange(3)) == fingerprint(jnp.arange(3))
    assert fingerprint(np.arange(3)) != fingerprint(np.arange(3.0))
    assert fingerprint(functools.partial(_helper, 1)) == fingerprint(functools.partial(_helper, 1))
    assert fingerprint(functools.partial(_helper, 1)) != fingerprint(functools.partial(_helper, 2))
    assert fingerprint(toy_population()) == fingerprint(toy_population())
    assert fingerprint(toy_population()) != fingerprint(toy_population(seed=1))


def test_an_unreadable_object_matches_nothing():
    unreadable = object()
    assert fingerprint(unreadable) != fingerprint(unreadable)


def test_it_is_the_same_in_another_process():
    script = "from pejax.testing import toy_system; print(toy_system().version)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == toy_system().version


class _Pair(NamedTuple):
    first: int
    second: int


def test_the_entries_of_a_named_tuple_can_be_read():
    def swapped(pair):
        return _Pair(pair.second, pair.first)

    assert fingerprint(swapped) == fingerprint(swapped)
