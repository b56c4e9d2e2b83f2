"""The names of every parameter of a law, packed small enough to go with a program."""

from __future__ import annotations

import base64
import itertools
import re
import zlib
from collections.abc import Iterable

from ...core._validate import suggest


class Paths:
    """Every path of a law: 109,000 of them take 160 kB. They are unpacked when one is asked for.

    >>> paths = Paths.of(["tax.rate", "tax.allowance", "child.age"])
    >>> "tax.rate" in paths, paths.near("tax.rat")
    (True, ['tax.rate'])
    """

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = packed

    @classmethod
    def of(cls, paths: Iterable[str]) -> Paths:
        """Pack them: each name without the steps that it shares with the one before."""
        rows, last = [], []
        for name in sorted(set(paths)):
            steps = name.split(".")
            shared = _shared(last, steps)
            rows.append(f"{shared} {'.'.join(steps[shared:])}")
            last = steps
        return cls(zlib.compress("\n".join(rows).encode(), 9) if rows else b"")

    @classmethod
    def from_text(cls, text: str) -> Paths:
        """Read what `text` gave."""
        return cls(base64.b64decode(text))

    @property
    def text(self) -> str:
        """The packed names as text, for a file."""
        return base64.b64encode(self._packed).decode()

    def names(self) -> list[str]:
        """All of them, in order."""
        if not self._packed:
            return []
        found: list[str] = []
        last: list[str] = []
        for row in zlib.decompress(self._packed).decode().split("\n"):
            shared, _, rest = row.partition(" ")
            last = [*last[: int(shared)], *rest.split(".")]
            found.append(".".join(last))
        return found

    def __contains__(self, path: object) -> bool:
        return path in set(self.names())

    def under(self, path: str) -> list[str]:
        """The parameters below a branch or a scale; none if the path is neither."""
        return [n for n in self.names() if n.startswith(path) and n[len(path) :][:1] in (".", "[")]

    def near(self, path: str, count: int = 3) -> list[str]:
        """Names like a misspelt one, from the branch at which it goes astray."""
        names = held = self.names()
        walked = ""
        for found in _STEP.finditer(path):
            step, rest = found.group(), path[found.end() :]
            options = {walked + m.group() for n in held if (m := _STEP.match(n, len(walked)))}
            if walked + step not in options:
                close = suggest(walked + step, options, count) or sorted(options)[:count]
                whole = [c + rest for c in close if c + rest in set(held)]
                return (whole or close) if walked and close else suggest(path, names, count)
            walked += step
            held = [n for n in held if n.startswith(walked)]
        return self.under(path)[:count]


_STEP = re.compile(r"\[[^\]]*\]|\.?[^.\[]+")
"""One step of a path: a name with its dot, or a bracket."""


def _shared(left: list[str], right: list[str]) -> int:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    return sum(1 for _ in same)
