"""Running a graph: padded to a size bucket, in segments, compiled in parallel the first time."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from ..._layout import size_bucket
from ..._population import Population
from ..graph._node import Node, reachable
from ..tracing._inputs import arrays
from ._emit import Emitter
from ._extent import Extent
from ._segments import Segment, compiled, cut, own_parameters, parameter_slots

_READY: dict[Any, Any] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Runtime:
    """The executable form of some nodes.

    **Arguments:** `roots`; `position`, the place of each parameter in the law's vector of length
    `total`; `dtype`, the float type.
    """

    roots: tuple[Node, ...]
    position: Mapping[str, int]
    total: int
    dtype: str

    @functools.cached_property
    def segments(self) -> list[Segment]:
        return cut(self.roots)

    @functools.cached_property
    def slots(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [parameter_slots(s, self.position, self.total) for s in self.segments]

    @functools.cached_property
    def inputs(self) -> dict[str, Node]:
        """Input nodes by name."""
        live = reachable(list(self.roots))
        return {str(n.attr("name")): n for n in live if n.op == "input"}

    def __call__(
        self, theta: Float[Array, " leaf"], population: Population, *, grow: bool = True
    ) -> list[Array]:
        """The roots' values, one entry a padded row. Pure: `grad`, `vmap` and `jit` apply.

        **Arguments:** `grow`, whether to pad to the next size bucket; a population that is one
        block of another has its padding already.
        """
        extent = extent_of(population, grow)
        values = self._inputs(population, extent)
        concrete = not _traced((theta, values)) and _on_usual_device((theta, values))
        if concrete:
            self.prepare(theta, values, extent)
        last = self._last_use
        for k, (segment, (slots, literals)) in enumerate(
            zip(self.segments, self.slots, strict=True)
        ):
            numbers = own_parameters(theta, slots, literals)
            given = tuple(values[n.index] for n in segment.inputs)
            results = self._function(segment, extent, concrete)(numbers, given)
            values.update(zip([n.index for n in segment.outputs], results, strict=True))
            for node in segment.inputs:
                if last[node.index] == k:
                    values.pop(node.index, None)
        return [self._root(r, theta, values, extent) for r in self.roots]

    def prepare(self, theta: Any, values: Mapping[int, Any], extent: Extent) -> None:
        """Compile what this extent needs and is not compiled yet, one thread a core."""
        shapes = {i: jax.ShapeDtypeStruct(v.shape, v.dtype) for i, v in values.items()}
        missing = []
        for segment, (slots, _) in zip(self.segments, self.slots, strict=True):
            given = tuple(shapes[n.index] for n in segment.inputs)
            numbers = jax.ShapeDtypeStruct((len(slots),), theta.dtype)
            function = compiled(segment, self.dtype)
            results = self._shapes(segment, extent)
            shapes.update(zip([n.index for n in segment.outputs], results, strict=True))
            if (segment.digest, self.dtype, extent) not in _READY:
                missing.append((segment, function.lower(numbers, given, extent=extent)))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            done = pool.map(lambda job: (job[0].digest, job[1].compile()), missing)
            _READY.update({(digest, self.dtype, extent): ready for digest, ready in done})

    def _function(self, segment: Segment, extent: Extent, concrete: bool) -> Any:
        if concrete:
            return _READY[(segment.digest, self.dtype, extent)]
        return functools.partial(compiled(segment, self.dtype), extent=extent)

    def _shapes(self, segment: Segment, extent: Extent) -> list[jax.ShapeDtypeStruct]:
        emitter = Emitter({}, extent.rows(segment.nodes[0].graph), self.dtype)
        return [emitter.spec(n) for n in segment.outputs]

    def _inputs(self, population: Population, extent: Extent) -> dict[int, Array]:
        names = tuple(self.inputs)
        held = _padded_arrays(population, names, extent.sizes, self.dtype)
        return {self.inputs[name].index: value for name, value in held.items()}

    @functools.cached_property
    def _last_use(self) -> dict[int, int]:
        kept = {r.index for r in self.roots}
        last = {n.index: k for k, s in enumerate(self.segments) for n in s.inputs}
        return {i: -1 if i in kept else k for i, k in last.items()}

    def _root(self, root: Node, theta: Array, values: Mapping[int, Any], extent: Extent) -> Array:
        """A root that no segment computes is a literal, an input or a number of the law."""
        if root.index in values:
            return values[root.index]
        emitter = Emitter({}, extent.rows(root.graph), self.dtype)
        if root.op == "parameter":
            return theta[self.position[str(root.attr("name"))]]
        return emitter.get(root, shape=emitter.shape(root))


def _traced(tree: Any) -> bool:
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))


def _on_usual_device(tree: Any) -> bool:
    """Executables compiled ahead are for one device; rows that lie elsewhere go through `jit`."""
    usual = jnp.zeros(()).devices()
    return all(x.devices() == usual for x in jax.tree.leaves(tree))


def extent_of(population: Population, grow: bool = True) -> Extent:
    """The rows to run with, and which groups stand in order."""
    sizes = padded_sizes(population) if grow else dict(population.schema.sizes)
    return Extent(tuple(sorted(sizes.items())), frozenset(population.schema.ordered))


def padded_sizes(population: Population) -> dict[str, int]:
    """The rows to run with: the population's own padding, else its size buckets."""
    schema = population.schema
    if population.is_padded or schema.blocks > 1:
        return dict(schema.sizes)
    spare = {schema.person: 0}
    return {e: size_bucket(n + spare.get(e, 1)) for e, n in schema.sizes.items()}


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _padded_arrays(
    population: Population, names: Sequence[str], sizes: Any, dtype: str
) -> dict[str, Array]:
    """Input arrays with padding rows: persons join the last group, everything else is zero."""
    rows = dict(sizes)
    schema = population.schema
    grown = {e: rows[e] - schema.sizes[e] for e in rows}
    if any(grown.values()):
        population = _grow(population, rows)
    held = arrays(population, names)
    return {
        k: v.astype(dtype) if jnp.issubdtype(v.dtype, jnp.floating) else v for k, v in held.items()
    }


def _grow(population: Population, rows: Mapping[str, int]) -> Population:
    from ..._schema import FrozenMapping

    def pad(x: Array, entity: str, fill: Any = 0) -> Array:
        return jnp.pad(x, (0, rows[entity] - x.shape[0]), constant_values=fill)

    schema = population.schema
    return Population(
        {e: {n: pad(x, e) for n, x in held.items()} for e, held in population.columns.items()},
        {g: pad(x, schema.person, rows[g] - 1) for g, x in population.links.items()},
        {g: pad(x, schema.person) for g, x in population.positions.items()},
        pad(population.weights, schema.household),
        {e: pad(x, e) for e, x in population.ids.items()},
        {e: pad(x, e, False) for e, x in population.real.items()},
        schema.replace(sizes=FrozenMapping(rows)),
    )
