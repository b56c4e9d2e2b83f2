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
from jax.core import Tracer
from jaxtyping import Array, Float

from ..._layout import size_bucket
from ..._population import Population
from ..graph._node import Node, reachable
from ..graph._strata import Homes, Strata, homes, name_of
from ..tracing._inputs import arrays
from ._compact import Places, places_of, put_back
from ._emit import Emitter
from ._extent import Extent
from ._segments import SEGMENT_NODES, Segment, compiled, cut, own_parameters, parameter_slots

_READY: dict[Any, Any] = {}
SMALLEST_COMPACTED = 4_096
"""Households from which on it pays to compute a stratum's law on its own rows alone."""


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Some nodes cut into segments.

    **Arguments:** `segments`; `deal`, hands every segment the numbers of the law that it reads;
    `last`, the segment after which a value is not needed any more.
    """

    segments: list[Segment]
    deal: Any
    last: Mapping[int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Runtime:
    """The executable form of some nodes.

    **Arguments:** `roots`; `position`, the place of each parameter in the law's vector of length
    `total`; `dtype`, the float type; `strata`, a column by whose values rows may be set apart.
    """

    roots: tuple[Node, ...]
    position: Mapping[str, int]
    total: int
    dtype: str
    strata: Strata | None = None

    @functools.cached_property
    def whole(self) -> Plan:
        """Everything on all rows."""
        return self._plan(None)

    @functools.cached_property
    def homes(self) -> Homes | None:
        """What belongs to one stratum, where that is enough to be worth it."""
        found = None if self.strata is None else homes(self.roots, self.strata)
        return found if found is not None and len(found.of) > SEGMENT_NODES else None

    @functools.cached_property
    def compacted(self) -> Plan:
        """What belongs to one stratum on that stratum's rows."""
        return self._plan(self.homes)

    def _plan(self, homes: Homes | None) -> Plan:
        segments = cut(self.roots, homes)
        slots = [parameter_slots(s, self.position, self.total) for s in segments]
        kept = {r.index for r in self.roots}
        last = {n.index: k for k, s in enumerate(segments) for n in s.inputs}
        last = {i: -1 if i in kept else k for i, k in last.items()}
        return Plan(segments, jax.jit(functools.partial(own_parameters, slots)), last)

    @functools.cached_property
    def inputs(self) -> dict[str, Node]:
        """Input nodes by name."""
        live = reachable(list(self.roots))
        return {name_of(n): n for n in live if n.op == "input"}

    def __call__(
        self, theta: Float[Array, " leaf"], population: Population, *, grow: bool = True
    ) -> list[Array]:
        """The roots' values, one entry a padded row. Pure: `grad`, `vmap` and `jit` apply.

        **Arguments:** `grow`, whether to pad to the next size bucket; a population that is one
        block of another has its padding already.
        """
        extent = extent_of(population, grow)
        places = self._places(population, extent)
        plan = self.whole if places is None else self.compacted
        values = self._inputs(population, extent)
        concrete = not _traced((theta, values)) and _on_usual_device((theta, values))
        functions = self._functions(plan, theta, values, extent, places, concrete)
        numbers = plan.deal(theta)
        for k, (segment, function) in enumerate(zip(plan.segments, functions, strict=True)):
            given = tuple(values[n.index] for n in segment.inputs)
            held = tuple(places.arrays[key] for key in segment.places) if places else ()
            results = function(numbers[k], given, held)
            values.update(zip([n.index for n in segment.outputs], results, strict=True))
            for node in segment.inputs:
                if plan.last[node.index] == k:
                    values.pop(node.index, None)
        return [self._root(r, theta, values, extent, places) for r in self.roots]

    def prepare(
        self,
        plan: Plan,
        theta: Array,
        values: Mapping[int, Array],
        extent: Extent,
        places: Places | None,
    ) -> list[Any]:
        """Compile what is not compiled yet, one thread a core; the segments, ready to run."""
        shapes = {i: jax.ShapeDtypeStruct(v.shape, v.dtype) for i, v in values.items()}
        jobs: dict[Any, Any] = {}
        keys: list[Any] = []
        for segment in plan.segments:
            own = _extent_of(segment, extent, places)
            given = tuple(shapes[n.index] for n in segment.inputs)
            rows = [places.arrays[key] for key in segment.places] if places else []
            held = tuple(jax.ShapeDtypeStruct(r.shape, r.dtype) for r in rows)
            numbers = jax.ShapeDtypeStruct((sum(segment.lengths),), theta.dtype)
            results = _specs(segment, own, self.dtype)
            shapes.update(zip([n.index for n in segment.outputs], results, strict=True))
            keys.append((segment.digest, self.dtype, own, given, held))
            if keys[-1] not in _READY and keys[-1] not in jobs:
                lower = compiled(segment, self.dtype).lower
                jobs[keys[-1]] = functools.partial(lower, numbers, given, held, extent=own)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            done = pool.map(lambda lowered: lowered.compile(), [job() for job in jobs.values()])
            _READY.update(zip(jobs, done, strict=True))
        return [_READY[key] for key in keys]

    def _functions(
        self,
        plan: Plan,
        theta: Array,
        values: Mapping[int, Array],
        extent: Extent,
        places: Places | None,
        concrete: bool,
    ) -> list[Any]:
        """Each segment as a function of its numbers, its inputs and the strata's places."""
        if not concrete:
            return [
                functools.partial(compiled(s, self.dtype), extent=_extent_of(s, extent, places))
                for s in plan.segments
            ]
        key = (id(plan), theta.dtype, extent, places and places.extents)
        if key not in self._prepared:
            self._prepared[key] = self.prepare(plan, theta, values, extent, places)
        return self._prepared[key]

    @functools.cached_property
    def _prepared(self) -> dict[Any, list[Any]]:
        return {}

    def _places(self, population: Population, extent: Extent) -> Places | None:
        """Where the strata lie, if this population is worth dividing and known on the host."""
        households = population.schema.sizes[population.schema.household]
        if self.strata is None or households < SMALLEST_COMPACTED or _traced(population):
            return None
        if self.homes is None or not _on_usual_device(population):
            return None
        return places_of(population, self.strata, extent)

    def _inputs(self, population: Population, extent: Extent) -> dict[int, Array]:
        names = tuple(self.inputs)
        held = _padded_arrays(population, names, extent.sizes, self.dtype)
        return {self.inputs[name].index: value for name, value in held.items()}

    def _root(
        self,
        root: Node,
        theta: Array,
        values: Mapping[int, Any],
        extent: Extent,
        places: Places | None,
    ) -> Array:
        """A root that no segment computes is a literal, an input, a number of the law or idle."""
        emitter = Emitter({}, extent.rows(root.graph), self.dtype)
        if root.index in values:
            home = None if places is None or self.homes is None else self.homes.of.get(root.index)
            if home is None or places is None:
                return values[root.index]
            rows = places.arrays[home, f"{root.graph.entity_of[root.shape[0]]}.rows"]
            return put_back(values[root.index], rows, emitter.spec(root).shape[0])
        if root.op == "parameter":
            return theta[self.position[name_of(root)]]
        if root.op != "constant":
            return jnp.zeros(emitter.shape(root), emitter.width(root.dtype))
        return emitter.get(root, shape=emitter.shape(root))


def _extent_of(segment: Segment, extent: Extent, places: Places | None) -> Extent:
    """The rows on which a segment runs."""
    if segment.stratum is None or places is None:
        return extent
    return places.extents[segment.stratum]


def _specs(segment: Segment, extent: Extent, dtype: str) -> list[jax.ShapeDtypeStruct]:
    emitter = Emitter({}, extent.rows(segment.nodes[0].graph), dtype)
    return [emitter.spec(n) for n in segment.outputs]


def _traced(tree: Any) -> bool:
    return any(isinstance(x, Tracer) for x in jax.tree.leaves(tree))


def _on_usual_device(tree: Any) -> bool:
    """Executables compiled ahead are for one device; rows that lie elsewhere go through `jit`."""
    usual = jnp.zeros(()).devices()
    return all(x.devices() == usual for x in jax.tree.leaves(tree))


def extent_of(population: Population, grow: bool = True) -> Extent:
    """The rows to run with, and which groups stand in order."""
    sizes = padded_sizes(population) if grow else dict(population.schema.sizes)
    ordered = frozenset(population.schema.ordered)
    return Extent(tuple(sorted(sizes.items())), ordered, population.schema.largest)


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
