"""A graph cut into pieces of bounded size, each one compiled function.

XLA's compile time grows faster than the program, so a law is compiled in segments: consecutive
nodes, with the values that cross a border as arguments and results. A segment is known by a
digest of its content; two programs that share one share its compiled code, and JAX's persistent
cache finds it again in another process. Under `grad`, `vmap` or `jit` the same segments are
traced instead.

The operations `segment_sum`, `segment_max` and `segment_min` are no such segments: they reduce over
the members of each group, and are named as in JAX.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ...core._digest import digest
from ..graph._ir import Graph
from ..graph._node import Node
from ..graph._ops import SIZES
from ..graph._strata import Homes
from ..graph._structure import has_rows, is_link, is_structure, name_of
from ..graph._trend import LAW
from ._compact import Key, put_back, taken
from ._emit import Emitter
from ._extent import Extent
from ._kinks import DIRECTED, Sides, sides_of
from ._remember import Shared
from ._schedule import NOWHERE, is_table, stretches_of
from ._store import emitter

SEGMENT_NODES = 250
"""The most in a segment. XLA takes more than twice as long for twice as many."""


@dataclasses.dataclass(frozen=True, eq=False)
class Segment:
    """Nodes of a program that are compiled together.

    Attributes:
        nodes: arguments first.
        inputs, outputs: what crosses its borders.
        pieces: the parameters it reads: single numbers, and tables that stay together.
        digest: of the content.
        stratum: on whose rows alone it runs.
        homes: the strata in which its inputs were computed.
        stratum_rows: the rows and links of strata that it needs.
        watched: the columns (as bits of a trend) that its kinks ask whether they move.
        held: functions that were jitted for it.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    pieces: tuple[Node, ...]
    digest: str
    stratum: int | None = None
    homes: tuple[int | None, ...] = ()
    stratum_rows: tuple[Key, ...] = ()
    watched: tuple[int, ...] = ()
    held: dict[Any, Any] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(len(p.args) if p.op == "pack" else 1 for p in self.pieces)


def cut(
    roots: Sequence[Node], homes: Homes | None = None, size: int = SEGMENT_NODES
) -> list[Segment]:
    """Cut everything that `roots` need into segments of at most `size` operations."""
    stretches = stretches_of(roots, homes or NOWHERE, size)
    wanted = {r.index for r in roots}
    segments: list[Segment] = []
    for stratum, nodes in reversed(stretches):
        segment = _segment(nodes, stratum, wanted, homes or NOWHERE)
        wanted |= {n.index for n in segment.inputs}
        segments.append(segment)
    return segments[::-1]


def _segment(nodes: list[Node], stratum: int | None, wanted: set[int], homes: Homes) -> Segment:
    inside = {n.index for n in nodes}
    arguments = {a.index: a for n in nodes for a in n.args if a.index not in inside}
    outer = list(arguments.values())  # in order of use: places in the graph are no part of it
    pieces = tuple(a for a in outer if a.op == "parameter" or is_table(a))
    given = [a for a in outer if a.op not in ("constant", "parameter") and not is_table(a)]
    own = [a for a in given if stratum is not None and is_structure(a)]
    inputs = tuple(a for a in given if a not in own and a.index not in homes.idle)
    outputs = tuple(n for n in nodes if n.index in wanted and homes.of.get(n.index) == stratum)
    where = tuple(homes.of.get(a.index) for a in inputs)
    stratum_rows = sorted({(stratum, name_of(a)) for a in own if stratum is not None})
    for node, home in zip(inputs, where, strict=True):
        crosses = home if stratum is None else stratum if home is None and has_rows(node) else None
        if crosses is not None:
            stratum_rows.append((crosses, f"{entity_of(node)}.rows"))
    kinks = {n.index: sides_of(n) for n in nodes if n.op in DIRECTED and n.dtype.kind == "f"}
    return Segment(
        nodes=tuple(nodes),
        inputs=inputs,
        outputs=outputs,
        pieces=pieces,
        digest=_digest(nodes, inputs, outputs, pieces, stratum, where, kinks),
        stratum=stratum,
        homes=where,
        stratum_rows=tuple(dict.fromkeys(stratum_rows)),
        watched=_watched(kinks),
    )


def _watched(kinks: Mapping[int, Sides]) -> tuple[int, ...]:
    """The columns at which kinks look, in the order in which they do."""
    things = dict.fromkeys(thing for sides in kinks.values() for thing in sides.things)
    return tuple(thing for thing in things if thing != LAW)


def entity_of(node: Node) -> str:
    """Whose rows a node has."""
    return node.graph.entity_of[node.shape[0]]


def _digest(
    nodes: list[Node],
    inputs: tuple[Node, ...],
    outputs: tuple[Node, ...],
    pieces: tuple[Node, ...],
    stratum: int | None,
    homes: tuple[int | None, ...],
    kinks: Mapping[int, Sides],
) -> str:
    """A fingerprint of what the segment computes, free of names and places in the graph."""
    local = {n.index: i for i, n in enumerate((*inputs, *pieces, *nodes))}
    graph, watched = nodes[0].graph, (LAW, *_watched(kinks))

    def ref(node: Node) -> Any:
        if node.op == "constant":
            value = np.asarray(node.shadow)
            return [type(node.shadow).__name__, value.dtype.str, value.shape, value.tobytes().hex()]
        if node.index in local:
            return local[node.index]
        return name_of(node) if node.op == "input" else ["zero", str(node.dtype), _dims(node)]

    def attr(name: str, value: Any) -> Any:
        if name not in SIZES:
            return value
        whole = value if isinstance(value, tuple) else (value,)
        return [graph.entities(v) or v for v in whole]

    content = [
        [
            [n.op, str(n.dtype), _dims(n), name_of(n) if is_link(n) else ""]
            for n in (*inputs, *pieces)
        ],
        [
            [n.op, str(n.dtype), n.weak, _dims(n), [ref(a) for a in n.args]]
            + [[k, attr(k, v)] for k, v in n.attrs]
            for n in nodes
        ],
        [local[n.index] for n in outputs],
        sorted(local[n.index] for n in nodes if not n.finite),
        [[local[i], k.ways, [watched.index(t) for t in k.things]] for i, k in kinks.items()],
        [stratum is not None, ["all" if h is None else h == stratum or h for h in homes]],
    ]
    return digest(json.dumps(content, default=str))


def _dims(node: Node) -> list[Any]:
    return [node.graph.entities(n) or n for n in node.shape]


# ---- running


def parameter_slots(segment: Segment, position: Mapping[str, int], total: int) -> Any:
    """Where each number that a segment reads lies in the law's vector (literals are appended)."""
    slots: list[int] = []
    literals: list[float] = []
    for piece in segment.pieces:
        for leaf in piece.args if piece.op == "pack" else (piece,):
            if leaf.op == "parameter":
                slots.append(position[str(leaf.attr("name"))])
            else:
                slots.append(total + len(literals))
                literals.append(float(leaf.shadow))
    return np.array(slots, np.int32), np.array(literals, np.float64)


def own_parameters(
    slots: Sequence[tuple[np.ndarray, np.ndarray]], theta: Float[Array, " leaf"]
) -> list[Float[Array, " slot"]]:
    """The numbers that each segment reads, in its order."""
    return [
        (jnp.concatenate([theta, jnp.asarray(literals, theta.dtype)]) if literals.size else theta)[
            at
        ]
        for at, literals in slots
    ]


_TRACEABLE = Shared()


def traceable(segment: Segment, dtype: Any) -> Any:
    """The segment as a jitted function of its numbers, inputs and rows; one for equal content.

    Before those it takes the columns that it watches. A derivative of it runs it forward once more
    instead of keeping what happens inside.
    """

    def make() -> Any:
        function = functools.partial(from_numbers, alone(segment), jnp.dtype(dtype))
        return jitted(functools.partial(_once_more, function), segment)

    return _TRACEABLE.get(segment.held, (segment.digest, str(jnp.dtype(dtype))), make)


def alone(segment: Segment) -> Segment:
    """The same segment in a graph without anything else.

    A jitted function keeps what it is made of, and may outlive the program that it was made for:
    in another one that has an equal segment.
    """
    old = segment.nodes[0].graph
    graph = Graph(old.sizes)
    graph.joined = dict(old.joined)
    inside = {n.index for n in segment.nodes}
    copies: dict[int, Node] = {}

    def copy(node: Node) -> Node:
        if node.index not in copies:
            own = node.index in inside or node.op == "pack"
            args = tuple(map(copy, node.args)) if own else ()
            copies[node.index] = dataclasses.replace(node, args=args, graph=graph)
        return copies[node.index]

    parts = ("nodes", "inputs", "outputs", "pieces")
    changes: dict[str, Any] = {p: tuple(map(copy, getattr(segment, p))) for p in parts}
    return dataclasses.replace(segment, **changes, held={})


def jitted(function: functools.partial[Any], segment: Segment) -> Any:
    """A function of some rows, jitted under a name that no other segment has.

    What JAX's own cache has read cannot be kept in `_store`: a name of its own keeps it from
    finding there what other segments, or this one in another version, have left.
    """
    name = f"segment_{segment.digest[:16]}_{emitter()[:8]}"
    function.__name__ = name  # type: ignore[attr-defined]
    return jax.jit(function, static_argnames=("extent",))


def lowering(
    function: functools.partial[Any], segment: Segment, arguments: tuple[Any, ...], extent: Extent
) -> Callable[[], Any]:
    """What lowers a function of some rows. JAX keeps what it lowered for as long as the jitted
    function lives, executables too: this one is made when it is needed, and not kept."""
    return lambda: jitted(function, segment).lower(*arguments, extent=extent)


def _once_more(function: Any, *arguments: Any, extent: Extent) -> list[Array]:
    return jax.checkpoint(functools.partial(function, extent=extent))(*arguments)


def from_numbers(
    segment: Segment, dtype: Any, watched: Any, numbers: Array, *arguments: Any, extent: Extent
) -> list[Array]:
    """A segment's outputs, its numbers given as one vector."""
    things = {LAW: numbers, **dict(zip(segment.watched, watched, strict=False))}
    parts = parts_of(segment, numbers)
    return body(segment, dtype, parts, *arguments, extent=extent, things=things)


def parts_of(segment: Segment, numbers: Array) -> list[Array]:
    """A segment's numbers by the parameters and tables that they belong to."""
    return list(lax.split(numbers, segment.lengths)) if segment.lengths else []


def body(
    segment: Segment,
    dtype: Any,
    parts: Sequence[Array],
    values: tuple[Array, ...],
    stratum_rows: tuple[Array, ...],
    *,
    extent: Extent,
    things: Mapping[int, Array],
) -> list[Array]:
    """A segment's outputs on the rows of `extent`; kinks ask whether `things` move."""
    graph = segment.nodes[0].graph
    known: dict[int, Any] = {}
    ordered, apart = extent.in_order(graph), extent.neighbours(graph)
    emitter = Emitter(known, extent.rows(graph), dtype, ordered, apart, things)
    held = dict(zip(segment.stratum_rows, stratum_rows, strict=True))
    for node, home, value in zip(segment.inputs, segment.homes, values, strict=True):
        known[node.index] = _brought(emitter, segment.stratum, node, home, value, held)
    for piece, part in zip(segment.pieces, parts, strict=True):
        known[piece.index] = part if piece.op == "pack" else part[0]
    for node in segment.nodes:
        for argument in node.args:
            _supply(emitter, segment.stratum, argument, held)
        emitter.run(node)
    return [emitter.values[n.index] for n in segment.outputs]


def _brought(
    emitter: Emitter,
    stratum: int | None,
    node: Node,
    home: int | None,
    value: Array,
    held: Mapping[Key, Array],
) -> Array:
    """An input on the rows on which the segment runs."""
    if home == stratum or not has_rows(node):
        return value
    if stratum is None:
        rows = held[home or 0, f"{entity_of(node)}.rows"]
        return put_back(value, rows, emitter.spec(node).shape[0])
    if home is None:
        return taken(value, held[stratum, f"{entity_of(node)}.rows"])
    spec = emitter.spec(node)  # the home of one stratum is empty in another
    return jnp.zeros(spec.shape, spec.dtype)


def _supply(emitter: Emitter, stratum: int | None, node: Node, held: Mapping[Key, Array]) -> None:
    """An argument that no segment hands over: the stratum's own structure, or an idle node."""
    if node.index in emitter.values or node.op == "constant":
        return
    if stratum is not None and is_structure(node):
        emitter.values[node.index] = held[stratum, name_of(node)]
    else:
        spec = emitter.spec(node)
        emitter.values[node.index] = jnp.zeros(spec.shape, spec.dtype)
