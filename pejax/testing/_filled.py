"""Real people with made-up answers to every question that their survey did not ask."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ..core.population._population import Population
from ..engine import Program, System, Variable

_AMOUNTS = 0.15  # share of rows with an amount
_ODD = 0.1  # share of rows whose boolean is not the default


def with_every_input(
    key: PRNGKeyArray,
    population: Population,
    program: Program,
    system: System,
    skip: Collection[str] = (),
) -> Population:
    """The same people, with random values for every input of `program` that they came without.

    A survey leaves most inputs of a law at their defaults, and engines that are compared on it
    agree on long formulas because they are zero. Values are a function of (key, variable).

    Args:
        skip: inputs that stay as they are, such as one whose random answers the law does not know.

    >>> from pejax.testing import toy_population, toy_program, toy_system
    >>> people = toy_population()
    >>> with_every_input(jax.random.key(0), people, toy_program(), toy_system())
    Population(17 person, 4 household, 6 tax_unit; 6 columns)
    """
    columns: dict[str, dict[str, np.ndarray]] = {}
    for found in program.report:
        variable = system.variable(found.variable)
        if variable.name in population.columns[variable.entity] or variable.name in skip:
            continue
        if found.status == "traced" and _is_input(variable, system.period(program.recipe.period)):
            rng = np.random.default_rng(
                [*np.asarray(jax.random.key_data(key)), zlib.crc32(variable.name.encode())]
            )
            values = _values(rng, variable, population.count(variable.entity))
            columns.setdefault(variable.entity, {})[variable.name] = values
    return population.with_columns(columns)


def _is_input(variable: Variable, period: Any) -> bool:
    """Whether the law asks for it: not a sum, and not a number that only tells people apart."""
    if variable.name.endswith("_id"):
        return False
    return variable.formula(period) is None and not (variable.adds or variable.subtracts)


def _values(rng: np.random.Generator, variable: Variable, rows: int) -> np.ndarray:
    if variable.kind == "float":
        amounts = np.round(rng.lognormal(8.0, 1.3, rows), 2)
        return np.where(rng.random(rows) < _AMOUNTS, amounts, 0.0)
    if variable.kind == "bool":
        return (rng.random(rows) < _ODD) != bool(variable.default)
    if variable.kind == "int":
        return variable.default + np.where(rng.random(rows) < _AMOUNTS, rng.integers(0, 4, rows), 0)
    if variable.kind == "enum":
        return rng.choice([member.name for member in variable.vocabulary], rows)
    return np.full(rows, variable.default or "")
