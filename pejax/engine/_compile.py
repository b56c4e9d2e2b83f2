"""From a country and a population to a program."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core._arguments import as_file, as_instance, as_path, as_switch, at_least, shown
from ..core._arrays import as_names
from ..core._digest import digest
from ..core._formerly import formerly
from ..core._memory import reclaim
from ..core._validate import BadInputError
from ..core.files._files import made_folder
from ..core.population._population import Population
from ._accept import columns_taken, fail_if_groups_missing
from ._carrier import MadeFor
from ._guards import Decision, agrees
from ._inputs import IDS, Column, columns_of, recoded
from ._int32 import fail_if_literals_are_beyond
from ._parameters import ParameterIndex, Parameters, as_written, index_of
from ._program import Program
from ._recipe import Output, Recipe
from ._report import report_of
from ._save import FORMAT
from ._situations import situations_of
from ._some import interpreter_of, some_of
from ._unread import Unread, warn_of_idle_reforms
from .graph._copy import copied
from .graph._interpret import Interpreter
from .graph._ir import Graph
from .graph._limits import Limit, limits_of
from .graph._node import Node
from .graph._strata import Strata
from .importer import Country, import_country, licence_of
from .rules._calendar import dated
from .rules._law import FOR_GOOD
from .rules._reform import EVER
from .rules._system import System
from .running._chunks import fail_if_households_meet
from .tracing._array import Traced
from .tracing._decisions import People
from .tracing._input_nodes import given_by_columns, period_of, with_all_names
from .tracing._names import names_of
from .tracing._reads import Given
from .tracing._trace import Outcome, trace

Rules = System | Country
_MOST_STRATA = 200
_DECIDING_MEMORY = 2**29
"""Bytes of intermediate columns that are kept between two decisions of a trace."""

_LARGE = 100_000
"""Nodes of a trace from which on its memory is given back at once."""


@formerly(defaults={"period": 2025})
def compile(
    system: Rules,
    outputs: Sequence[str],
    period: int | str,
    population: Population,
    *,
    dtype: str = "float32",
    chunk: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    check: bool = True,
    extra: Collection[str] = (),
) -> Program:
    """Compile variables of a country's rules for populations like `population`.

    The formulas run once on symbolic arrays; what they ask Python to decide is decided on
    `population`, recorded and checked again at every run.

    Args:
        system: from `import_country` or `System`.
        outputs: names of variables, each of `period` or of one of its own: `"snap[2025-01]"`.
        period: a year, `2025` or from a month on, `"year:2024-10"`; a month, `"2025-03"`; or
            `"eternity"`. A monthly variable of a year is the sum of its months.
        population: whose columns are the inputs. A column `snap[2025-01]` holds the values of a
            period of its own, any other those of `period` (of its year, if `period` is a month and
            the variable yearly). A yearly amount of a monthly variable is spread over the months
            that have no column.
        dtype: `"float32"` or `"float64"`.
        chunk: households at a time, which bounds the memory of values and gradients.
        cache: a folder where the traced program is kept, so that the country package need not be
            imported again.
        check: whether the program compares itself with the law's own graph in numpy the first time
            that it runs on people of a new kind.
        extra: columns of the population that the law does not read.

    Raises:
        UnknownNameError: a variable that does not exist, and a column that is neither a
            variable of the country nor `extra`, with the nearest names.
        UntraceableRule: a formula that cannot become part of a program, with the reason.

    >>> from pejax.testing import toy_population, toy_system
    >>> program = compile(toy_system(), ["income_tax"], 2025, toy_population())
    >>> program(program.parameters, toy_population())["income_tax"].shape
    (6,)
    """
    _check_sources(system, population)
    system = _rules(system)
    _check_dtype(dtype)
    names = as_names(outputs, "outputs")
    if not names:
        raise BadInputError("give the names of the variables to compile: ['income_tax', ...]")
    size = None if chunk is None else at_least(1, "chunk")(chunk)
    check = as_switch("check")(check)
    recipe = _recipe(system, names, str(period), dtype, size, as_names(extra, "extra"))
    folder = None if cache is None else made_folder(as_path(cache, "cache"))
    path = None if folder is None else folder / f"{_key(recipe, population)}.pejax"
    program = None if path is None else _kept(path)
    if program is not None and _still_holds(program, program.parameters, population):
        rules, people = _native(system), MadeFor(population)
        return dataclasses.replace(program, rules=rules, check=check, made_for=people)
    if isinstance(system, Country):
        system.fail_if_no_variable(_variables(names))  # before half a minute of import
    program = dataclasses.replace(_traced(system, recipe, population, None), check=check)
    if path is not None:
        program.save(path)
    return program


def recompile(
    recipe: Recipe, rules: Rules | None, parameters: Parameters, population: Population
) -> Program:
    """Trace again with decisions taken under `parameters`.

    Raises:
        BadInputError: native rules that are not at hand, or have changed.
    """
    if not recipe.native:
        country = import_country(recipe.package, start_instant=recipe.start_instant)
        country = dataclasses.replace(country, reform=recipe.reform)
        return _traced(country, recipe, population, parameters)
    rules = None if rules is None else _rules(rules)
    if rules is None or rules.version != recipe.version:
        lost = "are not in the file" if rules is None else "have changed since"
        raise BadInputError(
            f"the rules of {recipe.package!r} {lost}. Hand over those it was compiled from, "
            "program.respecialise(parameters, population, system), or compile again"
        )
    return _traced(rules, recipe, population, parameters)


def _rules(given: Rules) -> Rules:
    """A country by its name, or rules that no name finds again: those of a structural reform."""
    return given.load() if isinstance(given, Country) and given.is_restructured else given


def _native(rules: Rules) -> System | None:
    return rules if isinstance(rules, System) else None


def _traced(
    rules: Rules, recipe: Recipe, population: Population, parameters: Parameters | None
) -> Program:
    system = rules.load() if isinstance(rules, Country) else rules
    for name in _variables(recipe.outputs):
        system.variable(name)
    fail_if_groups_missing(population, (system.person, *system.groups))
    period = _period(system, recipe)
    taken = columns_taken(population, system.names, recipe.extra, system.own_ids)
    columns = tuple(with_all_names(system, column) for column in taken)
    coded = recoded(population, columns)
    strata = _strata(system, coded, columns)
    numbers = {} if parameters is None else as_written(parameters)
    people = _people(coded, strata, numbers)

    def given(graph: Graph) -> Given:
        return given_by_columns(graph, system, columns, period)

    outcome = trace(system, recipe.outputs, period, given, people)
    program = _program(system, outcome, recipe, columns, period, strata)
    program = dataclasses.replace(program, made_for=MadeFor(population))
    large = len(outcome.graph.nodes) >= _LARGE
    del outcome
    if large:
        reclaim()
    return program


def _people(population: Population, strata: Strata | None, numbers: Mapping[str, float]) -> People:
    """What a trace may ask of the population, under the law's numbers."""

    def everybody(shadow: Mapping[str, int]) -> Interpreter:
        return interpreter_of(population, shadow, numbers, _DECIDING_MEMORY)

    def some(
        shadow: Mapping[str, int], without: Collection[int], compared: Sequence[Node]
    ) -> Sequence[Interpreter]:
        return some_of(population, strata, shadow, numbers, frozenset(without), compared)

    return People(everybody, strata, some)


def _period(system: System, recipe: Recipe) -> Any:
    """The program's period; those of its outputs are looked at too."""
    for output in recipe.outputs:
        own = dated(output)[1]
        if own:
            period_of(system, own, f"output {output!r}")
    return period_of(system, recipe.period)


def _variables(outputs: Iterable[str]) -> list[str]:
    """The variables of outputs, without their periods."""
    return [dated(name)[0] for name in outputs]


def _strata(system: System, population: Population, columns: tuple[Column, ...]) -> Strata | None:
    """The column of the households by which the law divides them: the one that the country names,
    or else the one with the most values among those that have a few."""
    found: list[Strata] = []
    for column in columns:
        own = column.name != IDS and column.kind in "iu"
        if own and column.entity == population.schema.household:
            held = np.asarray(population.column(column.name, column.entity))
            values = tuple(int(v) for v in np.unique(held))
            if 2 <= len(values) <= _MOST_STRATA:
                found.append(Strata(column.key, values))
    named = {column.key for column in columns if column.variable == (system.divided_by or None)}
    return max(found, key=lambda s: (s.column in named, len(s.values)), default=None)


def _program(
    system: System,
    outcome: Outcome,
    recipe: Recipe,
    columns: tuple[Column, ...],
    period: Any,
    strata: Strata | None,
) -> Program:
    results = outcome.outputs.values()
    asked = [*(r.node for r in results), *(g.node for g in outcome.guards)]
    limits = [] if recipe.chunk else limits_of(outcome.graph, asked, strata)
    copies = iter(copied([*asked, *(m.node for m in limits), *(m.of for m in limits)]))
    nodes, decided, *limited = (
        list(islice(copies, many))
        for many in (len(results), len(outcome.guards), *2 * [len(limits)])
    )
    fail_if_literals_are_beyond([*nodes, *decided])
    if recipe.chunk is not None:
        fail_if_households_meet(nodes, decided)
    used = set(outcome.given)
    columns = tuple(c for c in columns if c.variable in used)
    used_inputs = {c.key for c in columns}
    return Program(
        outputs=tuple(
            Output(name, node, system.variable(dated(name)[0]).entity, _names(traced))
            for (name, traced), node in zip(outcome.outputs.items(), nodes, strict=True)
        ),
        decisions=tuple(
            Decision(node, g.kind, g.variable, g.value)
            for g, node in zip(outcome.guards, decided, strict=True)
        ),
        index=_index(system, outcome, recipe, period),
        columns=columns,
        situations=situations_of(system, columns, period),
        names=system.names,
        known=frozenset(outcome.evaluated) | frozenset(outcome.given) | outcome.asked,
        report=report_of(system, outcome),
        recipe=recipe,
        rules=system if recipe.native else None,
        strata=strata if strata is not None and strata.column in used_inputs else None,
        limits=tuple(map(Limit, *limited)),
    )


def _index(system: System, outcome: Outcome, recipe: Recipe, period: Any) -> ParameterIndex:
    """What the trace read of the law, and what is known of the rest."""
    switches = tuple(sorted(system.switches(system.law)))
    unread = Unread(system.paths(), switches, tuple(recipe.outputs))
    index = index_of(outcome.leaves, outcome.static, period, unread)
    warn_of_idle_reforms(system.reforms, index.period, _read(index, outcome), unread.outputs)
    return index


def _read(index: ParameterIndex, outcome: Outcome) -> dict[str, list[tuple[str, str]]]:
    """By path, the days for which it was read: always, if the country makes formulas of it."""
    days = {path: [(EVER, FOR_GOOD)] for path in index.unread.switches}
    for path, looked in outcome.looked.items():
        days.setdefault(path, []).extend((day, day) for day in looked)
    for leaf in index.leaves:
        days.setdefault(leaf.path, []).append((leaf.start, leaf.stop))
    return days


def _names(traced: Traced) -> tuple[str, ...] | None:
    """The names behind an output's codes."""
    return None if traced.vocabulary is None else tuple(names_of(traced.vocabulary))


def _recipe(
    system: Rules,
    outputs: list[str],
    period: str,
    dtype: str,
    chunk: int | None,
    extra: Collection[str],
) -> Recipe:
    package = system.package if isinstance(system, Country) else system.name
    reform = system.reform if isinstance(system, Country) else "[]"
    return Recipe(
        package=package,
        version=system.version,
        reform=reform,
        outputs=tuple(outputs),
        period=period,
        dtype=dtype,
        chunk=chunk,
        native=isinstance(system, System),
        extra=tuple(sorted(extra)),
        start_instant=system.start_instant,
        licence=licence_of(package) if isinstance(system, Country) else "",
    )


def _key(recipe: Recipe, population: Population) -> str:
    """A digest of everything that a traced program depends on but the people themselves."""
    columns = [dataclasses.astuple(c) for c in columns_of(population)]
    content = [dataclasses.asdict(recipe), columns, version("pejax"), FORMAT]
    return digest(json.dumps(content))[:32]


def _kept(path: Path) -> Program | None:
    """The program of a cache, if there is one that is whole."""
    if not path.exists():
        return None
    try:
        return Program.load(path)
    except BadInputError as problem:
        warnings.warn(f"{problem}: it is compiled again", stacklevel=3)
        return None


def _still_holds(program: Program, parameters: Parameters, population: Population) -> bool:
    """Whether a program from the cache takes its decisions the same way for these people."""
    interpreter = program.interpreter(parameters, population)
    answers = interpreter.all([d.node for d in program.decisions])
    return all(
        bool(agrees(d, np.asarray(a))) for d, a in zip(program.decisions, answers, strict=True)
    )


def _check_sources(system: Any, population: Any) -> None:
    """Whose law, and whose columns."""
    fail_if_no_rules(system)
    as_instance(
        population, Population, "population", "Give a Population: its columns are the inputs."
    )


def fail_if_no_rules(system: Any) -> None:
    """Rules are a country's or a system."""
    given = "Give a country, engine.import_country(...), or rules, engine.build_system(...)."
    if not isinstance(system, System | Country):
        raise BadInputError(f"system is {shown(system)}. {given}")


def _check_dtype(dtype: str) -> None:
    if not isinstance(dtype, str | type | np.dtype) or dtype not in ("float32", "float64"):
        raise BadInputError(f"dtype is {shown(dtype)}; choose 'float32' or 'float64'")
    if dtype == "float64" and jnp.result_type(float) != jnp.float64:
        raise BadInputError(
            "float64 needs JAX's x64 mode: call jax.config.update('jax_enable_x64', True) first"
        )


def load(path: str | os.PathLike[str], *, check: bool = True) -> Program:
    """Read a saved program; it needs no country package. `check` is that of `compile`.

    >>> import tempfile
    >>> from pejax.testing import toy_program
    >>> path = f"{tempfile.mkdtemp()}/toy.pejax"
    >>> toy_program().save(path)
    >>> [output.name for output in load(path).outputs]
    ['income_tax', 'child_benefit', 'net_income']
    """
    return Program.load(as_file(path, "path"), as_switch("check")(check))
