"""What conformity needs of an installed country: its tests, its words, its changed rules."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from ..core._validate import BadInputError
from ..engine import Country, System, import_country
from ..engine.importer import with_parameters, with_tree
from ._cases import Case
from ._runner import Runner

SINCE = "2000-01-01.2039-12-31"
"""For how long a case changes a parameter, as the field's runner has it."""

_FOLDERS = ("tests/policy", "tests")


@dataclasses.dataclass(frozen=True)
class Suite:
    """A country and the folder of the tests that it ships."""

    country: Country
    folder: Path
    _last: dict[tuple[str, ...], System] = dataclasses.field(
        default_factory=dict, repr=False, compare=False
    )

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process loads the country itself."""
        return type(self), (self.country, self.folder)

    @functools.cached_property
    def system(self) -> System:
        return self.country.load()

    def runner(self, in_jax: float = 0.0) -> Runner:
        """What answers the country's cases.

        Args:
            in_jax: the share of batches with small graphs that are computed in JAX too.
        """
        source = self.system.source
        entities = [source.person_entity, *source.group_entities]
        ends = {n: str(v.end) for n, v in source.variables.items() if getattr(v, "end", None)}
        return Runner(self._rules, {e.key: e.plural for e in entities}, ends, in_jax)

    def _rules(self, case: Case) -> System:
        """The country's rules after the changes of a case. As the field's runner has it, they are
        no reform of other rules: formulas that compare with those before find none."""
        system = dataclasses.replace(self._structured(case), before=None)
        if case.tree:
            system = with_tree(system, case.tree)
        if not case.law:
            return system
        changed = with_parameters(system, {path: {SINCE: v} for path, v in case.law.items()})
        return dataclasses.replace(changed, before=None)

    def _structured(self, case: Case) -> System:
        """After its structural reforms; the last ones are kept, for cases beside each other."""
        if not case.reforms:
            return self.system
        if case.reforms not in self._last:
            self._last.clear()
            self._last[case.reforms] = self.country.with_structure(*self.reforms(case)).load()
        return self._last[case.reforms]

    def reforms(self, case: Case) -> list[type]:
        """The classes of a case's structural reforms."""
        return [_class_of(path) for path in case.reforms]


def suite_of(package: str) -> Suite:
    """An installed country package with the tests that it ships.

    Raises:
        MissingExtraError: it is not installed.
        BadInputError: it ships no tests.
    """
    country = import_country(package)
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    home = Path(spec.origin).parent
    for folder in _FOLDERS:
        if (home / folder).is_dir():
            return Suite(country, home / folder)
    raise BadInputError(f"{package} ships no tests: there is no folder {home / _FOLDERS[-1]}.")


def _class_of(path: str) -> type:
    """A structural reform by its dotted name.

    Raises:
        BadInputError: nothing of that name.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as problem:
        raise BadInputError(f"reform {path!r}: {problem}") from problem
