"""Which populations a program takes: one named check a reason, each ending with the fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._population import Population
from .._validate import BadInputError
from ._parameters import ParameterIndex, Parameters
from .tracing._inputs import NUMBERS, Column, columns_of, recoded


def accepted(
    population: Population,
    columns: tuple[Column, ...],
    known: frozenset[str],
    entities: Iterable[str],
) -> Population:
    """The population as a program codes it, if it has what the program needs.

    **Arguments:** `columns`, those that the program reads; `known`, every variable it reaches;
    `entities`, those of its rules.

    **Raises:** `BadInputError` naming the group or column that is missing or not understood.
    """
    fail_if_groups_missing(population, entities)
    given = {c.key: c for c in columns_of(population)}
    for column in columns:
        _fail_if_missing(column, given)
        _fail_if_another_type(column, given[column.key])
    _fail_if_ignored(columns, known, given)
    return recoded(population, columns)


def fail_if_groups_missing(population: Population, entities: Iterable[str]) -> None:
    """Every entity of the rules has rows."""
    missing = [e for e in entities if e not in population.schema.entities]
    if missing:
        raise BadInputError(
            f"the rules need a {missing[0]} for every person, but the population has only "
            f"{', '.join(population.schema.entities)}. Add {missing[0]}_id to the person table"
        )


def fail_if_other_parameters(parameters: Any, index: ParameterIndex) -> None:
    """Parameters are those of the program itself, or a reform of them."""
    if not isinstance(parameters, Parameters):
        raise BadInputError(
            f"parameters of type {type(parameters).__name__}: call program(parameters, population) "
            "with program.parameters or program.parameters.with_reform({...})"
        )
    if parameters.index != index:
        raise BadInputError(
            "these parameters belong to another program: use program.parameters and its reforms"
        )


def _fail_if_missing(column: Column, given: Mapping[str, Column]) -> None:
    if column.key not in given:
        raise BadInputError(
            f"the program was compiled for a column {column.name!r} on {column.entity}, "
            "which this population has not. Add it, or compile for this population"
        )


def _fail_if_another_type(column: Column, found: Column) -> None:
    same = found.kind == column.kind or (column.kind == "f" and found.kind in NUMBERS)
    if not same or (found.vocabulary is None) != (column.vocabulary is None):
        raise BadInputError(
            f"column {column.key} has another type than the program was compiled for. "
            "Convert it, or compile for this population"
        )


def _fail_if_ignored(
    columns: tuple[Column, ...], known: frozenset[str], given: Mapping[str, Column]
) -> None:
    mine = {c.key for c in columns}
    ignored = [c for key, c in given.items() if key not in mine and c.name in known]
    if ignored:
        raise BadInputError(
            f"column {ignored[0].key} is a variable that the program computes and would ignore. "
            "Drop it, or compile for this population"
        )
