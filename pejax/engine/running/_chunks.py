"""Running a program over chunks of households, so that memory is bounded by the chunk.

What needs all households at once (whether anybody is disabled, how large the largest family is) is
computed first: each block's own part, then the parts together. Such quantities may depend on each
other, so they are computed in rounds. The outputs read them as inputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from ...core._transforms import at_once, is_traced
from ...core._validate import BadInputError
from ...core.population._population import Population
from ..graph._copy import copied
from ..graph._node import Node, reachable
from ..graph._structure import row_number_users
from ._kinks import extreme
from ._remember import remembered
from ._reverse import is_reverse
from ._runtime import Evaluation, Runtime, extent_of

Parts = Shaped[Array, "block ..."]
Across = Mapping[str, Array]

_TOGETHER: dict[str, Callable[[Parts], Array]] = {
    "sum": lambda parts: jnp.sum(parts, axis=0),
    "prod": lambda parts: jnp.prod(parts, axis=0),
    "any": lambda parts: jnp.any(parts, axis=0),
    "all": lambda parts: jnp.all(parts, axis=0),
    "max": lambda parts: extreme("max", parts, 0),
    "min": lambda parts: extreme("min", parts, 0),
}
"""How the parts of the blocks make up the whole."""

_ALONG_ROWS = ("cumsum", "lexsort", "find", "mean", "getitem")


def deal(population: Population, chunk: int) -> Population:
    """The population in equal blocks of about `chunk` households, unless it already is in blocks.

    Dealing happens on the host, once for a population.
    """
    if population.schema.blocks > 1:
        return population
    blocks = max(1, -(-population.count(population.schema.household) // chunk))

    def dealt() -> Population:
        with at_once():
            return population.in_blocks(blocks)

    return remembered(jax.tree.leaves(population), ("dealt", population.schema, blocks), dealt)


@dataclasses.dataclass(frozen=True, eq=False)
class Round:
    """Quantities across households that can be computed at the same time.

    Attributes:
        names: under which later rounds read them.
        kinds: the operations that make them up of the blocks' parts.
        runtime: what computes the parts.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    runtime: Runtime


@dataclasses.dataclass(frozen=True, eq=False)
class Chunked:
    """A program that is run block after block.

    Attributes:
        rounds: what is computed first.
        outputs: one entry a row.
        decisions: which depend on the population through the rounds alone.
    """

    rounds: tuple[Round, ...]
    outputs: Runtime
    decisions: Runtime

    def __call__(
        self, theta: Float[Array, " leaf"], dealt: Population
    ) -> tuple[list[Array], list[Array]]:
        """The outputs, row after row of all blocks, and the decisions."""
        across: dict[str, Array] = {}
        for one in self.rounds:
            parts = run_blocks(one.runtime, theta, dealt, across)
            whole = (_TOGETHER[kind](part) for kind, part in zip(one.kinds, parts, strict=True))
            across |= dict(zip(one.names, whole, strict=True))
        values = run_blocks(self.outputs, theta, dealt, across)
        decisions = self.decisions(theta, _first_of(dealt), across, grow=False)
        return [v.reshape(-1) for v in values], decisions


def chunked(
    outputs: Sequence[Node], decisions: Sequence[Node], runtime: Callable[[list[Node]], Runtime]
) -> Chunked:
    """A program in rounds.

    Args:
        runtime: what makes some nodes executable.
    """
    levels = _levels([*outputs, *decisions])
    names = [[f"across.{k}.{i}" for i in range(len(level))] for k, level in enumerate(levels)]
    given = [
        pair
        for level, own in zip(levels, names, strict=True)
        for pair in zip(level, own, strict=True)
    ]
    copies = iter(copied([*outputs, *decisions], given))
    results, decided = list(islice(copies, len(outputs))), list(islice(copies, len(decisions)))
    rounds = tuple(
        Round(tuple(own), tuple(n.op for n in level), runtime(list(islice(copies, len(level)))))
        for level, own in zip(levels, names, strict=True)
    )
    return Chunked(rounds, runtime(results), runtime(decided))


def fail_if_households_meet(outputs: Sequence[Node], decisions: Sequence[Node]) -> None:
    """Refuse a program that needs all households at once in a way that blocks cannot share."""
    nodes = reachable([*outputs, *decisions])
    met = {n.origin for n in nodes if _meets(n) and n.op not in _TOGETHER}
    met |= {n.origin for n in decisions if _rows(n)}
    fail_if_rows_are_numbered(row_number_users([*outputs, *decisions]))
    if met:
        raise BadInputError(
            "chunk= needs households that do not depend on each other, but "
            f"{', '.join(sorted(met))} put all of them in an order. Compile without chunk="
        )


def fail_if_rows_are_numbered(names: Collection[str]) -> None:
    """Refuse rows in blocks where variables (`names`) reckon with the numbers of rows."""
    if names:
        raise BadInputError(
            "rows in blocks have other numbers than in the population, and "
            f"{', '.join(sorted(names))} reckons with numbers of rows. Run it without chunk= and "
            "without dealing the population, or give ids as columns and compare those"
        )


def _levels(roots: Sequence[Node]) -> list[list[Node]]:
    """Quantities across households, those first that depend on no other."""
    depth: dict[int, int] = {}
    levels: dict[int, list[Node]] = {}
    for node in reachable(list(roots)):
        depth[node.index] = max((depth[a.index] for a in node.args), default=0)
        if _meets(node):
            levels.setdefault(depth[node.index], []).append(node)
            depth[node.index] += 1
    return [levels[k] for k in sorted(levels)]


def _meets(node: Node) -> bool:
    """Whether a node looks at rows of all households."""
    if node.op not in _TOGETHER and node.op not in _ALONG_ROWS:
        return False
    if not any(_rows(a) for a in node.args):
        return False
    return not _rows(node) or node.op in ("cumsum", "lexsort", "find")


def _rows(node: Node) -> bool:
    return any(node.graph.entities(n) for n in node.shape)


# ---- block after block


def run_blocks(
    runtime: Runtime, theta: Float[Array, " leaf"], dealt: Population, across: Across
) -> list[Parts]:
    """The roots' values by block; a derivative runs each block forward again."""
    if not runtime.roots:
        return []
    variables = (theta, dict(across))
    if _inside_a_trace(dealt) or (is_traced(variables) and not is_reverse(variables)):
        return _in_one_trace(runtime)(theta, dealt.stacked(), dict(across))
    values = [
        jax.block_until_ready(evaluation(theta, again=True))
        for evaluation in _evaluations(runtime, dealt, across)
    ]
    return [jnp.stack(parts) for parts in zip(*values, strict=True)]


def _inside_a_trace(dealt: Population) -> bool:
    """Whether this runs under `jit`, where blocks one after another would be traced one by one."""
    return is_traced((dealt, jnp.zeros(())))


def _evaluations(runtime: Runtime, dealt: Population, across: Across) -> list[Evaluation]:
    """An evaluation for each block, all with the same shapes."""
    blocks = _blocks_of(dealt)
    extent = extent_of(blocks[0], grow=False)
    stratum_rows = runtime.stratum_rows_in(blocks, extent)
    return [
        runtime.evaluation_on(block, extent, own, across)
        for block, own in zip(blocks, stratum_rows, strict=True)
    ]


def _blocks_of(dealt: Population) -> list[Population]:
    """Each block as a population of its own; remembered, as are the rows of its strata."""

    def split() -> list[Population]:
        blocks = dealt.stacked()
        return [jax.tree.map(lambda x, k=k: x[k], blocks) for k in range(dealt.schema.blocks)]

    return remembered(jax.tree.leaves(dealt), dealt.schema, split)


def _first_of(dealt: Population) -> Population:
    """The first block as a population of its own."""
    if _inside_a_trace(dealt):
        return jax.tree.map(lambda x: x[0], dealt.stacked())
    return _blocks_of(dealt)[0]


def _in_one_trace(runtime: Runtime) -> Callable[..., list[Parts]]:
    """All blocks under one trace; the function goes with the runtime."""

    def run(theta: Float[Array, " leaf"], blocks: Population, across: Across) -> list[Parts]:
        one = jax.checkpoint(lambda block: runtime(theta, block, across, grow=False))
        return jax.lax.map(one, blocks)

    if "one trace" not in runtime.prepared:
        runtime.prepared["one trace"] = jax.jit(run)
    return runtime.prepared["one trace"]
