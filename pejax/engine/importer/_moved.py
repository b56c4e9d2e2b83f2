"""Which inputs a country's own simulation keeps under other names, found by asking it.

A country's `Simulation` class may take an input and store it elsewhere before anything is computed:
what is earned as `employment_income`, say, is kept as the income before people respond to a reform.
No table of names is held here. The class is built on one person who has nothing, which shows what
inputs it looks for, and then with each of those inputs, which shows what becomes of it.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..rules._names import Moved
from ._built import built, takes_populations
from ._core import core_of

_YEAR = 2025


def moved_inputs(own: type, system: Any) -> dict[str, Moved]:
    """The moves that a country's class makes.

    Args:
        own: the class.
        system: the country's own tax and benefit system.
    """
    core = core_of(system).module("simulations").Simulation
    with _same_dice():
        if not takes_populations(own):
            return _moved_at_once(own, system)
        bare = built(own, system)
        return _moves(own, system, _looked_for(own, core, system), bare)


def _moves(own: type, system: Any, names: list[str], bare: Any) -> dict[str, Moved]:
    def kept(*given: str) -> set[str]:
        values = [(name, str(_YEAR), np.asarray(bare.calculate(name, _YEAR))) for name in given]
        simulation = built(own, system, values)
        return {n for n in system.variables if simulation.get_holder(n).get_known_periods()}

    moves: dict[str, Moved] = {}
    for name in names:
        found = kept(name)
        if found == {name}:
            continue
        to = found.pop() if len(found) == 1 else ""
        moves[name] = Moved(to, yields=bool(to) and name in kept(name, to))
    return moves


def _moved_at_once(own: type, system: Any) -> dict[str, Moved]:
    """The moves of a class that takes a situation, which is slow to build: one person is given a
    number of its own for every amount of a year, and where a number went is where it was moved."""
    amounts = [
        v.name
        for v in system.variables.values()
        if v.value_type is float and v.definition_period == "year"
    ]
    marks = {name: 1_000.0 + i for i, name in enumerate(amounts)}
    values = [(name, str(_YEAR), np.array([mark])) for name, mark in marks.items()]
    simulation = built(own, system, values)
    held: dict[str, float] = {}
    for name in amounts:
        holder = simulation.get_holder(name)
        for period in holder.get_known_periods()[:1]:
            held[name] = float(holder.get_array(period)[0])
    found = {mark: name for name, mark in held.items() if marks[name] != mark}
    gone = [name for name in amounts if name not in held]
    return {name: Moved(found.get(marks[name], ""), yields=False) for name in gone}


def _looked_for(own: type, core: type, system: Any) -> list[str]:
    """The inputs for which the country's class looks oftener than the class that it is made of."""
    asked = [_count(kind, system) for kind in (own, core)]
    return [name for name, times in asked[0].items() if times > asked[1][name]]


def _count(kind: type, system: Any) -> collections.Counter[str]:
    """How often a simulation looks into the store of each variable while it is built."""
    counts: collections.Counter[str] = collections.Counter()

    def get_holder(self: Any, name: str) -> Any:
        counts[name] += 1
        return kind.get_holder(self, name)  # type: ignore[attr-defined]

    built(type(kind.__name__, (kind,), {"get_holder": get_holder}), system)
    return counts


@contextlib.contextmanager
def _same_dice() -> Iterator[None]:
    """Building a simulation seeds numpy's global generator, which is its user's."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
