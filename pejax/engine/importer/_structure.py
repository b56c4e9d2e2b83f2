"""Structural reforms of a country package: variables added, replaced or switched off.

They change which formulas there are, so they make another `System`, which is compiled anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core._validate import BadInputError, unknown
from ..rules._system import System
from ._core import Core, core_of


def restructured(
    base: System, changes: Iterable[type], neutralized: Iterable[str]
) -> tuple[Any, str]:
    """The country's own object after structural changes, and a name for its version.

    Args:
        changes: the country's own `Reform` classes, applied in order, and `Variable` classes, each
            added or put in the place of the one of its name.
        neutralized: names of variables that are their default for everybody.
    """
    changes, neutralized = tuple(changes), tuple(neutralized)
    for name in neutralized:
        if name not in base.variables:
            raise unknown("variable", name, base.variables)
    reforms = _reforms(core_of(base.source), changes, neutralized)
    source = base.clone()
    for reform in reforms:
        if hasattr(source, "apply_reform_set"):
            source.apply_reform_set(reform)
        else:  # there a reform is made of the rules before it
            source = reform(source)
    names = [c.__name__ for c in changes] + [f"without {name}" for name in neutralized]
    return source, f"{base.version}+{', '.join(names)}"


def no_change(given: Any) -> BadInputError:
    """The error for what changes no variables."""
    return BadInputError(
        f"{given!r} is neither a Reform nor a Variable class of the country's engine. For "
        "parameters use program.parameters.with_reform({path: value})"
    )


def _reforms(core: Core, changes: tuple[type, ...], neutralized: tuple[str, ...]) -> list[Any]:
    reform, variable = core.module("reforms").Reform, core.module("variables").Variable
    for change in changes:
        if not (isinstance(change, type) and issubclass(change, reform | variable)):
            raise no_change(change)
    written = [c for c in changes if issubclass(c, reform)]
    replaced = [c for c in changes if issubclass(c, variable)]

    def apply(self: Any) -> None:
        for one in replaced:
            self.update_variable(one)
        for name in neutralized:
            self.neutralize_variable(name)

    return [*written, type("Restructured", (reform,), {"apply": apply})]
