"""A country's own simulation of given people, built as its class wants it.

Some classes take the rules and the people; others load the rules themselves and take a situation.
What they take is found in their signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...core._validate import BadInputError
from ..rules._roles import flat_roles
from ._core import core_of

Inputs = Iterable[tuple[str, str, np.ndarray]]
"""Variable, period and values."""

Links = Mapping[str, np.ndarray]
"""The group row of every person, by group."""

Roles = Mapping[str, np.ndarray]
"""As what each person belongs to a group, by group, where it has several roles."""


def built(
    kind: type,
    system: Any,
    inputs: Inputs = (),
    links: Links | None = None,
    roles: Roles | None = None,
    **options: Any,
) -> Any:
    """A simulation of a country's class with inputs that are there when it is built.

    A situation or a data set is read while a simulation is built, and what the country does with
    inputs comes after. Setting them on a finished simulation would be too late.

    Args:
        system: the rules.
        inputs: those of each variable.
        links: who belongs together; without it there is one person.
        roles: as what, by default as what comes first.
        options: of the class.

    Raises:
        BadInputError: rules that a class which loads its own does not take.
    """
    given = links or {e.key: np.zeros(1, int) for e in system.group_entities}
    first = {e.key: flat_roles(e)[0].key for e in system.group_entities}
    count = len(next(iter(given.values())))
    played = {key: np.full(count, role) for key, role in first.items()} | dict(roles or {})
    if takes_populations(kind):
        people = _populations(system, given, played)
        return _of_populations(kind, system, inputs, people, options)
    return _of_situation(kind, system, inputs, given, played, options)


def takes_populations(kind: type) -> bool:
    """Whether a class takes rules and people, itself or for the class that it is made of."""
    taken = inspect.signature(kind).parameters.values()
    return any(p.name == "populations" or p.kind is p.VAR_KEYWORD for p in taken)


def _of_populations(
    kind: type, system: Any, inputs: Inputs, people: Any, options: Mapping[str, Any]
) -> Any:
    if not hasattr(kind, "build_from_populations"):  # it looks at no inputs while it is built
        made = kind(tax_benefit_system=system, populations=people, **options)
        for name, period, values in inputs:
            made.set_input(name, period, values)
        return made

    def build_from_populations(self: Any, populations: Any) -> None:
        kind.build_from_populations(self, populations)  # type: ignore[attr-defined]
        for name, period, values in inputs:
            self.set_input(name, period, values)

    fed = type(kind.__name__, (kind,), {"build_from_populations": build_from_populations})
    return fed(tax_benefit_system=system, populations=people, **options)


def _populations(system: Any, given: Links, roles: Roles) -> Any:
    build = core_of(system).module("simulations").SimulationBuilder()
    build.create_entities(system)
    persons = len(next(iter(given.values())))
    build.declare_person_entity(system.person_entity.key, np.arange(persons))
    for entity in system.group_entities:
        link = given[entity.key]
        view = build.declare_entity(entity.key, np.arange(link.max() + 1))
        build.join_with_persons(view, link, roles[entity.key])
    return build.populations


def _of_situation(
    kind: type,
    system: Any,
    inputs: Inputs,
    links: Links,
    roles: Roles,
    options: Mapping[str, Any],
) -> Any:
    if "start_instant" in options:
        raise BadInputError(
            f"{kind.__module__} takes no start_instant: its simulation looks at its own reforms on "
            "a day of its own"
        )
    return kind(situation=_situation(system, inputs, links, roles), **options)


def _situation(system: Any, inputs: Inputs, links: Links, roles: Roles) -> dict[str, Any]:
    """The field's own form: members by name, values by variable and period."""
    person, groups = system.person_entity, {e.key: e for e in system.group_entities}
    count = len(next(iter(links.values())))
    held: dict[str, list[dict[str, Any]]] = {person.key: [{} for _ in range(count)]}
    for key, entity in groups.items():
        places = {role.key: place for place, role in enumerate(flat_roles(entity))}
        held[key] = [{} for _ in range(int(links[key].max()) + 1)]
        for row in np.argsort([places[str(role)] for role in roles[key]], kind="stable"):
            said = _said_as(entity, str(roles[key][row]))
            held[key][links[key][row]].setdefault(said, []).append(_name(person.key, int(row)))
    for name, period, values in inputs:
        rows = held[system.variables[name].entity.key]
        for row, value in zip(rows, np.asarray(values).tolist(), strict=True):
            row.setdefault(name, {})[period] = value
    plurals = {person.key: person.plural, **{key: e.plural for key, e in groups.items()}}
    return {
        plurals[key]: {_name(key, row): given for row, given in enumerate(rows)}
        for key, rows in held.items()
    }


def _said_as(entity: Any, role: str) -> str:
    """Under which name a situation lists those with a role; roles within one are listed by turn."""
    whole = next(r for r in entity.roles if role in [part.key for part in (r.subroles or (r,))])
    return whole.plural or whole.key


def _name(entity: str, row: int) -> str:
    return f"{entity} {row}"
