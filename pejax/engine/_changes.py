"""What a new release of a country package changes in a program: two programs beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core._arguments import as_instance
from ..core.population._population import Population
from ._program import Program

if TYPE_CHECKING:
    import pandas as pd

NEW, GONE, OTHER = "new", "gone", "other"
"""What can become of a row from one program to the next."""

_COLUMNS = ("kind", "name", "change", "before", "after")
Row = dict[str, Any]


def changes(before: Program, after: Program, population: Population | None = None) -> pd.DataFrame:
    """What is not the same in two programs: of two releases of a package, say, or of two laws.

    Args:
        before: the earlier one; a saved one needs no country package.
        after: the later one.
        population: whose weighted totals are compared too, of the outputs that both have. It has
            to have the columns of both.

    Returns:
        A row for everything that differs: `kind` ("variable", "parameter" or "total"), `name` (of a
        parameter with the day from which the value holds), `change` ("new", "gone" or "other"), and
        what it was and is, `before` and `after`: of variables whether they are traced, given or
        hoisted, of parameters and totals the value.

    Raises:
        BadInputError: other things than programs, and a population that one of them refuses.

    >>> from pejax.testing import toy_population, toy_program
    >>> program = toy_program()
    >>> changes(program, program, toy_population()).empty
    True
    """
    import pandas as pd

    fix = "Give what engine.compile or engine.load gave."
    old = as_instance(before, Program, "before", fix)
    new = as_instance(after, Program, "after", fix)
    rows = [
        *_differences("variable", _statuses(old), _statuses(new)),
        *_differences("parameter", _values(old), _values(new)),
    ]
    if population is not None:
        both = [o.name for o in new.outputs if o.name in {p.name for p in old.outputs}]
        totals = (_totals(program, population, both) for program in (old, new))
        rows += _differences("total", *totals)
    return pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object)


def _statuses(program: Program) -> dict[str, str]:
    return {row.variable: row.status for row in program.report.variables}


def _values(program: Program) -> dict[str, Any]:
    """The law's numbers by path and day, and what decided the program's shape by path."""
    numbers = {leaf.key: leaf.value for leaf in program.index.leaves}
    return {**numbers, **{path: str(value) for path, value in program.index.static.items()}}


def _totals(program: Program, population: Population, names: list[str]) -> dict[str, float]:
    """Weighted totals; of categories and texts there is none."""
    found = program(program.parameters, population)
    return {
        name: float(np.sum(np.asarray(found[name], float) * _weights(program, population, name)))
        for name in names
        if program.vocabulary(name) is None
    }


def _weights(program: Program, population: Population, name: str) -> np.ndarray:
    entity = program.entity(name)
    return np.asarray(population.trim(population.weight(entity), entity), float)


def _differences(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Row]:
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if repr(was) != repr(now):  # in which one NaN is as another
            change = NEW if name not in before else GONE if name not in after else OTHER
            yield dict(zip(_COLUMNS, (kind, name, change, was, now), strict=True))
