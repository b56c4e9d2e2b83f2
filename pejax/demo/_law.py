"""Steps 1 to 3: people, the law as one pure function of (parameters, people), a reform of it."""

import sys
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import Population, datasets, engine, report as rp
from ._settings import (
    CREDITS,
    ENTITLEMENT,
    INCOME,
    LABELS,
    PAYROLL,
    REFORM,
    TAX,
    YEAR,
    Found,
    Settings,
)

Rows = Float[np.ndarray, " row"]


class People(NamedTuple):
    """The population, and what its making imputed, clipped or left out."""

    population: Population
    found: Found


class Law(NamedTuple):
    """A compiled law and what it gives under current parameters."""

    program: engine.Program
    outputs: dict[str, np.ndarray]
    found: Found


class Reform(NamedTuple):
    """The reformed law, and what the income tax of each tax unit falls by."""

    parameters: engine.Parameters
    change: Float[np.ndarray, " tax_unit"]
    found: Found


def weight_of(population: Population, entity: str) -> Rows:
    """The household weight of every real row of an entity, in float64."""
    return np.asarray(population.trim(population.weight(entity), entity), float)


def load_people(settings: Settings) -> People:
    """The public CPS, or a part of it.

    State taxes and child care that are deducted are as reported: computing them takes the law of
    every state.
    """
    population, changes = datasets.load_cps_with_report(
        period=YEAR, households=settings.households, seed=settings.seed, reported=True
    )
    counts, people = population.schema.counts, float(population.weight().sum()) / 1e6
    line = (
        f"{counts['household']:,} households with {counts['person']:,} persons stand for"
        f" {people:,.1f} million people"
    )
    facts = {"population": dict(counts), "million_people": people}
    return People(population, Found({"population_changes": changes}, facts, [line]))


def compile_law(settings: Settings, population: Population) -> Law:
    """Compile the unmodified formulas of policyengine-us and run them once."""
    import pandas as pd

    country = engine.import_country("policyengine_us")
    program = engine.compile(country, list(LABELS), YEAR, population, cache=settings.cache)
    found = program(program.parameters, population)
    outputs = {name: np.asarray(values) for name, values in found.items()}
    rows = []
    for name, label in LABELS.items():
        entity = program.entity(name)
        weights, values = weight_of(population, entity), outputs[name].astype(float)
        reached = float(weights @ (values != 0)) / 1e6
        rows.append((name, label, entity, float(weights @ values) / 1e9, reached))
    totals = ["variable", "label", "entity", "billion_dollars", "million_rows_not_zero"]
    tables = {
        "variables": program.report.to_frame().drop(columns="periods"),
        "totals": pd.DataFrame(rows, columns=totals),
        "by_decile": _by_decile(program, population, outputs),
    }
    imported = "policyengine_us" in sys.modules  # else the cache had the program
    facts = {"law": program.report.counts, "country_imported": imported}
    return Law(program, outputs, Found(tables, facts, [repr(program)]))


def _by_decile(program: engine.Program, population: Population, outputs: Mapping[str, np.ndarray]):
    """Weighted means a tax unit, by tenth of the tax units ranked by income."""
    unit = np.asarray(population.trim(population.links["tax_unit"], "person"))
    count, columns = population.count("tax_unit"), {}
    for name in (*CREDITS, *PAYROLL, INCOME):
        values = outputs[name].astype(float)
        of_persons = program.entity(name) == population.schema.person
        columns[name] = np.bincount(unit, values, count) if of_persons else values
    return rp.means_by_decile(columns, columns[INCOME], weight_of(population, "tax_unit"))


def cost_from(before: Float[np.ndarray, " tax_unit"]) -> engine.Statistic:
    """The cost of a law: how far the weighted tax falls from what it was before."""

    def cost(outputs: Mapping[str, Array], population: Population) -> Float[Array, ""]:
        weights = population.trim(population.weight("tax_unit"), "tax_unit")
        return jnp.sum((before - outputs[TAX]) * weights)

    return cost


def gain_of_units(
    before: Mapping[str, Array | np.ndarray], after: Mapping[str, Array | np.ndarray]
) -> Float[np.ndarray, " tax_unit"]:
    """What the tax of each tax unit falls by, in float64."""
    return np.asarray(before[TAX], float) - np.asarray(after[TAX], float)


def reform_law(population: Population, law: Law) -> Reform:
    """Run the reform through the same compiled program and rank the law's parameters."""
    parameters = law.program.parameters.with_reform(REFORM)
    after = law.program(parameters, population)
    change = gain_of_units(law.outputs, after)
    entitled = np.asarray(after[ENTITLEMENT], float) - law.outputs[ENTITLEMENT]
    weights, income = weight_of(population, "tax_unit"), law.outputs[INCOME].astype(float)
    cost, entitlement = float(weights @ change), float(weights @ entitled)
    sensitivity = engine.sensitivity(law.program, law.program.parameters, population, TAX)
    by_decile = rp.change_by_decile(change, income, weights)
    status = sensitivity["status"].value_counts().to_dict()
    line = (
        f"the reform costs ${cost / 1e9:,.1f} billion of federal income tax (entitlements rise by"
        f" ${entitlement / 1e9:,.1f} billion); parameters: "
        + ", ".join(f"{count:,} {name}" for name, count in status.items())
    )
    facts = {"reform": {"cost": cost, "entitlement": entitlement, "parameters": status}}
    tables = {"reform_by_decile": by_decile, "sensitivity": sensitivity}
    return Reform(parameters, change, Found(tables, facts, [line]))
