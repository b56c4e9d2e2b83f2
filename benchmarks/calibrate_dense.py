"""Dense calibration of the CPS to public totals: pejax against 1,000 epochs of microcalibrate.

Both get the same float32 matrix, the same targets and the same base weights. The problem is the
demo's own: the figures inside policyengine-us, and the matrix from a program's outputs.

    python benchmarks/calibrate_dense.py                       # everything in one environment
    python benchmarks/calibrate_dense.py --save problem.npz    # build the problem, stop
    python benchmarks/calibrate_dense.py --problem problem.npz # where policyengine-us is absent
"""

import argparse
import contextlib
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from _harness import interleave, write

import pejax
from pejax import calibrate as cal

EPOCHS = 1_000
RATES = (1e-3, 1e-2)  # microcalibrate's default, and the one that fits best here
OURS = {
    "pejax, entropy": cal.Entropy(),
    "pejax, linear": cal.Linear(),
    f"pejax, adam, {EPOCHS:,} epochs": cal.Adam(epochs=EPOCHS),
}
OUTPUTS = ("adjusted_gross_income", "ctc", "eitc")


def main(problem: dict[str, np.ndarray], repeats: int) -> None:
    """Measure, compare, write `results/calibrate_dense.json`."""
    found: dict[str, np.ndarray] = {}
    contenders = {name: ours(problem, method, name, found) for name, method in OURS.items()}
    for rate in RATES:
        name = f"microcalibrate, {EPOCHS:,} epochs at {rate:g}"
        contenders[name] = theirs(problem, rate, name, found)
    timings = interleave(contenders, repeats, baseline=name)
    errors = {name: quality(problem, weights) for name, weights in found.items()}
    errors["base weights"] = quality(problem, problem["weights"])
    targets, units = problem["X"].shape
    path = write(
        "calibrate_dense",
        timings | {"error": errors, "density": float(np.mean(problem["X"] != 0))},
        sizes={"targets": targets, "units": units},
        packages=["microcalibrate", "torch", "policyengine-us"],
    )
    print(f"wrote {path}")
    print(pd.DataFrame(errors).T.assign(speedup=timings["ratios"]).round(4).to_string())


def ours(
    problem: dict[str, np.ndarray], method: Any, name: str, found: dict[str, np.ndarray]
) -> Callable[[], jax.Array]:
    """One pejax method, from the checked problem to weights."""
    built = cal.TargetProblem(cal.DenseOperator(problem["X"]), problem["y"])

    def run() -> jax.Array:
        solution = cal.calibrate(built, problem["weights"], method)
        found[name] = np.asarray(solution.weights, float)
        return solution.weights

    return run


def theirs(
    problem: dict[str, np.ndarray], rate: float, name: str, found: dict[str, np.ndarray]
) -> Callable[[], np.ndarray]:
    """microcalibrate with its own settings but for the epochs and the rate, and silent."""
    from microcalibrate import Calibration

    logging.getLogger("microcalibrate").setLevel(logging.ERROR)
    columns = [f"target_{row}" for row in range(len(problem["y"]))]
    matrix = pd.DataFrame(problem["X"].T, columns=columns)

    def run() -> np.ndarray:
        with contextlib.redirect_stderr(io.StringIO()):
            calibration = Calibration(
                weights=problem["weights"].astype(float),
                targets=problem["y"],
                estimate_matrix=matrix,
                epochs=EPOCHS,
                learning_rate=rate,
            )
            calibration.calibrate()
        found[name] = np.asarray(calibration.weights, float)
        return found[name]

    return run


def quality(problem: dict[str, np.ndarray], weights: np.ndarray) -> dict[str, float]:
    """Relative errors in float64, and what the weights lost."""
    weights = np.asarray(weights, float)
    estimates = problem["X"].astype(float) @ weights
    errors = np.abs(estimates - problem["y"]) / np.maximum(np.abs(problem["y"]), 1)
    return {
        "mean_error": float(errors.mean()),
        "median_error": float(np.median(errors)),
        "p95_error": float(np.quantile(errors, 0.95)),
        "effective_sample_size": float(weights.sum() ** 2 / np.square(weights).sum()),
        "largest_weight_ratio": float(np.max(weights / problem["weights"])),
        "negative_share": float(np.mean(weights < 0)),
    }


def demo_problem(households: int | None) -> dict[str, np.ndarray]:
    """The demo's targets, base weights and float32 matrix."""
    from pejax import engine

    population = pejax.datasets.load_cps(period=2025, households=households)
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, list(OUTPUTS), period=2025, population=population)
    outputs = program(program.parameters, population)
    problem = cal.build_problem(cal.load_targets(period=2025), outputs, population, layout="dense")
    print(f"{problem.n_targets} targets, {len(problem.refused)} set aside")
    matrix = np.asarray(problem.operator.matrix)
    return {"X": matrix, "y": problem.values, "weights": np.asarray(population.weights)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--households", type=int, help="how many of the CPS (default: all)")
    parser.add_argument("--problem", type=Path, help="a problem saved before")
    parser.add_argument("--save", type=Path, help="save the problem here and stop")
    parser.add_argument("--repeats", type=int, default=2, help="timed rounds")
    args = parser.parse_args()
    saved = args.problem
    wanted = demo_problem(args.households) if saved is None else dict(np.load(saved))
    if args.save is not None:
        np.savez(args.save, **wanted)
    else:
        main(wanted, args.repeats)
