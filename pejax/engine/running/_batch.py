"""Many laws at once: what differs between them is computed for each, everything else once.

Reforms change a few parameters, and most of a program does not depend on any of them.
`jax.vmap` cannot know: to it the whole vector of numbers is batched. Here the laws are compared
first. A segment that no differing number reaches runs once; in the others, only the nodes that one
reaches are computed for every law.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float

from ...core._mesh import is_explicit
from ...core._transforms import known
from ._executables import Job, executables
from ._segments import Segment, body, lowering, parts_of

if TYPE_CHECKING:
    from ._runtime import Evaluation

Laws = Float[Array, "law leaf"]


@dataclasses.dataclass(frozen=True)
class Pattern:
    """What of a segment differs between laws.

    Attributes:
        pieces: the parameters, by place.
        inputs, outputs: likewise.
    """

    pieces: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


_DIFFERING: contextvars.ContextVar[np.ndarray | None] = contextvars.ContextVar("differing")


@contextlib.contextmanager
def differing(numbers: Bool[np.ndarray, " leaf"]) -> Iterator[None]:
    """Take these numbers to differ whether they do or not, so that batches share executables."""
    before = _DIFFERING.set(numbers)
    try:
        yield
    finally:
        _DIFFERING.reset(before)


def laws_of(theta: Array) -> Laws | None:
    """The laws over which `jax.vmap` runs, if `theta` stands for those and they are known.

    Laws spread over a mesh of explicit axes come to one device: no single one could be taken out.
    """
    found = known(theta)
    if found is None or found.ndim != theta.ndim + 1:
        return None
    return jnp.asarray(np.asarray(found)) if is_explicit(found) else found


def spread(evaluation: Evaluation, theta: Array, laws: Laws) -> list[Array]:
    """The roots' values under `jax.vmap` over known laws."""

    @custom_vmap
    def roots(_: Array) -> list[Array]:
        specs = evaluation.root_specs()  # only their shapes matter: the rule below gives the values
        return [jnp.zeros(s.shape, s.dtype) for s in specs]

    @roots.def_vmap
    def _(size: int, batched: Sequence[bool], _: Array) -> tuple[list[Array], list[bool]]:
        return _for_each(evaluation, laws)

    return roots(theta)


def _for_each(evaluation: Evaluation, laws: Laws) -> tuple[list[Array], list[bool]]:
    """The roots' values, and whether each differs between the laws."""
    patterns = _patterns(evaluation, laws)
    numbers, pieces = evaluation.plan.deal(laws[0]), _moving_pieces(evaluation, patterns, laws)
    once, each = (
        evaluation.functions(laws[0], evaluation.inputs),
        _functions(evaluation, patterns, pieces),
    )
    if evaluation.runtime.check is not None:
        evaluation.runtime.check(evaluation, laws[0], ())
    values: dict[int, Array] = dict(evaluation.inputs)
    moved: set[int] = set()
    for k, (segment, pattern) in enumerate(zip(evaluation.plan.segments, patterns, strict=True)):
        given, rows = evaluation.given(segment, values), evaluation.arrays_for(segment)
        if pattern is None:
            results = once[k](numbers[k], given, rows)
        else:
            results = each[k](numbers[k], pieces[k], given, rows)
            moved |= {segment.outputs[i].index for i in pattern.outputs}
        values.update(zip([n.index for n in segment.outputs], results, strict=True))
        evaluation.forget(values, segment, k)
    return _roots(evaluation, laws, values, moved)


def _roots(
    evaluation: Evaluation, laws: Laws, values: dict[int, Array], moved: set[int]
) -> tuple[list[Array], list[bool]]:
    found, differs = [], []
    for root in evaluation.runtime.roots:
        own = root.index in moved
        if own:
            value = jax.vmap(lambda v, root=root: evaluation.root(root, laws[0], {root.index: v}))(
                values[root.index]
            )
        elif own := root.op == "parameter":
            value = jax.vmap(lambda law, root=root: evaluation.root(root, law, {}))(laws)
        else:
            value = evaluation.root(root, laws[0], values)
        found.append(value)
        differs.append(own)
    return found, differs


# ---- what differs


def _patterns(evaluation: Evaluation, laws: Laws) -> list[Pattern | None]:
    """What of each segment differs; None where nothing does. Compared on the host, kept by what
    numbers differ."""
    host = np.asarray(laws)
    differs = (host != host[:1]).any(axis=0)
    if (more := _DIFFERING.get(None)) is not None:
        differs = differs | more
    key = ("patterns", evaluation.stratum_rows is None, differs.tobytes())
    found = evaluation.runtime.prepared.get(key)
    if found is None:
        found = evaluation.runtime.prepared[key] = _compared(evaluation, differs)
    return found


def _compared(evaluation: Evaluation, differs: np.ndarray) -> list[Pattern | None]:
    moved: set[int] = set()
    patterns: list[Pattern | None] = []
    for segment, (slots, literals) in zip(
        evaluation.plan.segments, evaluation.plan.slots, strict=True
    ):
        at = np.concatenate([differs, np.zeros(literals.size, bool)])[slots]
        parts = np.split(at, np.cumsum(segment.lengths)[:-1]) if segment.lengths else []
        pieces = tuple(i for i, part in enumerate(parts) if part.any())
        inputs = tuple(i for i, n in enumerate(segment.inputs) if n.index in moved)
        if not pieces and not inputs:
            patterns.append(None)
            continue
        reached = {segment.pieces[i].index for i in pieces}
        reached |= {segment.inputs[i].index for i in inputs}
        for node in segment.nodes:
            if any(a.index in reached for a in node.args):
                reached.add(node.index)
        outputs = tuple(i for i, n in enumerate(segment.outputs) if n.index in reached)
        patterns.append(Pattern(pieces, inputs, outputs))
        moved |= {segment.outputs[i].index for i in outputs}
    return patterns


def _moving_pieces(
    evaluation: Evaluation, patterns: list[Pattern | None], laws: Laws
) -> list[tuple[Float[Array, "law parameter"], ...]]:
    """The numbers that differ, by segment and piece."""
    host = np.asarray(laws)
    found = []
    for segment, pattern, (slots, literals) in zip(
        evaluation.plan.segments, patterns, evaluation.plan.slots, strict=True
    ):
        ends = np.cumsum((0, *segment.lengths))
        fixed = np.broadcast_to(literals.astype(host.dtype), (len(host), literals.size))
        places = () if pattern is None else pattern.pieces
        own = [slots[ends[i] : ends[i + 1]] for i in places]
        whole = np.concatenate([host, fixed], axis=1) if own else host
        found.append(tuple(jnp.asarray(whole[:, at]) for at in own))
    return found


# ---- compiled for it


def _functions(
    evaluation: Evaluation, patterns: list[Pattern | None], pieces: list[Any]
) -> list[Any]:
    """The executables of the segments in which something differs."""
    size = next((len(p[0]) for p in pieces if p), 1)
    key = ("batch", *evaluation.made_for, size, tuple(patterns))
    found = evaluation.runtime.prepared.get(key)
    if found is None:
        jobs = _jobs(evaluation, patterns, pieces, size)
        made = iter(executables([job for job in jobs if job is not None]))
        found = evaluation.runtime.prepared[key] = [
            None if job is None else next(made) for job in jobs
        ]
    return found


def _jobs(
    evaluation: Evaluation, patterns: list[Pattern | None], pieces: list[Any], size: int
) -> list[Job | None]:
    shapes = {i: jax.ShapeDtypeStruct(v.shape, v.dtype) for i, v in evaluation.inputs.items()}
    dtype, jobs = evaluation.runtime.dtype, []
    for segment, pattern, some in zip(evaluation.plan.segments, patterns, pieces, strict=True):
        given = tuple(shapes[n.index] for n in segment.inputs)
        for i, (node, spec) in enumerate(
            zip(segment.outputs, evaluation.specs(segment), strict=True)
        ):
            own = pattern is not None and i in pattern.outputs
            shape = (size, *spec.shape) if own else spec.shape
            shapes[node.index] = jax.ShapeDtypeStruct(shape, spec.dtype)
        if pattern is None:
            jobs.append(None)
            continue
        extent = evaluation.extent_of(segment)
        numbers = jax.ShapeDtypeStruct((sum(segment.lengths),), jnp.dtype(dtype))
        held = tuple(jax.ShapeDtypeStruct(p.shape, p.dtype) for p in evaluation.arrays_for(segment))
        own = tuple(jax.ShapeDtypeStruct(s.shape, s.dtype) for s in some)
        arguments = (numbers, own, given, held)
        function = functools.partial(_batched, segment, np.dtype(dtype), pattern)
        lower = lowering(function, segment, arguments, extent)
        content = ("batch", segment.digest, dtype, extent, pattern)
        jobs.append(Job(content, arguments, [0 for _ in segment.outputs], lower))
    return jobs


def _batched(
    segment: Segment,
    dtype: Any,
    pattern: Pattern,
    numbers: Array,
    some: tuple[Array, ...],
    values: tuple[Array, ...],
    stratum_rows: tuple[Array, ...],
    *,
    extent: Any,
) -> list[Array]:
    """A segment's outputs, those that differ with a leading axis."""

    def one(some: tuple[Array, ...], moved: tuple[Array, ...]) -> list[Array]:
        parts, given = parts_of(segment, numbers), list(values)
        for place, part in zip(pattern.pieces, some, strict=True):
            parts[place] = part
        for place, value in zip(pattern.inputs, moved, strict=True):
            given[place] = value
        return body(segment, dtype, parts, tuple(given), stratum_rows, extent=extent, things={})

    axes = [0 if i in pattern.outputs else None for i in range(len(segment.outputs))]
    return jax.vmap(one, out_axes=axes)(some, tuple(values[i] for i in pattern.inputs))
