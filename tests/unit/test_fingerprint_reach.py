"""Digests of functions: whatever the code reaches by name counts, and nothing more than that."""

import dataclasses
import datetime
import decimal
import enum
import logging
import pathlib
import re
import subprocess
import sys
import types
from collections import UserDict, defaultdict
from typing import NamedTuple

import equinox as eqx
import numpy as np
import pytest
from _engine_rules import people, system

import pejax
from pejax.core._fingerprint import fingerprint
from pejax.engine import compile, rule

SOURCE = """
K, UNREAD = 2.0, 5.0
TABLE = {"a": 2.0}
lookup = TABLE.get

def help(x):
    return x * K + inner(x)

def inner(x):
    return x

help.rate = 1.0

class Base:
    s = 2.0

class Cfg(Base):
    r = 2.0
    held = object()

    def __call__(self, x):
        return x

    @staticmethod
    def twice(x):
        return 2 * x
"""


@pytest.fixture
def lib(monkeypatch):
    """Two modules of the user's, one within the other."""
    module, package = types.ModuleType("userlib"), types.ModuleType("userpack")
    exec(SOURCE, module.__dict__)
    package.__dict__["userlib"] = module
    monkeypatch.setitem(sys.modules, "userlib", module)
    monkeypatch.setitem(sys.modules, "userpack", package)
    return module


def _constant(lib, package):
    return lambda x: x * lib.K


def _helper(lib, package):
    return lambda x: x + lib.help(x)


def _nested(lib, package):
    return lambda x: x * package.userlib.K


def _by_text(lib, package):
    return lambda x: x * getattr(lib, "K")  # noqa: B009


def _passed_on(lib, package):
    def reads(module):
        return module.K

    return lambda x: x * reads(lib)


def _default(lib, package):
    return lambda x, lib=lib: x * lib.K


def _in_a_list(lib, package):
    held = [lib]
    return lambda x: x * held[0].K


def _imports(lib, package):
    def run(x):
        from userlib import K

        return x * K

    return run


def _imports_all(lib, package):
    def run(x):
        import userlib as other

        return x * other.K

    return run


def _class(lib, package):
    return lambda x: lib.Cfg.twice(x) * lib.Cfg.r * lib.Cfg.s


def _instance(lib, package):
    return lambda x: x + lib.Cfg()(x)


def _method(lib, package):
    return lambda x: lib.lookup("a")


def _attribute(lib, package):
    return lambda x: x * lib.help.rate


def _set(place, name, value):
    def change(lib):
        setattr(place(lib), name, value)

    return change


CHANGES = [
    (_constant, _set(lambda lib: lib, "K", 3.0)),
    (_helper, _set(lambda lib: lib, "K", 3.0)),
    (_helper, _set(lambda lib: lib, "inner", lambda x: x + 1)),
    (_nested, _set(lambda lib: lib, "K", 3.0)),
    (_by_text, _set(lambda lib: lib, "K", 3.0)),
    (_passed_on, _set(lambda lib: lib, "K", 3.0)),
    (_default, _set(lambda lib: lib, "K", 3.0)),
    (_in_a_list, _set(lambda lib: lib, "K", 3.0)),
    (_imports, _set(lambda lib: lib, "K", 3.0)),
    (_imports_all, _set(lambda lib: lib, "K", 3.0)),
    (_class, _set(lambda lib: lib.Cfg, "r", 3.0)),
    (_class, _set(lambda lib: lib.Base, "s", 3.0)),
    (_class, _set(lambda lib: lib.Cfg, "twice", staticmethod(lambda x: 3 * x))),
    (_instance, _set(lambda lib: lib.Cfg, "__call__", lambda self, x: x + 1)),
    (_method, lambda lib: lib.TABLE.update(a=3.0)),
    (_attribute, _set(lambda lib: lib.help, "rate", 3.0)),
]


@pytest.mark.parametrize(("make", "change"), CHANGES)
def test_what_code_reaches_counts(lib, make, change):
    package = sys.modules["userpack"]
    before = fingerprint(make(lib, package))
    assert fingerprint(make(lib, package)) == before
    lib.UNREAD = 6.0
    assert fingerprint(make(lib, package)) == before
    change(lib)
    assert fingerprint(make(lib, package)) != before


def test_modules_in_a_circle(lib):
    lib.K = lib
    assert fingerprint(_constant(lib, None)) == fingerprint(_constant(lib, None))


def test_the_values_of_an_enum():
    def make(value):
        return enum.Enum("C", {"A": value, "B": 2})

    assert fingerprint(make(1.0)) == fingerprint(make(1.0))
    assert fingerprint(make(1.0)) != fingerprint(make(5.0))
    assert fingerprint(make(1.0).A) != fingerprint(make(5.0).A)


def _enum(rate):
    class Kind(enum.Enum):
        A = "a"

        @property
        def rate(self):
            return rate

    return Kind


def _data(rate):
    @dataclasses.dataclass(frozen=True)
    class Data:
        r: float = 1.0
        parts: list = dataclasses.field(default_factory=list)

        def rate(self):
            return rate

    return Data


def _tuple(rate):
    class Pair(NamedTuple):
        a: float = 1.0

        def rate(self):
            return rate

    return Pair


def _module(rate):
    class Method(eqx.Module):
        a: float = 1.0

        def rate(self):
            return rate

    return Method


def _text(rate):
    class Name(str):
        def rate(self):
            return rate

    return Name


@pytest.mark.parametrize("make", [_enum, _data, _tuple, _module, _text])
def test_the_methods_of_a_class_and_of_its_instances(make):
    one, same, other = make(1.0), make(1.0), make(2.0)
    assert fingerprint(one) == fingerprint(same) != fingerprint(other)
    first, second, third = (fingerprint(_any(kind)) for kind in (one, same, other))
    assert first == second != third


def _any(kind):
    return next(iter(kind)) if isinstance(kind, enum.EnumMeta) else kind()


class _Lazy(UserDict):
    def __getitem__(self, key):
        return [super().__getitem__(key)]  # a list that nobody keeps


def test_mappings():
    assert fingerprint(defaultdict(lambda: 2)) != fingerprint(defaultdict(lambda: 3))
    assert fingerprint(_Lazy(a=1, b=1)) != fingerprint(_Lazy(a=1, b=2))
    assert fingerprint(_Lazy(a=1, b=2)) == fingerprint(_Lazy(a=1, b=2))


@pytest.mark.parametrize(
    "make",
    [
        datetime.date.fromisoformat,
        lambda text: re.compile(text, re.IGNORECASE),
        lambda text: decimal.Decimal(text.replace("-", "")),
        pathlib.PurePosixPath,
        logging.getLogger,
    ],
)
def test_values_of_the_standard_library(make):
    assert fingerprint(make("2025-01-01")) == fingerprint(make("2025-01-01"))
    assert fingerprint(make("2025-01-01")) != fingerprint(make("2025-01-02"))


def test_a_ufunc_of_a_python_function_matches_nothing():
    made = [np.frompyfunc(lambda x, n=n: x + n, 1, 1) for n in (1, 2)]
    assert fingerprint(made[0]) != fingerprint(made[1])
    assert fingerprint(np.add) == fingerprint(np.add) != fingerprint(np.subtract)


def test_libraries_count_by_name_and_version(monkeypatch):
    held = [np, np.linalg, dataclasses, pejax, pejax.Population, np.ndarray, dict]
    assert len({fingerprint(h) for h in held}) == len(held)
    before = fingerprint(lambda x: x + np.fft.fft(x))
    monkeypatch.setattr(np, "e", 3.0)
    assert fingerprint(lambda x: x + np.fft.fft(x)) == before


def test_classes_are_the_same_in_another_process(tmp_path):
    (tmp_path / "userlib.py").write_text(SOURCE)
    script = (
        "import userlib; from pejax.core._fingerprint import fingerprint;"
        "print(fingerprint(lambda x: userlib.help(x) * userlib.Cfg.r * userlib.Cfg()(x)))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
        ).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_a_kept_program_follows_a_module(lib, tmp_path):
    @rule(entity="person")
    def tax(income):
        return lib.help(income)

    def value():
        population = people()
        program = compile(system(tax), ["tax"], 2025, population, cache=tmp_path)
        return np.asarray(program(program.parameters, population)["tax"])

    np.testing.assert_allclose(value(), [30.0, 60.0, 90.0, 120.0])
    np.testing.assert_allclose(value(), [30.0, 60.0, 90.0, 120.0])
    assert len(list(tmp_path.iterdir())) == 1
    lib.K = 5.0
    np.testing.assert_allclose(value(), [60.0, 120.0, 180.0, 240.0])
