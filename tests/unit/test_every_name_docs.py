"""Every public name shows how it is used, by an example that is true."""

import doctest
import importlib
import importlib.util
import pkgutil

import pytest

ROOMS = ("", "engine", "calibrate", "impute", "gates", "stats", "runs", "report", "io", "datasets")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
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
    """The modules of the rooms whose examples no other file runs."""
    rooms = [
        importlib.import_module(f"pejax.{room}")
        for room in ("core", "runs", "io", "datasets", "countries")
    ]
    walks = [pkgutil.walk_packages(room.__path__, f"{room.__name__}.") for room in rooms]
    return [name for walk in walks for _, name, _ in walk]


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
