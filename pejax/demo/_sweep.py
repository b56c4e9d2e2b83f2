"""Step 7: many random reforms of the credits through one program, here and on Ray workers."""

import importlib.util
from collections.abc import Callable

import numpy as np

from .. import Population, engine, runs
from ._law import cost_from
from ._settings import NO_RAY, TAX, Found, Settings

# Parameters that are drawn, each uniformly between these multiples of its value in current law.
DRAWN = {
    "gov.irs.credits.ctc.amount.base[0].amount": (0.5, 2.0),
    "gov.irs.credits.ctc.phase_out.threshold.JOINT": (0.25, 1.25),
    "gov.irs.credits.ctc.phase_out.threshold.SINGLE": (0.25, 1.25),
    "gov.irs.credits.eitc.max[0].amount": (0.5, 3.0),
    "gov.irs.credits.eitc.max[1].amount": (0.75, 1.5),
    "gov.irs.credits.eitc.max[2].amount": (0.75, 1.5),
    "gov.irs.credits.eitc.phase_out.start[0].amount": (0.5, 1.5),
}


def sweep_reforms(
    settings: Settings,
    population: Population,
    program: engine.Program,
    progress: Callable[[str], None] = lambda line: None,
) -> Found:
    """Run the reforms by `vmap`, and once more on two Ray workers if Ray is there."""
    people = _sample(population, settings.sweep_households)
    reforms = _random_reforms(program, settings.reforms, settings.seed)
    before = np.asarray(program(program.parameters, people)[TAX])
    cost = {"cost": cost_from(before)}
    table = runs.sweep(
        program,
        reforms,
        people,
        cost,
        progress=lambda done, of: progress(f"sweep: batch {done} of {of}"),
    )
    on_ray = None
    if importlib.util.find_spec("ray") is not None:
        progress("sweep: the same on two Ray workers")
        again = runs.sweep(program, reforms, people, cost, executor="ray", workers=2)
        on_ray = float(np.max(np.abs(table["cost"].to_numpy() - again["cost"].to_numpy())))
    drawn = {path: [reform[path] for reform in reforms] for path in DRAWN}
    households = people.count("household")
    facts = {
        "reforms": len(table),
        "households": households,
        "largest_gap_on_ray": "not installed" if on_ray is None else on_ray,
    }
    line = f"{len(table)} reforms on {households:,} households; {ray_in_words(on_ray)}"
    return Found({"sweep": table.assign(**drawn)}, {"sweep": facts}, [line])


def ray_in_words(difference: float | str | None) -> str:
    """How the tables of this process and of Ray compare."""
    if not isinstance(difference, float | int):
        return NO_RAY
    if difference == 0:
        return "the table from two Ray workers is the same to the last bit"
    return f"the table from two Ray workers differs by ${difference:,.0f} at most"


def _sample(population: Population, count: int) -> Population:
    """Every n-th household, `count` in all, that stand for everybody; all if there are no more."""
    everybody = population.count("household")
    if count >= everybody:
        return population
    some = population.select(np.linspace(0, everybody - 1, count).astype(int))
    held = np.asarray(some.weights, float)
    scale = float(np.asarray(population.weights, float).sum())
    return some.with_weights(held * (scale / held.sum()))


def _random_reforms(program: engine.Program, count: int, seed: int) -> list[dict[str, float]]:
    """Reforms that draw every number of `DRAWN` between its bounds."""
    rng = np.random.default_rng(seed)
    current = {path: float(program.parameters[path]) for path in DRAWN}
    return [
        {path: current[path] * rng.uniform(*bounds) for path, bounds in DRAWN.items()}
        for _ in range(count)
    ]
