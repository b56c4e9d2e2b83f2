"""Cases of a country as populations of yearly columns, for programs as `compile` makes them.

Whether a program of such columns can be asked what a case asks is `not_expressible`.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pejax import Population
from pejax.conform import Case
from pejax.conform._people import arithmetic
from pejax.engine import System


@dataclasses.dataclass(frozen=True)
class Expected:
    """One value that a case asks for: of one row, or of all."""

    variable: str
    row: str | None
    value: Any


@dataclasses.dataclass
class People:
    """Who is in a case.

    Attributes:
        ids: names of the rows, by entity.
        members: each person's row, by group.
        values: by entity and variable, the value of each row that has one.
    """

    ids: dict[str, list[str]]
    members: dict[str, list[int]]
    values: dict[str, dict[str, dict[int, Any]]]


class NotExpressible(Exception):
    """A case that no program of yearly columns can be asked."""


def not_expressible(case: Case) -> str | None:
    """Why a program of yearly columns cannot be asked this case, or None."""
    if case.problem:
        return case.problem
    if not re.fullmatch(r"\d{4}", case.period):
        month = re.fullmatch(r"\d{4}-\d{2}", case.period)
        return "monthly period" if month else f"period of another form: {case.period}"
    dates = {str(d) for d in _dates([case.given, case.expected])} - {case.period}
    if any(re.fullmatch(r"\d{4}-\d{2}", d) for d in dates):
        return "monthly input or output"
    if dates:
        return "values of several years"
    if "axes" in case.given:
        return "axes"
    return None


def _dates(written: Any) -> Iterator[Any]:
    """Every key that is a date, at any depth."""
    if isinstance(written, Mapping):
        for key, value in written.items():
            if isinstance(key, int) or re.match(r"(\w+:)?\d{4}(-\d{2})*(:\d+)?$", str(key)):
                yield key
            yield from _dates(value)
    elif isinstance(written, list):
        for value in written:
            yield from _dates(value)


# ---- people


def people_of(case: Case, entities: Mapping[str, str], entity_of: Mapping[str, str]) -> People:
    """Who is in a case, and what they say.

    Args:
        case: to be read.
        entities: plural by entity, the persons first.
        entity_of: entity by variable.
    """
    given = _in_plural(case.given, entities)
    if any(plural in given for plural in entities.values()):
        return _by_entity(given, entities, case.period)
    return _flat(given, entities, entity_of, case.period)


def _in_plural(given: Mapping[str, Any], entities: Mapping[str, str]) -> Mapping[str, Any]:
    """One entity of a kind, written by its singular, is one of that name."""
    if not any(entity in given for entity in entities):
        return given
    plural = {k: v for k, v in given.items() if k in entities.values()}
    return plural | {entities[k]: {k: v} for k, v in given.items() if k in entities}


def _by_entity(given: Mapping[str, Any], entities: Mapping[str, str], period: str) -> People:
    person, *groups = entities
    persons = given.get(entities[person])
    if not persons:
        raise NotExpressible("no persons")
    people = People({person: [str(k) for k in persons]}, {}, {e: {} for e in entities})
    for row, said in enumerate(persons.values()):
        _note(people, person, row, said or {}, period)
    for group in groups:
        _read_group(people, group, given.get(entities[group]), person, period)
    return people


def _read_group(people: People, group: str, written: Any, person: str, period: str) -> None:
    """A group's members and values; nobody named is a group of all, one not named stands alone."""
    persons = people.ids[person]
    if written is None:
        people.ids[group], people.members[group] = [group], [0] * len(persons)
        return
    ids, of = [str(k) for k in written], {}
    for row, entry in enumerate(written.values()):
        said = dict(entry or {})
        named = said.pop("members", [])
        for member in named if isinstance(named, list) else [named]:
            if str(member) not in persons or str(member) in of:
                raise NotExpressible(f"{member} is in no {group}, or in two")
            of[str(member)] = row
        _note(people, group, row, said, period)
    for alone in persons:
        if alone not in of:
            of[alone] = len(ids)
            ids.append(alone)
    people.ids[group], people.members[group] = ids, [of[p] for p in persons]


def _note(people: People, entity: str, row: int, said: Mapping[str, Any], period: str) -> None:
    for name, dated in said.items():
        value = _of_period(dated, period)
        if value is not None:
            people.values[entity].setdefault(name, {})[row] = value


def _of_period(value: Any, period: str) -> Any:
    if not isinstance(value, Mapping):
        return value
    found = {str(k): v for k, v in value.items()}
    if set(found) != {period}:
        raise NotExpressible("values of several periods")
    return found[period]


def _flat(
    given: Mapping[str, Any],
    entities: Mapping[str, str],
    entity_of: Mapping[str, str],
    period: str,
) -> People:
    """Variables without entities: every person is alone in every group."""
    said = {name: _of_period(value, period) for name, value in given.items()}
    first = next(iter(said.values()), None)
    count = len(first) if isinstance(first, list) else 1
    _, *groups = entities
    rows = [str(i) for i in range(count)]
    people = People(dict.fromkeys(entities, rows), {}, {e: {} for e in entities})
    people.members = {group: list(range(count)) for group in groups}
    for name, value in said.items():
        values = value if isinstance(value, list) else [value]
        if name not in entity_of:
            raise NotExpressible(f"no variable {name!r}")
        if len(values) != count:
            raise NotExpressible(f"{name} has {len(values)} values for {count} persons")
        people.values[entity_of[name]][name] = dict(enumerate(values))
    return people


def population_of(people: People, system: System) -> Population:
    """A case's people as pejax's users write them."""
    import pandas as pd

    person = system.person
    frames = {}
    for entity, ids in people.ids.items():
        table: dict[str, Any] = {f"{entity}_id": np.arange(len(ids))}
        if entity == person:
            table |= {f"{group}_id": rows for group, rows in people.members.items()}
        for name, said in people.values[entity].items():
            table[name] = column_of(name, said, len(ids), entity, system)
        frames[entity] = pd.DataFrame(table)
    return Population.from_frames(frames, weights=None, person=person)


def column_of(
    name: str, said: Mapping[int, Any], rows: int, entity: str, system: System
) -> list[Any]:
    """A column of a variable: what was said, else its default."""
    variable = system.variable(name)
    if variable.entity != entity:
        raise NotExpressible(f"{name} is on {variable.entity}, not on {entity}")
    default = variable.default.name if variable.kind == "enum" else variable.default
    cast = {"float": _number, "int": lambda v: math.trunc(_number(v)), "bool": _truth}
    read = cast.get(variable.kind, lambda v: v if isinstance(v, str) else str(v))
    return [read(said[row]) if row in said else default for row in range(rows)]


def _number(value: Any) -> float:
    return float(arithmetic(value) if isinstance(value, str) else value)


def _truth(value: Any) -> bool:
    return bool(arithmetic(value) if isinstance(value, str) else value)


# ---- outputs


def expected_of(case: Case, entities: Mapping[str, str], variables: Any) -> list[Expected]:
    """Every value that a case asks for."""
    found: list[Expected] = []

    def ask(variable: str, value: Any, row: str | None = None) -> None:
        found.append(Expected(variable, row, _of_period(value, case.period)))

    for key, value in case.expected.items():
        if key in variables:
            ask(key, value)
        elif key in entities:
            for variable, one in value.items():
                ask(variable, one)
        elif key in entities.values():
            for row, said in value.items():
                for variable, one in said.items():
                    ask(variable, one, f"{key}/{row}")
        else:
            raise NotExpressible(f"no variable {key!r}")
    return found


def row_of(expected: Expected, people: People, entities: Mapping[str, str]) -> int | None:
    """The row that is asked for, or None for all."""
    if expected.row is None:
        return None
    plural, _, name = expected.row.partition("/")
    entity = next(e for e, p in entities.items() if p == plural)
    return people.ids[entity].index(name)
