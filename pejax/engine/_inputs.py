"""A population as a program's inputs: its columns, and the arrays behind the names of inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core._segment import segment_first, segment_sum
from ..core._transforms import at_once, is_traced
from ..core._validate import BadInputError, suggest
from ..core.population._population import Population
from ..core.population._schema import FrozenMapping
from .rules._calendar import dated
from .rules._names import Names
from .running._remember import remembered

PARTS = ("group", "position", "first", "size")
_STRUCTURE = (*PARTS, "real")
WEIGHT, IDS = "population's weight", "population's ids"
"""The names of weights and ids among columns; the spaces keep them apart from a variable's."""

_OF_ITS_OWN = "column "
NUMBERS = "iub"
"""Kinds whose values a float can hold."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column that a program was compiled for.

    Attributes:
        entity, name: where it stands in a population; a name may end with the period of its values,
            as in `snap[2025-01]`.
        kind: of its values, as in numpy: "f" for floats, "i" or "u" for integers, "b" for booleans.
        vocabulary: the names behind its codes, if it holds texts.
        variable: whose values it gives.
    """

    entity: str
    name: str
    kind: str
    vocabulary: tuple[str, ...] | None = None
    variable: str = ""

    @property
    def key(self) -> str:
        """Its name among the inputs of a graph, where an entity's structure has names too."""
        own = _OF_ITS_OWN if self.name in _STRUCTURE else ""
        return f"{self.entity}.{own}{self.name}"

    @property
    def said(self) -> str:
        """The name under which it was given, without a period; that of the variable, for weights
        and ids."""
        return self.variable if self.name in (WEIGHT, IDS) else dated(self.name)[0]

    @property
    def period(self) -> str:
        """That of its values, as written; empty where they are of the program's period."""
        return dated(self.name)[1]

    @property
    def place(self) -> str:
        """Where a reader of a message finds it."""
        return f"{self.entity}.{self.name}"


def columns_of(population: Population) -> tuple[Column, ...]:
    """Every column of a population, in a fixed order."""
    texts = population.schema.vocabularies
    return tuple(
        Column(entity, name, np.dtype(values.dtype).kind, texts.get((entity, name)), dated(name)[0])
        for entity, held in sorted(population.columns.items())
        for name, values in sorted(held.items())
    )


def weight_column(population: Population, names: Names) -> Column | None:
    """The population's weights as a column, where the rules have a variable for them."""
    schema = population.schema
    for name in (schema.weight_name, f"{schema.household}_weight"):
        if names.entities.get(name) == schema.household:
            return Column(schema.household, WEIGHT, "f", None, name)
    return None


def id_columns(
    population: Population, names: Names, given: Iterable[Column], always: Collection[str] = ()
) -> tuple[Column, ...]:
    """The population's own ids as columns, where the rules have a variable for them and a column is
    given that may refer to them (a parent's id). Without, rules number the rows.

    Args:
        always: variables that are ids of the population whatever is given.
    """
    given = list(given)
    referred = any(column.variable.endswith("_id") for column in given)
    own = {f"{entity}_id": entity for entity in population.schema.entities}
    wanted = own.keys() - {column.variable for column in given}
    return tuple(
        Column(entity, IDS, "i", None, name)
        for name, entity in own.items()
        if name in wanted and names.entities.get(name) == entity and (referred or name in always)
    )


def recoded(population: Population, columns: Iterable[Column]) -> Population:
    """The population with its texts coded by the vocabularies of `columns`, and whole numbers
    made floats where the program was compiled for floats.

    A population knows the names that occur in it, a program all that its rules know.

    Raises:
        BadInputError: a name that a column does not know.
    """
    held = {entity: dict(named) for entity, named in population.columns.items()}
    texts = dict(population.schema.vocabularies)
    changed = False
    for column in columns:
        place, values = (column.entity, column.name), held[column.entity].get(column.name)
        if values is None:
            continue
        new = _converted(column, values, texts.get(place))
        if new is not values:
            changed, held[column.entity][column.name] = True, new
            if column.vocabulary is not None:
                texts[place] = column.vocabulary
    if not changed:
        return population
    schema = population.schema.replace(vocabularies=FrozenMapping(texts))
    return dataclasses.replace(population, columns=held, schema=schema)


def _converted(column: Column, values: Any, given: tuple[str, ...] | None) -> Any:
    """A column as a program has it: the same array every time, so that what is known of it stays
    known."""
    if given is not None and column.vocabulary not in (None, given):
        codes = _codes(column, given)
        return _once(values, (column, given), lambda: jnp.asarray(codes)[values])
    if column.kind == "f" and values.dtype.kind in NUMBERS:
        return _once(values, jnp.result_type(float), lambda: values.astype(float))
    return values


def _once(values: Any, key: Hashable, make: Callable[[], Array]) -> Array:
    """Also inside of a `jit` worked out at once: what is traced there is not to be remembered."""
    if is_traced(values):
        return make()
    with at_once():
        return remembered([values], ("converted", key), make)


def _codes(column: Column, given: tuple[str, ...]) -> np.ndarray:
    """The place of each given name in a column's vocabulary."""
    code = {name: i for i, name in enumerate(column.vocabulary or ())}
    for name in given:
        if name not in code:
            near = suggest(name, code) or list(code)[:8]
            raise BadInputError(
                f"column {column.place} holds {name!r}, which the rules do not know. Nearest: "
                f"{', '.join(near)}. Correct it, or compile for this population"
            )
    return np.array([code[name] for name in given], np.int32)


def sizes_of(population: Population) -> dict[str, int]:
    """Rows by entity, padding included."""
    return dict(population.schema.sizes)


def arrays(population: Population, names: Iterable[str]) -> dict[str, Array]:
    """The arrays behind input names, computed on the device."""
    return {name: _array(population, *name.split(".", 1)) for name in names}


def _array(population: Population, entity: str, part: str) -> Any:
    if part == "real":
        return population.mask(entity)
    if part == WEIGHT:
        return population.weights
    if part == IDS:
        return population.ids[entity]
    if entity in population.links and part in PARTS:
        return _link(population, entity, part)
    return population.columns[entity][part.removeprefix(_OF_ITS_OWN)]


def _link(population: Population, group: str, part: str) -> Array:
    link, rows = population.links[group], population.schema.sizes[group]
    if part == "group":
        return link
    if part == "position":
        return population.positions[group]
    if part == "first":
        return segment_first(link, rows)
    return segment_sum(jnp.ones(link.shape, jnp.int32), link, rows)


def host_arrays(population: Population) -> Mapping[str, np.ndarray]:
    """The same arrays in numpy, each made when first asked for."""

    class Lazy(dict[str, np.ndarray]):
        def __missing__(self, name: str) -> np.ndarray:
            value = _host_array(population, *name.split(".", 1))
            wide = value.astype(np.float64) if value.dtype.kind == "f" else value
            self[name] = wide
            return wide

    return Lazy()


def _host_array(population: Population, entity: str, part: str) -> np.ndarray:
    if part not in ("first", "size") or entity not in population.links:
        return np.asarray(_array(population, entity, part))
    link, rows = np.asarray(population.links[entity]), population.schema.sizes[entity]
    count = np.bincount(link, minlength=rows).astype(np.int32)
    if part == "size":
        return count
    first = np.zeros(rows, np.int32)  # as `segment_first` has it for a group without rows
    first[link[::-1]] = np.arange(len(link), dtype=np.int32)[::-1]
    return first
