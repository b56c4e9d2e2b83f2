"""Twenty calibrations at once by `vmap` of `solve`, against one: over targets, base weights, keys.

The members of a batch differ in their totals, their base weights or their seed and share the
estimate matrix. One is the member that takes as long as half of the others, solved by itself; the
error beside each time is of the batch against all of its members, one by one.

    python benchmarks/calibrate_batch.py
"""

import argparse
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from _harness import interleave, timed, write

from pejax import calibrate as cal

UNITS, TARGETS, MEMBERS, EPOCHS = 5_000, 50, 20, 100
METHODS = {
    "linear": cal.Linear(),
    "entropy": cal.Entropy(),
    "raking": cal.Raking(),
    "logit": cal.Logit(0.1, 10.0),
    f"adam, {EPOCHS} epochs": cal.Adam(epochs=EPOCHS),
    f"l0, {EPOCHS} epochs": cal.L0(500, epochs=EPOCHS),
}
DRAWS = tuple(name for name in METHODS if name.startswith("l0"))
OVER = {"targets": (0, None, None), "base weights": (None, 0, None), "keys": (None, None, 0)}


def main(repeats: int) -> None:
    """Measure, compare, write `results/calibrate_batch.json`."""
    cases = {
        f"{method}, {dtype}, {over}": case(METHODS[method], dtype, over, repeats)
        for dtype in ("float32", "float64")
        for method in METHODS
        for over in OVER
        if over != "keys" or method in DRAWS
    }
    load = os.getloadavg()
    path = write(
        "calibrate_batch",
        {"cases": cases, "load_average": load},
        sizes={"units": UNITS, "targets": TARGETS, "members": MEMBERS},
    )
    table = pd.DataFrame(cases).T[["one_seconds", "batch_seconds", "ratio", "error", "steps"]]
    print(f"wrote {path}, load {load[0]:.1f}\n{table.to_string()}")


def case(method: Any, dtype: str, over: str, repeats: int) -> dict[str, Any]:
    """One method over one of the things that a batch can be over."""
    problem, given = parts(dtype)
    axes = OVER[over]

    def weights(problem: cal.TargetProblem, values: Any, base: Any, key: Any) -> cal.Solved:
        return cal.solve(problem.with_values(values), base, method, key=key)

    one = jax.jit(weights)
    many = jax.jit(jax.vmap(weights, in_axes=(None, *axes)))
    together = [x if axis == 0 else x[0] for x, axis in zip(given, axes, strict=True)]

    def member(row: int) -> Callable[[], Any]:
        own = [x[row] if axis == 0 else x for x, axis in zip(together, axes, strict=True)]
        return lambda: one(problem, *own)

    alone = [member(row)() for row in range(MEMBERS)]
    seconds = [min(timed(member(row)) for _ in range(3)) for row in range(MEMBERS)]
    middle = int(np.argsort(seconds)[MEMBERS // 2])
    batch = many(problem, *together)
    right = jnp.stack([solved.weights for solved in alone])
    timings = interleave(
        {"one": member(middle), "batch": lambda: many(problem, *together)}, repeats
    )["results"]
    alone_seconds = timings["one"]["median_seconds"]
    return timings | {
        "one_seconds": alone_seconds,
        "batch_seconds": timings["batch"]["median_seconds"],
        "ratio": timings["batch"]["median_seconds"] / alone_seconds,
        "error": float(jnp.max(jnp.abs(batch.weights - right) / jnp.max(right, axis=1)[:, None])),
        "steps": [int(jnp.median(batch.steps)), int(batch.steps.max())],
    }


def parts(dtype: str) -> tuple[cal.TargetProblem, tuple[jax.Array, jax.Array, jax.Array]]:
    """A problem with the totals, the base weights and the keys of every member of a batch."""
    rng = np.random.default_rng(0)
    shape = TARGETS, UNITS
    X = (rng.gamma(1.0, 1.0, shape) * (rng.random(shape) < 0.5)).astype(dtype)
    base = rng.gamma(3.0, 10.0, UNITS)
    values = X @ (base * rng.lognormal(0, 0.2, UNITS))
    totals = values * rng.lognormal(0, 0.02, (MEMBERS, TARGETS))
    bases = base * rng.lognormal(0, 0.1, (MEMBERS, UNITS))
    problem = cal.TargetProblem(cal.DenseOperator(X), values)
    return problem, (
        jnp.asarray(totals),
        jnp.asarray(bases),
        jax.random.split(jax.random.key(0), MEMBERS),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=9, help="timed rounds")
    jax.config.update("jax_enable_x64", True)
    main(parser.parse_args().repeats)
