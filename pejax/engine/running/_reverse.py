"""The reverse pass, segment by segment.

JAX could differentiate the chain of segments by itself, but would compile the derivative of each on
its own, one after the other, and trace all of it again at every call. Here the derivative of a
segment is an executable like the segment: forward once more, then back, so that only what crosses
the borders is kept. Forward mode, batches and populations that are traced take JAX's own way.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array

from ..graph._node import Node
from ..graph._trend import LAW
from ._batch import laws_of, spread
from ._executables import Job, executables
from ._extent import Extent
from ._remember import Shared
from ._segments import Segment, alone, body, jitted, lowering, parts_of

if TYPE_CHECKING:
    from ._runtime import Evaluation


@dataclasses.dataclass(frozen=True)
class Pull:
    """The way back through one segment.

    Attributes:
        active: the outputs that have a cotangent.
        wanted: the inputs that pass one on.
        added: for each of those whether there is one already, to be added to.
    """

    active: tuple[int, ...]
    wanted: tuple[int, ...]
    added: tuple[bool, ...]


def differentiable(
    evaluation: Evaluation, again: bool, theta: Array, moved: tuple[Array, ...]
) -> list[Array]:
    """The roots' values, with the derivative in `theta` and in what moves with it."""
    return _evaluated(evaluation, again, theta, moved)


def is_reverse(tree: Any) -> bool:
    """Whether traced values may be differentiated in reverse mode alone; else it raises."""
    try:
        _probe(tree)
    except TypeError:  # how JAX refuses forward mode through a rule for reverse mode
        return False
    return True


@jax.custom_vjp
def _probe(tree: Any) -> Any:
    return tree


_probe.defvjp(lambda tree: (tree, None), lambda _, ct: (ct,))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _evaluated(
    evaluation: Evaluation, again: bool, theta: Array, moved: tuple[Array, ...]
) -> list[Array]:
    if not moved and (laws := laws_of(theta)) is not None:
        return spread(evaluation, theta, laws)
    return evaluation.forward(theta, moved)[0]


def _forward(
    evaluation: Evaluation, again: bool, theta: Any, moved: Any
) -> tuple[list[Array], Any]:
    numbers, held = theta.value, tuple(m.value for m in moved)
    roots, values = evaluation.forward(numbers, held, keep=not again)
    return roots, (numbers, held, None if again else values)


def _backward(
    evaluation: Evaluation, again: bool, kept: Any, cotangents: list[Any]
) -> tuple[Array, tuple[Array, ...]]:
    theta, moved, values = kept
    if again:
        values = evaluation.forward(theta, moved, keep=True)[1]
    held, total = _at_the_roots(evaluation, theta, cotangents)
    numbers, way_back = jax.vjp(evaluation.plan.deal, theta)
    pulls, functions = _prepared(evaluation, held, numbers, values)
    back: list[Any] = [jnp.zeros_like(n) for n in numbers]
    for k in reversed(range(len(pulls))):
        segment, pull = evaluation.plan.segments[k], pulls[k]
        if pull is None:
            continue
        outputs = tuple(held.pop(segment.outputs[i].index) for i in pull.active)
        wanted = [segment.inputs[i].index for i in pull.wanted]
        before = tuple(held[i] for i, has in zip(wanted, pull.added, strict=True) if has)
        back[k], passed = functions[k](
            numbers[k],
            evaluation.given(segment, values),
            evaluation.arrays_for(segment),
            outputs,
            before,
        )
        held.update(zip(wanted, passed, strict=True))
    through = [held.get(n.index) for n in evaluation.moving]
    rest = (jnp.zeros_like(m) if c is None else c for m, c in zip(moved, through, strict=True))
    return total + way_back(back)[0], tuple(rest)


_evaluated.defvjp(_forward, _backward, symbolic_zeros=True)


def carries(node: Node) -> bool:
    """Whether a derivative in the law can pass through a value."""
    return node.law and node.dtype.kind == "f"


def _at_the_roots(
    evaluation: Evaluation, theta: Array, cotangents: Sequence[Any]
) -> tuple[dict[int, Array], Array]:
    """Cotangents of the values behind the roots, and of parameters that are roots."""
    held: dict[int, Array] = {}
    total = jnp.zeros_like(theta)
    for root, cotangent in zip(evaluation.runtime.roots, cotangents, strict=True):
        if isinstance(cotangent, SymbolicZero) or not carries(root):
            continue
        if root.op == "parameter":
            total = total.at[evaluation.runtime.position[str(root.attr("name"))]].add(cotangent)
        elif root.index in evaluation.computed or root in evaluation.moving:
            own = evaluation.on_own_rows(root, cotangent)
            held[root.index] = held[root.index] + own if root.index in held else own
    return held, total


def _prepared(
    evaluation: Evaluation, held: dict[int, Array], numbers: list[Array], values: dict[int, Array]
) -> tuple[list[Pull | None], list[Any]]:
    """The way back through every segment from the cotangents held, and its functions."""
    if not evaluation.concrete((numbers, values, held)):
        pulls = _pulls(evaluation, set(held))
        return pulls, _traced(evaluation, pulls)
    key = ("back", *evaluation.made_for, frozenset(held))
    found = evaluation.runtime.prepared.get(key)
    if found is None:
        pulls = _pulls(evaluation, set(held))
        found = (pulls, _functions(evaluation, pulls, numbers, values))
        evaluation.runtime.prepared[key] = found
    return found


def _pulls(evaluation: Evaluation, present: set[int]) -> list[Pull | None]:
    """The way back through every segment, from the values that have a cotangent."""
    pulls: list[Pull | None] = []
    for segment in reversed(evaluation.plan.segments):
        active = tuple(i for i, n in enumerate(segment.outputs) if n.index in present)
        if not active:
            pulls.append(None)
            continue
        wanted = tuple(i for i, n in enumerate(segment.inputs) if carries(n))
        added = tuple(segment.inputs[i].index in present for i in wanted)
        pulls.append(Pull(active, wanted, added))
        present -= {segment.outputs[i].index for i in active}
        present |= {segment.inputs[i].index for i in wanted}
    return pulls[::-1]


def _traced(evaluation: Evaluation, pulls: list[Pull | None]) -> list[Any]:
    """Each segment's way back as a jitted function: inside another trace, and where cotangents are
    a batch, as in `jax.jacrev`."""
    dtype = evaluation.runtime.dtype
    return [
        pull
        and functools.partial(_jitted(segment, dtype, pull), extent=evaluation.extent_of(segment))
        for segment, pull in zip(evaluation.plan.segments, pulls, strict=True)
    ]


def _functions(
    evaluation: Evaluation, pulls: list[Pull | None], numbers: list[Array], values: dict[int, Array]
) -> list[Any]:
    """Each segment's way back as an executable."""
    jobs, at = [], []
    functions: list[Any] = [None] * len(pulls)
    for k, (segment, pull) in enumerate(zip(evaluation.plan.segments, pulls, strict=True)):
        if pull is None:
            continue
        extent = evaluation.extent_of(segment)
        arguments = _shapes(evaluation, segment, pull, numbers[k], values)
        content = ("back", segment.digest, evaluation.runtime.dtype, extent, pull)
        one = functools.partial(_pull, segment, np.dtype(evaluation.runtime.dtype), pull)
        lower = lowering(one, segment, arguments, extent)
        results = (0, [0 for _ in pull.wanted])
        jobs.append(Job(content, arguments, results, lower))
        at.append(k)
    for k, made in zip(at, executables(jobs), strict=True):
        functions[k] = made
    return functions


def _shapes(
    evaluation: Evaluation, segment: Segment, pull: Pull, numbers: Array, values: dict[int, Array]
) -> tuple[Any, ...]:
    def spec(x: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(x.shape, x.dtype)

    given = tuple(spec(v) for v in evaluation.given(segment, values))
    held = tuple(spec(p) for p in evaluation.arrays_for(segment))
    specs = evaluation.specs(segment)
    outputs = tuple(specs[i] for i in pull.active)
    before = tuple(given[i] for i, has in zip(pull.wanted, pull.added, strict=True) if has)
    return spec(numbers), given, held, outputs, before


_JITTED = Shared()


def _jitted(segment: Segment, dtype: str, pull: Pull) -> Any:
    def make() -> Any:
        return jitted(functools.partial(_pull, alone(segment), np.dtype(dtype), pull), segment)

    return _JITTED.get(segment.held, (segment.digest, dtype, pull), make)


def _pull(
    segment: Segment,
    dtype: Any,
    pull: Pull,
    numbers: Array,
    values: tuple[Array, ...],
    stratum_rows: tuple[Array, ...],
    cotangents: tuple[Array, ...],
    before: tuple[Array, ...],
    *,
    extent: Extent,
) -> tuple[Array, list[Array]]:
    """Cotangents of a segment's numbers and inputs, the latter added to what they have."""

    def forward(numbers: Array, some: list[Array]) -> list[Array]:
        given = list(values)
        for place, value in zip(pull.wanted, some, strict=True):
            given[place] = value
        parts = parts_of(segment, numbers)
        things = {LAW: numbers}
        outputs = body(
            segment, dtype, parts, tuple(given), stratum_rows, extent=extent, things=things
        )
        return [outputs[i] for i in pull.active]

    back = jax.vjp(forward, numbers, [values[i] for i in pull.wanted])[1]
    own, passed = back(list(cotangents))
    rest = iter(before)
    return own, [next(rest) + c if has else c for has, c in zip(pull.added, passed, strict=True)]
