"""How much of policyengine-us becomes a program: every variable that has a formula, tried at once.

A formula that cannot be traced is named with its reason. One that could be, but reads the result of
one that cannot, counts as traced here; a program that needs it is refused all the same.
"""

import time
from collections import Counter

from _engine import PACKAGES, WHOLE, YEAR, load_country, options, sizes, stage
from _harness import write

from pejax import Population, datasets, engine
from pejax.engine import System

COUNTY = "06037"
"""Where everybody lives: without a county the source computes no SPM threshold either."""


def computed(system: System) -> list[str]:
    """Variables that the law computes: by a formula, or as a sum of others."""
    period = system.period(str(YEAR))
    variables = map(system.variable, system.variables)
    return [v.name for v in variables if v.adds or v.subtracts or v.formula(period) is not None]


def refused_of(
    country: engine.Country, names: list[str], population: Population
) -> tuple[dict[str, str], int]:
    """Formulas among what `names` reach that cannot be traced, and how many can."""
    try:
        program = engine.compile(country, names, YEAR, population)
    except engine.UntraceableRule as refusal:
        return refusal.refused, 0
    return {}, sum(v.status == "traced" for v in program.report)


def main() -> None:
    args = options(__doc__, households=1_000)
    with stage("importing the country package"):
        country, _ = load_country()
        system = country.load()
    population = datasets.load_cps(period=YEAR, households=args.households)
    population = population.with_columns("household", county_fips=[COUNTY] * args.households)
    start = time.perf_counter()
    with stage("the four outputs of the whole law"):
        missing, reached = refused_of(country, list(WHOLE.outputs), population)
    with stage("every variable"):
        names = computed(system)
        refused, _ = refused_of(country, names, population)
    reasons = Counter(reason.partition(": ")[2].partition(":")[0] for reason in refused.values())
    payload = {
        "outputs": list(WHOLE.outputs),
        "reached_by_the_outputs": reached,
        "refused_for_the_outputs": missing,
        "variables": len(system.variables),
        "with_a_formula": len(names),
        "refused": refused,
        "share_traced": 1 - len(refused) / len(names),
        "reasons": dict(reasons.most_common()),
        "seconds": time.perf_counter() - start,
    }
    path = write(
        "engine_coverage", payload, sizes=sizes(population), packages=PACKAGES, folder=args.out
    )
    print(f"{reached} variables behind {', '.join(WHOLE.outputs)}; {len(missing)} refused")
    print(f"{payload['share_traced']:.2%} of {len(names)} formulas traced; refused:")
    for name, reason in refused.items():
        print(f"  {name}: {reason}")
    print(path)


if __name__ == "__main__":
    main()
