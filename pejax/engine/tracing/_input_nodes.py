"""The nodes by which rules read a population: columns by variable and period, links by group."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...core._validate import BadInputError
from .._inputs import PARTS, Column
from ..graph._ir import Graph
from ..rules import _calendar
from ..rules._system import System, Variable
from ._array import Traced
from ._groups import Links
from ._names import names_of

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


def input_values(
    graph: Graph, system: System, columns: tuple[Column, ...], period: Any
) -> dict[tuple[str, Any], Traced]:
    """Traced inputs by (variable, period) for every column."""
    values: dict[tuple[str, Any], Traced] = {}
    for column in columns:
        variable = system.variable(column.variable)
        values.update(_dated(system, variable, _traced_column(graph, variable, column), period))
    for (name, _), value in values.items():
        value.owner = name
    return values


def _traced_column(graph: Graph, variable: Variable, column: Column) -> Traced:
    rows = graph.sizes[column.entity]
    node = graph.input(column.key, np.ones(rows, _SHADOW[column.kind]))
    if variable.kind == "enum":
        if column.kind == "f":
            raise BadInputError(
                f"column {column.place} holds fractions, but it is a category: give its names"
            )
        return Traced(graph.astype(node, np.int16), variable.vocabulary)
    if variable.kind == "str":
        if column.vocabulary is None:
            raise BadInputError(f"column {column.place} holds numbers, but it is a text variable")
        return Traced(node, column.vocabulary)
    if column.vocabulary is not None:
        few = ", ".join(map(repr, column.vocabulary[:3]))
        raise BadInputError(
            f"column {column.place} holds texts ({few}), but it is a number ({variable.kind}). "
            "Convert it, for instance with pandas.to_numeric"
        )
    return Traced(graph.astype(node, variable.dtype))


def _dated(
    system: System, variable: Variable, value: Traced, period: Any
) -> dict[tuple[str, Any], Traced]:
    if variable.period == _calendar.ETERNITY:
        return {(variable.name, system.period("ETERNITY")): value}
    if variable.period == _calendar.MONTH:
        monthly = value if variable.stock or variable.kind != "float" else value / 12
        return {(variable.name, m): monthly for m in period.get_subperiods(_calendar.MONTH)}
    return {(variable.name, period): value}
