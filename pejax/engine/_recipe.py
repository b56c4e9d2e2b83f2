"""What a program returns, and how it was made."""

from __future__ import annotations

import dataclasses

from .graph._node import Node


@dataclasses.dataclass(frozen=True)
class Output:
    """A variable that the program returns, named as it was asked for, with the names of enums."""

    name: str
    node: Node
    entity: str
    vocabulary: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a program was made, for making it again: country, outputs, period, dtype, and columns
    that are passed on unread.

    `native` rules were given as a `System`, not by the name of a package. `start_instant`, as
    `import_country` takes it. `licence` is that of the package, as its metadata state it: the
    program derives from it.
    """

    package: str
    version: str
    reform: str
    outputs: tuple[str, ...]
    period: str
    dtype: str
    native: bool = False
    chunk: int | None = None
    extra: tuple[str, ...] = ()
    start_instant: str = ""
    licence: str = ""
