"""Who is in a case, and what is given of them: rows, links, and values by variable and period.

As the field's own builder reads a test: a variable that one row has is the default in the others, a
group that is not written holds everybody, and who is in no written group stands alone in one.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core._validate import BadInputError
from ..engine.rules import _calendar
from ..engine.rules._system import System, Variable
from ._axes import along, cells_of, repeated
from ._cases import Case

Key = tuple[str, Any]

_DAY = "day"
_ALL_TIME = "ETERNITY"
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclasses.dataclass
class CasePeople:
    """Who is in a case.

    Attributes:
        names: of the rows, by entity.
        group_of: each person's row, by group.
        role_of: the number of each person's role, by group.
        written: rows that the case itself names, by group; who is in none stands in one after them.
        given: by variable and period, a value a row of the variable's entity.
    """

    names: dict[str, list[str]]
    group_of: dict[str, list[int]]
    given: dict[Key, list[Any]]
    written: dict[str, int] = dataclasses.field(default_factory=dict)
    role_of: dict[str, list[int]] = dataclasses.field(default_factory=dict)


class Reader:
    """Reads cases of one country.

    Args:
        system: its rules.
        entities: plural by entity, the persons first.
        ends: the last day of variables that have one.
    """

    def __init__(
        self, system: System, entities: Mapping[str, str], ends: Mapping[str, str] | None = None
    ) -> None:
        self.system, self.entities = system, dict(entities)
        self.ends = ends or {}
        self._periods: dict[str, Any] = {}
        self._computed: dict[Key, bool] = {}

    def people(self, case: Case) -> CasePeople:
        """Who is in a case.

        Raises:
            BadInputError: what no simulation of the country could be built from.
        """
        given = self._in_plural(case.given)
        people = CasePeople({}, {}, {})
        said = _Said(self, people, case.period)
        if any(plural in given for plural in self.entities.values()):
            self._by_entity(given, people, said)
        else:
            self._flat(given, people, said)
        people.given = said.stored()
        return people

    def period(self, text: str) -> Any:
        """A period, each text read once."""
        if text not in self._periods:
            try:
                self._periods[text] = self.system.period(text)
            except (ValueError, TypeError) as problem:
                raise BadInputError(f"period {text!r}: {problem}") from problem
        return self._periods[text]

    def is_computed(self, key: Key) -> bool:
        """Whether the rules have a formula for a variable in a period."""
        if key not in self._computed:
            variable = self.system.variable(key[0])
            parts = variable.adds or variable.subtracts
            self._computed[key] = bool(parts) or variable.formula(key[1]) is not None
        return self._computed[key]

    def _in_plural(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """One entity of a kind, written by its singular, is one of that name."""
        if not any(entity in given for entity in self.entities):
            return given
        plural = {k: v for k, v in given.items() if k in self.entities.values()}
        return plural | {self.entities[k]: {k: v} for k, v in given.items() if k in self.entities}

    def _by_entity(self, given: Mapping[str, Any], people: CasePeople, said: _Said) -> None:
        person, *groups = self.entities
        for key in given:
            if key not in self.entities.values() and key != "axes":
                raise BadInputError(f"input {key!r} is no entity of the country")
        persons = given.get(self.entities[person])
        if not persons:
            raise BadInputError("no persons")
        people.names[person] = [str(name) for name in persons]
        for row, about in enumerate(persons.values()):
            said.note(person, row, about or {})
        for group in groups:
            self._group(people, group, given.get(self.entities[group]), said)
        if given.get("axes"):
            said.run_along(given["axes"])

    def _group(self, people: CasePeople, group: str, written: Any, said: _Said) -> None:
        persons = people.names[next(iter(self.entities))]
        if written is None:
            people.names[group], people.group_of[group] = [group], [0] * len(persons)
            people.role_of[group] = [0] * len(persons)
            return
        names, of, role = [str(name) for name in written], {}, {}
        people.names[group], people.written[group] = names, len(names)
        for row, entry in enumerate(written.values()):
            about = dict(entry or {})
            for member, number in self._members(about, group):
                if member not in persons or member in of:
                    raise BadInputError(f"{member!r} is no person, or in two of {group}")
                of[member], role[member] = row, number
            said.note(group, row, about)
        for alone in persons:
            if alone not in of:
                of[alone] = len(names)
                names.append(alone)
        people.group_of[group] = [of[name] for name in persons]
        people.role_of[group] = [role.get(name, 0) for name in persons]

    def _members(self, about: dict[str, Any], group: str) -> list[tuple[str, int]]:
        """Members with the numbers of their roles; of a role with others within, one each."""
        roles = getattr(self.system.entities.get(group), "roles", None) or ()
        named = [(getattr(r, "plural", None) or r.key, len(r.subroles or (r,))) for r in roles]
        found: list[tuple[str, int]] = []
        first = 0
        for name, within in named or [("members", 1)]:
            listed = about.pop(name, [])
            members = [listed] if isinstance(listed, str | int) else listed
            if within > 1 and len(members) > within:
                raise BadInputError(f"{name} of a {group} are {len(members)}, at most {within}")
            found += [(str(m), first + (k if within > 1 else 0)) for k, m in enumerate(members)]
            first += within
        return found

    def _flat(self, given: Mapping[str, Any], people: CasePeople, said: _Said) -> None:
        """Variables without entities: every person is alone in every group."""
        first: Any = next(iter(given.values()), None)
        while isinstance(first, Mapping):
            first = next(iter(first.values()), None)
        count = len(first) if isinstance(first, list) else 1
        _, *groups = self.entities
        rows = [str(row) for row in range(count)]
        people.names.update(dict.fromkeys(self.entities, rows))
        people.group_of.update({group: list(range(count)) for group in groups})
        people.role_of.update({group: [0] * count for group in groups})
        for name, value in given.items():
            entity = self.system.variable(name).entity
            for when, one in _by_period(value):
                values = one if isinstance(one, list) else [one] * count
                if len(values) != count:
                    raise BadInputError(f"{name} has {len(values)} values for {count} persons")
                for row, single in enumerate(values):
                    said.note(entity, row, {name: {when: single} if when else single})


class _Said:
    """What a case says of its rows, gathered and then stored as a simulation stores it."""

    def __init__(self, reader: Reader, people: CasePeople, period: str) -> None:
        self.reader, self.people, self.period = reader, people, period
        self.values: dict[tuple[str, str], dict[int, Any]] = {}

    def note(self, entity: str, row: int, about: Mapping[str, Any]) -> None:
        """Keep what is said of a row; null says nothing."""
        for name, dated in about.items():
            variable = self.reader.system.variable(str(name))
            if variable.entity != entity:
                raise BadInputError(f"{name} is of the {variable.entity}, not of the {entity}")
            for when, value in _by_period(dated):
                if value is not None:
                    held = self.values.setdefault((str(name), when or self.period), {})
                    held[row] = read(variable, value)

    def run_along(self, axes: Any) -> None:
        """Repeat the case, and let variables run along axes."""
        whole = repeated(self.people, cells_of(axes))
        variable = self.reader.system.variable
        rows = {entity: len(names) for entity, names in self.people.names.items()}
        said = along(axes, self.values, self.period, lambda name: rows[variable(name).entity])
        self.values = {
            (name, when): {row: read(variable(name), value) for row, value in of.items()}
            for (name, when), of in said.items()
        }
        vars(self.people).update(vars(whole))

    def stored(self) -> dict[Key, list[Any]]:
        """The values by variable and period: months first, of which a year leaves a rest."""
        found: dict[Key, list[Any]] = {}
        of_periods = [(self.reader.period(w), n, said) for (n, w), said in self.values.items()]
        for period, name, said in sorted(of_periods, key=lambda one: _length(one[0])):
            if str(period.start) <= self.reader.ends.get(name, "9999"):
                self._store(found, self.reader.system.variable(name), period, said)
        return found

    def _store(
        self, found: dict[Key, list[Any]], variable: Variable, period: Any, said: dict[int, Any]
    ) -> None:
        values = self._of_all(variable, said)
        name, unit = variable.name, variable.period
        if unit == _calendar.ETERNITY:
            found[name, self.reader.period(_ALL_TIME)] = values
        elif unit == _calendar.MONTH and period.unit == _calendar.YEAR:
            months = [(name, month) for month in period.get_subperiods(_calendar.MONTH)]
            spread = _held if variable.stock or variable.kind != "float" else _shared
            found.update(spread(values, months, found))
        elif unit == _calendar.YEAR and _begins_a_month(period):
            # The field stores it for the year that begins then.
            found.setdefault((name, self.reader.period(f"year:{str(period.start)[:7]}")), values)
        elif unit != period.unit:
            raise BadInputError(f"{name} is given for {period}, and is by {unit}: nobody reads it")
        else:
            found[name, period] = values

    def _of_all(self, variable: Variable, said: Mapping[int, Any]) -> list[Any]:
        """A value a row. What is said of the rows that a case names is said of those after them
        too, over again: so the field's builder fills them."""
        rows = len(self.people.names[variable.entity])
        written = self.people.written.get(variable.entity, rows)
        values = [said.get(row, default_of(variable)) for row in range(written)]
        if not written or rows % written:
            raise BadInputError(
                f"{variable.name} is given for {written} of {rows} rows of {variable.entity}, over"
                " which it cannot be spread"
            )
        return values * (rows // written)


def _begins_a_month(period: Any) -> bool:
    """Whether a period is a month, or the first day of one."""
    day = period.unit == _DAY and str(period.start).endswith("-01")
    return period.unit == _calendar.MONTH or day


def _by_period(dated: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(dated, Mapping):
        yield from ((str(when), value) for when, value in dated.items())
    else:
        yield "", dated


def _length(period: Any) -> tuple[int, int]:
    units = ("day", _calendar.MONTH, _calendar.YEAR, _calendar.ETERNITY)
    size = getattr(period, "size", 1)
    return units.index(period.unit) if period.unit in units else 0, int(min(size, 10**6))


def _held(
    values: list[Any], months: Sequence[Key], found: Mapping[Key, list[Any]]
) -> dict[Key, list[Any]]:
    new = {}
    for month in months:
        values = found.get(month, values)
        new[month] = values
    return new


def _shared(
    values: list[Any], months: Sequence[Key], found: Mapping[Key, list[Any]]
) -> dict[Key, list[Any]]:
    left = [month for month in months if month not in found]
    rest = np.asarray(values, np.float32)
    for month in months:
        if month in found:
            rest = rest - np.asarray(found[month], np.float32)
    return {month: (rest / np.float32(len(left))).tolist() for month in left}


def default_of(variable: Variable) -> Any:
    """A variable's default as a column holds it."""
    return variable.default.name if variable.kind == "enum" else variable.default


def read(variable: Variable, value: Any) -> Any:
    """A value as written, in the type of its variable.

    Raises:
        BadInputError: a value of another kind.
    """
    kind = variable.kind
    try:
        if kind == "enum":
            return _category(variable, value)
        if kind in ("str", "date"):
            return str(value)
        number = arithmetic(value) if isinstance(value, str) else value
        if kind == "bool":
            return bool(number)
        return math.trunc(number) if kind == "int" else float(number)
    except (TypeError, ValueError, SyntaxError, KeyError) as problem:
        raise BadInputError(f"{variable.name} is {value!r}, which is no {kind}") from problem


def _category(variable: Variable, value: Any) -> str:
    names = [member.name for member in variable.vocabulary]
    text = getattr(value, "name", value)
    if text not in names:
        raise ValueError(text)
    return text


def arithmetic(text: str) -> float:
    """The value of a sum such as `12 * 1_500`.

    >>> arithmetic("12 * 1_500 - 1")
    17999
    """

    def value(node: ast.AST) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        if isinstance(node, ast.UnaryOp):
            return _OPERATORS[type(node.op)](value(node.operand))
        if isinstance(node, ast.BinOp):
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        raise ValueError(f"{text!r} is not a sum of numbers")

    return value(ast.parse(text.strip(), mode="eval").body)
