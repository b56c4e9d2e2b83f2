"""Persons and groups as a formula sees them: `person("age", period)`, `household.sum(...)`.

The calling convention is OpenFisca's, so unmodified formulas run on it. A group aggregates its
members with segment operations over links that the population provides; a projection is a gather.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph._node import Node
from ..rules._roles import flat_roles
from ._array import Traced, Untraceable, to_node
from ._names import unify
from ._roles import who_has
from ._rows import Rows

if TYPE_CHECKING:
    from ._evaluate import Simulation


@dataclasses.dataclass(frozen=True)
class Links:
    """A group's structure: the group row and the rank within it of every person, the row of each
    group's first member, and each group's size."""

    group: Node
    position: Node
    first: Node
    size: Node


class EntityView:
    """What persons and groups have in common."""

    def __init__(self, simulation: Simulation, entity: Any, key: str) -> None:
        self._simulation = simulation
        self.entity = entity
        self.key = key
        self.rows = simulation.graph.sizes[key]

    @property
    def simulation(self) -> Simulation:
        """What a formula asks for more than values."""
        self._simulation.trace_state.spoil()
        return self._simulation

    @property
    def is_person(self) -> bool:
        return self.key == self._simulation.system.person

    @property
    def count(self) -> Rows:
        """How many there are, as `len` of a column."""
        return Rows(self._simulation.graph, self.rows)

    @property
    def _holders(self) -> dict[str, Any]:
        """No store to clean: a branch computes anew whatever its overrides reach."""
        return {}

    @property
    def ids(self) -> Traced:
        return Traced(self._simulation.graph.apply("arange", num=self.rows))

    def __call__(self, name: str, period: Any, options: Any = None) -> Any:
        words = {str(getattr(option, "value", option)).lower() for option in options or ()}
        if "add" in words:
            return self._simulation.calculate_add(name, period)
        if "divide" in words:
            return self._simulation.calculate_divide(name, period)
        return self._simulation.calculate(name, period)

    def get_holder(self, name: str) -> Any:
        return self._simulation.get_holder(name)

    def has_any_input(self, name: str) -> bool:
        return bool(self._simulation.known_periods(name))

    def filled_array(self, value: Any, dtype: Any = None) -> Traced:
        return self._simulation.numpy.full(self.count, value, dtype)

    def empty_array(self) -> Traced:
        return self.filled_array(0.0)

    def check_array_compatible_with_entity(self, array: Any) -> None:
        """Every traced array has an entity; a wrong one fails where shapes meet."""

    def _who_has(self, role: Any, entity: Any, group: str) -> Node | None:
        """Which persons have a role; None for all of them."""
        state = self._simulation.trace_state
        return who_has(state.graph, state.given.role_of, role, entity, group)

    def _rows(self, x: Any) -> Traced:
        """`x` with one entry a row of this entity."""
        graph = self._simulation.graph
        mask = x.mask if isinstance(x, Traced) else None
        vocabulary = x.vocabulary if isinstance(x, Traced) else None
        return Traced(graph.broadcast(to_node(graph, x), (self.rows,)), vocabulary, mask)


class PersonView(EntityView):
    """Persons."""

    def __getattr__(self, name: str) -> Any:
        groups = self.__dict__.get("_simulation")
        if groups is not None and name in groups.populations:
            return Projection(groups.populations[name])
        raise AttributeError(f"persons have no {name!r}")

    def has_role(self, role: Any) -> Traced:
        """Membership by role: everybody's, if it is the only one."""
        entity = getattr(role, "entity", None)
        having = self._who_has(role, entity, getattr(entity, "key", "group"))
        return self.filled_array(True) if having is None else Traced(having)

    def get_rank(self, entity: Any, criteria: Any, condition: Any = True) -> Traced:
        """Rank within a group by ascending `criteria`; -1 where `condition` fails."""
        group = entity.reference_entity if isinstance(entity, Projection) else entity
        graph = self._simulation.graph
        if isinstance(condition, EntityView | Projector):
            condition = True  # not an array: Python's truth, as in the source engine
        return Traced(
            graph.apply(
                "rank",
                group.links.group,
                group.links.position,
                self._rows(criteria).node,
                self._rows(condition).node,
                num=group.rows,
            )
        )


class GroupView(EntityView):
    """Groups of persons of one kind."""

    def __init__(
        self, simulation: Simulation, entity: Any, key: str, links: Links, members: PersonView
    ) -> None:
        super().__init__(simulation, entity, key)
        self.links = links
        self.members = members

    @property
    def members_entity_id(self) -> Traced:
        return Traced(self.links.group, owner="members_entity_id")

    @property
    def members_position(self) -> Traced:
        return Traced(self.links.position, owner="members_position")

    def __call__(self, name: str, period: Any, options: Any = None) -> Any:
        if self._simulation.variable(name).entity == self._simulation.system.person:
            return self.sum(self.members(name, period, options))
        return super().__call__(name, period, options)

    def __getattr__(self, name: str) -> Any:
        simulation = self.__dict__.get("_simulation")
        if simulation is None:
            raise AttributeError(name)
        if name == "first_person":
            return FirstPerson(self)
        if name in simulation.system.containing.get(self.key, ()):
            return getattr(FirstPerson(self), name)
        one = next((r for r in flat_roles(self.entity) if r.key == name and r.max == 1), None)
        if one is not None:
            return FirstPerson(self, role=one)
        raise AttributeError(f"{self.key} has no {name!r}")

    # ---- from persons to groups

    def _segment(self, op: str, x: Any, fill: Any, role: Any, dtype: Any = None) -> Traced:
        graph = self._simulation.graph
        having = self._having(role)
        rows = self.members._rows(x)
        node = rows.node if dtype is None else graph.astype(rows.node, dtype)
        for chosen in (rows.mask, having):
            if chosen is not None:
                node = graph.apply("where", chosen, node, fill)
        return Traced(graph.apply(op, node, self.links.group, num=self.rows))

    def _having(self, role: Any) -> Node | None:
        """Which persons have a role; None for all of them."""
        return None if role is None else self._who_has(role, self.entity, self.key)

    def sum(self, array: Any, role: Any = None) -> Traced:
        return self._segment("segment_sum", array, 0.0, role, np.float64)

    def any(self, array: Any, role: Any = None) -> Traced:
        return self.sum(array, role) > 0

    def all(self, array: Any, role: Any = None) -> Traced:
        truth = self._segment("segment_min", _truth(array), 1, role, np.int64)
        return truth > 0

    def max(self, array: Any, role: Any = None) -> Traced:
        return self._extreme("segment_max", array, -np.inf, role)

    def min(self, array: Any, role: Any = None) -> Traced:
        return self._extreme("segment_min", array, np.inf, role)

    def _extreme(self, op: str, array: Any, fill: float, role: Any) -> Traced:
        """A float, as in the source engine, but found among integers where they are some."""
        rows = self.members._rows(array)
        if rows.node.dtype.kind != "i" or rows.mask is not None or self._having(role) is not None:
            return self._segment(op, rows, fill, role, np.float64)
        return self._segment(op, rows, fill, role).astype(np.float64)

    def nb_persons(self, role: Any = None) -> Traced:
        having = self._having(role)
        if having is None:
            return Traced(self.links.size)
        ones = self._simulation.graph.astype(having, np.int64)
        return self._segment("segment_sum", Traced(ones), 0, None)

    def value_nth_person(self, n: int, array: Any, default: Any = 0) -> Traced:
        """The value of each group's n-th member, `default` where there is none."""
        graph = self._simulation.graph
        rows = self.members._rows(array)
        if int(n) == 0:
            return Traced(graph.apply("take", rows.node, self.links.first), rows.vocabulary)
        row = graph.apply("nth", self.links.group, self.links.position, place=int(n), num=self.rows)
        there = graph.apply("greater", self.links.size, int(n))
        value = graph.apply("take", rows.node, row)
        otherwise = default if rows.vocabulary is None else unify([rows, default])[0][1]
        return Traced(
            graph.apply("where", there, value, to_node(graph, otherwise)), rows.vocabulary
        )

    def value_from_first_person(self, array: Any) -> Traced:
        return self.value_nth_person(0, array)

    def value_from_person(self, array: Any, role: Any, default: Any = 0) -> Traced:
        """The value of each group's one person with a role, `default` where there is none."""
        having = self._having(role)
        if having is None or getattr(role, "max", None) != 1:
            what = getattr(role, "key", role)
            raise Untraceable(f"the value of the one person with role {what!r}")
        graph, rows = self._simulation.graph, self.members._rows(array)
        if rows.mask is not None:
            raise Untraceable("the value of one person among selected rows")
        own, otherwise, vocabulary = rows.node, default, None
        if rows.vocabulary is not None:
            (own, otherwise), vocabulary = unify([rows, default])
        whole = own if own.dtype.kind != "b" else graph.astype(own, np.int64)
        only = graph.apply("where", having, whole, 0)
        found = graph.apply("segment_sum", only, self.links.group, num=self.rows)
        there = graph.apply("greater", self.nb_persons(role).node, 0)
        chosen = graph.apply("where", there, found, to_node(graph, otherwise))
        return Traced(graph.astype(chosen, own.dtype), vocabulary)

    # ---- from groups to persons

    def project(self, array: Any, role: Any = None) -> Traced:
        rows, having = self._rows(array), self._having(role)
        graph = self._simulation.graph
        each = graph.apply("take", rows.node, self.links.group)
        if having is not None:
            each = graph.astype(graph.apply("where", having, each, 0), rows.node.dtype)
        return Traced(each, rows.vocabulary)


def _truth(array: Any) -> Any:
    return array.astype(bool) if isinstance(array, Traced) else np.asarray(array).astype(bool)


_PROJECTABLE = [
    "sum",
    "any",
    "all",
    "max",
    "min",
    "nb_persons",
    "value_nth_person",
    "value_from_first_person",
    "has_role",
    "get_rank",
    "value_from_person",
]


class Projector:
    """A view of another entity whose answers come back on the rows of the one that asked."""

    parent: Projector | None = None

    def transform(self, result: Any) -> Any:
        raise TypeError(f"{type(self).__name__} does not say how to bring rows back")

    def transform_and_bubble_up(self, result: Any) -> Any:
        """Bring a result back through every projection on the way."""
        mine = self.transform(result)
        return mine if self.parent is None else self.parent.transform_and_bubble_up(mine)

    def _answer(self, name: str, inner: Any) -> Any:
        if name not in _PROJECTABLE:
            return inner
        return lambda *args, **kwargs: self.transform_and_bubble_up(inner(*args, **kwargs))


class Projection(Projector):
    """`person.household`: whatever is asked of the group comes back one entry a person."""

    def __init__(self, reference: GroupView, parent: Projector | None = None) -> None:
        self.reference_entity = reference
        self.parent = parent

    def transform(self, result: Any) -> Any:
        return self.reference_entity.project(result)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.transform_and_bubble_up(self.reference_entity(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = getattr(self.reference_entity, name)
        if isinstance(inner, FirstPerson):
            return FirstPerson(inner.group, parent=self, role=inner.role)
        if isinstance(inner, Projection):
            return Projection(
                inner.reference_entity, parent=FirstPerson(self.reference_entity, parent=self)
            )
        return self._answer(name, inner)


class FirstPerson(Projector):
    """`household.first_person`: person values, read at each group's first member; `family.head`,
    at the one with a role that one person has."""

    def __init__(self, group: GroupView, parent: Projector | None = None, role: Any = None) -> None:
        self.group = group
        self.parent = parent
        self.role = role

    def transform(self, result: Any) -> Any:
        if self.role is not None:
            return self.group.value_from_person(result, self.role)
        return self.group.value_from_first_person(result)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.transform_and_bubble_up(self.group.members(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = getattr(self.group.members, name)
        if isinstance(inner, Projection):
            return Projection(inner.reference_entity, parent=self)
        return self._answer(name, inner)
