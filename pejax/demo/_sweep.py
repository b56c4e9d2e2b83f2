"""Step 7: many random reforms of the credits through one program, here and on Ray workers."""

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import engine
from ..core.population._population import Population
from ._measure import sample_of
from ._reform import cost_from
from ._settings import TAX, Settings

if TYPE_CHECKING:
    import pandas as pd

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
NO_RAY = (
    "ray is not installed, so the sweep ran in this process only. To run it on Ray as well:"
    ' pip install "pejax[ray]"'
)


class Sweep(NamedTuple):
    """A row a reform: its cost in dollars and the numbers that were drawn.

    `on_ray` is the largest difference between the two tables, or None where Ray is not installed.
    """

    table: "pd.DataFrame"
    households: int
    on_ray: float | None


def sweep_reforms(
    settings: Settings,
    population: Population,
    program: engine.Program,
    progress: Callable[[str], None] = lambda line: None,
) -> Sweep:
    """Run the reforms by `vmap`, and once more on two Ray workers if Ray is there."""
    people = sample_of(population, settings.sweep_households)
    reforms = random_reforms(program, settings.reforms, settings.seed)
    before = np.asarray(program(program.parameters, people)[TAX])
    cost = {"cost": cost_from(before)}
    table = engine.sweep(
        program,
        reforms,
        people,
        cost,
        progress=lambda done, of: progress(f"sweep: batch {done} of {of}"),
    )
    difference = None
    if importlib.util.find_spec("ray") is not None:
        progress("sweep: the same on two Ray workers")
        again = engine.sweep(program, reforms, people, cost, executor="ray", workers=2)
        difference = float(np.max(np.abs(table["cost"].to_numpy() - again["cost"].to_numpy())))
    drawn = {path: [reform[path] for reform in reforms] for path in DRAWN}
    return Sweep(table.assign(**drawn), people.count(people.schema.household), difference)


def random_reforms(program: engine.Program, count: int, seed: int) -> list[dict[str, float]]:
    """Reforms that draw every number of `DRAWN` between its bounds."""
    rng = np.random.default_rng(seed)
    current = {path: float(program.parameters[path]) for path in DRAWN}
    return [
        {path: current[path] * rng.uniform(*bounds) for path, bounds in DRAWN.items()}
        for _ in range(count)
    ]
