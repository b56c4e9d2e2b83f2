"""Running a program over chunks of households, so that memory is bounded by the chunk."""

from __future__ import annotations

import functools

import jax
from jaxtyping import Array, Float

from ..._population import Population
from ..._validate import BadInputError
from ..graph._node import Node, reachable
from ._runtime import Runtime

_ACROSS_ROWS = {"sum", "prod", "mean", "max", "min", "any", "all", "cumsum", "lexsort"}


def deal(population: Population, chunk: int) -> Population:
    """The population in equal blocks of about `chunk` households, unless it already is in blocks.

    Dealing happens on the host. A population that is run often is better dealt once:
    `population.in_blocks(n)`.
    """
    if population.schema.blocks > 1:
        return population
    households = population.count(population.schema.household)
    return population.in_blocks(max(1, -(-households // chunk)))


def run_blocks(
    runtime: Runtime, theta: Float[Array, " leaf"], dealt: Population
) -> list[Float[Array, " row"]]:
    """The roots' values, block after block; a derivative runs each block forward again."""
    values = _block_by_block(runtime, theta, dealt.stacked())
    return [v.reshape(-1) for v in values]


@functools.partial(jax.jit, static_argnums=0)
def _block_by_block(
    runtime: Runtime, theta: Float[Array, " leaf"], blocks: Population
) -> list[Float[Array, "block row"]]:
    one = jax.checkpoint(lambda block: runtime(theta, block, grow=False))
    return jax.lax.map(one, blocks)


def fail_if_households_meet(roots: list[Node]) -> None:
    """Refuse a program whose outputs need all households at once."""
    met = {n.origin for n in reachable(roots) if _crosses(n)}
    if met:
        raise BadInputError(
            "chunk= needs households that do not depend on each other, but "
            f"{', '.join(sorted(met))} reduce over all of them. Compile without chunk="
        )


def _crosses(node: Node) -> bool:
    if node.op not in _ACROSS_ROWS or node.attr("axis") not in (None, 0):
        return False
    return any(a.ndim and a.shape[0] in node.graph.entity_of for a in node.args)
