"""Which persons have a role in a group, where somebody says as what they belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph._ir import Graph
from ..graph._node import Node
from ..rules._roles import role_column, roles_of
from ._array import Untraceable


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
            f"the role {key!r} in a {group}: give the persons a column {role_column(group)} that "
            f"says as what they belong to it, {', '.join(declared)}"
        )
    within = {part.key for part in getattr(role, "subroles", None) or (role,)}
    numbers = np.array([number for number, name in enumerate(declared) if name in within])
    return graph.apply("isin", known[group], numbers)
