"""The header of a saved program: what is said of its nodes, and what must be."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._guards import Decision
from ._inputs import Column
from ._json_types import fail_if_other_form, row_of
from ._parameters import LeafInfo, ParameterIndex
from ._recipe import Output, Recipe
from ._situations import EntityWords, Input, Situations
from ._unread import Unread
from .graph._ir import Graph
from .graph._limits import Limit
from .graph._node import Node
from .graph._strata import Strata
from .rules._names import Names
from .rules._paths import Paths
from .tracing._array import ORDER
from .tracing._decisions import AT_MOST, OF_SOME

if TYPE_CHECKING:
    from ._program import Program

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
    "inputs": list[row_of(Input)],
    "entities": list[row_of(EntityWords)],
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
_TUPLES = ("outputs", "extra")
_KINDS = ("bool", "int", "float", "str", "array", AT_MOST, OF_SOME)
"""The kinds of decisions, besides those that name a scale."""


def header_of(program: Program) -> dict[str, Any]:
    """What is kept of a program besides its nodes, in plain data."""
    return {
        "outputs": [[o.name, o.entity, o.vocabulary] for o in program.outputs],
        "decisions": [
            [d.kind, d.variable, np.asarray(d.value).tolist()] for d in program.decisions
        ],
        "limits": len(program.limits),
        "leaves": _rows(program.index.leaves),
        "static": program.index.static,
        "paths": program.index.unread.paths.text,
        "switches": list(program.index.unread.switches),
        "period": list(program.index.period),
        "columns": _rows(program.columns),
        "inputs": _rows(program.situations.inputs),
        "entities": _rows(program.situations.entities),
        "names": program.names.to_json(),
        "known": sorted(program.known),
        "recipe": dataclasses.asdict(program.recipe),
        "strata": program.strata and [program.strata.column, list(program.strata.values)],
    }


def _rows(held: Any) -> list[list[Any]]:
    return [list(dataclasses.astuple(one)) for one in held]


def fields_of(header: Mapping[str, Any], roots: list[Node]) -> dict[str, Any]:
    """What a header says of a program, as `Program` takes it."""
    names = header["outputs"]
    rest = roots[len(names) + len(header["decisions"]) :]
    recipe: dict[str, Any] = {**header["recipe"]}
    recipe |= {name: tuple(recipe[name]) for name in _TUPLES}
    leaves = tuple(LeafInfo(*row) for row in header["leaves"])
    paths, switches = Paths.from_text(header["paths"]), tuple(header["switches"])
    unread = Unread(paths, switches, recipe["outputs"])
    return {
        "outputs": tuple(
            Output(name, node, entity, tuple(words) if words else None)
            for (name, entity, words), node in zip(names, roots, strict=False)
        ),
        "decisions": tuple(
            Decision(node, *row)
            for row, node in zip(header["decisions"], roots[len(names) :], strict=False)
        ),
        "limits": tuple(map(Limit, rest[: header["limits"]], rest[header["limits"] :])),
        "index": ParameterIndex(leaves, header["static"], tuple(header["period"]), unread),
        "columns": tuple(
            Column(e, n, k, tuple(words) if words else None, variable)
            for e, n, k, words, variable in header["columns"]
        ),
        "situations": Situations(
            tuple(EntityWords(name, plural, tuple(r)) for name, plural, r in header["entities"]),
            tuple(Input(*row) for row in header["inputs"]),
        ),
        "names": Names.from_json(header["names"]),
        "known": frozenset(header["known"]),
        "recipe": Recipe(**recipe),
        "strata": header["strata"] and Strata(header["strata"][0], tuple(header["strata"][1])),
    }


# ---- what it must say


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
    if len(header["inputs"]) != len(header["columns"]) or not header["entities"]:
        raise ValueError(f"{len(header['columns'])} columns, {len(header['inputs'])} inputs")


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
