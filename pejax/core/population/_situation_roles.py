"""As what people belong to the groups of a situation, which lists them by role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .._shown import shown
from .._validate import BadInputError, UnknownNameError

if TYPE_CHECKING:
    from ._situation import Rules


def members_of(
    said: dict[str, object], rules: Rules, group: str, place: str
) -> list[tuple[str, str]]:
    """The people of a group, taken out of what is said of it, with their roles where there are
    several; those within a role go by turn."""
    roles = _roles(rules, group)
    several = sum(len(within) for _, within in roles) > 1
    names = [name for name, _ in roles] + ([] if several else ["members"])
    held = {name: said.pop(name) for name in dict.fromkeys(names) if name in said}
    if several and held and group not in getattr(rules, "with_roles", ()):
        raise BadInputError(
            f"{place} has the roles {', '.join(names)}, of which a saved program knows no more. "
            "Give populations of this country by Population.from_frames"
        )
    found: list[tuple[str, str]] = []
    for name, members in held.items():
        listed = [members] if isinstance(members, str) else members
        if not isinstance(listed, Sequence):
            raise BadInputError(f"{place}: {name} is {shown(members)}. Give a list of names.")
        within = dict(roles).get(name, [""])
        if 1 < len(within) < len(listed):
            raise BadInputError(f"{place}: {name} are {len(listed)}, at most {len(within)}")
        played = [
            within[k if len(within) > 1 else 0] if several else "" for k in range(len(listed))
        ]
        found += zip(map(str, listed), played, strict=True)
    return found


def fail_if_no_role(said: Mapping[str, object], rules: Rules, group: str, place: str) -> None:
    """A word that names people is one of the roles that there are."""
    roles = [name for name, _ in _roles(rules, group)]
    for name in said if len(roles) > 1 else ():
        try:
            rules.variable(name)
        except UnknownNameError as problem:
            raise UnknownNameError(
                f"{place}: {name!r} is neither a variable nor one of its roles, {', '.join(roles)}"
            ) from problem


def _roles(rules: Rules, group: str) -> list[tuple[str, list[str]]]:
    """What a situation calls the members of a group, with the roles behind each word."""
    declared = getattr(rules.entities.get(group), "roles", None) or ()
    return [
        (
            str(getattr(role, "plural", None) or role.key),
            [str(part.key) for part in getattr(role, "subroles", None) or (role,)],
        )
        for role in declared
    ] or [("members", [""])]
