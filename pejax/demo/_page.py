"""Step 8: the report, a section a step, numbers and figures with what they show."""

from pathlib import Path
from typing import TYPE_CHECKING

from .. import io, report as rp
from ._page_imputation import imputation_section
from ._page_weights import weight_section
from ._settings import CREDITS, PAYROLL, REFORM, REFORM_IN_WORDS, YEAR

if TYPE_CHECKING:
    from ._gradients import Gradients
    from ._law import Law, People
    from ._reform import Reform
    from ._run import Results
    from ._sweep import Sweep

_SHOWN = 15
_NAMES = 3
_TITLE = "From households to gradients: a reform of the US child tax credit"


def write_page(path: Path, results: "Results", manifest: io.Manifest) -> Path:
    """Write the report as one file that needs nothing else."""
    population = results.people.population
    lead = (
        f"The law of {YEAR} as installed with policyengine-us, run by pejax on"
        f" {population.count('household'):,} households of the public CPS. Amounts are dollars of"
        f" {YEAR}; every average and share is weighted."
    )
    sections = [
        _people_and_law(results.people, results.law),
        _reform_section(results.reform, results.law),
        weight_section(results.people.population, results.weights),
        imputation_section(results.imputation),
        _gradient_section(results.gradients),
        _sweep_section(results.sweep),
        _run_section(manifest),
    ]
    return io.write_text(path, rp.page(_TITLE, lead, sections))


def _people_and_law(people: "People", law: "Law") -> rp.Section:
    counts, found = people.population.schema.counts, law.program.report.counts
    weighted = float(people.population.weight().sum()) / 1e6
    numbers = {
        "households": f"{counts['household']:,}",
        "persons": f"{counts['person']:,}",
        "people they stand for, million": f"{weighted:,.1f}",
        "variables traced": f"{found['traced']:,}",
        "parameters": f"{found['parameters']:,}",
    }
    tenths = law.by_decile
    chart = rp.bars(
        tenths["decile"],
        {
            "Child tax credit": tenths[CREDITS[0]],
            "Earned income tax credit": tenths[CREDITS[1]],
            "Payroll and self-employment tax": tenths[PAYROLL[0]] + tenths[PAYROLL[1]],
        },
        "Tenth of tax units, ranked by adjusted gross income",
        f"Dollars a tax unit, {YEAR}",
    )
    return rp.Section(
        "The law, run on the people",
        [
            rp.facts(numbers),
            rp.paragraph(
                "The formulas of the installed package are unmodified. They became one pure"
                " function of the law's numbers and the people, so that a reform is an edit of an"
                " input and a derivative is one reverse pass. `tables/variables.parquet` lists"
                " every variable that was reached and what became of it. State and local taxes and"
                " child care that are deducted are those that the survey file reports; computing"
                " them would take the law of every state."
            ),
            rp.figure(chart, "Credits that are paid, and payroll taxes, under current law."),
            rp.table(
                law.totals.drop(columns="variable"),
                "Weighted totals under current law, survey weights.",
                {"billion_dollars": ",.1f", "million_rows_not_zero": ",.2f"},
            ),
        ],
    )


def _reform_section(reform: "Reform", law: "Law") -> rp.Section:
    tenths, status = reform.by_decile, reform.sensitivity["status"].value_counts()
    axis = "Tenth of tax units, ranked by adjusted gross income"
    share_names = {
        "gain": tenths["share_gaining"],
        "no change": tenths["share_unchanged"],
        "lose": tenths["share_losing"],
    }
    top = reform.sensitivity.head(_SHOWN)
    cliffs = reform.sensitivity[reform.sensitivity["status"] == "cliff"]
    numbers = {"cost a year, $ billion of federal income tax": _billions(reform.cost)} | {
        f"parameters: {name}": f"{count:,}" for name, count in status.items()
    }
    return rp.Section(
        "A reform, and what every parameter is worth",
        [
            rp.paragraph(
                f"{REFORM_IN_WORDS} What it costs is what federal income tax, less refunds, falls"
                " by, and a tax unit gains what its own tax falls by. State taxes that follow the"
                " federal credit are left out. Entitlements alone would tell another story: they"
                f" rise by ${_billions(reform.entitlement)} billion, but the credit is limited by"
                " the tax owed, and only a part of the rest is refunded. People do not respond to"
                " the reform. Weights are the survey's."
            ),
            rp.facts(numbers),
            rp.figure(
                rp.shares(tenths["decile"], share_names, axis, "Share of tax units"),
                "Who gains and who loses by more than half a cent.",
            ),
            rp.figure(
                rp.bars(
                    tenths["decile"],
                    {"change": tenths["mean_change"]},
                    axis,
                    f"Mean change, dollars a tax unit, {YEAR}",
                ),
                "The fall of federal income tax.",
            ),
            rp.figure(
                rp.ranked(
                    [_short(path) for path in top["path"]],
                    top["dollars_per_percent"] / 1e6,
                    "Million dollars of tax a year for one percent more of the parameter",
                ),
                f"The {_SHOWN} parameters of current law that move federal income tax most, from"
                " one reverse pass over all of them.",
            ),
            rp.paragraph(
                "A derivative of zero has two meanings. `cliff`: some household's result jumps"
                " when the number takes a small finite step, such as an age limit or a rounding."
                " `unreached`: no household's result changes. `unused`: no path leads from the"
                " number to the tax."
            ),
            rp.table(
                cliffs[["path", "value"]].assign(
                    discontinuities=[_few(names) for names in cliffs["discontinuities"]]
                ),
                "Parameters at a cliff, and variables that jump.",
                {"value": ",.10g"},
                rows=10,
            ),
        ],
    )


def _gradient_section(gradients: "Gradients") -> rp.Section:
    per_parameter = gradients.by_parameter.assign(
        path=[_short(p) for p in gradients.by_parameter["path"]]
    )
    form = {"relative_gap": ".1e"}
    checked = gradients.by_target.dropna(subset="finite_difference")
    top = gradients.by_target.head(_SHOWN)
    return rp.Section(
        "Two gradients of the reform's cost",
        [
            rp.facts(
                {
                    "cost at survey weights, $ billion": _billions(gradients.cost),
                    "cost at calibrated weights, $ billion": _billions(gradients.calibrated_cost),
                }
            ),
            rp.paragraph(
                "They answer different questions. The reform gradient holds the weights fixed and"
                " says what the cost would be under another law. The gradient through the"
                " calibration says how the estimate of the cost would move had a target been"
                " another number; it is no effect of a policy."
            ),
            rp.table(
                per_parameter.drop(columns="start"),
                "Reform gradient, weights fixed: dollars per unit of the reformed credit's number,"
                " beside its differences to a smaller and a larger number. Where people stand"
                " at a kink of the statute the two differ, and the derivative is one of them.",
                form,
            ),
            rp.table(
                checked.drop(columns="dollars_per_percent"),
                "Through the entropy calibration: dollars per unit of the target, beside the"
                " central finite difference of two further calibrations.",
                form,
            ),
            rp.figure(
                rp.ranked(
                    top["target"],
                    top["dollars_per_percent"] / 1e6,
                    "Million dollars for one percent more of the target",
                ),
                f"The {_SHOWN} targets that the estimated cost leans on most.",
            ),
        ],
    )


def _sweep_section(sweep: "Sweep") -> rp.Section:
    from ._run import ray_in_words
    from ._sweep import NO_RAY

    table = sweep.table
    told = NO_RAY if sweep.on_ray is None else ray_in_words(sweep.on_ray)
    path = next(iter(REFORM))
    return rp.Section(
        "Many reforms at once",
        [
            rp.paragraph(
                f"{len(table)} random reforms of the child and the earned income credit, run by"
                f" `vmap` through the program that ran current law, on {sweep.households:,}"
                f" households: nothing is compiled for a reform. {told[0].upper() + told[1:]}."
            ),
            rp.figure(
                rp.scatter(
                    table[path],
                    table["cost"] / 1e9,
                    [f"reform {n}" for n in table["reform"]],
                    "Child tax credit a child, dollars",
                    "Cost of the reform, billion dollars a year",
                ),
                "Each dot is one reform; what spreads dots of like amounts is where the phase-out"
                " starts and the earned income credit.",
            ),
        ],
    )


def _run_section(manifest: io.Manifest) -> rp.Section:
    import pandas as pd

    steps = pd.DataFrame(
        {
            "step": [step.name for step in manifest.steps if step.seconds is not None],
            "seconds": [s.seconds for s in manifest.steps if s.seconds is not None],
            "peak memory, GB": [
                (s.peak_bytes or 0) / 1e9 for s in manifest.steps if s.seconds is not None
            ],
        }
    )
    facts = manifest.environment
    versions = ", ".join(f"{n} {v}" for n, v in facts["versions"].items() if v)
    return rp.Section(
        "How it was run",
        [
            rp.table(steps, "", {"seconds": ",.1f", "peak memory, GB": ".2f"}),
            rp.paragraph(
                f"On {facts['cores']} cores ({facts['device']}), {facts['dtype']}, Python"
                f" {facts['python']}, seed {manifest.seed}, {manifest.started}. {versions}."
                f" Data digest {(manifest.data_digest or '')[:16]}. The whole record is"
                " `manifest.json`; the numbers behind every figure are in `tables/`."
            ),
        ],
    )


def _billions(dollars: float) -> str:
    return f"{dollars / 1e9:,.1f}"


def _few(names: str) -> str:
    """The first of many names."""
    every = names.split(", ")
    more = len(every) - _NAMES
    return names if more <= 0 else ", ".join(every[:_NAMES]) + f" and {more} more"


def _short(path: str) -> str:
    """A parameter's path without the part that all of the federal income tax shares."""
    return path.removeprefix("gov.irs.").removeprefix("credits.")
