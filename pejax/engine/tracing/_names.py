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

from ..graph._ir import Graph
from . import _array

LOOP = 1009
"""A loop over names is padded to a multiple of this, a length that nothing else has."""


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
        return [_enum_code(c, codes_of(shared)) for c in choices], shared
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


def _enum_code(choice: Any, table: dict[str, int]) -> Any:
    if isinstance(choice, _array.Traced):
        return choice.node
    name = choice.name if isinstance(choice, enum.Enum) else choice
    if isinstance(name, str):
        if name not in table:
            raise _array.Untraceable(f"{name!r} is not one of {', '.join(table)}")
        return table[name]
    return int(name)


def by_name(graph: Graph, made: Any) -> Any:
    """What a loop over the rows of a text made, gathered to those rows; else `made` itself."""
    looped = graph.looped
    if looped is None or _array.has_traced(made) or np.ndim(made) != 1:
        return made
    if len(made) <= len(looped.names) or len(made) % LOOP:
        return made
    graph.looped = None
    options = list(made)[: len(looped.names)]
    if any(is_name(o) for o in options):
        codes, vocabulary = unify(options)
        return _array.Traced(graph.apply("take", np.array(codes), looped.node), vocabulary)
    return _array.Traced(graph.apply("take", np.array(options), looped.node))
