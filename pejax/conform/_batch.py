"""Many cases as one population, of whom each is given what its own case gives.

A variable that some cases give and others do not is computed for all and replaced where it is
given. So one trace serves every case under the same rules.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.population._tables import positions
from ..engine.graph._by_case import CASE
from ..engine.graph._interpret import Interpreter
from ..engine.graph._ir import Graph
from ..engine.graph._node import Node
from ..engine.rules._system import System, Variable
from ..engine.tracing._array import Traced
from ..engine.tracing._decisions import People
from ..engine.tracing._laws import LAW, Laws
from ..engine.tracing._names import names_of
from ..engine.tracing._speakers import Given
from ..engine.tracing._trace import Outcome, trace
from ._in_jax import rows_apart
from ._people import CasePeople, Key, default_of

_TYPES = {"float": np.float64, "int": np.int64, "bool": np.bool_}
_DECIDING_MEMORY = 2**28
"""Bytes of columns that are kept between two decisions of a trace."""


@dataclasses.dataclass(frozen=True)
class _Column:
    """An input of a batch: its name among the nodes, its values, and whose they are."""

    name: str
    values: np.ndarray
    words: tuple[str, ...] | None
    given: np.ndarray | None

    def is_like(self, other: _Column) -> bool:
        """Whether another one holds the same."""
        same = self.words == other.words and np.array_equal(self.values, other.values)
        if self.given is None or other.given is None:
            return same and self.given is other.given
        return same and np.array_equal(self.given, other.given)


class Batch:
    """Cases under the same rules, one after the other.

    Args:
        system: the rules.
        people: who is in each case.
        laws: those that they are asked under, where these are not all the law of the rules.
    """

    def __init__(
        self, system: System, people: Sequence[CasePeople], laws: Laws | None = None
    ) -> None:
        self.system, self.people, self.laws = system, list(people), laws
        entities = (system.person, *system.groups)
        counts = {e: np.array([len(p.names[e]) for p in self.people]) for e in entities}
        self.first = {e: np.concatenate([[0], np.cumsum(n)]) for e, n in counts.items()}
        self.first[CASE] = np.arange(len(self.people) + 1)
        self.rows = {e: int(first[-1]) for e, first in self.first.items()}
        self.columns: dict[Key, _Column] = {}
        for key in self._keys():
            self.columns[key] = self._known(key[0], self._column(key))

    def _keys(self) -> list[Key]:
        return list(dict.fromkeys(key for p in self.people for key in p.given))

    def _known(self, name: str, column: _Column) -> _Column:
        """The same column of another period, if there is one: months that are alike are one."""
        others = (held for key, held in self.columns.items() if key[0] == name)
        return next((held for held in others if held.is_like(column)), column)

    def _column(self, key: Key) -> _Column:
        name, period = key
        variable = self.system.variable(name)
        default = default_of(variable)
        own = [p.given.get(key) for p in self.people]
        counts = np.diff(self.first[variable.entity])
        values: list[Any] = []
        for held, count in zip(own, counts, strict=True):
            values += [default] * int(count) if held is None else held
        has = np.array([held is not None for held in own])
        given = None if has.all() else np.repeat(has, counts)
        coded, words = _coded(variable, values)
        return _Column(f"{variable.entity}.{name}@{period}", coded, words, given)

    def rows_of(self, case: int, entity: str) -> slice:
        """Where a case's rows of an entity stand."""
        return slice(int(self.first[entity][case]), int(self.first[entity][case + 1]))

    def traced(self, outputs: Sequence[str], period: Any, most_nodes: int | None = None) -> Outcome:
        """The graph of outputs for these people.

        Raises:
            GraphTooLarge: it has more than so many nodes.
        """
        people = People(self.interpreter, None, lambda *_: ())
        return trace(
            self.system,
            outputs,
            period,
            self._given,
            people,
            forgiving=True,
            most_nodes=most_nodes,
        )

    def values(self, outcome: Outcome) -> dict[str, np.ndarray]:
        """What a graph gives these people, by output; categories as texts."""
        run = self.interpreter(outcome.graph.sizes)
        names = list(outcome.outputs)
        found = run.all([outcome.outputs[name].node for name in names])
        return {n: _decoded(outcome.outputs[n], v) for n, v in zip(names, found, strict=True)}

    def rows_apart_in_jax(self, outcome: Outcome) -> dict[str, np.ndarray]:
        """In which rows JAX computes another value than numpy, by output."""
        roots = {name: output.node for name, output in outcome.outputs.items()}
        return rows_apart(roots, self.interpreter(outcome.graph.sizes))

    def interpreter(self, shadow: Mapping[str, int]) -> Interpreter:
        """What computes nodes on these people."""
        sizes = {n: self.rows[entity] for entity, n in shadow.items()}
        return Interpreter(self._arrays(), sizes, {}, memory=_DECIDING_MEMORY)

    def _given(self, graph: Graph) -> Given:
        laws = self.laws
        graph.beside = self._beside
        values, some = {}, {}
        by_case = {} if laws is None else {(p, LAW): kinds for p, kinds in laws.kinds.items()}
        for key, column in self.columns.items():
            values[key] = self._node(graph, key, column)
            if column.given is not None:
                shadow = np.ones(self._shadow(graph, key), bool)
                some[key] = Traced(graph.input(_mask(column), shadow))
                by_case[key] = np.array([key in people.given for people in self.people])
        case_of = {
            entity: graph.input(_case(entity), np.zeros(graph.sizes[entity], np.int32))
            for entity in self.rows
            if entity != CASE
        }
        if len(self.people) > 1:
            graph.divide_by_case(case_of)
        names = tuple(dict.fromkeys(name for name, _ in values))
        persons = graph.sizes[self.system.person]
        role_of = {
            group: graph.input(_role(group), np.zeros(persons, np.int32))
            for group in self.system.groups
        }
        return Given(values, names, some, by_case, case_of, laws, role_of)

    def _beside(self, graph: Graph, one: str, other: str) -> Node | None:
        """The rows of one entity beside those of another, as each case alone has them: numpy
        repeats a single row, and sets as many beside as many."""
        few, many = np.diff(self.first[one]), np.diff(self.first[other])
        if not ((few == 1) | (few == many)).all():
            return None
        return graph.input(_place(one, other), np.zeros(graph.sizes[other], np.int32))

    def _places(self, one: str, other: str) -> np.ndarray:
        """What `_beside` names."""
        few, many = np.diff(self.first[one]), np.diff(self.first[other])
        own = np.arange(self.rows[other]) - np.repeat(self.first[other][:-1], many)
        first, alike = np.repeat(self.first[one][:-1], many), np.repeat(few == many, many)
        return (first + own * alike).astype(np.int32)

    def _node(self, graph: Graph, key: Key, column: _Column) -> Traced:
        variable = self.system.variable(key[0])
        dtype = np.int32 if column.words is not None else _TYPES[variable.kind]
        shadow = {np.float64: np.float32, np.int64: np.int32}.get(dtype, dtype)
        node = graph.input(column.name, np.ones(self._shadow(graph, key), shadow))
        if variable.kind == "enum":
            traced = Traced(graph.astype(node, np.int16), variable.vocabulary)
        elif column.words is not None:
            traced = Traced(node, column.words)
        else:
            traced = Traced(graph.astype(node, variable.dtype))
        traced.owner = key[0]
        return traced

    def _shadow(self, graph: Graph, key: Key) -> int:
        return graph.sizes[self.system.variable(key[0]).entity]

    def _arrays(self) -> dict[str, np.ndarray]:
        """The arrays behind the names of inputs, links included."""
        found = {column.name: column.values for column in self.columns.values()}
        found |= {_mask(c): c.given for c in self.columns.values() if c.given is not None}
        for entity, rows in self.rows.items():
            found[f"{entity}.real"] = np.ones(rows, bool)
            cases = np.arange(len(self.people), dtype=np.int32)
            found[_case(entity)] = np.repeat(cases, np.diff(self.first[entity]))
        pairs = itertools.permutations(self.rows, 2)
        found |= {_place(one, other): self._places(one, other) for one, other in pairs}
        for group in self.system.groups:
            found |= {f"{group}.{part}": v for part, v in self._links(group).items()}
        return found

    def _links(self, group: str) -> dict[str, np.ndarray]:
        rows = self.rows[group]
        offset = self.first[group]
        link = np.concatenate(
            [np.asarray(p.group_of[group]) + offset[i] for i, p in enumerate(self.people)]
        ).astype(np.int32)
        first = np.zeros(rows, np.int32)
        first[link[::-1]] = np.arange(len(link), dtype=np.int32)[::-1]
        size = np.bincount(link, minlength=rows).astype(np.int32)
        role = np.concatenate([np.asarray(p.role_of[group], np.int32) for p in self.people])
        return {
            "group": link, "position": positions(link), "first": first, "size": size, "role": role
        }  # fmt: skip


def _mask(column: _Column) -> str:
    return f"{column.name}?"


def _role(group: str) -> str:
    return f"{group}.role"


def _place(one: str, other: str) -> str:
    return f"{one} beside {other}"


def _case(entity: str) -> str:
    return f"{entity}.case"


def _coded(variable: Variable, values: list[Any]) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Values as numbers, and the words behind codes."""
    if variable.kind == "enum":
        words = tuple(names_of(variable.vocabulary))
    elif variable.kind in ("str", "date"):
        words = tuple(sorted({str(v) for v in values}))
    else:
        return np.asarray(values, _TYPES[variable.kind]), None
    code = {word: i for i, word in enumerate(words)}
    return np.array([code[str(v)] for v in values], np.int32), words


def _decoded(output: Traced, values: Any) -> np.ndarray:
    held = np.asarray(values)
    if output.vocabulary is None:
        return held
    return np.asarray(names_of(output.vocabulary))[held]
