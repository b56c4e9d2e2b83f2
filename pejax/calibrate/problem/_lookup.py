"""Variables of a calibration's targets, looked up in a program's outputs and in a population."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ...core._arguments import as_instance
from ...core._arrays import as_column
from ...core._countries import country
from ...core._validate import suggest
from ...core.population._population import Population
from ._labels import by_row, index_of
from ._targets import Target


class CannotBuild(Exception):
    """Why one target has no row; becomes the reason of its refusal."""


class Values(NamedTuple):
    """One value a real row of an entity."""

    values: Float[np.ndarray, " row"]
    entity: str


class VariableLookup:
    """Looks variables up in the outputs and the population, and sums rows to households."""

    def __init__(self, outputs: Mapping[str, Any], population: Population):
        as_instance(outputs, Mapping, "outputs", "Give a mapping of variable to values.")
        as_instance(population, Population, "population", "Give a pejax.Population.")
        self.outputs, self.population = outputs, population
        household = population.schema.household
        self.weights = np.asarray(population.trim(population.weights, household), float)
        schema = population.schema
        real = np.asarray(population.real[schema.household])
        self._ordinal = np.cumsum(real) - 1  # of a household row among the real ones
        self._households: dict[str, Int[np.ndarray, " row"]] = {}
        self._values: dict[tuple[str, str], Values] = {}
        self._counts = {f"{entity}_count": entity for entity in schema.entities}
        self._counts["people"] = schema.person

    def households(self, entity: str) -> Int[np.ndarray, " row"]:
        """The household, counted among the real ones, of each real row of an entity."""
        if entity not in self._households:
            rows = self.population.trim(self.population.household_of(entity), entity)
            self._households[entity] = self._ordinal[np.asarray(rows)]
        return self._households[entity]

    def values(self, variable: str, entity: str) -> Values:
        """A variable's values; terms joined by `+` are added, and must share an entity."""
        if (variable, entity) not in self._values:
            terms = [self._term(name.strip(), entity) for name in variable.split("+")]
            if len({term.entity for term in terms}) > 1:
                raise CannotBuild(f"the terms of {variable!r} belong to different entities")
            added = np.sum([term.values for term in terms], axis=0)
            self._values[variable, entity] = Values(added, terms[0].entity)
        return self._values[variable, entity]

    def states(self) -> Int[np.ndarray, " household"]:
        """The number of each household's state."""
        household, column = self.population.schema.household, country().geography.state_column
        if column not in self.population.columns[household]:
            raise CannotBuild(f"the population has no household column {column!r}")
        return np.asarray(self.population.column(column, household)).astype(int)

    def to_households(self, values: Float[np.ndarray, " row"], entity: str) -> np.ndarray:
        """The sum of rows' values by household."""
        n = self.population.count(self.population.schema.household)
        return np.bincount(self.households(entity), weights=values, minlength=n)

    def _term(self, name: str, entity: str) -> Values:
        if name in self._counts:
            counted = self._counts[name]
            return Values(np.ones(self.population.count(counted)), counted)
        if name in self.outputs:
            given, where = self.outputs[name], f"outputs[{name!r}]"
            count = 0 if index_of(given) is None else len(given)
            values = as_column(by_row(where, given, count), where)
            return Values(values, entity or self._entity_of(name, values))
        holders = [e for e, held in self.population.columns.items() if name in held]
        if not holders:
            raise CannotBuild(self._unknown(name))
        holder = entity if entity in holders else holders[0]
        return Values(np.asarray(self.population.column(name, holder), float), holder)

    def _entity_of(self, name: str, values: np.ndarray) -> str:
        """The entity with as many rows; several will do when their households are the same."""
        counts = self.population.schema.counts
        fitting = [entity for entity in counts if counts[entity] == len(values)]
        if not fitting:
            raise CannotBuild(f"output {name!r} has {len(values)} rows, as no entity has")
        first = self.households(fitting[0])
        if any(not np.array_equal(first, self.households(other)) for other in fitting[1:]):
            raise CannotBuild(
                f"output {name!r} has as many rows as {' and '.join(fitting)}: "
                "say which in the target's entity"
            )
        return fitting[0]

    def _unknown(self, name: str) -> str:
        known = {*self.outputs, *self._counts}
        known |= {column for held in self.population.columns.values() for column in held}
        near = suggest(name, known, n=1)
        hint = f"; the nearest name is {near[0]!r}" if near else ""
        return f"{name!r} is neither an output of the program nor a column of the population{hint}"


def household_column(target: Target, lookup: VariableLookup) -> Float[np.ndarray, " household"]:
    """What each household contributes to targets of this variable, statistic and domain.

    Raises:
        CannotBuild: why there is no such column.
    """
    values, entity = lookup.values(target.variable, target.entity)
    if len(values) != lookup.population.count(entity):
        raise CannotBuild(
            f"{target.variable!r} has {len(values)} rows and {entity} "
            f"{lookup.population.count(entity)}"
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise CannotBuild(f"{target.variable!r} is {values[row]} in row {row} of {entity}")
    counted = (values != 0).astype(float) if target.statistic == "count" else values
    contributions = np.where(_in_domain(target, lookup, entity), counted, 0.0)
    return lookup.to_households(contributions, entity)


def _in_domain(target: Target, lookup: VariableLookup, entity: str) -> Bool[np.ndarray, " row"]:
    """Which rows lie in [lower, upper) of the target's domain; all when there is none."""
    if not target.domain:
        return np.ones(lookup.population.count(entity), bool)
    place = lookup.values(target.domain, target.entity)
    if place.entity != entity:
        raise CannotBuild(
            f"its domain {target.domain!r} is of {place.entity}, its variable of {entity}"
        )
    return (place.values >= target.lower) & (place.values < target.upper)
