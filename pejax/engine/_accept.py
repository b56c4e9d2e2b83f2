"""Which populations a program takes: one named check a reason, each ending with the fix."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from ..core._arguments import as_instance
from ..core._transforms import is_tracer
from ..core._validate import BadInputError
from ..core.population._population import Population
from ._inputs import IDS, NUMBERS, Column, columns_of, id_columns, recoded, weight_column
from ._parameters import ParameterIndex, Parameters
from .rules._names import Names
from .running._remember import remembered


def accepted(
    population: Population,
    columns: tuple[Column, ...],
    known: frozenset[str],
    entities: Iterable[str],
    names: Names,
    extra: Collection[str] = (),
) -> Population:
    """The population as a program codes it, if it has what the program needs.

    Args:
        columns: those that the program reads.
        known: every variable it reaches.
        entities: those of its rules.
        names: what its country knows.
        extra: columns that nobody reads.

    Raises:
        BadInputError: naming the group or column that is missing or not understood.
        UnknownNameError: a column that the country does not know.
    """
    fail_if_groups_missing(population, entities)
    ids = {c.variable for c in columns if c.name == IDS}
    given = {c.key: c for c in columns_taken(population, names, extra, ids)}
    for column in columns:
        _fail_if_missing(column, given)
        _fail_if_another_type(column, given[column.key])
        _fail_if_not_finite(given[column.key], population)
    _fail_if_ignored(columns, known, given)
    return recoded(population, columns)


def columns_taken(
    population: Population, names: Names, extra: Collection[str] = (), ids: Collection[str] = ()
) -> tuple[Column, ...]:
    """The columns of a population that rules may read, each with the variable it gives.

    Args:
        ids: variables that are the population's own ids whatever its columns are.

    Raises:
        UnknownNameError: a column that the rules do not know and that is not `extra`.
        BadInputError: one on another entity, and two that give one variable.
    """
    columns = [c for c in columns_of(population) if c.name not in extra]
    _fail_if_variable_is_a_link(population, names)
    names.fail_if_unknown([(c.entity, c.said) for c in columns])
    variables = names.variables({c.said for c in columns})
    taken = [dataclasses.replace(c, variable=variables[c.said]) for c in columns]
    weight = weight_column(population, names)
    if weight is not None and weight.variable not in variables.values():
        taken.append(weight)
    return (*taken, *id_columns(population, names, taken, ids))


def fail_if_no_population(population: Any) -> None:
    """What a program is called on is a population."""
    as_instance(population, Population, "population", "Give a Population: from_frames({...}).")


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
    if parameters.values.ndim != 1:
        raise BadInputError(
            f"these parameters are a stack of reforms, {parameters.values.shape[:-1]}, and a "
            "program takes one law: jax.vmap(lambda law: program(law, population))(parameters)"
        )


def _fail_if_variable_is_a_link(population: Population, names: Names) -> None:
    """Tables read every `<group>_id` of the persons as a link, but a country may ask for such a
    number itself."""
    person = population.schema.person
    for group in population.schema.groups:
        name = f"{group}_id"
        if names.entities.get(name) == person and group not in names.entities.values():
            raise BadInputError(
                f"{person} column {name!r} was read as a link to a group {group!r}, but it is a "
                f"variable of {names.country}. Leave it out of the table and add it afterwards: "
                f"population.with_columns({person!r}, {name}=...)"
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
            f"column {column.place} has another type than the program was compiled for. "
            "Convert it, or compile for this population"
        )


def _fail_if_not_finite(column: Column, population: Population) -> None:
    """The graph relies on it: nothing times zero is nothing. Each array is looked at once."""
    values = population.columns[column.entity].get(column.name)
    if column.kind != "f" or values is None or is_tracer(values):
        return
    row = remembered([values], "finite", lambda: _first_not_finite(np.asarray(values)))
    if row is not None:
        raise BadInputError(
            f"column {column.place} is {np.asarray(values).ravel()[row]} in row {row}: a program "
            "computes with finite numbers. Correct the row, or drop it"
        )


def _first_not_finite(values: np.ndarray) -> int | None:
    finite = np.isfinite(values)
    return None if finite.all() else int((~finite).argmax())


def _fail_if_ignored(
    columns: tuple[Column, ...], known: frozenset[str], given: Mapping[str, Column]
) -> None:
    mine = {c.key for c in columns}
    others = [c for key, c in given.items() if key not in mine]
    ignored = [c for c in others if not known.isdisjoint((c.said, c.variable))]
    if ignored:
        raise BadInputError(
            f"column {ignored[0].place} is a variable that the program computes and would ignore. "
            "Drop it, or compile for this population"
        )
