"""The engine that a country package is built on, found from its rules.

The family has two, which one forked from the other: their modules have the same names but for a
few, and so have the classes in them.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import Any

_RULES = "TaxBenefitSystem"
"""The class that a country's own object is of, in every engine of the family."""


@dataclasses.dataclass(frozen=True)
class Core:
    """An engine of the family.

    Attributes:
        name: its package.
    """

    name: str

    def module(self, *names: str) -> Any:
        """The first module that it has of some."""
        found = next(n for n in names if importlib.util.find_spec(f"{self.name}.{n}") is not None)
        return importlib.import_module(f"{self.name}.{found}")

    @property
    def enums(self) -> Any:
        return self.module("enums", "indexed_enums")

    @property
    def periods(self) -> Any:
        return self.module("periods")


def core_of(source: Any) -> Core:
    """The engine of a country's own object."""
    kinds = (kind for kind in type(source).__mro__ if kind.__name__ == _RULES)
    return Core(next(kinds, type(source)).__module__.partition(".")[0])
