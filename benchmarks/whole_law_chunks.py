"""The whole law in chunks of households: values and gradients beside those of one piece.

    python benchmarks/whole_law_chunks.py --households 2000 --chunk 500

Compiling the gradient of the chunks takes some ten minutes on two cores.
"""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from _engine import PACKAGES, WHOLE, YEAR
from _harness import RESULTS, timed, write

from pejax import Population, datasets, engine
from pejax.core._memory import peak_bytes

OF = "snap"


def gradient(program: engine.Program, population: Population) -> Callable[[Any], jax.Array]:
    """The gradient of one aggregate in every parameter."""

    def total(parameters: engine.Parameters) -> jax.Array:
        return program(parameters, population)[OF].sum()

    return lambda parameters: jax.grad(total)(parameters).values


def compared(
    program: engine.Program, population: Population, households: int, chunk: int
) -> dict[str, Any]:
    """Seconds of both ways, the first call of each with compiling, and how far they are apart."""
    recipe = dataclasses.replace(program.recipe, chunk=chunk)
    chunked = dataclasses.replace(program, recipe=recipe)
    dealt = population.in_blocks(-(-households // chunk))
    parameters = program.parameters
    found: dict[str, Any] = {}
    for name, run, people in (("whole", program, population), ("chunks", chunked, dealt)):
        calls = {"values": lambda run=run, people=people: run(parameters, people)}
        calls["gradient"] = lambda run=run, people=people: gradient(run, people)(parameters)
        for what, call in calls.items():
            seconds = [timed(call) for _ in range(3)]
            found[f"{name}, {what}"] = {"first_seconds": seconds[0], "seconds": seconds[1:]}
    one, parts = program(parameters, population), chunked(parameters, population)
    slopes = [np.asarray(gradient(p, population)(parameters), float) for p in (program, chunked)]
    return found | {
        "largest_difference": {
            name: float(np.max(np.abs(np.asarray(one[name]) - np.asarray(parts[name]))))
            for name in one
        },
        "gradient_of": OF,
        "numbers_with_a_gradient": int(np.count_nonzero(slopes[0])),
        "largest_gradient": float(np.max(np.abs(slopes[0]))),
        "largest_difference_of_gradients": float(np.max(np.abs(slopes[0] - slopes[1]))),
        "gradients_finite": bool(np.isfinite(slopes[1]).all()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--households", type=int, default=2_000)
    parser.add_argument("--chunk", type=int, default=500, help="households at a time")
    args = parser.parse_args()
    population = datasets.load_cps(period=YEAR, households=args.households)
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, list(WHOLE.outputs), YEAR, population)
    payload = {"households": args.households, "chunk": args.chunk}
    payload |= compared(program, population, args.households, args.chunk)
    payload["peak_bytes"] = peak_bytes()
    print(payload)
    write("whole_law_chunks", payload, packages=PACKAGES, folder=args.out)


if __name__ == "__main__":
    main()
