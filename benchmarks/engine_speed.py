"""Seconds for AGI, child credit and EITC of everybody in the CPS, against policyengine-us.

With `--whole`: for the whole law, federal and state income tax, SNAP and net income.

The source engine's clock covers `calculate` on a simulation built outside it (building is reported
apart); the program's covers a call with everything on the device. Both use the same people and
cores and take turns. Tracing, XLA's compile and one gradient with respect to every number of the
law are reported beside them, and so is the distance between the two engines' answers.
"""

import gc
import os
import statistics
import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _engine import PACKAGE, PACKAGES, YEAR, Law, load_country, options, sizes, source_run
from _harness import interleave, write

from pejax import Population, datasets, engine
from pejax.engine import importer


class Fresh:
    """A source simulation that nobody has calculated on, renewed outside the clock."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self.simulation: Any = None
        self.seconds: list[float] = []

    def renew(self) -> None:
        self.simulation = None
        gc.collect()
        start = time.perf_counter()
        self.simulation = importer.source_simulation(PACKAGE, self.population, YEAR)
        self.seconds.append(time.perf_counter() - start)


def cost_of(law: Law, program: engine.Program) -> engine.Statistic:
    """Dollars of what the law pays out, everybody weighted."""

    def cost(outputs: Mapping[str, jax.Array], population: Population) -> jax.Array:
        weights = {n: population.weight(program.entity(n)) for n in law.spent}
        trimmed = {n: population.trim(w, program.entity(n)) for n, w in weights.items()}
        return sum((jnp.sum(outputs[n] * trimmed[n]) for n in law.spent), jnp.zeros(()))

    return cost


def distances(
    outputs: Mapping[str, Any], source: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """How far the timed outputs are from the source's."""
    gaps = {n: np.abs(np.asarray(outputs[n], float) - source[n]) for n in source}
    return {
        name: {"largest_dollars": float(gap.max()), "share_within_dollar": float((gap <= 1).mean())}
        for name, gap in gaps.items()
    }


def main() -> None:
    args = options(__doc__, repeats=7)
    jax.config.update("jax_enable_compilation_cache", False)  # a compile is timed as a compile
    population = datasets.load_cps(period=YEAR, households=args.households)
    country, import_seconds = load_country()
    start = time.perf_counter()
    program = engine.compile(country, args.law.outputs, YEAR, population)
    trace_seconds = time.perf_counter() - start
    law, fresh = program.parameters, Fresh(population)
    cost = cost_of(args.law, program)
    gc.freeze()  # leaves the country package's millions of objects out of every collection
    timing = interleave(
        {
            "policyengine_us": lambda: source_run(fresh.simulation, args.law.outputs),
            "pejax": lambda: program(law, population),
            "pejax_gradient": lambda: engine.gradient(
                program, program.parameters, population, cost
            ),
        },
        repeats=args.repeats,
        before=fresh.renew,
    )
    fresh.renew()
    results = timing["results"]
    medians = {name: result["median_seconds"] for name, result in results.items()}
    build = statistics.median(fresh.seconds)
    payload = {
        "outputs": list(args.law.outputs),
        "program_dtype": program.dtype,
        "speedup": timing["ratios"]["pejax"],
        "speedup_with_build": (medians["policyengine_us"] + build) / medians["pejax"],
        "gradient_over_forward": medians["pejax_gradient"] / medians["pejax"],
        "parameters": len(program.index.leaves),
        "load_average": os.getloadavg(),  # beyond the cores, somebody else was working too
        "seconds": {
            "import_country": import_seconds,
            "trace": trace_seconds,
            "compile_forward": results["pejax"]["compile_seconds"],
            "compile_gradient": results["pejax_gradient"]["compile_seconds"],
            "source_build": build,
        },
        "error": distances(
            program(law, population), source_run(fresh.simulation, args.law.outputs)
        ),
        "timing": results,
    }
    path = write(
        f"{args.law.name}_speed",
        payload,
        sizes=sizes(population),
        packages=PACKAGES,
        folder=args.out,
    )
    for name, seconds in medians.items():
        print(f"{name:>16} {seconds:8.3f} s")
    print(f"{payload['speedup']:.1f} times as fast as the source engine; {path}")


if __name__ == "__main__":
    main()
