"""Derivatives of weighted totals by reverse mode against policyengine-us' own finite differences.

For every pair of a parameter and an output whose derivative is not zero: the program's
derivative, the program's central difference and the source engine's central difference of the same
step. The step is chosen from a ladder by the program alone, before the source engine runs: the
largest at which its difference still equals its derivative, because the source engine computes in
float32 and loses digits to small steps. A row is

- `equal`: derivative and source difference agree to 1e-3;
- `kink`: they do not, but the two differences of the same step do: within the step somebody passes
  a threshold, so that the difference of the statute itself is not its derivative;
- `noise`: they do not, by less than the rounding of the source's float32 amounts explains;
- `differs`: none of these. There should be none.

The derivatives with respect to all parameters are checked to be finite.
"""

import dataclasses
from collections import Counter
from typing import Any

import jax
import numpy as np
from _engine import (
    OUTPUTS,
    PACKAGE,
    PACKAGES,
    YEAR,
    ends,
    load_country,
    options,
    relative,
    sizes,
    stage,
)
from _harness import write

from pejax import Population, datasets, engine
from pejax.engine import importer

STEPS = (0.03, 0.01, 0.003, 0.001, 0.0003)
TOLERANCE = 1e-3
MARGIN = 0.1  # of the tolerance, for the step that the program chooses
REQUIRED = 20
Totals = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Number:
    """A parameter that holds all year, and the derivatives of totals that are not zero."""

    path: str
    value: float
    slopes: Totals


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is differentiated: a program, its people and their weights by output."""

    program: engine.Program
    population: Population

    def weights(self, name: str) -> np.ndarray:
        entity = self.program.entity(name)
        weights = self.population.trim(self.population.weight(entity), entity)
        return np.asarray(weights, float)

    def totals(self, values: dict[str, Any]) -> Totals:
        return {n: float(np.asarray(values[n], float) @ self.weights(n)) for n in OUTPUTS}

    def program_totals(self, path: str, value: float) -> Totals:
        law = self.program.parameters.with_reform({path: {f"year:{YEAR}": value}})
        return self.totals(self.program(law, self.population))

    def source_totals(self, path: str, value: float) -> Totals:
        return self.totals(
            importer.source_under(PACKAGE, self.population, path, value, OUTPUTS, YEAR)
        )


def slopes_by_output(setting: Setting) -> dict[str, np.ndarray]:
    """The derivative of each output's total with respect to every number, in one pass each."""
    program, population = setting.program, setting.population
    return {
        name: np.asarray(engine.gradient(program, program.parameters, population, name)[1].values)
        for name in OUTPUTS
    }


def candidates(program: engine.Program, slopes: dict[str, np.ndarray]) -> list[Number]:
    """Numbers with a derivative that hold all year, the ones worth most dollars first."""
    found = []
    for path, places in program.index.places.items():
        leaf, place = program.index.leaves[places[0]], places[0]
        own = {n: float(s[place]) for n, s in slopes.items() if s[place]}
        if own and len(places) == 1 and leaf.value:
            found.append(Number(path, leaf.value, own))
    return sorted(found, key=lambda n: -max(abs(s * n.value) for s in n.slopes.values()))


def difference(low: Totals, high: Totals, sides: tuple[float, float]) -> Totals:
    return {name: (high[name] - low[name]) / (sides[1] - sides[0]) for name in low}


def chosen_step(setting: Setting, number: Number) -> tuple[float, Totals]:
    """The largest step whose difference equals every output's derivative, else the nearest."""
    best: tuple[float, float, Totals] | None = None
    for step in STEPS:
        sides = ends(number.value, step)
        low, high = (setting.program_totals(number.path, v) for v in sides)
        found = difference(low, high, sides)
        gap = max(relative(found[n], s) for n, s in number.slopes.items())
        if best is None or gap < best[0]:
            best = (gap, step, found)
        if gap <= MARGIN * TOLERANCE:
            break
    assert best is not None
    return best[1], best[2]


def compared(setting: Setting, number: Number, noise: Totals) -> list[dict[str, Any]]:
    """A row for each output that the number moves."""
    step, own = chosen_step(setting, number)
    sides = ends(number.value, step)
    low, high = (setting.source_totals(number.path, v) for v in sides)
    source = difference(low, high, sides)
    return [
        {
            "path": number.path,
            "output": name,
            "value": number.value,
            "step": step,
            "derivative": slope,
            "program_difference": own[name],
            "source_difference": source[name],
            "relative": relative(source[name], slope),
            "status": _status(slope, own[name], source[name], noise[name] / (sides[1] - sides[0])),
        }
        for name, slope in number.slopes.items()
    ]


def _status(derivative: float, own: float, source: float, noise: float) -> str:
    if relative(source, derivative) <= TOLERANCE:
        return "equal"
    if relative(source, own) <= TOLERANCE:
        return "kink"
    return "noise" if abs(source - own) <= noise else "differs"


def float32_noise(setting: Setting, values: dict[str, Any]) -> Totals:
    """What rounding every amount to float32, independently, does to a difference of two totals.

    Four standard deviations of half a unit in the last place of each amount, weighted.
    """
    noise = {}
    for name in OUTPUTS:
        spacing = np.spacing(np.abs(np.asarray(values[name])).astype(np.float32)).astype(float)
        noise[name] = 4 * float(np.linalg.norm(setting.weights(name) * spacing)) / np.sqrt(6)
    return noise


def main() -> None:
    args = options(__doc__, households=20_000)  # the source runs 100 times
    jax.config.update("jax_enable_x64", True)
    with stage("importing the country package"):
        country, _ = load_country()
    population = datasets.load_cps(period=YEAR, households=args.households)
    with stage("tracing, compiling and differentiating the program"):
        program = engine.compile(country, OUTPUTS, YEAR, population, dtype="float64")
        setting = Setting(program, population)
        slopes = slopes_by_output(setting)
    noise = float32_noise(setting, program(program.parameters, population))
    numbers = candidates(program, slopes)
    rows = []
    for number in numbers:
        rows += compared(setting, number, noise)
        _show(rows[-len(number.slopes) :])
    verified = {n.path for n in numbers} - {r["path"] for r in rows if r["status"] != "equal"}
    payload = {
        "program_dtype": program.dtype,
        "outputs": list(OUTPUTS),
        "steps": list(STEPS),
        "tolerance": TOLERANCE,
        "parameters": len(program.index.leaves),
        "derivatives_not_finite": int(sum((~np.isfinite(s)).sum() for s in slopes.values())),
        "parameters_with_a_derivative": int(np.any([s != 0 for s in slopes.values()], 0).sum()),
        "parameters_compared": len(numbers),
        "parameters_equal": len(verified),
        "reached": len(verified) >= REQUIRED,
        "status": Counter(r["status"] for r in rows),
        "table": rows,
    }
    path = write(
        "engine_gradients", payload, sizes=sizes(population), packages=PACKAGES, folder=args.out
    )
    print(f"{len(verified)} parameters equal; {dict(payload['status'])}; {path}")


def _show(rows: list[dict[str, Any]]) -> None:
    for r in rows:
        print(
            f"{r['status']:>8} {r['relative']:.1e} {r['output']:>22} {r['path']} step {r['step']}"
            f" {r['derivative']:.6g} {r['program_difference']:.6g} {r['source_difference']:.6g}",
            flush=True,
        )


if __name__ == "__main__":
    main()
