"""Names as codes: enums and texts are integers into a static tuple of names.

What a formula does to names (compare, choose, look up) happens once to the names themselves, at
trace time; the program only gathers.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _array


def names_of(vocabulary: Any) -> list[str]:
    """Names in code order."""
    if vocabulary is None:
        raise _array.Untraceable("names of a numeric array")
    return list(vocabulary) if isinstance(vocabulary, tuple) else [m.name for m in vocabulary]


@functools.lru_cache(maxsize=4096)
def codes_of(vocabulary: type[enum.Enum]) -> dict[str, int]:
    """Every member's place in its enum, by name."""
    return {member.name: i for i, member in enumerate(vocabulary)}


def code_of(member: enum.Enum) -> int:
    """A member's place in its enum."""
    return codes_of(type(member))[member.name]


def is_name(x: Any) -> bool:
    """Whether `x` stands for names: an enum member, a string, or a traced array of codes."""
    if isinstance(x, _array.Traced):
        return x.vocabulary is not None
    return isinstance(x, enum.Enum | str)


def unify(choices: Sequence[Any]) -> tuple[list[Any], Any]:
    """Codes of each choice in one common vocabulary, and that vocabulary."""
    shared = _shared_enum(choices)
    if shared is not None:
        return [enum_code(c, shared) for c in choices], shared
    names: dict[str, int] = {}

    def code(name: str) -> int:
        return names.setdefault(name, len(names))

    codes: list[Any] = []
    for c in choices:
        if isinstance(c, _array.Traced):
            table = np.array([code(n) for n in c.names])
            codes.append(c.graph.apply("take", table, c.node))
        else:
            codes.append(code(c.name if isinstance(c, enum.Enum) else str(c)))
    return codes, tuple(names)


def _shared_enum(choices: Sequence[Any]) -> Any:
    if any(isinstance(c, _array.Traced) and isinstance(c.vocabulary, tuple) for c in choices):
        return None
    for c in choices:
        if isinstance(c, enum.Enum):
            return type(c)
        if isinstance(c, _array.Traced) and c.vocabulary is not None:
            return c.vocabulary
    return None


def enum_code(choice: Any, vocabulary: type[enum.Enum]) -> Any:
    """The code of a name, or the codes of an array, in an enum.

    Raises:
        Untraceable: a name that the enum does not have.
    """
    if isinstance(choice, _array.Traced):
        return in_vocabulary(choice, vocabulary)
    name = choice.name if isinstance(choice, enum.Enum) else choice
    return _place(name, codes_of(vocabulary)) if isinstance(name, str) else int(name)


def in_vocabulary(names: _array.Traced, vocabulary: type[enum.Enum]) -> Any:
    """An array's codes in an enum, where its own enum may be another with the same names."""
    table = codes_of(vocabulary)
    if names.vocabulary is None or list(table)[: len(names.names)] == names.names:
        return names.node
    places = np.array([_place(name, table) for name in names.names])
    return names.graph.apply("take", places, names.node)


def _place(name: str, table: dict[str, int]) -> int:
    if name not in table:
        raise _array.Untraceable(f"{name!r} is not one of {', '.join(table)}")
    return table[name]
