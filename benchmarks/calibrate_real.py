"""A real calibration: 36,145 published figures of districts, states and the nation, and the CPS.

    python benchmarks/calibrate_real.py --targets path/to/targets

Households of Tax-Calculator's CPS stand in the districts of their state; districts are raked to
states and those to the nation where they differ by less than a factor of two. `Entropy` and `Adam`
on all targets, `Entropy` with wages held out, and `Logit` with bounds that the targets do not fit
in: seconds with and without compiling, errors by level, and what the weights lost.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

import _real
import jax
import numpy as np
from _harness import RESULTS, write

from pejax import calibrate as cal
from pejax.core._memory import peak_bytes

RIDGE = 7e-3
"""3e-6 squared errors for a household's worth of distance: that times 132 million households over
57 thousand units of importance."""
HELD_OUT = "wages."
TIGHT = (0.5, 2.0)
EPOCHS = 400


def quality(problem: cal.TargetProblem, weights: np.ndarray, base: np.ndarray) -> dict[str, Any]:
    """Errors of the targets that are fitted by level, those held out, and the weights' spread."""
    with jax.enable_x64(True):
        errors = np.abs(np.asarray(problem.errors(weights)))
    fitted, levels = np.asarray(problem.importance) > 0, np.array(problem.levels)
    found: dict[str, Any] = {
        level: _errors(errors[fitted & (levels == level)])
        for level in ("district", "state", "nation")
    }
    variable = np.array([name.rpartition(" of ")[0] for name in problem.names])
    held = ~fitted & (levels == "district") & np.char.startswith(variable, HELD_OUT)
    if np.any(held):
        found["held out wages, district"] = _errors(errors[held])
        found["held out wages by band, district"] = {
            band: _errors(errors[held & (variable == band)]) for band in np.unique(variable[held])
        }
    return found | {
        "effective_sample_size_to_base": _size(weights) / _size(base),
        "negative_weights": int(np.sum(weights < 0)),
        "largest_ratio": float(np.max(weights / base)),
    }


def _errors(errors: np.ndarray) -> dict[str, float]:
    return {
        "targets": len(errors),
        "mean": float(errors.mean()),
        "mean_capped_at_1": float(np.minimum(errors, 1).mean()),
        "median": float(np.median(errors)),
        "p95": float(np.quantile(errors, 0.95)),
        "within_10_percent": float(np.mean(errors < 0.1)),
    }


def _size(weights: np.ndarray) -> float:
    return float(weights.sum() ** 2 / (weights @ weights))


def solved(
    problem: cal.TargetProblem, base: np.ndarray, method: cal.Method, repeats: int
) -> dict[str, Any]:
    """One method: seconds of every call, the first of which compiles, and what it found."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        solution = cal.calibrate(problem, base, method)
        weights = np.asarray(solution.weights, float)
        seconds.append(time.perf_counter() - start)
    found = {
        "method": repr(method),
        "first_seconds": seconds[0],
        "seconds": seconds[1:],
        "steps": solution.steps,
        "result": solution.report().summary["result"],
        **quality(problem, weights, base),
    }
    if solution.certificate is not None:
        proof = solution.certificate
        found["least_possible_rms_error"] = proof.least_error
        found["binding_targets"] = proof.binding(problem.names, 10)
    return found


def shown(name: str, found: dict[str, Any]) -> str:
    levels = ("district", "state", "nation", "held out wages, district")
    errors = "  ".join(
        f"{level} {found[level]['mean']:.2%} (p95 {found[level]['p95']:.1%})"
        for level in levels
        if level in found
    )
    ess = found["effective_sample_size_to_base"]
    seconds = found.get("seconds") or [found.get("first_seconds", 0.0)]
    return f"{name:>20}: {errors}  ESS {ess:.3f}  {min(seconds):.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--targets", type=Path, required=True, help="folder of the target tables")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--repeats", type=int, default=2, help="calls after the one that compiles")
    args = parser.parse_args()
    table = _real.with_wide_bands(_real.targets(args.targets))
    people = _real.households()
    clones = _real.clones(people, args.targets)
    values = people.values[sorted(set(table["variable"]))]
    start = time.perf_counter()
    problem = cal.geography_problem(
        table, values, clones.geo_id, household=clones.household, sums="rake"
    )
    payload: dict[str, Any] = {
        "load_average": os.getloadavg(),
        "published_targets": int((table["weight"] > 0).sum()),
        "targets": problem.n_targets,
        "fitted_targets": int(np.sum(np.asarray(problem.importance) > 0)),
        "refused": _refusals(problem),
        "raked": len(problem.adjusted),
        "households": len(values),
        "records": problem.n_units,
        "problem_seconds": time.perf_counter() - start,
        "base": quality(problem, clones.base, clones.base),
    }
    print(shown("base", payload["base"]), flush=True)
    wages = [n for n, g in zip(problem.names, problem.groups or (), strict=True) if g == "wages"]
    plans = {
        "entropy": (problem, cal.Entropy(ridge=RIDGE, tol=1e-3), args.repeats),
        "wages held out": (problem.hold_out(wages), cal.Entropy(ridge=RIDGE, tol=1e-3), 0),
        "adam": (problem, cal.Adam(epochs=EPOCHS, ridge=RIDGE), 0),
        "tight logit": (problem, cal.Logit(*TIGHT, ridge=RIDGE, tol=1e-3), 0),
    }
    for name, (asked, method, repeats) in plans.items():
        payload[name] = solved(asked, clones.base, method, repeats)
        print(shown(name, payload[name]), flush=True)
    payload["peak_bytes"] = peak_bytes()
    write("calibrate_real", payload, packages=("taxcalc", "pandas"), folder=args.out)


def _refusals(problem: cal.TargetProblem) -> dict[str, int]:
    """How many targets were set aside, by the kind of reason."""
    kinds = [refusal.reason.partition(" '")[0].partition(":")[0] for refusal in problem.refused]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


if __name__ == "__main__":
    main()
