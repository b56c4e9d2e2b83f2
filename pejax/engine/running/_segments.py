"""A graph cut into pieces of bounded size, each one compiled function.

XLA's compile time grows faster than the program, so a law is compiled in segments: consecutive
nodes, with the values that cross a border as arguments and results. A segment is known by a
digest of its content; two programs that share one share its compiled code, and JAX's persistent
cache finds it again in another process. Under `grad`, `vmap` or `jit` the same segments are
traced instead.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ..graph._node import Node, reachable
from ..graph._ops import LEAVES, SIZES
from ._emit import Emitter
from ._extent import Extent

SEGMENT_NODES = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive nodes of a program.

    **Arguments:** `nodes`; `inputs` and `outputs`, what crosses its borders; `pieces`, the
    parameters it reads: single numbers, and tables that stay together; `digest`, of the content.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    pieces: tuple[Node, ...]
    digest: str

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(len(p.args) if p.op == "pack" else 1 for p in self.pieces)


def is_table(node: Node) -> bool:
    """Whether a node is a vector of the law's numbers and literals, with nothing computed."""
    return node.op == "pack" and all(a.op in ("parameter", "constant") for a in node.args)


def cut(roots: Sequence[Node], size: int = SEGMENT_NODES) -> list[Segment]:
    """Cut everything that `roots` need into segments of at most `size` operations."""
    work = [n for n in reachable(list(roots)) if n.op not in LEAVES and not is_table(n)]
    runs = [work[i : i + size] for i in range(0, len(work), size)]
    wanted = {r.index for r in roots}
    segments: list[Segment] = []
    for run in reversed(runs):
        segment = _segment(run, wanted)
        wanted |= {n.index for n in segment.inputs}
        segments.append(segment)
    return segments[::-1]


def _segment(run: list[Node], wanted: set[int]) -> Segment:
    inside = {n.index for n in run}
    arguments = {a.index: a for n in run for a in n.args if a.index not in inside}
    outer = [arguments[i] for i in sorted(arguments)]
    inputs = tuple(a for a in outer if a.op not in ("constant", "parameter") and not is_table(a))
    pieces = tuple(a for a in outer if a.op == "parameter" or is_table(a))
    outputs = tuple(n for n in run if n.index in wanted)
    digest = _digest(run, inputs, outputs, pieces)
    return Segment(tuple(run), inputs, outputs, pieces, digest)


def _digest(
    run: list[Node], inputs: tuple[Node, ...], outputs: tuple[Node, ...], pieces: tuple[Node, ...]
) -> str:
    """A fingerprint of what the segment computes, free of names and places in the graph."""
    local = {n.index: i for i, n in enumerate((*inputs, *pieces, *run))}
    entity = run[0].graph.entity_of

    def ref(node: Node) -> Any:
        if node.op != "constant":
            return local[node.index]
        value = np.asarray(node.shadow)
        return [type(node.shadow).__name__, value.dtype.str, value.shape, value.tobytes().hex()]

    def attr(name: str, value: Any) -> Any:
        if name not in SIZES:
            return value
        whole = value if isinstance(value, tuple) else (value,)
        return [entity.get(v, v) for v in whole]

    content = [
        [[n.op, str(n.dtype), _dims(n)] for n in (*inputs, *pieces)],
        [
            [n.op, str(n.dtype), n.weak, _dims(n), [ref(a) for a in n.args]]
            + [[k, attr(k, v)] for k, v in n.attrs]
            for n in run
        ],
        [local[n.index] for n in outputs],
        sorted(n.index - run[0].index for n in run if not n.finite),
    ]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


def _dims(node: Node) -> list[Any]:
    return [node.graph.entity_of.get(n, n) for n in node.shape]


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
    theta: Float[Array, " leaf"], slots: np.ndarray, literals: np.ndarray
) -> Float[Array, " slot"]:
    """The numbers that one segment reads, in its order."""
    if literals.size:
        theta = jnp.concatenate([theta, jnp.asarray(literals, theta.dtype)])
    return theta[slots]


_COMPILED: dict[tuple[str, str], Any] = {}


def compiled(segment: Segment, dtype: Any) -> Any:
    """The segment as a jitted function of its numbers and inputs; one for equal content."""
    key = (segment.digest, str(jnp.dtype(dtype)))
    if key not in _COMPILED:
        function = functools.partial(_run, segment, jnp.dtype(dtype))
        _COMPILED[key] = jax.jit(function, static_argnames=("extent",))
    return _COMPILED[key]


def _run(
    segment: Segment, dtype: Any, numbers: Array, values: tuple[Array, ...], *, extent: Extent
) -> list[Array]:
    body = jax.checkpoint(functools.partial(_body, segment, dtype, extent))
    return body(numbers, values)


def _body(
    segment: Segment, dtype: Any, extent: Extent, numbers: Array, values: tuple[Array, ...]
) -> list[Array]:
    graph = segment.nodes[0].graph
    known: dict[int, Any] = {n.index: v for n, v in zip(segment.inputs, values, strict=True)}
    if segment.pieces:
        parts = lax.split(numbers, segment.lengths)
        for piece, part in zip(segment.pieces, parts, strict=True):
            known[piece.index] = part if piece.op == "pack" else part[0]
    emitter = Emitter(known, extent.rows(graph), dtype, extent.in_order(graph))
    for node in segment.nodes:
        emitter.run(node)
    return [emitter.values[n.index] for n in segment.outputs]
