"""The part of a graph that some nodes need, in a graph of its own."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._ir import Graph
from ._node import Node, reachable


def copied(roots: Sequence[Node], given: Mapping[int, str] | None = None) -> list[Node]:
    """The same nodes in a graph that holds nothing else, shadows reduced to shapes.

    A trace leaves far more nodes than its results need, each with its value on the shadow
    population; a program is kept for long.

    **Arguments:** `given`, names by index of roots whose users are to read them as inputs.
    """
    given = given or {}
    old = roots[0].graph
    graph = Graph(old.sizes)
    graph.joined = dict(old.joined)
    computed: dict[int, Node] = {}
    read: dict[int, Node] = {}
    for node in reachable(list(roots)):
        args = tuple(read[a.index] for a in node.args)
        computed[node.index] = read[node.index] = _added(graph, node, node.op, args, node.attrs)
        if node.index in given:
            attrs = (("name", given[node.index]),)
            read[node.index] = _added(graph, node, "input", (), attrs)
    return [computed[r.index] for r in roots]


def _added(graph: Graph, node: Node, op: str, args: Any, attrs: Any) -> Node:
    keeps = node.op in ("constant", "parameter") or node.weak
    new = dataclasses.replace(
        node,
        index=len(graph.nodes),
        op=op,
        args=args,
        attrs=attrs,
        shadow=node.shadow if keeps else blank(node.shape, node.dtype),
        graph=graph,
    )
    graph.nodes.append(new)
    return new


@functools.lru_cache
def blank(shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A shadow that says nothing but shape and type; one for all nodes that are alike."""
    zeros = np.zeros(shape, dtype)
    zeros.flags.writeable = False
    return zeros if zeros.ndim else zeros[()]
