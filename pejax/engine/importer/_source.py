"""The source engine's own simulation of a population: the oracle for parity."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..._population import Population
from ..rules._system import System
from ._country import Country, _source_system


def source_simulation(package: str | System, population: Population, year: int = 2025) -> Any:
    """The country package's own simulation of the same people.

    **Arguments:** `package`, its name, or its rules after a structural reform; `population`, whose
    columns are the package's input variables; `year`, the year those columns describe.

    **Returns:** its `Simulation`; `.calculate(name, year)` gives numpy arrays in the population's
    row order.
    """
    system = _source_system(package) if isinstance(package, str) else package.source
    name = package if isinstance(package, str) else package.name
    module = importlib.import_module(f"{name}.system")
    builder = importlib.import_module("policyengine_core.simulations.simulation_builder")
    build = builder.SimulationBuilder()
    build.create_entities(system)
    persons = population.count("person")
    build.declare_person_entity("person", np.arange(persons))
    for group in (e.key for e in system.group_entities):
        view = build.declare_entity(group, np.arange(population.count(group)))
        links = np.asarray(population.links[group])[:persons]
        build.join_with_persons(view, links, np.full(persons, "member"))
    simulation = module.Simulation(tax_benefit_system=system, populations=build.populations)
    for name, values in given_columns(population, system.variables).items():
        simulation.set_input(name, str(year), values)
    return simulation


def source_values(simulation: Any, names: Iterable[str], year: int = 2025) -> dict[str, np.ndarray]:
    """Variables of a source simulation, those it has not computed yet included; enums as names."""
    with np.errstate(all="ignore"):  # its formulas divide by zero where a mask discards the result
        return {name: _decoded(simulation.calculate(name, year)) for name in names}


def _decoded(values: Any) -> np.ndarray:
    return np.asarray(values.decode_to_str() if hasattr(values, "decode_to_str") else values)


def given_columns(population: Population, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The population's columns that are variables, decoded, in row order."""
    texts = population.schema.vocabularies
    return {
        name: np.asarray(
            population.labels(name, entity)
            if (entity, name) in texts
            else population.column(name, entity)
        )
        for entity, columns in population.columns.items()
        for name in columns
        if name in variables
    }


def hoist(
    country: Country, population: Population, names: Sequence[str], year: int = 2025
) -> Population:
    """The population with variables computed by the source engine, as columns.

    For formulas that cannot be traced. The program then takes them as given: no number of the law
    reaches them, and its report says so.
    """
    simulation = source_simulation(country.package, population, year)
    system = _source_system(country.package)
    columns: dict[str, dict[str, np.ndarray]] = {}
    for name in names:
        entity = system.variables[name].entity.key
        values = simulation.calculate(name, year, decode_enums=True)
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
    periods = importlib.import_module("policyengine_core.periods")
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


def source_under(
    package: str,
    population: Population,
    path: str,
    value: float,
    names: Iterable[str],
    year: int = 2025,
) -> dict[str, np.ndarray]:
    """The source engine's values of variables with one number of its law changed for a year."""
    with reformed(package, path, value, year):
        return source_values(source_simulation(package, population, year), names, year)


def differences(
    package: str,
    population: Population,
    path: str,
    variable: str,
    value: float,
    step: float,
    year: int = 2025,
) -> float:
    """The source engine's central difference of a variable's unweighted sum in one parameter."""

    def total(at: float) -> float:
        found = source_under(package, population, path, at, (variable,), year)[variable]
        return float(found.astype(float).sum())

    return (total(value + step) - total(value - step)) / (2 * step)
