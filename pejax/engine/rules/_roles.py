"""As what persons belong to a group: the roles that an entity has, and the column that says who has
which, `family_role` beside `family_id`."""

from __future__ import annotations

import enum
from typing import Any

from ._calendar import ETERNITY
from ._system import Variable


def roles_of(entity: Any) -> tuple[str, ...]:
    """The roles that an entity declares, those within a role in its place."""
    return tuple(role.key for role in flat_roles(entity)) or ("member",)


def flat_roles(entity: Any) -> list[Any]:
    """The roles themselves, as the country declares them."""
    declared = getattr(entity, "roles", None) or ()
    return [part for role in declared for part in (role.subroles or (role,))]


def role_column(group: str) -> str:
    """The persons' column that says as what each belongs to a group."""
    return f"{group}_role"


def role_variable(person: str, entity: Any) -> Variable | None:
    """The column of a group with several roles as a variable; None where there is one role."""
    names = roles_of(entity)
    if len(names) < 2:
        return None
    called = role_column(entity.key)
    roles: Any = enum.Enum(called, {name: name for name in names})
    return Variable(
        name=called,
        entity=person,
        kind="enum",
        period=ETERNITY,
        default=roles[names[0]],
        vocabulary=roles,
        label=f"As what a person belongs to a {entity.key}: {', '.join(names)}",
    )
