"""The native way to write rules: Python functions whose argument names are the graph's edges."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import itertools
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...core._arguments import as_text, shown
from ...core._fingerprint import fingerprint
from ...core._validate import BadInputError, UnknownNameError, suggest
from ..rules import _calendar
from ..rules._reform import read_day
from ..rules._system import System, Tracing, Variable
from ..tracing._array import Traced, Untraceable
from ..tracing._rebind import Rebinder
from ..tracing._stand_in import Numpy
from ._fields import check_fields, described, entities_of, or_none, variables_of
from ._law_tree import law_from

_WORDS = ("params", "period", "parameters")


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Rule(Variable):
    """A variable and the function that computes it from `start` to `stop`.

    Calling it calls the function, so a rule is tested on plain numbers like any other function.
    """

    function: Callable[..., Any]
    start: str = ""
    stop: str = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def rule(
    *,
    entity: str,
    name: str | None = None,
    kind: str | None = None,
    period: str = _calendar.YEAR,
    default: Any = None,
    defined_for: str | None = None,
    vocabulary: type[enum.Enum] | None = None,
    start: str = "",
    stop: str = "",
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a function the formula of a variable.

    The function's argument names say what it gets, one entry a row of `entity`, for its period:

    - a variable: its values. Persons' values are summed to their group and a smaller group's to a
      larger one; a group's values are given to each person and each smaller group within it;
    - `params`: the law in force (`params.tax.rate`);
    - an entity: that entity, for what sums cannot say (`tax_unit.max(person("age", period))`);
    - `period`: the period itself; `parameters`: the law at any time (`parameters("2020-01-01")`).

    The body is ordinary numpy. A Python `if` on values is decided on the population at compile
    time, recorded, and checked at every run.

    Args:
        entity: whose variable it is.
        name: the variable's (default: the function's).
        kind: float (default), int, bool, enum or str.
        period: `"year"`, `"month"` (amounts in months add up to a year) or `"eternity"` (a column
            holds for all time, a function reads the period for which it is asked).
        default: the value where `defined_for`, a boolean variable, is false.
        vocabulary: the class of an enum's members.
        start, stop: the first and last day on which the function is the law, `"2025-01-01"`
            (`start` may also be `"2025"` or `"2025-07"`): it computes the periods that begin within
            them, and several rules may share a name if their dates do not overlap.

    Raises:
        BadInputError: what is not a function, for settings that do not exist and for what is no
            date, each with the rule's name.

    >>> @rule(entity="person")
    ... def income_tax(taxable_income, params):
    ...     return params.tax.rate * np.maximum(taxable_income - params.tax.allowance, 0)
    >>> income_tax.name, income_tax.kind, income_tax.entity
    ('income_tax', 'float', 'person')
    """

    def decorate(function: Callable[..., Any]) -> Rule:
        chosen = getattr(function, "__name__", "a rule") if name is None else name
        _fail_if_not_a_function(chosen, function)
        about = described(chosen, entity, kind, period, default, vocabulary)
        first, last = _days(chosen, start, stop, period)
        return Rule(
            **about,
            defined_for=or_none(defined_for, f"{chosen}: defined_for"),
            formula=lambda _: function,
            label=(inspect.getdoc(function) or "").partition("\n")[0].rstrip("."),
            function=function,
            start=first,
            stop=last,
        )

    return decorate


def input_variable(
    name: str,
    *,
    entity: str,
    kind: str | None = None,
    period: str = _calendar.YEAR,
    default: Any = None,
    uprating: str | None = None,
    vocabulary: type[enum.Enum] | None = None,
    label: str = "",
) -> Variable:
    """A variable that only the population gives.

    The other arguments are those of `rule`.

    Args:
        default: for populations without the column.
        uprating: the path of the index with which a value of one year is carried to a later one.

    >>> input_variable("age", entity="person", kind="int").default
    0
    """
    about = described(name, entity, kind, period, default, vocabulary)
    path = or_none(uprating, f"{name}: uprating")
    return Variable(**about, uprating=path, label=as_text(label, f"{name}: label"))


def build_system(
    name: str,
    *,
    entities: Sequence[str],
    parameters: Mapping[str, Any],
    rules: Sequence[Variable],
    inputs: Sequence[Variable] = (),
) -> System:
    """Rules, inputs and the law's numbers as a `System` that `engine.compile` takes.

    Args:
        entities: the persons first and the largest group last, of which every other group is a
            part: `("person", "tax_unit", "household")`.
        parameters: a nested dictionary (see `law_from`).
        rules: made by `rule`, or `Variable`s whose parts `adds` and `subtracts` name.
        inputs: made by `input_variable`.

    Raises:
        UnknownNameError: an argument, variable, entity or path that does not exist, with the
            nearest names.
        BadInputError: two variables of one name.

    >>> @rule(entity="person")
    ... def tax(income, params):
    ...     return params.rate * income
    >>> flatland = build_system(
    ...     "flatland",
    ...     entities=("person", "household"),
    ...     parameters={"rate": 0.2},
    ...     rules=[tax],
    ...     inputs=[input_variable("income", entity="person")],
    ... )
    >>> sorted(flatland.variables)
    ['income', 'tax']
    """
    as_text(name, "name")
    person, *groups = entities = entities_of(entities)
    inputs, rules = variables_of(inputs, "inputs"), variables_of(rules, "rules")
    variables = _by_name([*inputs, *rules])
    for variable in (*inputs, *rules):
        _check(variable, variables, entities)
    system = System(
        name=name,
        version="",
        person=person,
        groups=tuple(groups),
        variables=variables,
        law=law_from(parameters),
        containing={group: tuple(groups[-1:]) for group in groups[:-1]},
        tracing=_tracing(rules),
    )
    for variable in variables.values():
        _check_paths(variable, system)
    # The rules' own content is the version: a cache keyed on it never serves other rules.
    version = fingerprint([entities, list(inputs), list(rules), dict(parameters)])[:16]
    return dataclasses.replace(system, version=version)


# ---- variables


def _days(name: str, start: Any, stop: Any, period: str) -> tuple[str, str]:
    """The first and last day of a rule in ISO form, which sorts as dates do; empty for none."""
    first = "" if _is_open(start) else _day(name, "start", start, "'2025-01-01' or '2025'")
    last = "" if _is_open(stop) else _day(name, "stop", stop, "'2025-12-31'")
    if last and len(str(stop)) < len(last):  # in a reform 2025 ends on its first day: ask
        raise BadInputError(f"{name}: stop={stop!r} names no day; write the last one, '2025-12-31'")
    if last and last < first:
        raise BadInputError(f"{name}: it stops on {last}, before it starts on {first}; swap them")
    if (first or last) and period == _calendar.ETERNITY:
        raise BadInputError(f"{name} is for eternity, which has no dates; leave start and stop out")
    return first, last


def _is_open(day: Any) -> bool:
    return day is None or (isinstance(day, str) and not day)


def _day(name: str, which: str, given: Any, form: str) -> str:
    try:
        return read_day(str(given))
    except ValueError as problem:
        raise BadInputError(
            f"{name}: {which}={shown(given)} is not a date; write {form}"
        ) from problem


def _by_name(given: Sequence[Variable]) -> dict[str, Variable]:
    versions: dict[str, list[Variable]] = {}
    for variable in given:
        as_text(variable.name, "the name of a variable")
        versions.setdefault(variable.name, []).append(variable)
    return {name: _merged(name, same) for name, same in versions.items()}


def _merged(name: str, versions: list[Variable]) -> Variable:
    """Rules of one name, each with its dates, as one variable."""
    dated = sorted((v for v in versions if isinstance(v, Rule)), key=lambda r: r.start)
    if len(versions) == 1 and (not dated or not (dated[0].start or dated[0].stop)):
        return versions[0]
    if len(dated) < len(versions):
        raise BadInputError(f"{name} is defined {len(versions)} times; rename one")
    for before, after in itertools.pairwise(dated):
        if not before.stop or before.stop >= after.start:
            raise BadInputError(
                f"two rules of {name} hold on {after.start or 'any date'}; give them start= and "
                "stop= dates that do not overlap"
            )

    def formula(period: Any) -> Callable[..., Any] | None:
        day = str(period.start)
        held = [r for r in dated if r.start <= day and (not r.stop or day <= r.stop)]
        return held[0].function if held else None

    return dataclasses.replace(dated[-1], formula=formula)


# ---- checks, at the time a system is built


def _fail_if_not_a_function(name: str, function: Any) -> None:
    if not isinstance(function, types.FunctionType):
        raise BadInputError(
            f"{shown(name)}: a rule is a Python function, not {type(function).__name__}"
        )
    for argument in inspect.signature(function).parameters.values():
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            raise BadInputError(f"{name}: *{argument.name} names nothing; write every argument out")


def _check(variable: Variable, variables: Mapping[str, Variable], entities: Sequence[str]) -> None:
    name = variable.name
    check_fields(variable)
    if name in entities or name in _WORDS:
        raise BadInputError(
            f"a variable cannot be called {name!r}: arguments of that name are taken"
        )
    if variable.entity not in entities:
        raise _unknown(f"{name} is on", variable.entity, entities)
    if variable.defined_for is not None and variable.defined_for not in variables:
        raise _unknown(f"{name} is defined for", variable.defined_for, variables)
    for argument in _edges(variable):
        if argument not in variables and argument not in (*entities, *_WORDS):
            raise _unknown(f"{name} takes", argument, [*variables, *entities, *_WORDS])
        if argument in variables:
            _fail_if_text_is_added(variable, variables[argument], entities)


def _edges(variable: Variable) -> list[str]:
    """The arguments of a rule that must be given."""
    if not isinstance(variable, Rule):
        return []
    arguments = inspect.signature(variable.function).parameters.values()
    return [a.name for a in arguments if a.default is a.empty]


def _fail_if_text_is_added(variable: Variable, part: Variable, entities: Sequence[str]) -> None:
    larger = entities.index(variable.entity) > entities.index(part.entity)
    if larger and part.kind in ("enum", "str"):
        raise BadInputError(
            f"{variable.name} on {variable.entity} takes {part.name}, a category of each "
            f"{part.entity}, which has no sum. Make a number of it by a rule on {part.entity} first"
        )


def _check_paths(variable: Variable, system: System) -> None:
    if variable.uprating is not None:
        system.law.find(variable.uprating)
    for names in (variable.adds, variable.subtracts):
        if isinstance(names, str):
            system.law.find(names)
            continue
        for name in names or ():
            if name not in system.variables:
                _find_part(variable, name, system)


def _find_part(variable: Variable, name: str, system: System) -> None:
    """A part of a sum that is no variable is a parameter."""
    try:
        system.law.find(name)
    except UnknownNameError:
        raise _unknown(f"{variable.name} adds", name, system.variables) from None


def _unknown(what: str, name: str, options: Any) -> UnknownNameError:
    near = ", ".join(suggest(name, list(options))) or ", ".join(sorted(options)[:8])
    return UnknownNameError(f"{what} {name!r}, which does not exist. Nearest: {near}")


# ---- running a rule


def _tracing(rules: Sequence[Variable]) -> Tracing:
    modules = {r.function.__module__ for r in rules if isinstance(r, Rule)}

    @contextlib.contextmanager
    def tracing(numpy: Numpy) -> Iterator[Callable[..., Any]]:
        rebind = Rebinder(numpy, lambda function: function.__module__ in modules)
        yield lambda function: _with_edges(rebind(function), function)

    return tracing


def _with_edges(run: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule in the calling convention of evaluation: (population, period, law)."""
    arguments = inspect.signature(function).parameters.values()

    def formula(population: Any, period: Any, parameters: Any) -> Any:
        system = population._simulation.system
        known = (*system.variables, system.person, *system.groups, *_WORDS)
        wanted = [a.name for a in arguments if a.default is a.empty or a.name in known]
        result = run(**{name: _argument(name, population, period, parameters) for name in wanted})
        if result is None:  # a country's formula may say so by None: not this year
            raise Untraceable(f"{function.__name__} returns None; end it with return and a value")
        return result

    return formula


def _argument(name: str, population: Any, period: Any, parameters: Any) -> Any:
    if name == "params":
        return parameters(period)
    if name == "period":
        return period
    if name == "parameters":
        return parameters
    views = population._simulation.populations
    return views[name] if name in views else _values(name, population, period)


def _values(name: str, population: Any, period: Any) -> Traced:
    """A variable on the rows of `population`: summed up the groups, given down them."""
    simulation = population._simulation
    system = simulation.system
    source = system.variable(name).entity
    if source == population.key:
        return simulation.calculate(name, period)
    if source == system.person:
        return population(name, period)
    if population.is_person or source in system.containing.get(population.key, ()):
        return getattr(population, source)(name, period)
    if population.key in system.containing.get(source, ()):
        return _sum_of_groups(simulation.populations[source], population, name, period)
    raise BadInputError(
        f"{name} is on {source}, which is neither part of a {population.key} nor the other way "
        f"round. Take {population.key}.members and say how its values are to be shared"
    )


def _sum_of_groups(smaller: Any, larger: Any, name: str, period: Any) -> Traced:
    """Each smaller group counts once, through its first member."""
    values = smaller.project(smaller(name, period))
    return larger.sum(np.where(smaller.members_position == 0, values, 0))
