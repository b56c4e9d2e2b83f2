"""Step 8: the report, a section a step, drawn from the tables and the manifest of a run alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import report as rp
from ._settings import (
    CREDITS,
    DENSE,
    INCOME,
    LABELS,
    PAYROLL,
    REFORM,
    REFORM_IN_WORDS,
    SPARSE,
    SURVEY,
    YEAR,
)
from ._sweep import ray_in_words

if TYPE_CHECKING:
    import pandas as pd

    Tables = Mapping[str, pd.DataFrame]

_TITLE = "From households to gradients: a reform of the US child tax credit"
_RANKED_BY = LABELS[INCOME].lower()
_SHOWN = 15  # targets of a figure


def demo_page(tables: "Tables", manifest: Mapping[str, Any]) -> str:
    """The report as one document that needs nothing else.

    Args:
        tables: of the run, as they lie in `tables/`.
        manifest: of the run, as `manifest.json`.
    """
    facts = manifest["facts"]
    lead = (
        f"The law of {YEAR} as installed with policyengine-us, run by pejax on"
        f" {facts['population']['household']:,} households of the public CPS. Amounts are dollars"
        f" of {YEAR}; every average and share is weighted."
    )
    kept = "The whole record is `manifest.json`; the numbers behind every figure are in `tables/`."
    sections = [
        rp.Section("The law, run on the people", _law(tables, facts)),
        rp.Section("A reform, and what every parameter is worth", _reform(tables, facts)),
        rp.Section("Weights that meet public totals", _weights(tables)),
        rp.Section("A column imputed and compared with the truth", _imputation(tables, facts)),
        rp.Section("Two gradients of the reform's cost", _gradients(tables, facts)),
        rp.Section("Many reforms at once", _sweep(tables, facts)),
        rp.Section("How it was run", [*rp.run_pieces(manifest), rp.paragraph(kept)]),
    ]
    return rp.page(_TITLE, lead, sections)


def _law(tables: "Tables", facts: Mapping[str, Any]) -> list[str]:
    tenths = tables["by_decile"]
    chart = rp.bars(
        tenths["decile"],
        {
            "Child tax credit": tenths[CREDITS[0]],
            "Earned income tax credit": tenths[CREDITS[1]],
            "Payroll and self-employment tax": tenths[PAYROLL[0]] + tenths[PAYROLL[1]],
        },
        f"Tenth of tax units, ranked by {_RANKED_BY}",
        f"Dollars a tax unit, {YEAR}",
        y_format="$",
    )
    numbers = {
        "households": f"{facts['population']['household']:,}",
        "persons": f"{facts['population']['person']:,}",
        "people they stand for, million": f"{facts['million_people']:,.1f}",
        "variables traced": f"{facts['law']['traced']:,}",
        "parameters": f"{facts['law']['parameters']:,}",
    }
    return [
        rp.facts(numbers),
        rp.paragraph(
            "The formulas of the installed package are unmodified. They became one pure function"
            " of the law's numbers and the people, so that a reform is an edit of an input and a"
            " derivative is one reverse pass. `tables/variables.parquet` lists every variable that"
            " was reached and what became of it. State and local taxes and child care that are"
            " deducted are those that the survey file reports; computing them would take the law"
            " of every state."
        ),
        rp.figure(chart, "Credits that are paid, and payroll taxes, under current law."),
        rp.table(
            tables["totals"].drop(columns="variable"),
            "Weighted totals under current law, survey weights.",
            {"billion_dollars": ",.1f", "million_rows_not_zero": ",.2f"},
        ),
    ]


def _reform(tables: "Tables", facts: Mapping[str, Any]) -> list[str]:
    cost, entitled = (_billions(facts["reform"][name]) for name in ("cost", "entitlement"))
    unit = f"Fall of federal income tax, mean, dollars a tax unit, {YEAR}"
    return [
        rp.paragraph(
            f"{REFORM_IN_WORDS} What it costs is what federal income tax, less refunds, falls by,"
            " and a tax unit gains what its own tax falls by. State taxes that follow the federal"
            " credit are left out. Entitlements alone would tell another story: they rise by"
            f" ${entitled} billion, but the credit is limited by the tax owed, and only a part of"
            " the rest is refunded. People do not respond to the reform. Weights are the survey's."
        ),
        rp.facts({"cost a year, $ billion of federal income tax": cost}),
        *rp.change_pieces(tables["reform_by_decile"], _RANKED_BY, "tax units", unit),
        *rp.parameter_pieces(tables["sensitivity"], "federal income tax"),
    ]


def _weights(tables: "Tables") -> list[str]:
    targets = tables["targets"]
    names = targets.loc[targets["method"] == DENSE, "name"]
    weights = tables["weights"].drop(columns="household_id")
    return [
        rp.paragraph(
            "Targets are the figures that policyengine-us ships: national and state totals of"
            " people, income, benefits. `linear` and `entropy` give every record a weight; they"
            " meet contradictory targets as well as a small ridge allows. `L0` chooses a budget of"
            " records by Hard Concrete gates and then fits their weights anew. What was set aside"
            " is in `tables/targets_refused.parquet`; by name are drawn the national targets."
        ),
        *rp.weights_pieces(
            targets,
            tables["calibration"],
            weights.rename(columns={SURVEY: "survey weights"}),
            tables["targets_refused"],
            shown=(DENSE, SPARSE),
            among=np.array([not _of_state(name) for name in names]),
            weight="Households that a record stands for",
        ),
    ]


def _of_state(name: str) -> bool:
    last = name.rsplit(".", 1)[-1]
    return len(last) == 2 and last.isupper()


def _imputation(tables: "Tables", facts: Mapping[str, Any]) -> list[str]:
    found = facts["imputation"]
    return [
        rp.paragraph(
            "A quantile regression forest learnt social security income from"
            f" {found['donors']:,} tax units (age, family, earnings, pensions, interest) and drew"
            f" it for the other {found['receivers']:,}, whose own figures it never saw. It was"
            " grown with scikit-learn, exported to arrays, and drew in JAX: each value is one"
            " donor's."
        ),
        *rp.imputation_pieces(
            tables["imputation_curve"],
            tables["imputation_by_age"],
            tables["imputation_pinball"],
            tables["imputation_distribution"],
            amount="Social security income of a tax unit, dollars",
            group="Age of the tax unit's head",
            rows="tax units",
        ),
    ]


def _gradients(tables: "Tables", facts: Mapping[str, Any]) -> list[str]:
    by_parameter, by_target = tables["gradient_by_parameter"], tables["gradient_by_target"]
    checked, top = by_target.dropna(subset="finite_difference"), by_target.head(_SHOWN)
    cost, again = (_billions(facts["gradients"][n]) for n in ("cost", "calibrated_cost"))
    form = {"relative_gap": ".1e"}
    leaning = rp.ranked(
        top["target"],
        top["dollars_per_percent"] / 1e6,
        "Million dollars for one percent more of the target",
    )
    return [
        rp.facts(
            {
                "cost at survey weights, $ billion": cost,
                "cost at calibrated weights, $ billion": again,
            }
        ),
        rp.paragraph(
            "They answer different questions. The reform gradient holds the weights fixed and says"
            " what the cost would be under another law. The gradient through the calibration says"
            " how the estimate of the cost would move had a target been another number; it is no"
            " effect of a policy."
        ),
        rp.table(
            by_parameter.drop(columns="start"),
            "Reform gradient, weights fixed: dollars per unit of the reformed credit's number,"
            " beside its differences to a smaller and a larger number. Where people stand at a"
            " kink of the statute the two differ, and the derivative is one of them.",
            form,
        ),
        rp.table(
            checked.drop(columns="dollars_per_percent"),
            "Through the entropy calibration: dollars per unit of the target, beside the central"
            " finite difference of two further calibrations.",
            form,
        ),
        rp.figure(leaning, f"The {len(top)} targets that the estimated cost leans on most."),
    ]


def _sweep(tables: "Tables", facts: Mapping[str, Any]) -> list[str]:
    table, found = tables["sweep"], facts["sweep"]
    told = ray_in_words(found["largest_gap_on_ray"])
    chart = rp.scatter(
        table[next(iter(REFORM))],
        table["cost"] / 1e9,
        [f"reform {number}" for number in table["reform"]],
        "Child tax credit a child, dollars",
        "Cost of the reform, billion dollars a year",
        x_format="$",
    )
    return [
        rp.paragraph(
            f"{len(table)} random reforms of the child and the earned income credit, run by `vmap`"
            f" through the program that ran current law, on {found['households']:,} households:"
            f" nothing is compiled for a reform. {told[0].upper() + told[1:]}."
        ),
        rp.figure(
            chart,
            "Each dot is one reform; what spreads dots of like amounts is where the phase-out"
            " starts and the earned income credit.",
        ),
    ]


def _billions(dollars: float) -> str:
    return f"{dollars / 1e9:,.1f}"
