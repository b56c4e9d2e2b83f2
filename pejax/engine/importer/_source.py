"""The source engine's own simulation of a population: the oracle for parity."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...core._formerly import formerly
from ...core.population._population import Population
from .._accept import columns_taken, fail_if_groups_missing
from .._inputs import IDS, WEIGHT, Column
from ..rules._roles import role_column
from ..rules._system import System
from ..tracing._input_nodes import in_order_of_length, period_of
from ._built import built
from ._core import core_of
from ._country import Country, _source_system, has_system, import_country

_formerly = formerly(defaults={"period": 2025}, names={"year": "period"})


@_formerly
def source_simulation(
    package: str | Country | System,
    population: Population,
    period: int | str,
    extra: Collection[str] = (),
) -> Any:
    """The country package's own simulation of the same people.

    Args:
        package: its name, or its rules after a reform of any kind.
        population: whose columns are the package's input variables, given as those of a situation
            are.
        period: that which those columns describe, as in `engine.compile`.
        extra: columns that are no variables.

    Returns:
        Its `Simulation`; `.calculate(name, period)` gives numpy arrays in the population's row
        order.

    Raises:
        PejaxError: what `engine.compile` raises for these columns.
    """
    country = import_country(package) if isinstance(package, str) else package
    system = country.load() if isinstance(country, Country) else country
    fail_if_groups_missing(population, system.groups)
    population = population.unpadded() if population.is_padded else population
    columns = columns_taken(population, system.names, extra)
    found = {}
    for column, spans in in_order_of_length(system, columns, period_of(system, str(period))):
        for span in spans:
            found.setdefault((column.said, str(span)), _values(population, column))
    named = {role_column(group): group for group in system.with_roles}
    roles = {named[name]: values for (name, _), values in found.items() if name in named}
    inputs = [(name, span, values) for (name, span), values in found.items() if name not in named]
    links = {group: np.asarray(population.links[group]) for group in system.groups}
    source = system.clone() if system.reforms else system.source
    start = {"start_instant": system.start_instant} if system.start_instant else {}
    return built(_simulation_of(system), source, inputs, links, roles, **start)


def _simulation_of(system: System) -> type:
    """A country's own class of simulations, or that of its engine."""
    own = importlib.import_module(f"{system.name}.system") if has_system(system.name) else None
    kind = getattr(own, "Simulation", None)
    return core_of(system.source).module("simulations").Simulation if kind is None else kind


@_formerly
def source_values(simulation: Any, names: Iterable[str], period: int) -> dict[str, np.ndarray]:
    """Variables of a source simulation, those it has not computed yet included; enums as names."""
    with np.errstate(all="ignore"):  # its formulas divide by zero where a mask discards the result
        return {name: _decoded(simulation.calculate(name, period)) for name in names}


def _decoded(values: Any) -> np.ndarray:
    return np.asarray(values.decode_to_str() if hasattr(values, "decode_to_str") else values)


def _values(population: Population, column: Column) -> np.ndarray:
    if column.name == WEIGHT:
        return np.asarray(population.trim(population.weights, column.entity))
    if column.name == IDS:
        return np.asarray(population.trim(population.ids[column.entity], column.entity))
    if column.vocabulary is not None:
        return np.asarray(population.labels(column.name, column.entity))
    return np.asarray(population.column(column.name, column.entity))


@_formerly
def hoist(
    country: Country,
    population: Population,
    names: Sequence[str],
    period: int,
    extra: Collection[str] = (),
) -> Population:
    """The population with variables computed by the source engine, as columns.

    For formulas that cannot be traced. The program then takes them as given: no parameter
    reaches them, and its report says so.

    Args:
        extra: columns of the population that are no variables.
    """
    system = country.load().source
    simulation = source_simulation(country, population, period, extra)
    columns: dict[str, dict[str, np.ndarray]] = {}
    for name in names:
        entity = system.variables[name].entity.key
        values = simulation.calculate(name, period, decode_enums=True)
        columns.setdefault(entity, {})[name] = np.asarray(values)
    return population.with_columns(columns)


def clear_caches(system: Any) -> None:
    """Forget parameter values that the source engine remembers by instant."""
    root = system.parameters
    for node in (root, *root.get_descendants()):
        cache = getattr(node, "_at_instant_cache", None)
        if cache is not None:
            cache.clear()


@contextlib.contextmanager
def reformed(package: str, path: str, value: float, year: int) -> Iterator[None]:
    """Set one parameter of the installed package for a year, and put it back."""
    system = _source_system(package)
    periods = core_of(system).periods
    parameter = _find(system.parameters, path)
    before = list(parameter.values_list)
    parameter.update(
        start=periods.instant(f"{year}-01-01"), stop=periods.instant(f"{year}-12-31"), value=value
    )
    clear_caches(system)
    try:
        yield
    finally:
        parameter.values_list = before
        clear_caches(system)


def _find(root: Any, path: str) -> Any:
    at = root
    for step in path.split("."):
        name, _, bracket = step.partition("[")
        at = at.children[name]
        if bracket:
            at = at.brackets[int(bracket.rstrip("]"))]
    return at


@_formerly
def source_under(
    package: str,
    population: Population,
    path: str,
    value: float,
    names: Iterable[str],
    period: int,
) -> dict[str, np.ndarray]:
    """The source engine's values of variables with one number of its law changed for a year."""
    with reformed(package, path, value, period):
        return source_values(source_simulation(package, population, period), names, period)


@_formerly
def differences(
    package: str,
    population: Population,
    path: str,
    variable: str,
    value: float,
    step: float,
    period: int,
) -> float:
    """The source engine's central difference of a variable's unweighted sum in one parameter."""

    def total(at: float) -> float:
        found = source_under(package, population, path, at, (variable,), period)[variable]
        return float(found.astype(float).sum())

    return (total(value + step) - total(value - step)) / (2 * step)
