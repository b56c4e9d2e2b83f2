"""Running a graph: padded to a size bucket, in segments, compiled in parallel the first time."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...core._transforms import is_traced
from ...core.population._layout import size_bucket
from ...core.population._population import Population
from .._inputs import arrays
from ..graph._node import Node, reachable
from ..graph._strata import Homes, Strata, homes
from ..graph._structure import name_of
from ._compact import StratumRows, put_back, stratum_rows_like, stratum_rows_of, taken
from ._emit import Emitter
from ._executables import Job, Prepared, executables
from ._extent import Extent
from ._reverse import carries, differentiable, is_reverse
from ._segments import (
    Segment,
    cut,
    entity_of,
    from_numbers,
    lowering,
    own_parameters,
    parameter_slots,
    traceable,
)

if TYPE_CHECKING:
    from ._check import Checker

SMALLEST_COMPACTED = 4_096
"""Households from which on it pays to compute a stratum's law on its own rows alone."""

FEWEST_AT_HOME = 200
"""Nodes that must belong to single strata for it to pay."""


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Some nodes cut into segments.

    Attributes:
        segments: in the order in which they run.
        slots: where the parameters lie that each reads, and its literals.
        deal: hands them out.
        last: the segment after which a value is not needed any more.
    """

    segments: list[Segment]
    slots: list[tuple[np.ndarray, np.ndarray]]
    deal: Any
    last: Mapping[int, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Runtime:
    """The executable form of some nodes.

    Attributes:
        roots: the nodes that are asked for.
        position: the place of each parameter in the law's vector of length `total`.
        dtype: the float type.
        strata: a column by whose values rows may be set apart.
        names: what roots are called.
        check: what compares an evaluation with numpy.
    """

    roots: tuple[Node, ...]
    position: Mapping[str, int]
    total: int
    dtype: str
    strata: Strata | None = None
    names: tuple[str, ...] = ()
    check: Checker | None = None

    @functools.cached_property
    def plan_on_all_rows(self) -> Plan:
        """Everything on all rows."""
        return self._plan(None)

    @functools.cached_property
    def homes(self) -> Homes | None:
        """What belongs to one stratum, where that is enough to be worth it."""
        found = None if self.strata is None else homes(self.roots, self.strata)
        return found if found is not None and len(found.of) >= FEWEST_AT_HOME else None

    @functools.cached_property
    def plan_by_stratum(self) -> Plan:
        """What belongs to one stratum on that stratum's rows."""
        return self._plan(self.homes)

    def _plan(self, homes: Homes | None) -> Plan:
        segments = cut(self.roots, homes)
        slots = [parameter_slots(s, self.position, self.total) for s in segments]
        kept = {r.index for r in self.roots}
        last = {n.index: k for k, s in enumerate(segments) for n in s.inputs}
        last = {i: -1 if i in kept else k for i, k in last.items()}
        return Plan(segments, slots, jax.jit(functools.partial(own_parameters, slots)), last)

    @functools.cached_property
    def inputs(self) -> dict[str, Node]:
        """Input nodes by name."""
        live = reachable(list(self.roots))
        return {name_of(n): n for n in live if n.op == "input"}

    @functools.cached_property
    def columns(self) -> dict[int, int]:
        """Input nodes by the bit that their column has in a trend."""
        things = self.roots[0].graph.things
        return {things[name]: n.index for name, n in self.inputs.items() if name in things}

    def __call__(
        self,
        theta: Float[Array, " leaf"],
        population: Population,
        across: Mapping[str, Array] | None = None,
        *,
        grow: bool = True,
    ) -> list[Array]:
        """The roots' values, one entry a padded row. Pure: `grad`, `jvp`, `vmap`, `jit` apply.

        Args:
            across: values of inputs that are not the population's own, but known of all households
                together.
            grow: whether to pad to the next size bucket; a population that is one block of another
                has its padding already.
        """
        if not self.roots:
            return []
        extent = extent_of(population, grow)
        (stratum_rows,) = self.stratum_rows_in([population], extent)
        return self.evaluation_on(population, extent, stratum_rows, across or {})(theta)

    def evaluation_on(
        self,
        population: Population,
        extent: Extent,
        stratum_rows: StratumRows | None,
        across: Mapping[str, Array],
    ) -> Evaluation:
        """The roots on one population, not computed yet: call the evaluation with a law."""
        own = tuple(n for n in self.inputs if n not in across)
        held = _padded_arrays(population, own, extent.sizes, self.dtype)
        shared = {n: v for n, v in across.items() if n in self.inputs}
        moving = {n: v for n, v in shared.items() if carries(self.inputs[n])}
        inputs = {**held, **{n: v for n, v in shared.items() if n not in moving}}
        return Evaluation(
            self,
            extent,
            stratum_rows,
            {self.inputs[n].index: v for n, v in inputs.items()},
            tuple(self.inputs[n] for n in moving),
            tuple(moving.values()),
            population,
            tuple(shared),
        )

    @functools.cached_property
    def prepared(self) -> Prepared:
        """Executables by what they were made for."""
        return Prepared()

    def stratum_rows_in(
        self, populations: Sequence[Population], extent: Extent
    ) -> Sequence[StratumRows | None]:
        """Where the strata lie, if dividing them pays and the rows are known on the host."""
        nowhere = [None for _ in populations]
        if self.strata is None or is_traced(populations) or not _on_usual_device(populations):
            return nowhere
        if dict(extent.sizes)[populations[0].schema.household] < SMALLEST_COMPACTED:
            return nowhere
        if self.homes is None:
            return nowhere
        return stratum_rows_of(populations, self.strata, extent) or nowhere


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """One evaluation: a runtime, and the population that it runs on.

    Attributes:
        extent: the rows.
        stratum_rows: where the strata lie, if they run on their own rows.
        inputs: arrays that no derivative passes through, by node.
        moving, moved: inputs that depend on the law, and their values.
        population: whose rows these are.
        across: names of the inputs that are not its own.
        kept: whether machine code that was made before may be used.
    """

    runtime: Runtime
    extent: Extent
    stratum_rows: StratumRows | None
    inputs: dict[int, Array]
    moving: tuple[Node, ...]
    moved: tuple[Array, ...]
    population: Population
    across: tuple[str, ...] = ()
    kept: bool = True

    def __call__(self, theta: Float[Array, " leaf"], again: bool = False) -> list[Array]:
        """The roots' values.

        Args:
            again: whether a derivative is to run forward once more instead of keeping what crosses
                the segments' borders.
        """
        variables = (theta, self.moved)
        if is_traced(variables) and self.concrete(self.inputs) and is_reverse(variables):
            return differentiable(self, again, theta, self.moved)
        return self.forward(theta, self.moved)[0]

    @functools.cached_property
    def plan(self) -> Plan:
        runtime = self.runtime
        return runtime.plan_on_all_rows if self.stratum_rows is None else runtime.plan_by_stratum

    @functools.cached_property
    def computed(self) -> set[int]:
        """Nodes that some segment hands over."""
        return {n.index for s in self.plan.segments for n in s.outputs}

    @property
    def made_for(self) -> Any:
        """What executables are made for besides the program: the rows, in all and by stratum."""
        return self.extent, self.stratum_rows and self.stratum_rows.extents

    def concrete(self, values: Any) -> bool:
        """Whether executables can be used: values at hand, on the usual device."""
        return not is_traced(values) and _on_usual_device(values)

    def forward(
        self, theta: Float[Array, " leaf"], moved: tuple[Array, ...], keep: bool = False
    ) -> tuple[list[Array], dict[int, Array]]:
        """The roots' values, and what crosses the segments' borders if it is to be kept."""
        values = self.inputs | dict(zip([n.index for n in self.moving], moved, strict=True))
        numbers = self.plan.deal(theta)
        functions = self.functions(theta, values)
        if self.runtime.check is not None and self.concrete((theta, values)):
            self.runtime.check(self, theta, moved)
        for k, (segment, function) in enumerate(zip(self.plan.segments, functions, strict=True)):
            results = function(numbers[k], self.given(segment, values), self.arrays_for(segment))
            values.update(zip([n.index for n in segment.outputs], results, strict=True))
            if not keep:
                self.forget(values, segment, k)
        return [self.root(r, theta, values) for r in self.runtime.roots], values

    def on_sample(
        self,
        population: Population,
        arrays: Mapping[str, np.ndarray],
        across: Mapping[str, Any],
        *,
        kept: bool = True,
        apart: bool = True,
        ordered: bool = True,
    ) -> Evaluation:
        """The same evaluation on others of equal size, with the executables of this one.

        Args:
            arrays: the population's inputs.
            across: those that are not its own.
            kept, apart, ordered: whether machine code is used, strata are set apart and the order
                of links is made use of as here.
        """
        extent, stratum_rows = self.extent, None
        strata = self.runtime.strata
        if apart and self.stratum_rows is not None and strata is not None:
            stratum_rows = stratum_rows_like(population, strata, extent, self.stratum_rows)
        if not ordered:
            extent = dataclasses.replace(extent, ordered=frozenset(), largest=())
        own = {n: v for n, v in self.runtime.inputs.items() if n not in across}
        wide = {n: arrays[n] for n in own}
        floats = {n: v.astype(self.runtime.dtype) for n, v in wide.items() if v.dtype.kind == "f"}
        inputs = {own[n].index: jax.device_put(v) for n, v in {**wide, **floats}.items()}
        given = {self.runtime.inputs[n].index: jax.device_put(v) for n, v in across.items()}
        moving = {n.index for n in self.moving}
        return dataclasses.replace(
            self,
            extent=extent,
            stratum_rows=stratum_rows,
            inputs=inputs | {i: v for i, v in given.items() if i not in moving},
            moved=tuple(given[n.index] for n in self.moving),
            population=population,
            kept=kept,
        )

    def forget(self, values: dict[int, Array], segment: Segment, k: int) -> None:
        """Drop what no segment after the `k`-th reads."""
        for node in segment.inputs:
            if self.plan.last[node.index] == k:
                values.pop(node.index, None)

    def given(self, segment: Segment, values: Mapping[int, Array]) -> tuple[Array, ...]:
        """A segment's inputs."""
        return tuple(values[n.index] for n in segment.inputs)

    def arrays_for(self, segment: Segment) -> tuple[Array, ...]:
        """The rows and links of strata that a segment needs."""
        if self.stratum_rows is None:
            return ()
        return tuple(self.stratum_rows.arrays[k] for k in segment.stratum_rows)

    def watched(self, segment: Segment) -> tuple[Array, ...]:
        """The columns whose derivative a segment's kinks ask for; only a trace may have any."""
        nodes = self.runtime.columns
        held = (self.inputs.get(nodes[t]) if t in nodes else None for t in segment.watched)
        return tuple(jnp.zeros(0) if column is None else column for column in held)

    def extent_of(self, segment: Segment) -> Extent:
        """The rows on which a segment runs."""
        if segment.stratum is None or self.stratum_rows is None:
            return self.extent
        return self.stratum_rows.extents[segment.stratum]

    def specs(self, segment: Segment) -> list[jax.ShapeDtypeStruct]:
        """The shapes of a segment's outputs."""
        rows = self.extent_of(segment).rows(segment.nodes[0].graph)
        emitter = Emitter({}, rows, self.runtime.dtype)
        return [emitter.spec(n) for n in segment.outputs]

    def root_specs(self) -> list[jax.ShapeDtypeStruct]:
        """The shapes of the roots."""
        emitter = Emitter({}, self.extent.rows(self.runtime.roots[0].graph), self.runtime.dtype)
        return [emitter.spec(root) for root in self.runtime.roots]

    def on_own_rows(self, root: Node, value: Array) -> Array:
        """A root's cotangent on the rows on which the root was computed."""
        home = None if self.stratum_rows is None else self._home(root)
        if home is None or self.stratum_rows is None:
            return value
        return taken(value, self.stratum_rows.arrays[home, f"{entity_of(root)}.rows"])

    def _home(self, node: Node) -> int | None:
        homes = self.runtime.homes
        return None if homes is None else homes.of.get(node.index)

    def root(self, root: Node, theta: Array, values: Mapping[int, Any]) -> Array:
        """A root that no segment computes is a literal, an input, a parameter or idle."""
        emitter = Emitter({}, self.extent.rows(root.graph), self.runtime.dtype)
        if root.index in values:
            home = None if self.stratum_rows is None else self._home(root)
            if home is None or self.stratum_rows is None:
                return values[root.index]
            rows = self.stratum_rows.arrays[home, f"{entity_of(root)}.rows"]
            return put_back(values[root.index], rows, emitter.spec(root).shape[0])
        if root.op == "parameter":
            return theta[self.runtime.position[name_of(root)]]
        if root.op != "constant":
            return jnp.zeros(emitter.shape(root), emitter.width(root.dtype))
        return emitter.get(root, shape=emitter.shape(root))

    def functions(self, theta: Array, values: Mapping[int, Array]) -> list[Any]:
        """Each segment as a function of its numbers, its inputs and the strata's rows."""
        dtype = self.runtime.dtype
        if not (self.kept and self.concrete((theta, values))):
            return [
                functools.partial(traceable(s, dtype), self.watched(s), extent=self.extent_of(s))
                for s in self.plan.segments
            ]
        found = self.runtime.prepared.get(self.made_for)
        if found is None:
            found = executables(self._jobs(theta, values))
            self.runtime.prepared[self.made_for] = found
        return found

    def _jobs(self, theta: Array, inputs: Mapping[int, Array]) -> list[Job]:
        """What compiles each segment for these rows."""
        shapes = {i: jax.ShapeDtypeStruct(v.shape, v.dtype) for i, v in inputs.items()}
        jobs: list[Job] = []
        for segment in self.plan.segments:
            own, dtype = self.extent_of(segment), self.runtime.dtype
            given = tuple(shapes[n.index] for n in segment.inputs)
            held = tuple(jax.ShapeDtypeStruct(p.shape, p.dtype) for p in self.arrays_for(segment))
            numbers = jax.ShapeDtypeStruct((sum(segment.lengths),), theta.dtype)
            results = self.specs(segment)
            shapes.update(zip([n.index for n in segment.outputs], results, strict=True))
            arguments = (numbers, given, held)
            function = functools.partial(from_numbers, segment, np.dtype(dtype), ())
            lower = lowering(function, segment, arguments, own)
            jobs.append(Job(("forward", segment.digest, dtype, own), arguments, results, lower))
        return jobs


def _on_usual_device(tree: Any) -> bool:
    """Executables compiled ahead are for one device; rows that lie elsewhere go through `jit`."""
    with jax.ensure_compile_time_eval():
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
    from ...core.population._schema import FrozenMapping

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
