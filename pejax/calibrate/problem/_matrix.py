"""From program outputs and population columns to the estimate matrix of a calibration."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..._population import Population
from ..._validate import suggest
from ..operators._dense import DenseOperator
from ..operators._operator import Operator
from ..operators._sparse import SparseOperator
from ._problem import TargetProblem
from ._screen import Refusal
from ._targets import Target, check_targets, targets_of

if TYPE_CHECKING:
    import pandas as pd

_SPARSE_BELOW = 0.1  # share of entries that are not zero under which the matrix is kept sparse


def build_problem(
    targets: "pd.DataFrame",
    outputs: Mapping[str, Any],
    population: Population,
    *,
    layout: Literal["auto", "dense", "sparse"] = "auto",
) -> TargetProblem:
    """The calibration problem of a target table, straight from a program's outputs.

    Entry (t, h) of the matrix is what household h contributes to target t: its members' or
    groups' values, or the number of those that are not zero, where the target's state and domain
    apply. Estimates under the household weights are therefore the weighted totals of the
    simulation itself.

    Args:
        targets: a table as `load_targets` gives it.
        outputs: by variable, one value a row of the variable's entity, in the population's row
            order; as a program returns them. They are looked up before the population's columns.
            `people` and `<entity>_count` are counts of rows and need neither.
        population: who they are outputs of; needs a household column `state_fips` for targets of
            states.
        layout: how the matrix is kept; sparse when fewer than a tenth of its entries are not zero.

    Returns:
        The problem, of one unit a household. Targets that cannot be built or met are in
        `problem.refused` with their reasons.

    Raises:
        BadInputError: a broken target table, or no target left.
    """
    wanted = targets_of(check_targets(targets))
    refused = _impossible_means(wanted)
    aside = {refusal.name for refusal in refused}
    source = _Source(outputs, population)
    rows, kept = [], []
    for target in wanted:
        if target.name not in aside:
            try:
                rows.append(_household_row(target, source))
                kept.append(target)
            except _CannotBuild as reason:
                refused.append(Refusal(target.name, target.value, str(reason)))
    return TargetProblem(
        _operator(rows, population.count(population.schema.household), layout),
        [target.value for target in kept],
        names=[target.name for target in kept],
        scale=[_or(target.scale, max(abs(target.value), 1.0)) for target in kept],
        groups=[target.group for target in kept],
        weights=[_or(target.weight, 1.0) for target in kept],
        refused=refused,
    )


class _CannotBuild(Exception):
    """Why one target has no row; becomes the reason of its refusal."""


class _Values(NamedTuple):
    """One value a real row of an entity."""

    values: Float[np.ndarray, " row"]
    entity: str


class _Source:
    """Looks variables up in the outputs and the population, and sums rows to households."""

    def __init__(self, outputs: Mapping[str, Any], population: Population):
        self.outputs, self.population = outputs, population
        household = population.schema.household
        self.weights = np.asarray(population.trim(population.weights, household), float)
        schema = population.schema
        real = np.asarray(population.real[schema.household])
        self._ordinal = np.cumsum(real) - 1  # of a household row among the real ones
        self._households: dict[str, Int[np.ndarray, " row"]] = {}
        self._values: dict[tuple[str, str], _Values] = {}
        self._counts = {f"{entity}_count": entity for entity in schema.entities}
        self._counts["people"] = schema.person

    def households(self, entity: str) -> Int[np.ndarray, " row"]:
        """The household, counted among the real ones, of each real row of an entity."""
        if entity not in self._households:
            rows = self.population.trim(self.population.household_of(entity), entity)
            self._households[entity] = self._ordinal[np.asarray(rows)]
        return self._households[entity]

    def values(self, variable: str, entity: str) -> _Values:
        """A variable's values; terms joined by `+` are added, and must share an entity."""
        if (variable, entity) not in self._values:
            terms = [self._term(name.strip(), entity) for name in variable.split("+")]
            if len({term.entity for term in terms}) > 1:
                raise _CannotBuild(f"the terms of {variable!r} belong to different entities")
            added = np.sum([term.values for term in terms], axis=0)
            self._values[variable, entity] = _Values(added, terms[0].entity)
        return self._values[variable, entity]

    def states(self) -> Int[np.ndarray, " household"]:
        """The FIPS code of each household's state."""
        household = self.population.schema.household
        if "state_fips" not in self.population.columns[household]:
            raise _CannotBuild("the population has no household column 'state_fips'")
        return np.asarray(self.population.column("state_fips", household)).astype(int)

    def to_households(self, values: Float[np.ndarray, " row"], entity: str) -> np.ndarray:
        """The sum of rows' values by household."""
        n = self.population.count(self.population.schema.household)
        return np.bincount(self.households(entity), weights=values, minlength=n)

    def _term(self, name: str, entity: str) -> _Values:
        if name in self._counts:
            counted = self._counts[name]
            return _Values(np.ones(self.population.count(counted)), counted)
        if name in self.outputs:
            values = np.asarray(self.outputs[name], float)
            return _Values(values, entity or self._entity_of(name, values))
        holders = [e for e, held in self.population.columns.items() if name in held]
        if not holders:
            raise _CannotBuild(self._unknown(name))
        holder = entity if entity in holders else holders[0]
        return _Values(np.asarray(self.population.column(name, holder), float), holder)

    def _entity_of(self, name: str, values: np.ndarray) -> str:
        """The entity with as many rows; several will do when their households are the same."""
        counts = self.population.schema.counts
        fitting = [entity for entity in counts if counts[entity] == len(values)]
        if not fitting:
            raise _CannotBuild(f"output {name!r} has {len(values)} rows, as no entity has")
        first = self.households(fitting[0])
        if any(not np.array_equal(first, self.households(other)) for other in fitting[1:]):
            raise _CannotBuild(
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


def _household_row(target: Target, source: _Source) -> Float[np.ndarray, " household"]:
    """What each household contributes to one target."""
    values, entity = source.values(target.variable, target.entity)
    if len(values) != source.population.count(entity):
        raise _CannotBuild(
            f"{target.variable!r} has {len(values)} rows and {entity} "
            f"{source.population.count(entity)}"
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise _CannotBuild(f"{target.variable!r} is {values[row]} in row {row} of {entity}")
    counted = (values != 0).astype(float) if target.statistic == "count" else values
    contributions = np.where(_in_domain(target, source, entity), counted, 0.0)
    row = source.to_households(contributions, entity)
    if target.geo_level == "state":
        row = np.where(source.states() == int(target.geo_id), row, 0.0)
    total = float(row @ source.weights)
    if total * target.value < 0 and row.min() < 0 < row.max():
        # Reachable, by giving the country's weight to the few households of the rare sign.
        raise _CannotBuild(f"the data's own total, {total:,.6g}, has the opposite sign")
    return row


def _in_domain(target: Target, source: _Source, entity: str) -> Bool[np.ndarray, " row"]:
    """Which rows lie in [lower, upper) of the target's domain; all when there is none."""
    if not target.domain:
        return np.ones(source.population.count(entity), bool)
    place = source.values(target.domain, target.entity)
    if place.entity != entity:
        raise _CannotBuild(
            f"its domain {target.domain!r} is of {place.entity}, its variable of {entity}"
        )
    return (place.values >= target.lower) & (place.values < target.upper)


def _impossible_means(targets: list[Target]) -> list[Refusal]:
    """Sums of a variable over a range of itself whose mean, by their count, is out of the range."""
    banded = [target for target in targets if target.domain and target.domain == target.variable]
    counts = {target.range_key: target for target in banded if target.statistic == "count"}
    refused = []
    for total in (target for target in banded if target.statistic == "sum"):
        count = counts.get(total.range_key)
        mean = total.value / count.value if count and count.value else total.lower
        if count and not total.lower <= mean <= total.upper:
            reason = (
                f"contradicts {count.name!r}: their mean {mean:,.6g} lies outside "
                f"[{total.lower:,.6g}, {total.upper:,.6g})"
            )
            refused.append(Refusal(total.name, total.value, reason))
    return refused


def _or(value: float, default: float) -> float:
    return default if np.isnan(value) else value


def _operator(rows: list[np.ndarray], n_units: int, layout: str) -> Operator:
    nonzero = sum(int(np.count_nonzero(row)) for row in rows)
    if layout == "auto":
        layout = "sparse" if nonzero < _SPARSE_BELOW * len(rows) * n_units else "dense"
    if layout == "dense" or not rows:
        return DenseOperator(np.array(rows, float).reshape(len(rows), n_units))
    from scipy import sparse

    return SparseOperator(sparse.vstack([sparse.csr_array(row[None]) for row in rows]))
