"""Some households that travel with a program, beside which others are asked.

A formula may ask Python whether anybody is so; the answer that was recorded holds for the people
that a program was compiled for, and may not for one household alone. Beside a few of those people
it does. Their rows come after the asked ones, and nobody sees their results.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core._arguments import as_switch
from ..core._one_line import listed
from ..core._transforms import at_once, is_traced
from ..core._validate import BadInputError
from ..core.population._checks import check
from ..core.population._layout import size_bucket
from ..core.population._population import Population
from ..core.population._schema import FrozenMapping
from ..core.population._tables import Tables
from ._accept import accepted
from ._guards import agrees, fail_if_moved
from ._inputs import IDS, WEIGHT, Column
from .graph._node import Node, reachable
from .graph._structure import has_rows, looks_across, row_numbers, structural
from .running._remember import remembered

if TYPE_CHECKING:
    from ._program import Program

HOUSEHOLDS = 60
"""Enough for most decisions of a law; those who are needed for the others come on top."""

_MOST = 240
_WITNESSES = 40
"""Households that are asked beside two carriers, to see that it makes no difference to them."""


# ---- who is taken along


def drawn(program: Program, population: Population) -> Population:
    """A few of the people, with the columns that a program reads, beside whom it decides as ever.

    Raises:
        GuardMovedError: it does not decide so beside all of them.
        BadInputError: a program that runs in chunks, reads ids, or compares households.
    """
    _fail_if_it_takes_none(program)
    people = _with_columns(program, population)
    everybody = np.random.default_rng(0).permutation(people.count(people.schema.household))
    chosen: list[int] = everybody[:HOUSEHOLDS].tolist()
    answers = program.interpreter(None, people).all([d.node for d in program.decisions])
    fail_if_moved(program.decisions, answers, people, program.strata)
    asked = zip(program.decisions, answers, strict=True)
    absent = sorted({d.variable for d, answer in asked if not np.all(agrees(d, answer))})
    if absent:
        raise BadInputError(
            f"decisions of {listed(absent)} are about people of whom none is here. Give those that "
            "the program was compiled for, or more of them"
        )
    while not _holds(program, people, chosen):
        if len(chosen) >= _MOST:
            raise BadInputError(
                f"beside {len(chosen)} of these households the program decides otherwise than "
                "beside all of them. Save it without a carrier, or give fewer people"
            )
        chosen.append(_needed(program, people, chosen, everybody))
    carrier = people.select(np.sort(chosen))
    _fail_if_it_matters(program, people, carrier, everybody)
    return carrier


class MadeFor:
    """The people whom a program was compiled for, as long as somebody else holds them.

    A copy of it, in this process or another one, knows nobody.
    """

    def __init__(self, population: Population | None = None) -> None:
        self._held = None if population is None else weakref.ref(population)

    def __call__(self) -> Population | None:
        return None if self._held is None else self._held()

    def __reduce__(self) -> tuple[type[MadeFor], tuple[()]]:
        return MadeFor, ()


def carrier_of(program: Program, wanted: object) -> Population | None:
    """The carrier with which a program is to be saved.

    Args:
        wanted: True for some of those whom it was compiled for, a population for some of its own,
            False for the one that it has, if any.

    Raises:
        BadInputError: those whom it was compiled for are gone; and as `drawn`.
    """
    if isinstance(wanted, Population):
        return drawn(program, wanted)
    if program.carrier is not None or not as_switch("carrier")(wanted):
        return program.carrier
    people = program.made_for()
    if people is None:
        raise BadInputError(
            "carrier=True takes some of the people that the program was compiled for, and those are"
            " not here any more. Give them, or others beside whom it decides alike: carrier=people"
        )
    return drawn(program, people)


def _with_columns(program: Program, population: Population) -> Population:
    """The same people with the columns that a program reads, coded as it codes them."""
    entities, extra = program.outputs[0].node.graph.sizes, program.recipe.extra
    found = accepted(population, program.columns, program.known, entities, program.names, extra)
    held = found.to_tables()
    kept = {(c.entity, c.name) for c in program.columns}
    held.columns = {
        entity: {name: values for name, values in own.items() if (entity, name) in kept}
        for entity, own in held.columns.items()
    }
    held.vocabularies = {at: words for at, words in held.vocabularies.items() if at in kept}
    held.origin = {}
    return Population.from_tables(held)


def _holds(program: Program, people: Population, households: Any) -> bool:
    """Whether a program decides beside these households as it did, also where a decision concerns
    none of them: it may concern whoever is asked."""
    some = people.select(np.asarray(households))
    answers = program.interpreter(None, some).all([d.node for d in program.decisions])
    asked = zip(program.decisions, answers, strict=True)
    return all(bool(np.all(agrees(decision, answer))) for decision, answer in asked)


def _needed(program: Program, people: Population, chosen: list[int], order: np.ndarray) -> int:
    """The first household in an order with which all before it, and those chosen, are enough."""
    low, high = 0, len(order)
    while high - low > 1:
        middle = (low + high) // 2
        enough = _holds(program, people, np.unique([*chosen, *order[:middle]]))
        low, high = (low, middle) if enough else (middle, high)
    return int(order[high - 1])


# ---- what must not depend on them


def _fail_if_it_takes_none(program: Program) -> None:
    """Refuse a program whose answers would be others beside other people."""
    if program.recipe.chunk is not None:
        raise BadInputError("a program that runs in chunks has no carrier. Compile without chunk=")
    ids = [c.place for c in program.columns if c.name == IDS or c.variable.endswith("_id")]
    if ids:
        raise BadInputError(
            f"the program reads ids ({listed(ids)}): those of a carrier could be taken for the "
            "asked people's relatives. Save it without a carrier"
        )
    compared = comparing([o.node for o in program.outputs])
    if compared:
        raise BadInputError(
            f"{listed(compared)} compares households with each other: an answer would depend on "
            "the carrier. Save it without one"
        )


def comparing(roots: list[Node]) -> list[str]:
    """Variables in which columns of all households meet. How many rows there are in all, and what
    else links tell, is no column."""
    nodes = reachable(roots)
    known = structural(nodes, row_numbers(nodes))
    return sorted({n.origin for n in nodes if _meet(n) and not _all_in(n.args, known)})


def _meet(node: Node) -> bool:
    """Whether rows of all households make one value, or are looked for among all. Where they are
    put in an order or numbered, households may still stay among themselves: that is tried out."""
    along = [a for a in node.args if has_rows(a)]
    if not along or not looks_across(node):
        return False
    return node.op in ("isin", "find") or all(a.shape[0] not in node.shape for a in along)


def _all_in(nodes: tuple[Node, ...], known: set[int]) -> bool:
    return all(node.index in known for node in nodes)


def _fail_if_it_matters(
    program: Program, people: Population, carrier: Population, order: np.ndarray
) -> None:
    """Households give the same, to the bit, beside a carrier and beside half of it."""
    asked = people.select(np.sort(order[-_WITNESSES:]))
    many = carrier.count(carrier.schema.household)
    half = carrier.select(np.arange((many + 1) // 2))
    first, second = (
        program.interpreter(None, beside(asked, other)).all([o.node for o in program.outputs])
        for other in (carrier, half)
    )
    for output, a, b in zip(program.outputs, first, second, strict=True):
        rows = asked.count(output.entity)
        if not np.array_equal(a[:rows], b[:rows], equal_nan=a.dtype.kind == "f"):
            raise BadInputError(
                f"{output.name} of a household is another beside other households: an answer would "
                "depend on the carrier. Save the program without one"
            )


# ---- beside them


def with_carrier(population: Population, carrier: Population | None) -> Population:
    """A population beside a carrier, if there is one and rows can be put after the population's:
    not after a padding that is traced, nor among blocks that lie on several devices."""
    traced = is_traced(population)
    if carrier is None or population.schema.blocks > 1 or (traced and population.is_padded):
        return population
    if traced:
        return beside(population, carrier)

    def whole() -> Population:
        with at_once():
            return beside(population, carrier)

    key = ("beside", population.schema)
    return remembered(jax.tree.leaves([population, carrier]), key, whole)


def beside(population: Population, carrier: Population) -> Population:
    """A population, then a carrier, then padding: one shape for all that are smaller than it."""
    people = population.unpadded() if population.is_padded else population
    own, other = people.schema, carrier.schema
    rows = {e: _room(own.sizes[e], other.sizes[e]) for e in own.entities}

    # Numpy where it can: the first family would wait a second for XLA to compile these few lines.
    on_host = jax.default_backend() == "cpu" and not (is_traced(people) or is_traced(carrier))
    xnp: Any = np if on_host else jnp

    def joined(mine: Array, theirs: Any, entity: str, fill: Any = 0) -> Array:
        empty = xnp.full(rows[entity] - len(mine) - len(theirs), fill, mine.dtype)
        held = [xnp.asarray(mine), xnp.asarray(theirs).astype(mine.dtype), empty]
        return jnp.asarray(xnp.concatenate(held))

    person = own.person
    largest = {g: max(dict(own.largest)[g], dict(other.largest)[g]) for g in own.groups}
    vocabularies = {at: words for at, words in own.vocabularies.items() if at[1] in _held(carrier)}
    return Population(
        columns={
            e: {name: joined(people.columns[e][name], v, e) for name, v in held.items()}
            for e, held in carrier.columns.items()
        },
        links={
            g: joined(link, xnp.asarray(carrier.links[g]) + own.sizes[g], person, rows[g] - 1)
            for g, link in people.links.items()
        },
        positions={g: joined(p, carrier.positions[g], person) for g, p in people.positions.items()},
        weights=joined(people.weights, carrier.weights, own.household),
        ids={e: joined(ids, carrier.ids[e], e) for e, ids in people.ids.items()},
        real={e: joined(real, carrier.real[e], e, False) for e, real in people.real.items()},
        schema=own.replace(
            counts=FrozenMapping(rows),
            sizes=FrozenMapping(rows),
            vocabularies=FrozenMapping(vocabularies),
            origin=FrozenMapping(),
            ordered=tuple(g for g in own.ordered if g in other.ordered),
            largest=tuple(largest.items()),
        ),
    )


def _room(own: int, carried: int) -> int:
    """Rows for a carrier and the asked, who get as much room as it has, or twice that, and so on:
    and one row of padding."""
    room = carried
    while room < own:
        room *= 2
    return size_bucket(room + carried + 1)


def _held(carrier: Population) -> set[str]:
    return {name for held in carrier.columns.values() for name in held}


# ---- disk

_COLUMN, _LINK, _ID = "column", "link", "id"


def to_content(carrier: Population) -> tuple[str, dict[str, np.ndarray]]:
    """A carrier as a text and arrays."""
    tables = carrier.to_tables()
    arrays = {"weights": tables.weights}
    for entity, held in tables.columns.items():
        arrays |= {f"{_COLUMN}/{entity}/{name}": values for name, values in held.items()}
    arrays |= {f"{_LINK}/{group}": link for group, link in tables.links.items()}
    arrays |= {f"{_ID}/{entity}": ids for entity, ids in tables.ids.items()}
    names = ("person", "household", "groups", "weight_name")
    return json.dumps({name: getattr(tables, name) for name in names}), arrays


def of_content(
    text: str, arrays: Mapping[str, np.ndarray], columns: tuple[Column, ...]
) -> Population:
    """What `to_content` made."""
    about = json.loads(text)
    groups = tuple(map(str, about["groups"]))
    entities = (str(about["person"]), *groups)
    held = {entity: dict(_below(arrays, f"{_COLUMN}/{entity}/")) for entity in entities}
    tables = Tables(
        person=str(about["person"]),
        household=str(about["household"]),
        groups=groups,
        columns=held,
        links={group: arrays[f"{_LINK}/{group}"] for group in groups},
        ids={entity: arrays[f"{_ID}/{entity}"] for entity in entities},
        weights=arrays["weights"],
        vocabularies={(c.entity, c.name): c.vocabulary for c in columns if c.vocabulary},
        weight_name=str(about["weight_name"]),
    )
    if {(e, n) for e in held for n in held[e]} != {
        (c.entity, c.name) for c in columns if c.name not in (WEIGHT, IDS)
    }:
        raise ValueError("its carrier has other columns than the program")
    check(tables)
    with jax.ensure_compile_time_eval():
        return Population.from_tables(tables)


def _below(arrays: Mapping[str, np.ndarray], start: str) -> Iterator[tuple[str, np.ndarray]]:
    return ((name.removeprefix(start), v) for name, v in arrays.items() if name.startswith(start))
