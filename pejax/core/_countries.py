"""Countries that the library knows: what the rooms that name none ask of one.

A country is told of by a module of its own, which is opened when somebody first asks.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ._validate import BadInputError

if TYPE_CHECKING:
    from .population._tables import Tables


class Geography(NamedTuple):
    """How a country's areas are named: the nation, its states, and districts of the states.

    Attributes:
        nation: the id of the whole country.
        states: the ids of its states; a district's id begins with that of its state.
        state_column: the column of the households that holds the number of their state.
        state_ids: how messages ask for the id of a state.
    """

    nation: str
    states: frozenset[str]
    state_column: str
    state_ids: str


@dataclasses.dataclass(frozen=True)
class CountryFacts:
    """What is known of a country without importing its law.

    Attributes:
        package: the country package, as Python imports it.
        extra: the extra of pejax that brings the package and the data.
        distributions: what the extra installs.
        purpose: what the extra is for, in words.
        geography: how its areas are named.
        rules: by column, the check of every population that has the column.
        targets: the rows of the target table for a year, of installed figures.
        stand_ins: functions of the package that handle the objects of its engine, as
            `module:name`, each with what makes of it one that handles a trace's.
    """

    package: str
    extra: str
    distributions: tuple[str, ...]
    purpose: str
    geography: Geography
    rules: Mapping[str, Callable[[Tables], None]]
    targets: Callable[[int], list[dict[str, object]]]
    stand_ins: Mapping[str, Callable[[Callable[..., object]], Callable[..., object]]] = (
        dataclasses.field(default_factory=dict)
    )


_MODULES: list[str] = []


def register(module: str) -> None:
    """Say in which module a country's `FACTS` are; it is not opened yet."""
    if module not in _MODULES:
        _MODULES.append(module)


def countries() -> tuple[CountryFacts, ...]:
    """The countries that were registered, in that order."""
    return tuple(importlib.import_module(module).FACTS for module in _MODULES)


def country() -> CountryFacts:
    """The country that is meant where none is named: the one that was registered first.

    >>> country().geography.nation
    'US'
    """
    known = countries()
    if not known:
        raise BadInputError("No country is registered. Import pejax, which registers its own.")
    return known[0]


def country_of(package: str) -> CountryFacts | None:
    """The country whose law a package is, if it is a registered one's.

    >>> country_of("policyengine_us").extra
    'us'
    """
    return next((known for known in countries() if known.package == package), None)


def distributions() -> tuple[str, ...]:
    """What the extras of all countries install."""
    return tuple(name for known in countries() for name in known.distributions)
