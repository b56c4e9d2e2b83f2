"""The tests that a country package ships in YAML, as its users read them.

A case is a period, inputs in one of the forms that the field accepts, and outputs with a margin.
Reading needs no country package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core._arguments import as_instance, as_path, as_seed, as_text, at_least, shown
from ..core._arrays import items_of
from ..core._countries import country
from ..core._validate import BadInputError, require

_ENDINGS = ("*.yaml", "*.yml")
_MARGINS = ("absolute_error_margin", "relative_error_margin")


@dataclasses.dataclass(frozen=True)
class Case:
    """One test.

    Attributes:
        key: its file below the folder of tests, and its place there.
        name: what its author calls it.
        period: as written.
        given: inputs as written, without parameters.
        law: parameters that it changes, by path.
        expected: outputs as written.
        reforms: dotted names of structural reforms.
        absolute, relative: margins, or None.
        problem: why it is no test; empty for one that is.
        tree: parameters that it has in the place of all of the law's, as a package writes them.
    """

    key: str
    name: str = ""
    period: str = ""
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    law: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    expected: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    reforms: tuple[str, ...] = ()
    absolute: float | None = None
    relative: float | None = None
    problem: str = ""
    tree: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Where its file lies."""
        return self.key.rpartition("/")[0]


@dataclasses.dataclass(frozen=True)
class Expected:
    """One value that a case asks for: of one row, named by its entity's plural, or of all rows."""

    variable: str
    period: str
    value: Any
    row: tuple[str, str] | None = None


def read_cases(folder: str | Path, below: str = "") -> list[Case]:
    """Every case of a folder of tests, in the order of paths; a file that is none is one case with
    a `problem`.

    Args:
        folder: of all tests; keys are relative to it.
        below: a file or folder in it, to read that alone.

    Raises:
        BadInputError: nothing at `below`, or no test there.
    """
    home = as_path(folder, "folder")
    place = home / as_path(as_text(below, "below") or ".", "below")
    if not place.exists() or ".." in place.parts:
        raise BadInputError(f"no tests at {place}. Give a path below {folder}.")
    paths = [place] if place.is_file() else sorted(p for e in _ENDINGS for p in place.rglob(e))
    found = [case for path in paths for case in _of_file(path, _key(path, home))]
    if not found:
        raise BadInputError(f"no tests at {place}: no file there ends in .yaml or .yml.")
    return found


def _key(path: Path, home: Path) -> str:
    """A file's path below the folder of tests; a path from elsewhere as it is."""
    return path.relative_to(home).as_posix() if path.is_relative_to(home) else path.as_posix()


def _of_file(path: Path, key: str) -> Iterator[Case]:
    yaml = require("yaml", country().extra)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        line = str(problem).replace("\n", " ")
        yield Case(key, problem=f"not YAML: {line[:200]}")
        return
    for place, written in enumerate(content if isinstance(content, list) else [content]):
        yield _case_of(f"{key}[{place}]", written)


def _case_of(key: str, written: Any) -> Case:
    """A case as its file has it."""
    if not isinstance(written, Mapping) or not isinstance(written.get("output"), Mapping):
        return Case(key, problem="no test: it has no output")
    inputs = written.get("input") or {}
    if not isinstance(inputs, Mapping):
        return Case(key, problem="no test: its input is no mapping")
    reforms, tree = written.get("reforms") or [], written.get("parameters") or {}
    if not isinstance(tree, Mapping):
        return Case(key, problem="no test: its parameters are no mapping")
    return Case(
        key=key,
        name=str(written.get("name", "")),
        period=str(written.get("period")),
        given={str(k): v for k, v in inputs.items() if "." not in str(k)},
        law={k: v for k, v in inputs.items() if "." in str(k)},
        tree=_with_texts(tree),
        expected=dict(written["output"]),
        reforms=(reforms,) if isinstance(reforms, str) else tuple(reforms),
        absolute=_margin(written, _MARGINS[0]),
        relative=_margin(written, _MARGINS[1]),
    )


def _with_texts(tree: Any) -> Any:
    """A tree whose keys are texts, dates among them."""
    if isinstance(tree, Mapping):
        return {str(key): _with_texts(value) for key, value in tree.items()}
    return tree


def _margin(written: Mapping[str, Any], name: str) -> float | None:
    given = written.get(name)
    return None if given is None else float(given)


def sample(cases: list[Case], many: int, seed: int) -> list[Case]:
    """So many cases, drawn without replacement; all of them if there are no more."""
    held = items_of(cases, f"cases is {shown(cases)}. Give a list of cases.")
    checked = [as_instance(case, Case, f"cases[{i}]", "Give cases.") for i, case in enumerate(held)]
    many, seed = at_least(1, "many")(many), as_seed("seed")(seed)
    if many >= len(checked):
        return checked
    places = np.random.default_rng(seed).choice(len(checked), many, replace=False)
    return [checked[i] for i in sorted(places)]


def expected_of(
    case: Case, entities: Mapping[str, str], variables: Iterable[str]
) -> list[Expected]:
    """Every value that a case asks for.

    Args:
        entities: plural by entity.
        variables: those of the country.

    Raises:
        BadInputError: an output of another form.
    """
    known = variables if isinstance(variables, set | frozenset | Mapping) else set(variables)
    found: list[Expected] = []
    for key, value in case.expected.items():
        if key in known:
            found += _dated(key, value, case.period)
        elif key in entities:
            for variable, one in _mapping(value, key).items():
                found += _dated(variable, one, case.period)
        elif key in entities.values():
            for row, said in _mapping(value, key).items():
                for variable, one in _mapping(said, f"{key} {row}").items():
                    found += _dated(variable, one, case.period, (key, str(row)))
        else:
            raise BadInputError(f"output {key!r} is no variable and no entity of the country")
    return found


def _dated(
    variable: str, value: Any, period: str, row: tuple[str, str] | None = None
) -> Iterator[Expected]:
    if isinstance(value, Mapping):
        for when, one in value.items():
            yield from _dated(variable, one, str(when), row)
    else:
        yield Expected(variable, period, value, row)


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInputError(f"output {place!r} is no mapping of variables")
    return value
