"""Every public name shows how it is used, by an example that is true."""

import doctest
import importlib
import importlib.util
import inspect

import pytest

ROOMS = ("", "engine", "calibrate", "impute", "gates", "stats", "runs", "report", "io", "datasets")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUN_ELSEWHERE = ("calibrate", "gates", "impute", "engine", "stats", "report", "testing")
"""Rooms of which another file runs the examples of every module."""

INSTALLED = all(importlib.util.find_spec(name) for name in ("taxcalc", "policyengine_us"))


def _own(name: str, value: object) -> bool:
    """Whether it is a function or a class of the package; errors show themselves where raised."""
    is_error = isinstance(value, type) and issubclass(value, BaseException)
    ours = getattr(value, "__module__", "").startswith("pejax")
    return callable(value) and ours and not name.startswith("_") and not is_error


def _names() -> dict[str, tuple[str, object]]:
    found = {}
    for room in ROOMS:
        module = importlib.import_module(f"pejax.{room}" if room else "pejax")
        for name in dir(module):
            value = getattr(module, name)
            if _own(name, value):
                found[f"{room}.{name}".lstrip(".")] = (name, value)
    return found


NAMES = _names()


def _tests(name: str, value: object) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder().find(value, name) if test.examples]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_an_example(name):
    assert _tests(*NAMES[name])


def _modules() -> list[str]:
    """The modules of public names whose examples no other file runs."""
    found = {inspect.unwrap(value).__module__ for _, value in NAMES.values()}  # type: ignore[arg-type]
    return sorted(name for name in found if name.split(".")[1] not in RUN_ELSEWHERE)


@pytest.mark.parametrize("name", _modules())
def test_the_examples_are_true(name):
    if "datasets" in name or "countries" in name:
        if not INSTALLED:
            pytest.skip("needs the `us` extra")
    elif name.startswith("pejax.io"):
        pytest.importorskip("pyarrow")
        pytest.importorskip("h5py")
    found = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert found.failed == 0
