"""The examples in the engine's own documentation run."""

import doctest
import importlib
import pkgutil

import pytest

import pejax.engine
import pejax.testing

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _modules() -> list[str]:
    names = []
    for package in (pejax.engine, pejax.testing):
        found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        names += [package.__name__, *(module.name for module in found)]
    return names


def _examples() -> dict[str, doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {}
    for name in _modules():
        for test in finder.find(importlib.import_module(name), name):
            if test.examples:
                found[test.name] = test
    return found


EXAMPLES = _examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name):
    found = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(EXAMPLES[name])
    assert found.failed == 0


def test_the_face_has_examples():
    """What a newcomer meets first shows how it is called."""
    documented = {name.rpartition(".")[2] for name in EXAMPLES}
    face = {"compile", "rule", "build_system", "input_variable", "gradient", "Program"}
    assert face | {"Parameters", "toy_system", "toy_program"} <= documented
