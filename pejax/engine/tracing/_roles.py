"""As what persons belong to a group. A population does not say it; a case of a test does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ._array import Untraceable


def roles_of(entity: Any) -> tuple[str, ...]:
    """The roles that an entity declares, those within a role in its place."""
    declared = getattr(entity, "roles", None) or ()
    flat = [part for role in declared for part in (role.subroles or (role,))]
    return tuple(role.key for role in flat) or ("member",)


def who_has(
    graph: Graph, known: Mapping[str, Node], role: Any, entity: Any, group: str
) -> Node | None:
    """Which persons have a role; None for everybody, where it is the only one.

    Args:
        known: by group the number of each person's role, where that is known.

    Raises:
        Untraceable: one of several roles, and nobody says who has it.
    """
    key, declared = getattr(role, "key", role), roles_of(entity)
    if declared == (key,):
        return None
    if group not in known:
        raise Untraceable(
            f"the role {key!r} in a {group}, whose roles are {', '.join(declared)}: a population "
            "says who belongs to a group, but not as what"
        )
    within = {part.key for part in getattr(role, "subroles", None) or (role,)}
    numbers = np.array([number for number, name in enumerate(declared) if name in within])
    return graph.apply("isin", known[group], numbers)
