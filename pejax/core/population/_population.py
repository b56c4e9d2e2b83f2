"""The population: columns by entity, group links and household weights, as one pytree."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, Shaped

from .._arguments import as_whole
from .._arrays import as_column, as_numbers, check_digits
from .._mesh import as_mesh, axes_of, devices_on
from .._segment import segment_first
from .._transforms import is_tracer
from .._validate import BadInputError, unknown
from ._checks import check, check_new_weights, looks_at_any
from ._encode import decode, encode, fail_if_no_columns, fail_if_no_numbers
from ._frames import fail_if_no_names, frames_from_tables, tables_from_frames
from ._layout import Layout, in_blocks, padded_at_end, size_bucket, unpadded
from ._schema import FrozenMapping, Schema
from ._situation import Loadable, Rules, tables_from_situation
from ._tables import Tables, ascends, positions
from ._transfer import chosen_rows, on_device, padded_link, place

if TYPE_CHECKING:
    import pandas as pd


class Population(eqx.Module):
    """People, the groups they form, and how many of the country's households each one stands for.

    A frozen pytree: every method returns a new value. Rows are real rows in the caller's order,
    followed (after `pad_to`, `shard` or `in_blocks`) by padding with weight zero.

    The real row counts are static, so that `column` can trim inside `jax.jit`; two populations
    that differ in them compile twice. Code that is compiled once for a whole size bucket takes
    the view `population.pad_to().generic()` instead, whose static part knows only padded sizes,
    and tells real rows by `mask`.

    Attributes:
        columns: one array a column, by entity and name. Floats have JAX's default float type,
            integers are int32, strings are int32 codes into `schema.vocabularies`.
        links: the row of each person's group, by group.
        positions: the rank 0, 1, 2, ... of each person within the group, in row order.
        weights: households of the country that each household row stands for.
        ids: the caller's ids, by entity.
        real: whether a row is real, by entity.
        schema: entity names, real and padded sizes, vocabularies; static.

    >>> import pandas as pd
    >>> people = pd.DataFrame({"person_id": [1, 2], "household_id": [7, 8], "age": [40, 9]})
    >>> homes = pd.DataFrame({"household_id": [7, 8], "household_weight": [100.0, 50.0]})
    >>> pop = Population.from_frames({"person": people, "household": homes})
    >>> pop
    Population(2 person, 2 household; 1 columns)
    >>> float(pop.weight("person") @ (pop.column("age") < 18))
    50.0
    """

    columns: dict[str, dict[str, Shaped[Array, "*block _"]]]
    links: dict[str, Int[Array, "*block person"]]
    positions: dict[str, Int[Array, "*block person"]]
    weights: Float[Array, "*block household"]
    ids: dict[str, Int[Array, "*block _"]]
    real: dict[str, Bool[Array, "*block _"]]
    schema: Schema = eqx.field(static=True)

    # -- from and to the caller's tables (host) ---------------------------------------------

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, "pd.DataFrame"],
        weights: str | None = "household_weight",
        *,
        person: str = "person",
        household: str = "household",
    ) -> "Population":
        """Build a population from one pandas table an entity.

        Args:
            frames: by entity. The person table has `person_id` and, as links, `household_id` and
                one `<group>_id` for every other group. A group table has `<group>_id`; a group
                that only appears as links needs no table. Every other column is data: numbers,
                booleans or strings, without missing values. Ids are unique 32-bit integers.
            weights: the weight column of the household table; `None` counts every household once.
            person: name of the table of individuals.
            household: name of the group that carries weights; every other group lies within one.

        Raises:
            BadInputError: names the row and the column that break a rule, and the fix.
        """
        fail_if_no_names(weights, person, household)
        tables = tables_from_frames(frames, weights, person, household)
        check(tables)
        return cls.from_tables(tables)

    @classmethod
    def from_situation(
        cls, situation: Mapping[str, object], rules: Rules | Loadable, period: int | str
    ) -> "Population":
        """Read a situation, the form in which the field's web services write people.

        Args:
            situation: entities by their plurals, rows by name, variables with a value or with one a
                period, and axes: `{"people": {"you": {"age": 40}}, "axes": [[{"name": "age", "min":
                0, "max": 90, "count": 10}]]}`; see docs/data.md.
            rules: the country, from `engine.import_country`, or a `System`, with its defaults.
            period: of values that are written without one.

        Raises:
            BadInputError: naming who is in two groups of a kind or in none, what is of another kind
                or entity, or unknown (`UnknownNameError`, with the nearest names).

        >>> from pejax.testing import toy_system
        >>> family = {"people": {"anna": {"age": 40, "earnings": 30_000.0}, "bert": {"age": 3}}}
        >>> Population.from_situation(family, toy_system(), 2025)
        Population(2 person, 1 household, 1 tax_unit; 2 columns)
        """
        tables = tables_from_situation(situation, rules, period)
        check(tables)
        return cls.from_tables(tables)

    @classmethod
    def from_tables(cls, tables: Tables, layout: Layout | None = None) -> "Population":
        """Put checked host tables on the device, padded as `layout` says."""
        layout = layout or unpadded(tables)
        links = {group: padded_link(tables, layout, group) for group in tables.groups}
        ranks = {group: positions(link) for group, link in tables.links.items()}
        schema = Schema(
            person=tables.person,
            household=tables.household,
            groups=tables.groups,
            counts=FrozenMapping(tables.counts),
            sizes=FrozenMapping(layout.sizes),
            blocks=layout.blocks,
            vocabularies=FrozenMapping(tables.vocabularies),
            origin=FrozenMapping(tables.origin),
            weight_name=tables.weight_name,
            ordered=tuple(g for g, link in links.items() if ascends(link)),
            largest=tuple((g, size_bucket(int(r.max(initial=0)) + 1)) for g, r in ranks.items()),
        )
        person = tables.person
        return cls(
            columns={
                entity: {name: place(v, layout, entity) for name, v in held.items()}
                for entity, held in tables.columns.items()
            },
            links=links,
            positions={group: place(rank, layout, person) for group, rank in ranks.items()},
            weights=place(tables.weights.astype(float), layout, tables.household),
            ids={entity: place(ids, layout, entity) for entity, ids in tables.ids.items()},
            real={
                entity: place(np.ones(len(ids), dtype=bool), layout, entity)
                for entity, ids in tables.ids.items()
            },
            schema=schema,
        )

    def to_tables(self) -> Tables:
        """The real rows as host arrays."""
        schema = self.schema
        rows = {entity: np.flatnonzero(np.asarray(self.real[entity])) for entity in self.real}
        row_of = {entity: np.zeros(schema.sizes[entity], dtype=np.int64) for entity in rows}
        for entity, at in rows.items():
            row_of[entity][at] = np.arange(len(at))
        persons = rows[schema.person]
        return Tables(
            person=schema.person,
            household=schema.household,
            groups=schema.groups,
            columns={
                entity: {name: np.asarray(v)[rows[entity]] for name, v in held.items()}
                for entity, held in self.columns.items()
            },
            links={g: row_of[g][np.asarray(link)[persons]] for g, link in self.links.items()},
            ids={entity: np.asarray(ids)[rows[entity]] for entity, ids in self.ids.items()},
            weights=np.asarray(self.weights)[rows[schema.household]],
            vocabularies=dict(schema.vocabularies),
            origin=dict(schema.origin),
            weight_name=schema.weight_name,
        )

    def to_frames(self) -> dict[str, "pd.DataFrame"]:
        """One data frame an entity with the real rows, in the caller's order."""
        return frames_from_tables(self.to_tables())

    # -- looking (device, fit for jit) ------------------------------------------------------

    def count(self, entity: str | None = None) -> int:
        """Real rows of an entity, the persons when none is named."""
        entity = self.schema.person if entity is None else entity
        self.schema.check_entity(entity)
        return self.schema.counts[entity]

    @property
    def is_padded(self) -> bool:
        """Whether some entity has padding rows."""
        return self.schema.counts != self.schema.sizes

    def entity_of(self, name: str) -> str:
        """The entity that holds a column.

        Raises:
            UnknownNameError: no entity has it, or more than one does.
        """
        return self._holder(name)

    def _holder(self, name: object) -> str:
        known = isinstance(name, str)
        holders = [entity for entity, held in self.columns.items() if known and name in held]
        if len(holders) > 1:
            raise BadInputError(
                f"Both {' and '.join(holders)} have a column {name!r}. Say which with entity=..."
            )
        if not holders:
            raise unknown("column", name, (n for held in self.columns.values() for n in held))
        return holders[0]

    def column(self, name: str, entity: str | None = None) -> Shaped[Array, " row"]:
        """A column's real rows; string columns as codes (see `labels`)."""
        entity = self._holder(name) if entity is None else entity
        self.schema.check_entity(entity)
        if not isinstance(name, str) or name not in self.columns[entity]:
            raise unknown(f"{entity} column", name, self.columns[entity])
        return self.trim(self.columns[entity][name], entity)

    def labels(self, name: str, entity: str | None = None) -> np.ndarray:
        """A string column's real rows as strings (host)."""
        entity = self._holder(name) if entity is None else entity
        codes = np.asarray(self.column(name, entity))
        if (entity, name) not in self.schema.vocabularies:
            raise BadInputError(f"{entity} column {name!r} holds no strings. Use column({name!r}).")
        return decode(codes, self.schema.vocabularies[entity, name])

    def trim(self, values: Shaped[Array, "row *rest"], entity: str) -> Shaped[Array, "real *rest"]:
        """Drop the padding rows of an array that has one row for each row of an entity."""
        self.schema.check_entity(entity)
        count, size = self.schema.counts[entity], self.schema.sizes[entity]
        if not isinstance(values, jax.Array | np.ndarray):
            values = as_numbers(values, "values")
        if values.shape[:1] not in ((count,), (size,)):
            raise BadInputError(
                f"The values have shape {values.shape}, but there are {count} rows of {entity}."
                " Give one value a row."
            )
        if count == size:
            return values
        if self.schema.blocks == 1:
            return values[:count]
        return values[self._real_rows(entity)]

    def mask(self, entity: str) -> Bool[Array, " row"]:
        """Whether a row is real (True) or padding (False)."""
        self.schema.check_entity(entity)
        return self.real[entity]

    def household_of(self, entity: str) -> Int[Array, " row"]:
        """The household row of each row of an entity, a group's through its first person."""
        self.schema.check_entity(entity)
        if entity == self.schema.household:
            return jnp.arange(self.schema.sizes[entity], dtype=jnp.int32)
        of_person = self.links[self.schema.household]
        if entity == self.schema.person:
            return of_person
        return of_person[segment_first(self.links[entity], self.schema.sizes[entity])]

    def weight(self, entity: str | None = None) -> Float[Array, " row"]:
        """The household weight of each row of an entity, padding rows included with zero."""
        entity = self.schema.person if entity is None else entity
        weights = self.weights[self.household_of(entity)]
        return jnp.where(self.real[entity], weights, 0)

    # -- new values (device, fit for jit and grad) ------------------------------------------

    def with_weights(self, weights: Num[Array, " household"] | np.ndarray) -> "Population":
        """The same people with other household weights, one a real or a padded household.

        Negative weights are let through (a linear calibration may give them), NaN and infinity
        are not.
        """
        household = self.schema.household
        if isinstance(weights, jax.Array):
            fail_if_no_numbers(weights, "weights")
            check_digits(weights, "weights")
        else:
            weights = as_column(weights, "weights", household)
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            held = jnp.asarray(weights, self.weights.dtype)
        placed = self._placed(held, household, "weights")
        check_new_weights(placed, household)
        return eqx.tree_at(lambda p: p.weights, self, placed)

    def with_columns(
        self,
        entity: str | Mapping[str, Mapping[str, object]],
        /,
        **columns: object,
    ) -> "Population":
        """The same people with columns added or replaced.

        Either `with_columns("person", rent=..., age=...)` or `with_columns({"person": {...}})`.
        Arrays have one value a real or a padded row. Host values are encoded and checked as in
        `from_frames`; JAX arrays are taken as they are.
        """
        wanted = {entity: columns} if isinstance(entity, str) else entity
        fail_if_no_columns(wanted)
        held = {name: dict(columns) for name, columns in self.columns.items()}
        vocabularies, origin = dict(self.schema.vocabularies), dict(self.schema.origin)
        for owner, new in wanted.items():
            self.schema.check_entity(owner)
            for name, values in new.items():
                held[owner][name] = self._new_column(owner, name, values, vocabularies)
                origin.setdefault((owner, name), "added")
        schema = self.schema.replace(
            vocabularies=FrozenMapping(vocabularies), origin=FrozenMapping(origin)
        )
        new = Population(
            held, self.links, self.positions, self.weights, self.ids, self.real, schema
        )
        if looks_at_any(wanted) and not is_tracer(new.weights):
            check(new.to_tables())
        return new

    def generic(self) -> "Population":
        """The view whose static part no longer tells real rows from padding; see the class.

        Its `count` is the padded size and its `column` does not trim; `mask` still knows.
        """
        return Population(
            self.columns,
            self.links,
            self.positions,
            self.weights,
            self.ids,
            self.real,
            self.schema.generic(),
        )

    # -- other rows (host) ------------------------------------------------------------------

    def pad_to(self, n: int | Mapping[str, int] | None = None) -> "Population":
        """Add padding rows at the end of every entity.

        Args:
            n: rows of the person entity; or rows by entity; what is not named, or `None`, goes to
                its next size bucket (see `size_bucket`).

        Padding persons belong to the last padding row of each group, at position 0.
        """
        tables = self.to_tables()
        return self.from_tables(tables, padded_at_end(tables, n))

    def unpadded(self) -> "Population":
        """The real rows only."""
        return self.from_tables(self.to_tables())

    def select(self, households: object) -> "Population":
        """Some households, by mask or by row numbers, with everybody in them.

        Rows keep the caller's order; a row number given twice counts once.
        """
        tables = self.to_tables()
        return self.from_tables(
            tables.select(chosen_rows(households, tables.count(tables.household)))
        )

    def in_household_order(self) -> "Population":
        """Rows of every entity sorted by household, as `in_blocks` and `shard` want them."""
        return self.from_tables(self.to_tables().in_household_order())

    def in_blocks(self, blocks: int) -> "Population":
        """Deal whole households to `blocks` equal runs of rows, each padded on its own.

        No link leaves a block, so blocks can go to different devices or be worked off one after
        another. `trim` brings values back in the caller's order, which must be household order.
        """
        tables = self.to_tables()
        return self.from_tables(tables, in_blocks(tables, as_whole("blocks")(blocks)))

    def stacked(self) -> "Population":
        """Blocks as a leading axis, links local to each: for `jax.lax.map`, `vmap`, `shard_map`.

        Each slice along that axis is a `generic` population. An output of shape (block, row) goes
        back by `population.trim(output.reshape(-1), entity)`.
        """
        schema, blocks = self.schema, self.schema.blocks
        local = FrozenMapping({entity: n // blocks for entity, n in schema.sizes.items()})
        first = jnp.arange(blocks, dtype=jnp.int32)[:, None]
        split = jax.tree.map(lambda x: x.reshape(blocks, -1), self.generic())
        return Population(
            split.columns,
            {group: link - first * local[group] for group, link in split.links.items()},
            split.positions,
            split.weights,
            split.ids,
            split.real,
            split.schema.replace(sizes=local, counts=local, blocks=1),
        )

    def shard(self, mesh: jax.sharding.Mesh, axis: str | None = None) -> "Population":
        """Spread the rows over a mesh's devices, whole households on each.

        Args:
            mesh: the devices.
            axis: the mesh axis that carries rows; all of them by default.

        The mesh's axes are taken as automatic ones: XLA places the intermediates of `jax.jit`.
        """
        mesh = as_mesh(mesh)
        axes = axes_of(mesh, axis)
        rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(axes))
        return jax.device_put(self.in_blocks(devices_on(mesh, axes)), rows)

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.schema.counts[e]:,} {e}" for e in self.schema.entities)
        columns = sum(len(held) for held in self.columns.values())
        return f"Population({counts}; {columns} columns)"

    # -- helpers ----------------------------------------------------------------------------

    def _real_rows(self, entity: str) -> Int[Array, " real"]:
        return jnp.nonzero(self.real[entity], size=self.schema.counts[entity])[0]

    def _placed(self, values: Shaped[Array, " row"], entity: str, what: str):
        """Values for the real or for all rows of an entity, as values for all rows."""
        count, size = self.schema.counts[entity], self.schema.sizes[entity]
        if values.shape == (size,):
            return values
        if values.shape != (count,):
            raise BadInputError(
                f"{what} has shape {values.shape}, but there are {count} rows of {entity}"
                f"{f' ({size} with padding)' if size != count else ''}. Give one value a row."
            )
        if self.schema.blocks == 1:
            return jnp.pad(values, (0, size - count))
        return jnp.zeros(size, values.dtype).at[self._real_rows(entity)].set(values)

    def _new_column(self, entity: str, name: str, values: object, vocabularies: dict):
        where = f"{entity} column {name!r}"
        if isinstance(values, jax.Array):
            fail_if_no_numbers(values, where)
            return self._placed(values, entity, where)
        array, vocabulary = encode(values, where)
        vocabularies.pop((entity, name), None)
        if vocabulary is not None:
            vocabularies[entity, name] = vocabulary
        return self._placed(on_device(array), entity, where)
