"""The order of work: nodes in stretches that share their rows, every argument before its users."""

from __future__ import annotations

import heapq
import zlib
from collections import defaultdict
from collections.abc import Sequence

from ..graph._node import Node
from ..graph._ops import LEAVES
from ..graph._strata import Homes, Strata

NOWHERE = Homes(Strata("", ()), {}, frozenset(), frozenset())
"""Every node runs on all rows."""

Stretch = tuple[int | None, list[Node]]
"""A stratum (None for all rows), and nodes on its rows that are computed one after another."""


def stretches_of(roots: Sequence[Node], homes: Homes, size: int) -> list[Stretch]:
    """Everything that `roots` need, in stretches of at most `size` nodes of one stratum (or none).

    Nodes on all rows go first for as long as any is ready, then the stratum with the most ready
    nodes: so that the stretches are few and long. What follows from a stratum's structure alone is
    computed anew wherever it is needed, because row numbers differ between strata.
    """
    stretches: list[Stretch] = []
    for stratum, nodes in _in_order(_live(roots, homes), homes):
        for part in _parts(nodes, size):
            stretches.append((stratum, part if stratum is None else _with_structure(part, homes)))
    return stretches


def _parts(nodes: list[Node], size: int) -> list[list[Node]]:
    """Parts of at most `size` nodes, mostly of two thirds as many.

    They end where a node's own content says so: a law that differs in one formula then has the
    same parts before it and soon after it, and their executables serve both.
    """
    least, odds = size // 2, max(1, size // 4)
    parts: list[list[Node]] = []
    part: list[Node] = []
    for node in nodes:
        part.append(node)
        if len(part) == size or (len(part) >= least and _content(node) % odds == 0):
            parts.append(part)
            part = []
    return [*parts, part] if part else parts


def _content(node: Node) -> int:
    """A number made of what a node does and for which formula, not of its place."""
    return zlib.crc32(f"{node.origin} {node.op} {node.dtype} {node.attrs}".encode())


def is_work(node: Node) -> bool:
    """Whether a node is computed, not given."""
    return node.op not in LEAVES and not is_table(node)


def is_table(node: Node) -> bool:
    """Whether a node is a vector of the law's numbers and literals, with nothing computed."""
    return node.op == "pack" and all(a.op in ("parameter", "constant") for a in node.args)


def _live(roots: Sequence[Node], homes: Homes) -> list[Node]:
    """The work that is left when idle nodes are zero and strata know their own structure."""
    seen: set[int] = set()
    found: list[Node] = []
    stack: list[tuple[Node, int | None]] = [(root, None) for root in roots]
    while stack:
        node, asked_in = stack.pop()
        local = node.index in homes.structural and asked_in is not None
        if node.index in seen or node.index in homes.idle or local or not is_work(node):
            continue
        seen.add(node.index)
        found.append(node)
        stack.extend((argument, homes.of.get(node.index)) for argument in node.args)
    return sorted(found, key=lambda n: n.index)


def _in_order(work: list[Node], homes: Homes) -> list[Stretch]:
    """Stretches of nodes of one stratum, as long as their arguments allow."""
    waits, users = _dependencies(work, homes)
    ready: defaultdict[int | None, list[tuple[int, Node]]] = defaultdict(list)
    for node in work:
        if not waits[node.index]:
            heapq.heappush(ready[homes.of.get(node.index)], (node.index, node))
    stretches: list[Stretch] = []
    while any(ready.values()):
        stratum = None if ready[None] else max(ready, key=lambda s: len(ready[s]))
        stretch: list[Node] = []
        while ready[stratum]:
            node = heapq.heappop(ready[stratum])[1]
            stretch.append(node)
            for user in users[node.index]:
                waits[user.index] -= 1
                if not waits[user.index]:
                    heapq.heappush(ready[homes.of.get(user.index)], (user.index, user))
        stretches.append((stratum, stretch))
    return stretches


def _dependencies(
    work: list[Node], homes: Homes
) -> tuple[dict[int, int], defaultdict[int, list[Node]]]:
    """How many arguments each node waits for, and who waits for it."""
    here = {n.index for n in work}
    waits: dict[int, int] = {}
    users: defaultdict[int, list[Node]] = defaultdict(list)
    for node in work:
        own = homes.structural if node.index in homes.of else frozenset()
        before = {a.index for a in node.args if a.index in here and a.index not in own}
        waits[node.index] = len(before)
        for index in before:
            users[index].append(node)
    return waits, users


def _with_structure(nodes: list[Node], homes: Homes) -> list[Node]:
    """A stratum's nodes, with the structural nodes that it reads computed on its own rows."""
    found: dict[int, Node] = {}
    stack = [a for node in nodes for a in node.args]
    while stack:
        node = stack.pop()
        if node.index in homes.structural and node.index not in found and is_work(node):
            found[node.index] = node
            stack.extend(node.args)
    return [*(found[i] for i in sorted(found)), *nodes]
