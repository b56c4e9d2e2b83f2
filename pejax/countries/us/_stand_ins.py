"""Functions of the country package that handle its engine's objects, for a trace's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._package import PACKAGE


def _same_rules(original: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of rules for a branch: those of a trace are never changed, so they are their copy."""

    def clone(system: Any, **how: Any) -> Any:
        own = getattr(system, "as_they_are", None)
        return original(system, **how) if own is None else own()

    return clone


def _computed_anew(original: Callable[..., Any]) -> Callable[..., Any]:
    """Drop what a branch has from its parent. A trace's branch forgets by itself what its inputs
    reach; under other rules it computes all of it again."""

    def drop(branch: Any, variables: Any = None) -> None:
        if not hasattr(branch, "drop_computed_arrays") or not hasattr(branch, "own_law"):
            original(branch, variables)
        elif branch.own_law and variables is None:
            branch.drop_computed_arrays()
        elif branch.own_law:
            for name in variables:
                branch.delete_arrays(name)

    return drop


STAND_INS = {
    f"{PACKAGE}.spm:clone_spm_system": _same_rules,
    f"{PACKAGE}.tools.period_branch:drop_inherited_values": _computed_anew,
}
"""By module and name."""
