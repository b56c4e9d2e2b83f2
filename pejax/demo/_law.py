"""Steps 1 and 2: the people, and the law as one pure function of (parameters, people)."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import datasets, engine, stats
from ..core.population._population import Population
from ._measure import means_by, summed_to, weight_of
from ._settings import CREDITS, ENTITLEMENT, INCOME, OUTPUTS, PAYROLL, TAX, YEAR, Settings

if TYPE_CHECKING:
    import pandas as pd

_LABELS = {
    INCOME: "Adjusted gross income",
    TAX: "Federal income tax, less refunds",
    "ctc_value": "Child tax credit that is paid",
    ENTITLEMENT: "Child tax credit before its limit by the tax owed",
    "eitc": "Earned income tax credit",
    "employee_payroll_tax": "Payroll tax of employees",
    "self_employment_tax": "Self-employment tax",
    "taxable_social_security": "Taxable social security",
    "net_capital_gain": "Net capital gain",
    "above_the_line_deductions": "Deductions above the line",
}


class People(NamedTuple):
    """The population, and what its making imputed, clipped or left out."""

    population: Population
    changes: "pd.DataFrame"


class Law(NamedTuple):
    """A compiled law and what it gives under current parameters.

    `by_decile` has weighted means a tax unit, by tenth of the tax units ranked by income.
    """

    program: engine.Program
    outputs: dict[str, np.ndarray]
    variables: "pd.DataFrame"
    totals: "pd.DataFrame"
    by_decile: "pd.DataFrame"


def load_people(settings: Settings) -> People:
    """The public CPS, or a part of it.

    State taxes and child care that are deducted are as reported: computing them takes the law of
    every state.
    """
    return People(
        *datasets.load_cps_with_report(
            period=YEAR, households=settings.households, seed=settings.seed, reported=True
        )
    )


def compile_law(settings: Settings, population: Population) -> Law:
    """Compile the unmodified formulas of policyengine-us and run them once."""
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, OUTPUTS, YEAR, population, cache=settings.cache)
    found = program(program.parameters, population)
    outputs = {name: np.asarray(values) for name, values in found.items()}
    variables = program.report.to_frame().drop(columns="periods")
    totals = _totals(program, population, outputs)
    return Law(program, outputs, variables, totals, _by_decile(program, population, outputs))


def unit_values(
    program: engine.Program, population: Population, outputs: dict[str, np.ndarray], name: str
) -> np.ndarray:
    """An output, summed to tax units if it is one of persons."""
    return summed_to(population, outputs[name], program.entity(name), "tax_unit")


def _totals(
    program: engine.Program, population: Population, outputs: dict[str, np.ndarray]
) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for name in OUTPUTS:
        entity = program.entity(name)
        weights, values = weight_of(population, entity), outputs[name].astype(float)
        reached = float(weights @ (values != 0)) / 1e6
        rows.append((name, _LABELS[name], entity, float(weights @ values) / 1e9, reached))
    columns = ["variable", "label", "entity", "billion_dollars", "million_rows_not_zero"]
    return pd.DataFrame(rows, columns=columns)


def _by_decile(
    program: engine.Program, population: Population, outputs: dict[str, np.ndarray]
) -> "pd.DataFrame":
    import pandas as pd

    weights = weight_of(population, "tax_unit")
    tenth = stats.deciles(outputs[INCOME].astype(float), weights)
    columns = {
        name: unit_values(program, population, outputs, name) for name in (*CREDITS, *PAYROLL)
    }
    found = means_by(tenth, weights, columns | {INCOME: outputs[INCOME].astype(float)})
    return pd.DataFrame({"decile": np.arange(1, 11), **found})
