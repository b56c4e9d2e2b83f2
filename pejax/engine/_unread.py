"""What a program knows of the law beyond its own numbers: why a reform cannot be an edit of it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from ..core._validate import BadInputError, UnknownNameError, unknown
from .rules._paths import Paths
from .rules._reform import Edit, read_reform


class StructuralReformError(BadInputError):
    """A reform changes the shape of the program: it needs a new compile."""


class ReformWarning(UserWarning):
    """A reform, or a part of it, changes nothing that the program computes."""


_AGAIN = (
    "Compile again, with the reform written into the law: "
    "engine.compile(country.with_reform({...}), ...)"
)


@dataclasses.dataclass(frozen=True)
class Unread:
    """The rest of the law.

    Attributes:
        paths: every parameter that the law has.
        switches: those of which the country makes formulas or other numbers when it is put
            together.
        outputs: of the program.
    """

    paths: Paths = dataclasses.field(default_factory=Paths)
    switches: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def fail_if_structural(self, path: str, static: Mapping[str, Any]) -> None:
        """Refuse an edit of what decides which operations there are.

        Raises:
            StructuralReformError: the path is one of those.
        """
        if path in static:
            raise StructuralReformError(
                f"{path} is {static[path]!r}: it decides the shape of the program. {_AGAIN}"
            )
        if path in self.switches:
            raise StructuralReformError(
                f"{path} is more than a number: the country makes other formulas or other numbers "
                f"of it. {_AGAIN}"
            )

    def refusal(self, path: str, read: Iterable[str]) -> BadInputError | UnknownNameError:
        """Why `path` is not one of the numbers `read` by the program; the caller raises it."""
        if path in self.paths:
            return BadInputError(
                f"{path} is a parameter of the law, but none of the outputs "
                f"({_some(self.outputs)}) reads it. Take it out of the reform, or compile a "
                "variable that depends on it"
            )
        if under := self.paths.under(path):
            return BadInputError(
                f"{path} is not one parameter. Those under it begin with {under[0]}"
            )
        if near := self.paths.near(path):
            hint = " or ".join(repr(n) for n in near)
            return UnknownNameError(f"Unknown parameter {path!r}. Did you mean {hint}?")
        return unknown("parameter", path, read)


def _some(names: tuple[str, ...], most: int = 4) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def warn_that_nothing_changes(
    path: str, edits: Iterable[Edit], period: tuple[str, str], read: Iterable[tuple[str, str]]
) -> None:
    """Say that a reform's dates miss every day for which the program reads the path.

    Args:
        read: the first and last of the days of each reading.
    """
    when = sorted({f"{first} to {last}" for first, last in read} - {f"{period[0]} to {period[1]}"})
    others = f" and reads it for {_some(tuple(when))}" if when else ""
    warnings.warn(
        f"{path}: the reform's dates ({', '.join(e.dates for e in edits)}) change nothing: the "
        f"program computes {period[0]} to {period[1]}{others}",
        ReformWarning,
        stacklevel=3,
    )


def warn_of_idle_reforms(
    reforms: Iterable[Mapping[str, Any]],
    period: tuple[str, str],
    read: Mapping[str, Iterable[tuple[str, str]]],
    outputs: tuple[str, ...],
) -> None:
    """Say which reforms that are written into the law change nothing of what was compiled.

    Args:
        read: by path, the first and last of the days for which it was read.
    """
    for path, edits in ((p, e) for r in reforms for p, e in read_reform(r).items()):
        if path not in read:
            warnings.warn(
                f"{path}: the reform changes nothing: none of the outputs ({_some(outputs)}) "
                "reads it",
                ReformWarning,
                stacklevel=2,
            )
        elif not any(edit.meets(*days) for edit in edits for days in read[path]):
            warn_that_nothing_changes(path, edits, period, read[path])
