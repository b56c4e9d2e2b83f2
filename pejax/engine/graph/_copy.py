"""The part of a graph that some nodes need, in a graph of its own."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._ir import Graph
from ._node import Node, reachable


def copied(roots: Sequence[Node], given: Sequence[tuple[Node, str]] = ()) -> list[Node]:
    """The same nodes in a graph that holds nothing else, shadows reduced to shapes.

    A trace leaves far more nodes than its results need, each with its value on the shadow
    population; a program is kept for long.

    Args:
        given: nodes that all others, and the roots, are to read as inputs of a name.

    Returns:
        The roots, then the given nodes as they are computed.
    """
    old, names = roots[0].graph, {node.index: name for node, name in given}
    graph = Graph(old.sizes)
    graph.joined, graph.things = dict(old.joined), dict(old.things)
    computed: dict[int, Node] = {}
    read: dict[int, Node] = {}
    for node in reachable([*roots, *(node for node, _ in given)]):
        args = tuple(read[a.index] for a in node.args)
        computed[node.index] = read[node.index] = _added(graph, node, node.op, args, node.attrs)
        if node.index in names:
            attrs = (("name", names[node.index]),)
            read[node.index] = _added(graph, node, "input", (), attrs)
    return [*(read[r.index] for r in roots), *(computed[node.index] for node, _ in given)]


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
