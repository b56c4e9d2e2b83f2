"""Situations, the form in which the field's web services and tests write people, to `Tables`.

A situation is a mapping of entities by their plurals, of their members by name, and of variables:
`{"people": {"you": {"age": {"2025": 40}}}, "households": {"home": {"members": ["you"]}}}`. Axes
vary a variable over copies of everybody.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from .._arguments import as_instance, as_whole, is_whole, number_of, shown
from .._arrays import items_of
from .._types import HostColumn
from .._validate import BadInputError, unknown
from ._encode import encode
from ._situation_roles import fail_if_no_role, members_of
from ._tables import Tables

_AXES, _PEOPLE = "axes", "people"
_MOST_COPIES = 10_000_000
_PARTS = ("name", "count", "min", "max", "index", "period")

UNREAD, COMPUTED = "unread", "computed"
"""Kinds of variables whose values rules without formulas do not need, and may not be given."""


Value: TypeAlias = str | float | int | bool


@runtime_checkable
class Named(Protocol):
    """A category, as a member of a country's enum."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class Described(Protocol):
    """What a situation asks of a country's variable."""

    @property
    def entity(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def default(self) -> object: ...
    @property
    def vocabulary(self) -> Iterable[Named] | None: ...


@runtime_checkable
class Rules(Protocol):
    """What a situation asks of a country: `pejax.engine.System` has it."""

    @property
    def person(self) -> str: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def entities(self) -> Mapping[str, object]: ...
    def variable(self, name: str) -> Described: ...


@runtime_checkable
class Loadable(Protocol):
    """A country that is imported when it is needed: `pejax.engine.Country`."""

    def load(self) -> Rules: ...


@dataclasses.dataclass
class _People:
    """Who is in a situation, and what it says of them.

    Attributes:
        names: of the rows, by entity.
        group_of: each person's row, by group.
        said: by entity and column, the value of each row that has one.
    """

    names: dict[str, list[str]]
    group_of: dict[str, list[int]]
    said: dict[str, dict[str, dict[int, Value]]]


def tables_from_situation(situation: object, given: Rules | Loadable, written: int | str) -> Tables:
    """Read a situation; `Population.from_situation` documents it."""
    period = _as_period(written, "period")
    rules = given.load() if isinstance(given, Loadable) else given
    as_instance(rules, Rules, "rules", "Give a country, engine.import_country(...).")
    if not isinstance(situation, Mapping):
        raise BadInputError(
            f"situation is {shown(situation)}. Give a mapping of entities, {{'people': ...}}."
        )
    plurals = {entity: _plurals(rules, entity) for entity in (rules.person, *rules.groups)}
    entity_of = {plural: entity for entity, names in plurals.items() for plural in names}
    held: dict[str, Mapping[str, object]] = {}
    for key, members in situation.items():
        if key == _AXES:
            continue
        if key not in entity_of:
            raise unknown("entity of a situation", key, [*entity_of, _AXES])
        if entity_of[key] in held:
            raise BadInputError(f"situation has {key!r} by another word too. Write it once.")
        held[entity_of[key]] = _mapping(members, f"situation[{key!r}]", "names of rows")
    people = _people(held, rules, period)
    copies = _read_axes(situation.get(_AXES), people, rules, period)
    return _tables(people, rules, copies)


@dataclasses.dataclass(frozen=True)
class _Weight:
    """The households' weights, for a country that has no variable for them."""

    entity: str
    kind: str = "float"
    default: float = 1.0
    vocabulary: None = None


def _variable(rules: Rules, name: str) -> Described:
    household = _household(rules)
    return _Weight(household) if name == f"{household}_weight" else rules.variable(name)


def _household(rules: Rules) -> str:
    """The group that carries weights: of a country that has no households, the last."""
    return "household" if "household" in rules.groups else rules.groups[-1]


def _plurals(rules: Rules, entity: str) -> tuple[str, ...]:
    """The words for many of an entity: the country's own, or the field's."""
    own = getattr(rules.entities.get(entity), "plural", None) or f"{entity}s"
    return (own, *({_PEOPLE, f"{entity}s"} - {own})) if entity == rules.person else (own,)


def _mapping(given: object, place: str, of: str) -> Mapping[str, object]:
    if not isinstance(given, Mapping):
        raise BadInputError(f"{place} is {shown(given)}. Give a mapping of {of}.")
    return given


# ---- who there is


def _people(written: Mapping[str, Mapping[str, object]], rules: Rules, period: str) -> _People:
    persons = written.get(rules.person) or {}
    if not persons:
        raise BadInputError("the situation has no people. Give at least one: {'people': {...}}.")
    people = _People({}, {}, {entity: {} for entity in (rules.person, *rules.groups)})
    people.names[rules.person] = [str(name) for name in persons]
    for row, (name, about) in enumerate(persons.items()):
        place = f"people {name!r}"
        _note(people, rules, rules.person, row, _mapping(about or {}, place, "variables"), period)
    for group in rules.groups:
        if group in written:
            _read_group(people, rules, group, written[group], period)
        else:
            people.names[group] = [group]
            people.group_of[group] = [0] * len(persons)
    return people


def _read_group(
    people: _People, rules: Rules, group: str, written: Mapping[str, object], period: str
) -> None:
    """Members and variables of every row of a group."""
    persons = {name: row for row, name in enumerate(people.names[rules.person])}
    of: dict[int, int] = {}
    people.names[group] = [str(name) for name in written]
    for row, (name, about) in enumerate(written.items()):
        place = f"{group} {name!r}"
        said = dict(_mapping(about or {}, place, "members and variables"))
        for member, role in members_of(said, rules, group, place):
            if member not in persons:
                raise unknown(f"member of {place}", member, persons)
            if persons[member] in of:
                other = people.names[group][of[persons[member]]]
                raise BadInputError(
                    f"{member!r} is a member of {group} {other!r} and of {place}. Leave one of them"
                )
            of[persons[member]] = row
            if role:
                played = people.said[rules.person].setdefault(f"{group}_role", {})
                played[persons[member]] = role
        fail_if_no_role(said, rules, group, place)
        _note(people, rules, group, row, said, period)
    alone = [name for name, row in persons.items() if row not in of]
    if alone:
        raise BadInputError(
            f"{alone[0]!r} is a member of no {group}. Name every person in one, or leave out all of"
            f" them: then everybody is in one {group}"
        )
    people.group_of[group] = [of[row] for row in persons.values()]


# ---- what is said of them


def _note(
    people: _People, rules: Rules, entity: str, row: int, about: Mapping[str, object], period: str
) -> None:
    """Keep the values of a row, by column; null is no value."""
    for name, dated in about.items():
        place = f"{entity} {people.names[entity][row]!r}, {name}"
        variable = _variable(rules, str(name))
        if variable.entity != entity:
            raise BadInputError(
                f"{place}: a variable of the {variable.entity}. Move it to one of those"
            )
        for when, value in _by_period(dated, period):
            if value is not None and variable.kind != UNREAD:
                _fail_if_computed(variable, place)
                column = column_name(str(name), when, period)
                held = people.said[entity].setdefault(column, {})
                if row in held:
                    raise BadInputError(f"{place} is given twice for {when}. Leave one of them.")
                held[row] = read_value(variable, value, place)


def _fail_if_computed(variable: Described, place: str) -> None:
    if variable.kind == COMPUTED:
        raise BadInputError(
            f"{place}: the program computes it, and was not compiled for people who give it. Leave"
            " it out, or write null"
        )


def _as_period(given: object, place: str) -> str:
    """A period as a text: a year may be a number."""
    if not (is_whole(given) or (isinstance(given, str) and given)):
        raise BadInputError(f"{place} is {shown(given)}. Give a period, 2025 or '2025-01'.")
    return str(given)


def _by_period(dated: object, period: str) -> Iterator[tuple[str, object]]:
    if isinstance(dated, Mapping):
        yield from ((_as_period(w, "a period of a value"), value) for w, value in dated.items())
    else:
        yield period, dated


def column_name(variable: str, when: str, period: str) -> str:
    """The column of a variable's values of some period; those of the situation's own have none.

    >>> column_name("rent", "2025-01", "2025"), column_name("rent", "2025", "2025")
    ('rent[2025-01]', 'rent')
    """
    return variable if when == period else f"{variable}[{when}]"


def read_value(variable: Described, value: object, place: str) -> Value:
    """A value as a column of the variable holds it.

    Raises:
        BadInputError: naming the place, for a value of another kind.
    """
    kind = variable.kind
    if kind in ("enum", "str"):
        names = [member.name for member in variable.vocabulary or ()]
        text = getattr(value, "name", value)
        if not isinstance(text, str):
            raise BadInputError(f"{place} is {shown(value)}. Give a text.")
        if kind == "enum" and text not in names:
            raise unknown(f"value of {place}", text, names)
        return text
    number = float(value) if isinstance(value, bool | np.bool_) else number_of(value)
    if number is None or not math.isfinite(number):
        raise BadInputError(f"{place} is {shown(value)}. Give a number ({kind}), or null.")
    if kind == "bool" and number not in (0, 1):
        raise BadInputError(f"{place} is {shown(value)}. Give true or false.")
    if kind == "int" and (number != int(number) or abs(number) > np.iinfo(np.int32).max):
        raise BadInputError(f"{place} is {shown(value)}. Give a whole number of 32 bits.")
    return {"bool": bool, "int": int}.get(kind, float)(number)


# ---- axes


@dataclasses.dataclass(frozen=True)
class _Axis:
    """One variable that varies: of one row of its entity, over copies of everybody."""

    entity: str
    column: str
    row: int
    values: HostColumn


def _read_axes(given: object, people: _People, rules: Rules, period: str) -> list[_Axis]:
    """The axes, each with a value a copy; axes of one list vary together, lists by each other."""
    fix = "Give a list of axes, or of lists of axes that vary together."
    if given is None:
        return []
    lists = items_of(given, f"axes is {shown(given)}. {fix}")
    groups = [
        [one] if isinstance(one, Mapping) else items_of(one, f"an axis is {shown(one)}. {fix}")
        for one in lists
    ]
    if not all(groups) or not groups:
        raise BadInputError(f"axes is {shown(given)}. {fix}")
    counts = [_count(group[0]) for group in groups]
    if math.prod(counts) > _MOST_COPIES:
        raise BadInputError(
            f"the axes make {math.prod(counts):,} copies of everybody. Make at most"
            f" {_MOST_COPIES:,}."
        )
    steps = np.meshgrid(*(np.arange(count) for count in counts))
    found: list[_Axis] = []
    for axes, count, step in zip(groups, counts, steps, strict=True):
        for axis in axes:
            found.append(_read_axis(axis, people, rules, period, count, step.ravel()))
    return found


def _count(axis: object) -> int:
    about = _mapping(axis, "an axis", "name, count, min and max")
    count = as_whole("count of an axis")(about.get("count"))
    if not 1 <= count <= _MOST_COPIES:
        raise BadInputError(f"count of an axis is {count}. Give 1 to {_MOST_COPIES:,}.")
    return count


def _read_axis(
    axis: object, people: _People, rules: Rules, period: str, count: int, step: np.ndarray
) -> _Axis:
    about = _mapping(axis, "an axis", "name, count, min and max")
    for part in about:
        if part not in _PARTS:
            raise unknown("part of an axis", part, _PARTS)
    name = str(about.get("name"))
    variable = _variable(rules, name)
    if _count(axis) != count:
        raise BadInputError(f"axis {name}: count is {about['count']}, that of its list {count}")
    _fail_if_computed(variable, f"axis {name}")
    if variable.kind not in ("float", "int"):
        what = "read by no output" if variable.kind == UNREAD else f"a {variable.kind}"
        raise BadInputError(f"axis {name}: {what}. Axes vary numbers")
    ends = (read_value(variable, about.get(end), f"axis {name}, {end}") for end in _PARTS[2:4])
    low, high = map(float, ends)
    row = as_whole(f"index of axis {name}")(about.get("index", 0))
    rows = len(people.names[variable.entity])
    if not 0 <= row < rows:
        raise BadInputError(f"axis {name}: index is {row}, of {rows} rows of {variable.entity}")
    own = about.get("period")
    when = period if own is None else _as_period(own, f"period of axis {name}")
    column = column_name(name, when, period)
    values = low + step * (high - low) / max(count - 1, 1)
    if variable.kind == "int" and (values != np.floor(values)).any():
        raise BadInputError(
            f"axis {name}: {count} steps from {low:g} to {high:g} are no whole numbers. Give"
            " another count"
        )
    return _Axis(variable.entity, column, row, values)


# ---- tables


def _tables(people: _People, rules: Rules, axes: list[_Axis]) -> Tables:
    copies = len(axes[0].values) if axes else 1
    household = _household(rules)
    entities = (rules.person, *rules.groups)
    rows = {entity: len(people.names[entity]) for entity in entities}
    groups = (household, *(g for g in rules.groups if g != household))
    tables = Tables(
        person=rules.person,
        household=household,
        groups=groups,
        columns={entity: {} for entity in entities},
        links={g: _copied_link(people.group_of[g], rows[g], copies) for g in groups},
        ids={entity: np.arange(rows[entity] * copies, dtype=np.int32) for entity in entities},
        weights=np.ones(rows[household] * copies),
        weight_name=f"{household}_weight",
    )
    for axis in axes:
        people.said[axis.entity].setdefault(axis.column, {})
    for entity in entities:
        for column, said in people.said[entity].items():
            own = [a for a in axes if (a.entity, a.column) == (entity, column)]
            values = _values(rules, column, said, rows[entity], copies, own)
            _place(tables, entity, column, values)
    return tables


def _copied_link(of: list[int], rows: int, copies: int) -> np.ndarray:
    """Everybody's group in every copy."""
    return (np.arange(copies)[:, None] * rows + np.asarray(of)).ravel()


def _values(
    rules: Rules, column: str, said: Mapping[int, Value], rows: int, copies: int, axes: list[_Axis]
) -> HostColumn:
    """A column in every copy: what was said, else the country's default; axes vary it."""
    variable = _variable(rules, column.partition("[")[0])
    default = variable.default
    default = getattr(default, "name", default) if variable.kind == "enum" else default
    one = [said.get(row, default) for row in range(rows)]
    values = np.tile(np.asarray(one, object), copies).reshape(copies, rows)
    for axis in axes:
        values[:, axis.row] = axis.values
    plain = {"float": float, "int": int, "bool": bool}.get(variable.kind, object)
    return values.ravel().astype(plain)


def _place(tables: Tables, entity: str, column: str, values: HostColumn) -> None:
    """Keep a column, coded; the weights are one."""
    if (entity, column) == (tables.household, tables.weight_name):
        tables.weights = values.astype(float)
        return
    coded, vocabulary = encode(values, f"{entity} column {column!r}")
    tables.columns[entity][column] = coded
    tables.origin[entity, column] = "given"
    if vocabulary is not None:
        tables.vocabularies[entity, column] = vocabulary
