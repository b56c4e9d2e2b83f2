"""Toyland's rules, compiled."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.population._population import Population
from ..engine import Program, compile
from ._country import OUTPUTS, toy_system
from ._people import toy_population


def toy_program(
    outputs: Sequence[str] = OUTPUTS,
    population: Population | None = None,
    *,
    dtype: str = "float32",
) -> Program:
    """Toyland's law for 2025 as a program.

    >>> float(toy_program().parameters["tax.rate"])
    0.2...
    """
    people = toy_population() if population is None else population
    return compile(toy_system(), outputs, 2025, people, dtype=dtype)
