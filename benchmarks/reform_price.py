"""What the demo's reform of the child credit costs, by everything that it could be priced by.

Entitlements rise by more than what is paid, since the credit is limited by the tax owed. The price
is what federal income tax loses: with state taxes and child care as the survey reports them (the
demo's way, federal law alone), with the law of every state behind them, and in policyengine-us
itself. Beside it what the demo leaves out: state income tax and, all told, net income. Graphs run
in numpy, so nothing is compiled.
"""

import contextlib
from typing import Any

import numpy as np
from _engine import PACKAGE, PACKAGES, YEAR, load_country, options, sizes, stage
from _harness import write

from pejax import Population, datasets, engine
from pejax.demo import REFORM
from pejax.engine import importer

REPORTED = ("income_tax", "ctc_value", "ctc")
WHOLE = ("income_tax", "ctc_value", "ctc", "state_income_tax", "household_net_income")
SOURCE = ("income_tax", "ctc")


Found = dict[str, Any]


def changes(before: Found, after: Found, weights: Found) -> dict[str, float]:
    """Weighted dollars that the reform adds to each variable, in billions."""
    return {
        name: float(weights[name] @ (np.asarray(after[name], float) - before[name])) / 1e9
        for name in before
    }


def by_program(country: engine.Country, people: Population, names: tuple[str, ...]) -> Found:
    """The program's changes, and its size."""
    program = engine.compile(country, names, YEAR, people)
    laws = (program.parameters, program.parameters.with_reform(REFORM))
    before, after = (values(program, people, law) for law in laws)
    weights = {n: weight(people, program.entity(n)) for n in names}
    return {"added": changes(before, after, weights), "counts": program.report.counts}


def values(program: engine.Program, people: Population, law: engine.Parameters) -> Found:
    interpreter = program.interpreter(law, people)
    return {o.name: np.asarray(interpreter(o.node), float) for o in program.outputs}


def weight(people: Population, entity: str) -> np.ndarray:
    return np.asarray(people.trim(people.weight(entity), entity), float)


def by_source(country: engine.Country, people: Population) -> Found:
    """policyengine-us' changes."""
    before = importer.source_values(importer.source_simulation(country, people, YEAR), SOURCE, YEAR)
    with contextlib.ExitStack() as stack:
        for path, dated in REFORM.items():
            (value,) = dated.values()
            stack.enter_context(importer.reformed(PACKAGE, path, value, YEAR))
        simulation = importer.source_simulation(country, people, YEAR)
        after = importer.source_values(simulation, SOURCE, YEAR)
    return {"added": changes(before, after, dict.fromkeys(SOURCE, weight(people, "tax_unit")))}


def main() -> None:
    given = options(__doc__, households=2_000)
    country, _ = load_country()
    people = datasets.load_cps(period=YEAR, households=given.households)
    reported = datasets.load_cps(period=YEAR, households=given.households, reported=True)
    found: dict[str, Any] = {"reform": dict(REFORM), "billion_dollars": "added to each variable"}
    with stage("state taxes and child care as reported"):
        found["reported"] = by_program(country, reported, REPORTED)
    with stage("policyengine-us, as reported"):
        found["source_reported"] = by_source(country, reported)
    with stage("the whole law"):
        found["whole"] = by_program(country, people, WHOLE)
    with stage("policyengine-us"):
        found["source"] = by_source(country, people)
    for name in ("reported", "source_reported", "whole", "source"):
        print(name, {n: round(v, 3) for n, v in found[name]["added"].items()})
    write("reform_price", found, sizes=sizes(people), packages=PACKAGES, folder=given.out)


if __name__ == "__main__":
    main()
