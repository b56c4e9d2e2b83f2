"""How people of a saved program are written as situations, without the country package."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core._one_line import listed
from ..core._validate import BadInputError, unknown
from ..core.population._encode import encode
from ..core.population._situation import COMPUTED, UNREAD, tables_from_situation
from ..core.population._tables import Tables
from ._inputs import IDS, WEIGHT, Column
from .rules._calendar import dated
from .rules._names import Names

if TYPE_CHECKING:
    from .rules._system import System

_PLAIN = {"float": float, "int": int, "bool": bool, "enum": object, "str": object}


@dataclasses.dataclass(frozen=True)
class Input:
    """What a situation may say of a column that a program reads.

    Attributes:
        kind: of the variable: float, int, bool, enum, str.
        default: the country's, of whom nothing is said.
        computed: whether the country computes the variable where nobody gives it.
    """

    kind: str
    default: float | int | bool | str
    computed: bool


@dataclasses.dataclass(frozen=True)
class EntityWords:
    """What an entity is called: one of it, several, and the roles of its members."""

    name: str
    plural: str
    role_names: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[Word, ...]:
        return tuple(map(Word, self.role_names))


@dataclasses.dataclass(frozen=True)
class Word:
    """A role or a category, under the names that a country has for it."""

    name: str

    @property
    def key(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class Situations:
    """What is known of a program's people besides its columns.

    Attributes:
        entities: the persons first.
        inputs: one a column.
    """

    entities: tuple[EntityWords, ...]
    inputs: tuple[Input, ...]


def situations_of(system: System, columns: Iterable[Column], period: Any) -> Situations:
    """Those of a country's rules."""
    words = tuple(_words(system, name) for name in (system.person, *system.groups))
    return Situations(words, tuple(_input(system, c, period) for c in columns))


def _words(system: System, name: str) -> EntityWords:
    source = system.entities.get(name)
    roles = getattr(source, "roles", None) or ()
    names = tuple(str(getattr(role, "plural", None) or role.key) for role in roles)
    return EntityWords(name, str(getattr(source, "plural", None) or f"{name}s"), names)


def _input(system: System, column: Column, period: Any) -> Input:
    if column.variable not in system.variables:
        return Input("float", 0.0, computed=False)
    variable = system.variable(column.variable)
    found = getattr(variable.default, "name", variable.default)
    default = found.item() if isinstance(found, np.generic) else found
    formula = variable.formula(period) or variable.adds or variable.subtracts
    plain = default if isinstance(default, float | int | bool | str) else ""
    return Input(variable.kind, plain, computed=formula is not None)


@dataclasses.dataclass(frozen=True)
class _Described:
    """A variable, as situations are read: see `core.population._situation.Described`."""

    entity: str
    kind: str
    default: object = None
    vocabulary: tuple[Word, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Reader:
    """Reads situations as people of a program.

    Attributes:
        situations: what is known of them.
        columns: those that the program reads.
        names: what its country knows.
        known: variables that it reads or computes.
        period: of values that are written without one.
    """

    situations: Situations
    columns: tuple[Column, ...]
    names: Names
    known: frozenset[str]
    period: str

    @property
    def person(self) -> str:
        return self.situations.entities[0].name

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(words.name for words in self.situations.entities[1:])

    @property
    def entities(self) -> Mapping[str, EntityWords]:
        return {words.name: words for words in self.situations.entities}

    def variable(self, name: str) -> _Described:
        """What a situation may say of a variable.

        Raises:
            UnknownNameError: the country has none of that name.
        """
        if name not in self.names.entities:
            raise unknown(f"variable of {self.names.country}", name, list(self.names.entities))
        entity = self.names.entities[name]
        variable = self.names.variables([name])[name]
        for column, about in zip(self.columns, self.situations.inputs, strict=True):
            if column.variable == variable:
                words = None if column.vocabulary is None else tuple(map(Word, column.vocabulary))
                return _Described(entity, about.kind, about.default, words)
        return _Described(entity, COMPUTED if variable in self.known else UNREAD)

    def tables(self, situation: object) -> Tables:
        """The people of a situation, with the country's default in what is not said.

        Raises:
            BadInputError: naming what is missing or cannot be read.
        """
        tables = tables_from_situation(situation, self, self.period)
        self._name_as_compiled(tables)
        absent = [
            (column, about)
            for column, about in zip(self.columns, self.situations.inputs, strict=True)
            if column.name not in (WEIGHT, IDS, *tables.columns[column.entity])
        ]
        missing = [c.place for c, about in absent if about.computed or about.kind not in _PLAIN]
        if missing:
            raise BadInputError(
                f"the situation does not give {listed(missing)}. The program was compiled for "
                "people who bring what the country would otherwise compute, or has no default for: "
                "give it too, for one of them at least"
            )
        for column, about in absent:
            values = np.full(tables.count(column.entity), about.default, _PLAIN[about.kind])
            held, vocabulary = encode(values, column.place)
            tables.columns[column.entity][column.name] = held
            tables.origin[column.entity, column.name] = "default"
            if vocabulary is not None:
                tables.vocabularies[column.entity, column.name] = vocabulary
        for column in self.columns:
            if column.name not in (WEIGHT, IDS) and column.vocabulary is None:
                held = tables.columns[column.entity]
                held[column.name] = _of_kind(held[column.name], column)
        return tables

    def _name_as_compiled(self, tables: Tables) -> None:
        """Give columns the names that the program knows them by: those of one variable have
        several."""
        own = {(c.entity, c.variable, c.period): c.name for c in self.columns}
        for entity, held in tables.columns.items():
            said = {name: dated(name)[0] for name in held}
            variables = self.names.variables(set(said.values()))
            for name in list(held):
                period = dated(name)[1]
                other = own.get((entity, variables[said[name]], period))
                if other is not None and other != name:
                    held[other] = held.pop(name)
                    tables.origin[entity, other] = tables.origin.pop((entity, name))
                    if (entity, name) in tables.vocabularies:
                        words = tables.vocabularies.pop((entity, name))
                        tables.vocabularies[entity, other] = words


_DTYPES = {"i": np.int32, "u": np.int32, "b": np.bool_}


def _of_kind(values: np.ndarray, column: Column) -> np.ndarray:
    """Numbers of the kind for which a program was compiled: its people may have whole ones where
    the country would take any.

    Raises:
        BadInputError: a number that is not of that kind.
    """
    if column.kind not in _DTYPES or values.dtype.kind == column.kind:
        return values
    whole = values.astype(_DTYPES[column.kind])
    wrong = whole != values
    if wrong.any():
        raise BadInputError(
            f"{column.place} is {values[wrong][0]:g}, and the program was compiled for people with "
            f"{'truth values' if column.kind == 'b' else 'whole numbers'} there. Give such a one, "
            "or compile it for people with others"
        )
    return whole
