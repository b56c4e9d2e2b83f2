"""The nodes by which rules read a population: columns by variable and period, links by group."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ...core._validate import BadInputError
from .._inputs import PARTS, Column
from ..graph._ir import Graph
from ..rules import _calendar
from ..rules._roles import role_column
from ..rules._system import System, Variable
from ._array import Traced
from ._groups import Links
from ._names import names_of
from ._speakers import Given

_EXAMPLE = {_calendar.MONTH: "2025-01", _calendar.YEAR: "2025"}
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
"""A year outside can only be a slip: 99 is not 1999."""

_SHADOW = {"f": np.float32, "i": np.int32, "u": np.int32, "b": np.bool_}


def with_all_names(system: System, column: Column) -> Column:
    """The column as a program of `system` asks for it: that of an enum with all its names."""
    variable = system.variable(column.variable)
    if column.vocabulary is None or variable.kind != "enum":
        return column
    return dataclasses.replace(column, vocabulary=tuple(names_of(variable.vocabulary)))


def link_nodes(graph: Graph, system: System) -> dict[str, Links]:
    """Input nodes for the structure of every group."""
    persons = graph.sizes[system.person]
    links = {}
    for group in system.groups:
        rows = graph.sizes[group]
        shadows = {
            "group": np.arange(persons, dtype=np.int32) % rows,
            "position": np.zeros(persons, np.int32),
            "first": np.arange(rows, dtype=np.int32) % persons,
            "size": np.ones(rows, np.int64),
        }
        links[group] = Links(*(graph.input(f"{group}.{p}", shadows[p]) for p in PARTS))
    return links


def period_of(system: System, text: str, said: str = "period") -> Any:
    """A year, from January or another month on, a month, or all time.

    Args:
        said: what it is the period of, for the message.

    Raises:
        BadInputError: another text, several years or months, and years that can only be slips.
    """
    try:
        period = system.period("ETERNITY" if text.lower() == _calendar.ETERNITY else text)
    except ValueError as problem:
        raise BadInputError(
            f"{said}: {text!r} is no period. Give a year, 2025 or 'year:2024-10', a month, "
            "'2025-03', or 'eternity'"
        ) from problem
    if period.unit == _calendar.ETERNITY:
        return period
    if period.unit not in (_calendar.MONTH, _calendar.YEAR):
        raise BadInputError(f"{said}: {text!r} is a {period.unit}. Give a year or a month")
    if getattr(period, "size", 1) != 1:
        raise BadInputError(
            f"{said}: {text!r} is of {period.size} {period.unit}s; compile for each of them"
        )
    if not _FIRST_YEAR <= period.start.year <= _LAST_YEAR:
        raise BadInputError(
            f"{said}: the year of {text!r} is outside {_FIRST_YEAR} to {_LAST_YEAR}; write it in "
            "full, such as 2025"
        )
    return period


def given_by_columns(
    graph: Graph, system: System, columns: tuple[Column, ...], period: Any
) -> Given:
    """What the columns of a population give: inputs by variable and period.

    Months come before years, of which they leave a rest for the months that are not given.

    Raises:
        BadInputError: a column of a period that its variable does not have, and two of one.
    """
    values: dict[tuple[str, Any], Traced] = {}
    for column, spans in in_order_of_length(system, columns, period):
        variable = system.variable(column.variable)
        value = _traced_column(graph, variable, column)
        new = {k: v for span in spans for k, v in _of(column, variable, value, span, values)}
        if not new:
            raise BadInputError(
                f"column {column.place}: the values of {variable.name} for {spans[0]} are given by"
                " other columns. Drop it"
            )
        values.update(new)
    roles = {group: role_column(group) for group in system.with_roles}
    said = {name: value.node for (name, _), value in values.items() if name in roles.values()}
    values = {key: value for key, value in values.items() if key[0] not in said}
    for (name, _), value in values.items():
        value.owner = name
    return Given(
        values,
        tuple(c.said for c in columns if c.said not in said),
        role_of={group: said[name] for group, name in roles.items() if name in said},
    )


def in_order_of_length(
    system: System, columns: Iterable[Column], period: Any
) -> list[tuple[Column, list[Any]]]:
    """The columns with the periods of their values: those of months first, and of a length those
    first whose names say it."""
    units = (_calendar.MONTH, _calendar.YEAR, _calendar.ETERNITY)
    found = _periods(system, columns, period)
    return sorted(found, key=lambda c: (units.index(c[1][0].unit), c[0].period == ""))


def _periods(
    system: System, columns: Iterable[Column], period: Any
) -> Iterator[tuple[Column, list[Any]]]:
    """Each column with the periods of its values: that in its name, or else the program's, or the
    years around it where the variable is yearly."""
    for column in columns:
        unit = system.variable(column.variable).period
        if unit == _calendar.ETERNITY:
            yield column, [system.period("ETERNITY")]
        elif column.period:
            yield column, [period_of(system, column.period, f"column {column.place}")]
        elif unit == _calendar.YEAR and period.unit == _calendar.MONTH:
            yield column, [period.this_year]
        elif unit == _calendar.YEAR and period.unit == _calendar.YEAR:
            months = period.get_subperiods(_calendar.MONTH)
            yield column, list(dict.fromkeys([period, *(m.this_year for m in months)]))
        else:
            yield column, [period]


def _traced_column(graph: Graph, variable: Variable, column: Column) -> Traced:
    rows = graph.sizes[column.entity]
    node = graph.input(column.key, np.ones(rows, _SHADOW[column.kind]))
    if variable.kind == "enum":
        if column.kind == "f":
            raise BadInputError(
                f"column {column.place} holds fractions, but it is a category: give its names"
            )
        return Traced(graph.astype(node, np.int16), variable.vocabulary)
    if variable.kind in ("str", "date"):
        what = "a date" if variable.kind == "date" else "a text"
        if column.vocabulary is None:
            raise BadInputError(f"column {column.place} holds numbers, but it is {what} variable")
        if variable.kind == "date":
            _fail_unless_dates(column)
        return Traced(node, column.vocabulary)
    if column.vocabulary is not None:
        few = ", ".join(map(repr, column.vocabulary[:3]))
        raise BadInputError(
            f"column {column.place} holds texts ({few}), but it is a number ({variable.kind}). "
            "Convert it, for instance with pandas.to_numeric"
        )
    return Traced(graph.astype(node, variable.dtype))


def _fail_unless_dates(column: Column) -> None:
    for text in column.vocabulary or ():
        try:
            datetime.date.fromisoformat(text)
        except ValueError as problem:
            raise BadInputError(
                f"column {column.place} holds {text!r}, which is no date. Write 1985-07-31"
            ) from problem


def _of(
    column: Column,
    variable: Variable,
    value: Traced,
    period: Any,
    given: Mapping[tuple[str, Any], Traced],
) -> Iterable[tuple[tuple[str, Any], Traced]]:
    """The inputs that a column adds to those that are given: of a period, or of the months of a
    year."""
    name, unit = variable.name, variable.period
    if unit == _calendar.MONTH and period.unit == _calendar.YEAR:
        months = [(name, month) for month in period.get_subperiods(_calendar.MONTH)]
        spread = _held if variable.stock or variable.kind != "float" else _shared
        return spread(value, months, given).items()
    if period.unit != unit:
        raise BadInputError(
            f"column {column.place} is of {period}, but {name} has values by {unit}. Give one for "
            f"each {unit}, such as {name}[{_EXAMPLE[unit]}]"
        )
    return () if (name, period) in given else [((name, period), value)]


def _held(
    value: Traced, months: list[tuple[str, Any]], given: Mapping[tuple[str, Any], Traced]
) -> dict[tuple[str, Any], Traced]:
    """The value of a year in every month of it, up to one that is given: that goes on from there,
    as the source engine has it."""
    found = {}
    for month in months:
        value = given.get(month, value)
        if month not in given:
            found[month] = value
    return found


def _shared(
    value: Traced, months: list[tuple[str, Any]], given: Mapping[tuple[str, Any], Traced]
) -> dict[tuple[str, Any], Traced]:
    """An amount of a year in equal parts, less what is given for some of its months."""
    left = [month for month in months if month not in given]
    for month in months:
        value = value - given[month] if month in given else value
    share = value / len(left) if left else value
    return dict.fromkeys(left, share)
