"""What a node takes from the structure of a population: rows, links, and numbers of rows.

Links and places say how persons and groups hang together. Whole households that are set apart
have the same links among themselves, but their rows have other numbers. What is computed from links
alone they can compute for themselves, as long as numbers of rows are only followed, carried along
or compared with each other; whatever else is computed from a number belongs to the population as it
stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ._node import Node, reachable

STRUCTURE = ("group", "position", "first", "size", "real")
"""The parts of an entity's structure, as input nodes name them."""

MIXED = ""
"""Whose rows a number counts, where that is not one entity."""

_ACROSS_ROWS = {
    "sum", "prod", "mean", "max", "min", "any", "all",
    "cumsum", "lexsort", "kinds", "find", "scatter", "concatenate",
}  # fmt: skip
_COMPARED = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}
_CARRIED = {
    "where": 1, "maximum": 0, "minimum": 0, "fmax": 0, "fmin": 0, "astype": 0, "positive": 0,
    "broadcast": 0, "reshape": 0, "getitem": 0, "set": 0, "stack": 0, "concatenate": 0,
    "transpose": 0, "scatter": 0, "max": 0, "min": 0, "from_end": 0,
}  # fmt: skip
"""Operations whose result holds entries of their arguments, of those from this one on."""

Numbers = Mapping[int, str]
"""Nodes that may hold numbers of rows, and the entity whose rows they count."""


def name_of(node: Node) -> str:
    """An input's name."""
    return str(node.attr("name"))


def is_structure(node: Node) -> bool:
    """Whether an input is a part of an entity's structure."""
    return node.op == "input" and name_of(node).rpartition(".")[2] in STRUCTURE


def is_link(node: Node) -> bool:
    """Whether an input holds the group of every person."""
    return node.op == "input" and name_of(node).endswith(".group")


def is_link_of(node: Node, rows: int) -> bool:
    """Whether an input holds the group of every person, of the kind that has so many rows."""
    return is_link(node) and node.graph.sizes.get(name_of(node).removesuffix(".group")) == rows


def has_rows(node: Node) -> bool:
    """Whether a node has one entry (or a few) a row of one entity."""
    return node.ndim >= 1 and node.shape[0] in node.graph.entity_of


def looks_across(node: Node) -> bool:
    """Whether a row of the result may depend on the rows of other households."""
    if node.op == "isin":
        return node.args[1].data
    if node.op in ("set", "getitem"):
        return has_rows(node.args[0]) and not _keeps_rows(node.attr("key"))
    return node.op in _ACROSS_ROWS or (bool(node.shape) and node.shape[0] in node.graph.joined)


def _keeps_rows(key: tuple) -> bool:
    """Whether a static index takes every row."""
    first = key[1] if key[0] == "tuple" and len(key) > 1 else key
    return tuple(first) == ("slice", None, None, None)


# ---- numbers of rows


def row_numbers(nodes: list[Node]) -> dict[int, str]:
    """Nodes some of whose entries may be numbers of rows, and whose rows those are."""
    found: dict[int, str] = {}
    for node in nodes:
        whose = _counts(node)  # "" is an answer
        whose = _carries(node, found) if whose is None else whose
        if whose is not None:
            found[node.index] = whose
    return found


def _counts(node: Node) -> str | None:
    """Whose rows a node numbers by itself."""
    graph, person = node.graph, next(iter(node.graph.sizes))
    if is_structure(node):
        entity, _, part = name_of(node).rpartition(".")
        return {"group": entity, "first": person}.get(part)
    if node.op == "arange":
        return graph.entity_of.get(node.attr("num"))
    if node.op == "nth":
        return person
    if node.op == "find":
        return graph.entity_of.get(node.args[0].shape[0], MIXED)
    return MIXED if node.op in ("kinds", "lexsort") else None


def _carries(node: Node, numbers: Numbers) -> str | None:
    """Whose row numbers an operation hands on."""
    if node.op in ("take", "segment_max", "segment_min"):
        return numbers.get(node.args[0].index)
    if node.op not in _CARRIED:
        return None
    told = {numbers[a.index] for a in node.args[_CARRIED[node.op] :] if a.index in numbers}
    return None if not told else told.pop() if len(told) == 1 else MIXED


def follows_links(node: Node, structural: set[int], numbers: Numbers) -> bool:
    """Whether a look-up among rows stays within whole households: it follows links."""
    table, index = node.args
    whose = node.graph.entity_of[table.shape[0]]
    return index.index in structural and numbers.get(index.index) == whose


def row_number_users(roots: Sequence[Node]) -> set[str]:
    """The variables in which the number of a row is more than a way to it: told, reckoned with, or
    compared with something that is no row's number. Where rows are dealt into blocks, or padding
    lies between them, they have other numbers."""
    nodes = reachable(list(roots))
    numbers = row_numbers(nodes)
    told = {root.origin for root in roots if root.index in numbers}
    return told | {node.origin for node in nodes if _uses_row_numbers(node, numbers)}


def _uses_row_numbers(node: Node, numbers: Numbers) -> bool:
    told = [a.index in numbers for a in node.args]
    if node.op == "take" and has_rows(node.args[0]):
        return not told[1]
    if not any(told) or node.op in _CARRIED or node.op in ("take", "rank", "nth", "lexsort"):
        return False
    if node.op in _COMPARED:
        return not all(t or _is_no_row(a) for t, a in zip(told, node.args, strict=True))
    if node.op.startswith("segment_"):
        return node.op == "segment_sum" and told[0]
    return node.op not in ("kinds", "any", "all")


def _is_no_row(node: Node) -> bool:
    """Whether a literal is at most 0: nobody's number, or the least."""
    inner = node.args[0] if node.op == "broadcast" else node
    return inner.op == "constant" and bool(np.all(np.asarray(inner.shadow) <= 0))


# ---- what households compute for themselves


def structural(nodes: list[Node], numbers: Numbers) -> set[int]:
    """Nodes that whole households can compute for themselves from their own links: with the same
    result row for row, or with the numbers of their own rows in place of a number."""
    found: set[int] = set()
    for node in nodes:
        leaf = is_structure(node) or node.op in ("constant", "arange")
        inner = bool(node.args) and all(a.index in found for a in node.args)
        if leaf or (inner and not looks_across(node) and _stays_itself(node, found, numbers)):
            found.add(node.index)
    return found


def _stays_itself(node: Node, structural: set[int], numbers: Numbers) -> bool:
    """Whether an operation means the same when rows are numbered anew in their order."""
    told = [numbers.get(a.index) for a in node.args]
    if node.op == "take" and has_rows(node.args[0]):
        return follows_links(node, structural, numbers)
    if node.op.startswith("segment_"):
        return is_link(node.args[1]) and (node.op != "segment_sum" or told[0] is None)
    if node.op in ("rank", "nth"):
        return is_link(node.args[0])
    if all(whose is None for whose in told):
        return True
    if node.op in _COMPARED:
        return told[0] == told[1] != MIXED
    carried = told[_CARRIED.get(node.op, len(told)) :]
    return bool(carried) and None not in carried and len(set(carried)) == 1


def belongs_to_all(node: Node, structural: set[int], numbers: Numbers) -> bool:
    """Whether a node needs all rows: it looks across households, or computes with row numbers."""
    if node.index in structural or not any(has_rows(a) for a in node.args):
        return False
    if looks_across(node):
        return True
    told = [a.index in numbers for a in node.args]
    if node.op == "take" and has_rows(node.args[0]):
        return not follows_links(node, structural, numbers)
    if node.op.startswith("segment_"):
        return not is_link(node.args[1]) or told[0]
    if node.op in ("rank", "nth"):
        return not is_link(node.args[0])
    return any(told)
