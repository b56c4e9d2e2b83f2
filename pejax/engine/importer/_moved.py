"""Which inputs a country's own simulation keeps under other names, found by asking it.

A country's `Simulation` class may take an input and store it elsewhere before anything is computed:
what is earned as `employment_income`, say, is kept as the income before people respond to a reform.
No table of names is held here. The class is built on one person who has nothing, which shows what
inputs it looks for, and then with each of those inputs, which shows what becomes of it.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..rules._names import Moved

_YEAR = 2025


def moved_inputs(own: type, system: Any) -> dict[str, Moved]:
    """The moves that a country's class makes.

    Args:
        own: the class.
        system: the country's own tax and benefit system.
    """
    core = importlib.import_module("policyengine_core.simulations").Simulation
    with _same_dice():
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


def built(
    kind: type,
    system: Any,
    inputs: Iterable[tuple[str, str, np.ndarray]] = (),
    links: Mapping[str, np.ndarray] | None = None,
    **options: Any,
) -> Any:
    """A simulation of a country's class with inputs that are there when it is built.

    A situation or a data set is read while a simulation is built, and what the country does with
    inputs comes after. Setting them on a finished simulation would be too late.

    Args:
        inputs: variable, period and values of each.
        links: the group row of every person, by group; without it there is one person.
        options: of the class.
    """
    given = links or {e.key: np.zeros(1, int) for e in system.group_entities}

    def build_from_populations(self: Any, populations: Any) -> None:
        kind.build_from_populations(self, populations)  # type: ignore[attr-defined]
        for name, period, values in inputs:
            self.set_input(name, period, values)

    fed = type(kind.__name__, (kind,), {"build_from_populations": build_from_populations})
    return fed(tax_benefit_system=system, populations=_populations(system, given), **options)


def _populations(system: Any, links: Mapping[str, np.ndarray]) -> Any:
    builder = importlib.import_module("policyengine_core.simulations.simulation_builder")
    build = builder.SimulationBuilder()
    build.create_entities(system)
    persons = len(next(iter(links.values())))
    build.declare_person_entity(system.person_entity.key, np.arange(persons))
    for entity in system.group_entities:
        link = links[entity.key]
        view = build.declare_entity(entity.key, np.arange(link.max() + 1))
        build.join_with_persons(view, link, np.full(persons, entity.flattened_roles[0].key))
    return build.populations


@contextlib.contextmanager
def _same_dice() -> Iterator[None]:
    """Building a simulation seeds numpy's global generator, which is its user's."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
