"""What the header of a saved program must say, before a program is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._inputs import Column
from ._json_types import fail_if_other_form, row_of
from ._parameters import LeafInfo, ParameterIndex
from .graph._ir import Graph
from .graph._node import Node
from .tracing._array import ORDER
from .tracing._decisions import AT_MOST, OF_SOME

_FORM: dict[str, Any] = {
    "outputs": list[tuple[str, str, list[str] | None]],
    "decisions": list[tuple[str, str, Any]],
    "limits": int,
    "leaves": list[row_of(LeafInfo)],
    "static": dict[str, Any],
    "paths": str,
    "switches": list[str],
    "period": tuple[str, str],
    "columns": list[row_of(Column)],
    "names": dict[str, Any],
    "known": list[str],
    "recipe": dict[str, Any],
    "strata": tuple[str, list[int]] | None,
}
_NAMES: dict[str, Any] = {
    "country": str,
    "variables": dict[str, list[str]],
    "moved": dict[str, tuple[str, bool]],
}
_KINDS = ("bool", "int", "float", "str", "array", AT_MOST, OF_SOME)
"""The kinds of decisions, besides those that name a scale."""


def fail_if_other_header(header: Mapping[str, Any], roots: list[Node]) -> None:
    """Raise `ValueError` or `KeyError` for a header that does not describe these roots."""
    for name, form in _FORM.items():
        fail_if_other_form(header[name], form, name)
    for name, form in _NAMES.items():
        fail_if_other_form(header["names"][name], form, f"names.{name}")
    outputs, decisions, limits = header["outputs"], header["decisions"], header["limits"]
    if len(roots) != len(outputs) + len(decisions) + 2 * limits or not outputs:
        raise ValueError(
            f"{len(outputs)} outputs, {len(decisions)} decisions and {limits} limits, "
            f"{len(roots)} roots"
        )
    _fail_if_other_entity(header, roots)
    _fail_if_other_decision(decisions)
    _fail_if_other_recipe(header["recipe"])


def _fail_if_other_entity(header: Mapping[str, Any], roots: list[Node]) -> None:
    sizes = roots[0].graph.sizes
    for (name, entity, _), root in zip(header["outputs"], roots, strict=False):
        if entity not in sizes or root.shape != (sizes[entity],):
            raise ValueError(f"the output {name} has no rows of {entity!r}")
    for entity, name, kind, *_ in header["columns"]:
        if entity not in sizes or kind not in "biuf":
            raise ValueError(f"a column {entity}.{name} of type {kind!r}")


def _fail_if_other_decision(decisions: list[Any]) -> None:
    for kind, variable, value in decisions:
        known = kind in _KINDS or kind.startswith(ORDER)
        if not known or np.asarray(value).dtype.kind not in "biuf":
            raise ValueError(f"a decision of {variable} of the kind {kind!r} was {value!r}")


def _fail_if_other_recipe(recipe: Mapping[str, Any]) -> None:
    if recipe["dtype"] not in ("float32", "float64"):
        raise ValueError(f"its dtype is {recipe['dtype']!r}")
    fail_if_other_form(recipe["outputs"], list[str], "recipe.outputs")
    fail_if_other_form(recipe["chunk"], int | None, "recipe.chunk")
    fail_if_other_form(recipe["extra"], list[str], "recipe.extra")


def fail_if_other_leaves(index: ParameterIndex, graph: Graph) -> None:
    """Raise `ValueError` unless every number that a graph reads is there, and once."""
    if len(index.position) < len(index.leaves):
        raise ValueError("a parameter is there twice")
    for node in graph.nodes:
        if node.op == "parameter" and node.attr("name") not in index.position:
            raise ValueError(f"no parameter is called {node.attr('name')!r}")
