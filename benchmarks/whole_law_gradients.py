"""Derivatives of the whole law against policyengine-us' own finite differences.

Federal numbers move federal income tax and SNAP numbers move SNAP: each takes two runs of the
source engine. A number of a state's own tax law moves the tax of that state's people only, so one
number a state is stepped at the same time, and two runs serve all of them. Steps are chosen by the
program alone, before the source engine runs, as in `engine_gradients.py`; statuses are as there.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from _engine import PACKAGE, PACKAGES, YEAR, ends, load_country, options, relative, sizes, stage
from _harness import write

from pejax import Population, datasets, engine
from pejax.engine import importer

OUTPUTS = ("income_tax", "state_income_tax", "snap")
LAWS = {"income_tax": "gov.irs.", "snap": "gov.usda.snap."}
MOST = {"income_tax": 14, "snap": 8}
STEPS = (0.03, 0.01, 0.003, 0.001)
TOLERANCE = 1e-3
REQUIRED = 40


class Setting:
    """A program, its people, the totals of its outputs by state, and their derivatives."""

    def __init__(self, program: engine.Program, population: Population) -> None:
        self.program, self.population = program, population
        homes = np.asarray(population.column("state_fips", "household"))
        self.state = {
            n: homes[np.asarray(population.household_of(program.entity(n)))] for n in OUTPUTS
        }
        self.slopes = {name: self._slopes(name) for name in OUTPUTS}
        self.base = self.program_totals({})

    def _slopes(self, name: str) -> np.ndarray:
        def total(outputs: Mapping[str, jax.Array], population: Population) -> jax.Array:
            return outputs[name].sum()

        return np.asarray(
            engine.gradient(self.program, self.program.parameters, self.population, total)[1].values
        )

    def by_state(self, values: Mapping[str, Any], name: str) -> np.ndarray:
        return np.bincount(self.state[name], np.asarray(values[name], float), minlength=57)

    def program_totals(self, changes: Mapping[str, float]) -> dict[str, np.ndarray]:
        reform = {path: {f"year:{YEAR}": value} for path, value in changes.items()}
        law = self.program.parameters.with_reform(reform)
        values = self.program(law, self.population)
        return {name: self.by_state(values, name) for name in OUTPUTS}

    def source_totals(self, changes: Mapping[str, float], name: str) -> np.ndarray:
        with contextlib.ExitStack() as stack:
            for path, value in changes.items():
                stack.enter_context(importer.reformed(PACKAGE, path, value, YEAR))
            simulation = importer.source_simulation(PACKAGE, self.population, YEAR)
            return self.by_state(importer.source_values(simulation, [name], YEAR), name)

    def candidates(self, prefix: str, name: str) -> Iterator[tuple[float, str, float, float]]:
        """Numbers that hold all year and move an output: elasticity, path, value, derivative."""
        index = self.program.index
        for path, places in index.places.items():
            slope = float(self.slopes[name][places[0]])
            value = index.leaves[places[0]].value
            if path.startswith(prefix) and len(places) == 1 and slope and value:
                yield abs(slope * value), path, value, slope


def stepped(setting: Setting, path: str, value: float, slope: float, name: str) -> Any:
    """The largest step at which the program's own difference is its derivative, else the best."""
    best: tuple[float, float, float] | None = None
    for step in STEPS:
        low, high = ends(value, step)
        totals = [setting.program_totals({path: v})[name].sum() for v in (low, high)]
        own = float(totals[1] - totals[0]) / (high - low)
        if best is None or relative(own, slope) < best[0]:
            best = (relative(own, slope), step, own)
        if best[0] <= TOLERANCE / 10:
            break
    return best


def row(path: str, output: str, slope: float, own: float, source: float, step: float) -> Any:
    if relative(source, slope) <= TOLERANCE:
        status = "equal"
    else:
        status = "kink" if relative(source, own) <= 10 * TOLERANCE else "differs"
    found = {"path": path, "output": output, "step": step, "status": status}
    found |= {"derivative": slope, "program_difference": own, "source_difference": source}
    print(f"{status:>8} {relative(source, slope):8.1e} {output:>16} {path}", flush=True)
    return found | {"relative": relative(source, slope)}


def single(setting: Setting, name: str) -> list[Any]:
    """One number at a time: the federal ones and SNAP's, worth most dollars first."""
    rows = []
    ranked = sorted(setting.candidates(LAWS[name], name), reverse=True)
    for _, path, value, slope in ranked[: MOST[name]]:
        _, step, own = stepped(setting, path, value, slope, name)
        low, high = ends(value, step)
        totals = [setting.source_totals({path: v}, name).sum() for v in (low, high)]
        source = float(totals[1] - totals[0]) / (high - low)
        rows.append(row(path, name, slope, own, source, step))
    return rows


def one_a_state(setting: Setting) -> list[Any]:
    """Of every state the number with a clean difference that moves its own tax most."""
    name, chosen = "state_income_tax", {}
    for postal in sorted({p.split(".")[2] for p in setting.program.index.places if _of_state(p)}):
        ranked = sorted(setting.candidates(f"gov.states.{postal}.tax.", name), reverse=True)
        tried = [(*stepped(setting, p, v, s, name), p, v, s) for _, p, v, s in ranked[:3]]
        if tried:
            _, step, own, path, value, slope = min(tried)
            chosen[path] = (step, own, ends(value, step), slope)
    sides = [
        setting.source_totals({p: c[2][side] for p, c in chosen.items()}, name) for side in (0, 1)
    ]
    moved = setting.program_totals({p: c[2][1] for p, c in chosen.items()})[name]
    rows = []
    for path, (step, own, (low, high), slope) in chosen.items():
        alone = setting.program_totals({path: high})[name] != setting.base[name]
        (places,) = np.nonzero(alone)
        if len(places) != 1 or moved[places[0]] == setting.base[name][places[0]]:
            continue  # it moves more than one state's tax: not to be told apart
        source = float(sides[1][places[0]] - sides[0][places[0]]) / (high - low)
        rows.append(row(path, name, slope, own, source, step))
    return rows


def _of_state(path: str) -> bool:
    return path.startswith("gov.states.") and ".tax." in path


def main() -> None:
    args = options(__doc__, households=700)  # the source engine runs some fifty times
    jax.config.update("jax_enable_x64", True)
    with stage("importing the country package"):
        country, _ = load_country()
    population = datasets.load_cps(period=YEAR, households=args.households)
    with stage("tracing, compiling and differentiating the program"):
        program = engine.compile(country, OUTPUTS, YEAR, population, dtype="float64")
        setting = Setting(program, population)
    rows = one_a_state(setting) + single(setting, "income_tax") + single(setting, "snap")
    equal = sum(r["status"] == "equal" for r in rows)
    payload = {
        "program_dtype": program.dtype,
        "outputs": list(OUTPUTS),
        "steps": list(STEPS),
        "tolerance": TOLERANCE,
        "parameters": len(program.index.leaves),
        "derivatives_not_finite": int(
            sum((~np.isfinite(s)).sum() for s in setting.slopes.values())
        ),
        "compared": len(rows),
        "equal": equal,
        "reached": equal >= REQUIRED,
        "status": Counter(r["status"] for r in rows),
        "table": rows,
    }
    path = write(
        "whole_law_gradients", payload, sizes=sizes(population), packages=PACKAGES, folder=args.out
    )
    print(f"{equal} of {len(rows)} equal; {dict(payload['status'])}; {path}")


if __name__ == "__main__":
    main()
