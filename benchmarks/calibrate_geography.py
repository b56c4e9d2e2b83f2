"""Calibration of clones in districts, from fifty thousand records to five million.

    python benchmarks/calibrate_geography.py --sizes a b
    python benchmarks/calibrate_geography.py --sizes c --rounds 1

Seconds an epoch, dense and gated, and whole solves, against epochs of l0-python and (size a)
microcalibrate in the same run; beside each the error of its weights in float64 numpy. Every size
runs in a process of its own, so that the peak of memory is its own.
"""

import argparse
import contextlib
import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _geography import DISTRICTS, SIZES, STATES, World, estimates, matrix, world
from _harness import RESULTS, interleave, measure, write

from pejax import calibrate as cal
from pejax.core._memory import peak_bytes, reclaim

EPOCHS = 40
L0_LAMBDA = 1e-8
METHODS = {
    "dense epochs": cal.Adam(epochs=EPOCHS),
    "gated epochs": cal.L0(l0_lambda=L0_LAMBDA, epochs=EPOCHS, refit=False),
    "linear": cal.Linear(),
    "entropy": cal.Entropy(),
}


def child(size: str, seed: int, rounds: int, peers: bool) -> dict[str, Any]:
    """One size: every contender in turn, and what its weights are worth."""
    found = world(SIZES[size], seed)
    problem, seconds = built(found)
    print(f"{size}: {problem.n_units:,} records, {problem.n_targets:,} targets", file=sys.stderr)
    weights: dict[str, np.ndarray] = {"base weights": found.base}
    ours = {name: solve(problem, found, method, name, weights) for name, method in METHODS.items()}
    # Of small sizes the time is that of page faults where memory was given back.
    timings = interleave(ours, rounds, before=reclaim if size == "c" else lambda: None)
    ours_peak = peak_bytes()
    per_epoch = {
        name: result["median_seconds"] / (EPOCHS if "epochs" in name else 1)
        for name, result in timings["results"].items()
    }
    if peers:
        per_epoch |= theirs(found, size, weights)
    return {
        "units": problem.n_units,
        "targets": problem.n_targets,
        "problem_seconds": seconds,
        "seconds_an_epoch_or_solve": per_epoch,
        "timings": timings["results"],
        "peak_bytes_before_peers": ours_peak,
        "dense_epoch_bound": bound(problem, found),
        "quality": {name: quality(found, problem, w) for name, w in weights.items()},
    }


def bound(problem: cal.TargetProblem, found: World) -> dict[str, float]:
    """The least seconds of a dense epoch: what it must move and multiply, at this machine's rates.

    Parameters and both moments are read and written, weights and slopes written and read, base
    weights read, and clones' own columns in both products with the cells.
    """
    long = jnp.ones(30_000_000, jnp.float32)
    triad = jax.jit(lambda a, b: a + 2 * b)
    square = jnp.ones((2_048, 2_048), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    rate = 3 * long.nbytes / measure(triad, long, long, repeats=9)["median_seconds"]
    speed = 2 * 2_048**3 / measure(product, square, repeats=9)["median_seconds"]
    moved = 4 * (11 + 2 * len(found.drawn)) * problem.n_units
    multiplied = 2 * 2 * problem.n_units * found.values.shape[1]
    return {
        "bytes_a_second": rate,
        "multiplications_a_second": speed,
        "moving_seconds": moved / rate,
        "multiplying_seconds": multiplied / speed,
        "seconds": moved / rate + multiplied / speed,
    }


def built(found: World) -> tuple[cal.TargetProblem, float]:
    """The problem and the seconds it took."""
    start = time.perf_counter()
    operator = cal.GeographyOperator(
        found.values,
        found.district,
        found.targets,
        found.parents,
        household=found.household,
        own=found.drawn,
    )
    names = [f"{'dsn'[k]}{a}.{c}" for k, a, c in zip(*found.targets, strict=True)]
    problem = cal.TargetProblem(operator, found.y, names=names)
    return problem, time.perf_counter() - start


def solve(
    problem: cal.TargetProblem,
    found: World,
    method: Any,
    name: str,
    weights: dict[str, np.ndarray],
) -> Callable[[], Any]:
    def run() -> Any:
        solution = cal.calibrate(problem, found.base, method, key=jax.random.key(0))
        weights[name] = np.asarray(solution.weights)
        return solution.weights

    return run


def theirs(found: World, size: str, weights: dict[str, np.ndarray]) -> dict[str, float]:
    """Seconds an epoch of the peers, after one that pays for their conversions."""
    import torch
    from l0.calibration import SparseCalibrationWeights

    torch.set_num_threads(2)
    estimate_matrix = matrix(found)
    model = SparseCalibrationWeights(
        len(found.base),
        beta=0.35,
        gamma=-0.1,
        zeta=1.1,
        init_keep_prob=0.999,
        init_weights=found.base,
        log_weight_jitter_sd=0.05,
        log_alpha_jitter_sd=0.01,
        seed=0,
    )
    settings = {"lambda_l0": L0_LAMBDA, "lambda_l2": 1e-12, "lr": 0.15, "loss_type": "relative"}
    epochs = 1 if size == "c" else EPOCHS
    model.fit(estimate_matrix, found.y, epochs=1, **settings)
    start = time.perf_counter()
    model.fit(estimate_matrix, found.y, epochs=epochs, **settings)
    seconds = {"l0-python, gated epoch": (time.perf_counter() - start) / epochs}
    with torch.no_grad():
        weights["l0-python"] = model.get_weights(deterministic=True).numpy()
    if size == "a":
        seconds |= microcalibrate(found, estimate_matrix, weights)
    return seconds


def microcalibrate(
    found: World, estimate_matrix: Any, weights: dict[str, np.ndarray]
) -> dict[str, float]:
    """Dense epochs and gated ones of microcalibrate, which wants the matrix written out."""
    import pandas as pd
    from microcalibrate import Calibration

    logging.getLogger("microcalibrate").setLevel(logging.ERROR)
    kept = np.asarray(abs(estimate_matrix).sum(axis=1)).ravel() > 0
    table = pd.DataFrame(estimate_matrix[kept].T.toarray())
    table.columns = [f"t{k}" for k in range(table.shape[1])]
    seconds = {}
    for name, gated in (("dense", False), ("gated", True)):
        with contextlib.redirect_stderr(io.StringIO()):
            calibration = Calibration(
                weights=found.base.astype(float),
                targets=found.y[kept],
                estimate_matrix=table,
                epochs=EPOCHS,
                noise_level=0,
                learning_rate=0.1,
                regularize_with_l0=gated,
                l0_lambda=5e-6,
            )
            start = time.perf_counter()
            calibration.calibrate()
        # The gated run does its dense epochs first, then twice as many with gates.
        epochs = 3 * EPOCHS if gated else EPOCHS
        seconds[f"microcalibrate, {name} epoch"] = (time.perf_counter() - start) / epochs
    weights["microcalibrate"] = np.asarray(calibration.weights, float)
    return seconds


def quality(found: World, problem: cal.TargetProblem, weights: np.ndarray) -> dict[str, Any]:
    """Relative errors by level in float64 numpy, and what the weights lost."""
    weights = np.asarray(weights, float)
    reached = estimates(found, weights)
    errors = np.abs(reached - found.y) / np.maximum(np.abs(found.y), 1)
    fitted = np.isin(
        [f"{'dsn'[k]}{a}.{c}" for k, a, c in zip(*found.targets, strict=True)], problem.names
    )
    levels = {
        name: float(errors[fitted & (found.targets[0] == k)].mean())
        for k, name in enumerate(("district", "state", "nation"))
    }
    estimated = np.asarray(problem.estimates(weights.astype(np.float32)), float)
    oracle = reached[fitted]
    return {
        "mean_error": float(errors[fitted].mean()),
        "mean_error_by_level": levels,
        "effective_sample_size": float(weights.sum() ** 2 / np.square(weights).sum()),
        "negative_share": float(np.mean(weights < 0)),
        "records": int(np.count_nonzero(weights)),
        "float32_estimates_off_by": float(
            np.max(np.abs(estimated - oracle) / np.maximum(np.abs(found.y[fitted]), 1))
        ),
    }


def in_a_process(size: str, args: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", __file__, "--child", size]
    command += ["--seed", str(args.seed), "--rounds", str(args.rounds)]
    command += [] if args.peers else ["--no-peers"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2, help="timed rounds")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(args.child, args.seed, args.rounds, args.peers)))
        return
    payload = {"districts": DISTRICTS, "states": STATES, "epochs": EPOCHS, "seed": args.seed}
    found = {size: in_a_process(size, args) for size in args.sizes}
    for size, one in found.items():
        for name, seconds in one["seconds_an_epoch_or_solve"].items():
            print(f"{size} {name:>30} {seconds:10.4f} s")
    packages = ["l0-python", "microcalibrate", "torch"]
    path = write("calibrate_geography", payload | found, packages=packages, folder=args.out)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
