"""Choosing records: exact counts, what they cost in fit, and against l0-python's gates.

    python benchmarks/calibrate_select.py --targets path/to/targets

Size a: 12,000 of 50,000 records, and the gates' own path beside l0-python's at the same price,
seeds and epochs. Size b: 48,000 of 500,000 by the cube, against 1,000 epochs of l0-python at the
price that leaves about as many. Size c: 50,000 of five million, with the peak of memory. With
`--targets`, every way to choose on the real problem of `calibrate_real.py`, and wages held out.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import _real
import jax
import numpy as np
from _geography import SIZES, World, estimates, matrix, world
from _harness import RESULTS, write
from calibrate_geography import built, quality
from calibrate_real import RIDGE

from pejax import calibrate as cal
from pejax.core._memory import peak_bytes

BUDGETS = {"a": 12_000, "b": 48_000, "c": 50_000}
LEVERAGE = {"a": 0.6, "b": 0.5, "c": 0.5}
PRICE = {"a": 9e-3, "b": 9e-3}
"""Of l0-python's loss, a sum over targets; here it is divided by their number."""
DELTA = 0.02  # an error beyond which a target is taken to contradict the others
EPOCHS, RATE, SEEDS = 1_000, 0.15, (0, 1, 2)
REAL_BUDGETS = (50_000, 20_000)
SOLVER = cal.Entropy(ridge=RIDGE, tol=1e-3)


def cube(
    found: World, problem: cal.TargetProblem, size: str, delta: float | None = None
) -> dict[str, Any]:
    """Dense solve, cube and refit from nothing, several keys; the first call compiles.

    With `delta`, targets that the dense solve misses by more count for less in all that follows.
    """
    method = cal.Cube(BUDGETS[size], leverage=LEVERAGE[size])
    runs, seconds = [], []
    for seed in SEEDS:
        start = time.perf_counter()
        goal, whole = _trusted(found, problem, method.solver, delta)
        solution = cal.calibrate(goal, found.base, method, key=jax.random.key(seed), start=whole)
        weights = np.asarray(solution.weights, float)
        seconds.append(time.perf_counter() - start)
        runs.append(quality(found, problem, weights))
    goal, whole = _trusted(found, problem, method.solver, delta)
    whole = whole or cal.calibrate(goal, found.base, method.solver)
    dense = quality(found, problem, np.asarray(whole.weights, float))
    return {
        "method": repr(method),
        "downweighted_beyond": delta,
        "first_seconds": seconds[0],
        "seconds": seconds[1:],
        "runs": runs,
        "dense": dense,
        "error_to_dense": np.mean([r["mean_error"] for r in runs]) / dense["mean_error"],
        "peak_bytes": peak_bytes(),
    }


def _trusted(
    found: World, problem: cal.TargetProblem, solver: cal.Method, delta: float | None
) -> tuple[cal.TargetProblem, cal.Solution | None]:
    """The problem with importance by how well a dense solve met each target, solved again."""
    if delta is None:
        return problem, None
    first = cal.calibrate(problem, found.base, solver)
    goal = problem.downweighted(first.weights, delta)
    return goal, cal.calibrate(goal, found.base, solver, start=first)


def gates(found: World, problem: cal.TargetProblem, size: str, seed: int) -> dict[str, Any]:
    """Our gates at a fixed price, as l0-python's constructor and `fit` have them."""
    ours = cal.SparseCalibrationWeights(**_settings(found, seed))
    start = time.perf_counter()
    ours.fit(problem.operator, np.asarray(problem.values), epochs=EPOCHS, **_price(size))
    return _gated(found, problem, ours.get_weights(deterministic=True), time.perf_counter() - start)


def their_gates(found: World, problem: cal.TargetProblem, size: str, seed: int) -> dict[str, Any]:
    import torch
    from l0.calibration import SparseCalibrationWeights

    torch.set_num_threads(2)
    theirs = SparseCalibrationWeights(**_settings(found, seed))
    start = time.perf_counter()
    theirs.fit(matrix(found), found.y, epochs=EPOCHS, **_price(size))
    seconds = time.perf_counter() - start
    with torch.no_grad():
        return _gated(found, problem, theirs.get_weights(deterministic=True).numpy(), seconds)


def _settings(found: World, seed: int) -> dict[str, Any]:
    return {
        "n_features": len(found.base),
        "beta": 0.35,
        "init_keep_prob": 0.999,
        "init_weights": found.base,
        "log_weight_jitter_sd": 0.05,
        "log_alpha_jitter_sd": 0.01,
        "seed": seed,
    }


def _price(size: str) -> dict[str, Any]:
    return {"lambda_l0": PRICE[size], "lambda_l2": 1e-12, "lr": RATE, "loss_type": "relative"}


def _gated(
    found: World, problem: cal.TargetProblem, weights: np.ndarray, seconds: float
) -> dict[str, Any]:
    weights = np.asarray(weights, float)
    error = (estimates(found, weights) - found.y) / np.abs(found.y + 1)
    squared = float(np.sum(error**2))
    count = int(np.count_nonzero(weights))
    return {"seconds": seconds, "squared_error": squared, "records": count} | quality(
        found, problem, weights
    )


def synthetic(size: str, seed: int, peers: bool) -> dict[str, Any]:
    found = world(SIZES[size], seed)
    problem, _ = built(found)
    payload: dict[str, Any] = {"units": problem.n_units, "targets": problem.n_targets}
    payload["cube"] = cube(found, problem, size)
    if size == "b":
        payload["cube, contradictions downweighted"] = cube(found, problem, size, DELTA)
    if peers and size in PRICE:
        seeds = SEEDS if size == "a" else SEEDS[:1]
        payload["gates"] = [gates(found, problem, size, k) for k in seeds]
        payload["l0-python"] = [their_gates(found, problem, size, k) for k in seeds]
    return payload


def real_problem(folder: Path) -> tuple[cal.TargetProblem, np.ndarray]:
    """The problem of `calibrate_real.py` and its base weights."""
    table = _real.with_wide_bands(_real.targets(folder))
    people = _real.households()
    clones = _real.clones(people, folder)
    values = people.values[sorted(set(table["variable"]))]
    problem = cal.geography_problem(
        table, values, clones.geo_id, household=clones.household, sums="rake"
    )
    return problem, clones.base


def real(folder: Path) -> dict[str, Any]:
    """Every way to choose on the real problem, and the cube with wages held out."""
    problem, base = real_problem(folder)
    payload: dict[str, Any] = {"records": problem.n_units, "targets": problem.n_targets}
    for budget in REAL_BUDGETS:
        every = cal.compare_selections(
            problem, base, budget, seeds=SEEDS, solver=SOLVER, progress=_say
        )
        ways = {
            "cube": cal.Cube(budget, solver=SOLVER, hybrid=False),
            "cube, then gates": cal.Cube(budget, solver=SOLVER, hybrid=True),
        }
        held_out = cal.compare_selections(
            problem, base, budget, ways, seeds=SEEDS[:1], held_out=["wages"], solver=SOLVER
        )
        payload[f"{budget}"] = {
            "runs": every.runs.to_dict("records"),
            "means": every.table().reset_index().to_dict("records"),
            "wages held out": held_out.runs.to_dict("records"),
        }
    return payload


def _say(name: str, seed: int) -> None:
    print(f"{name}, seed {seed}", file=sys.stderr, flush=True)


def in_a_process(part: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", __file__, "--child", part]
    command += ["--seed", str(args.seed)]
    command += ["--targets", str(args.targets)] if args.targets else []
    command += [] if args.peers else ["--no-peers"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="*", default=list(BUDGETS), choices=list(BUDGETS))
    parser.add_argument("--targets", type=Path, help="folder of the target tables")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        warnings.simplefilter("ignore", cal.BudgetWarning)
        found = (
            real(args.targets)
            if args.child == "real"
            else synthetic(args.child, args.seed, args.peers)
        )
        print(json.dumps(found))
        return
    parts = [*args.sizes, *(["real"] if args.targets else [])]
    payload = {part: in_a_process(part, args) for part in parts}
    packages = ("l0-python", "torch", "taxcalc", "pandas")
    write("calibrate_select", payload, packages=packages, folder=args.out)


if __name__ == "__main__":
    main()
