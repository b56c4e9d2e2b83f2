"""The whole law from nothing and from the cache, in processes of their own, and 64 reforms at once.

Each child process loads the CPS, makes or reads the program and its machine code, runs it and says
what that took and the most memory it held. The first one imports the country and finds an empty
cache; the second one reads the program and the machine code that the first left. The reforms, of
the child credit's amount, are timed in turns with single runs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _engine import PACKAGES, WHOLE, YEAR
from _harness import RESULTS, timed, write

from pejax import Population, datasets, engine
from pejax.core._memory import peak_bytes

REFORMS = 64
REFORMED = "gov.irs.credits.ctc.amount.base[0].amount"
FEW = 2_000
"""Households for the reforms: what differs between 64 laws is held 64 times."""


def sized(households: int | None) -> Population:
    return datasets.load_cps(period=YEAR, households=households)


def settle(folder: Path) -> None:
    """Keep everything that is compiled, as the command line does."""
    jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def child(args: argparse.Namespace) -> dict[str, Any]:
    """One process: the program for these outputs, run once and then warm."""
    settle(args.folder)
    jax.config.update("jax_enable_x64", args.dtype == "float64")
    population = sized(args.households)
    kept = args.folder / "law.pejax"
    if kept.exists():
        program, made = _timed_call(engine.load, kept)
    else:
        country = engine.import_country("policyengine_us")
        outputs, dtype = args.outputs.split(","), args.dtype
        program, made = _timed_call(engine.compile, country, outputs, YEAR, population, dtype=dtype)
        program.save(kept)
    first = timed(program, program.parameters, population)
    started = time.time() - args.since
    warm = [timed(program, program.parameters, population) for _ in range(args.repeats)]
    found = {
        "seconds_to_first_result": started,
        "program_seconds": made,
        "first_run_seconds": first,
        "self_check_seconds": sum(check.seconds for check in program.report.checks),
        "warm_seconds": warm,
        "warm_median_seconds": statistics.median(warm),
        "peak_bytes": peak_bytes(),
        "households": population.count("household"),
        "persons": population.count(),
    }
    return found | ({} if not args.reforms else {"reforms": reforms(program, population)})


def _timed_call(function: Callable[..., Any], *args: Any, **settings: Any) -> tuple[Any, float]:
    """What it gives and the seconds it took."""
    start = time.perf_counter()
    return function(*args, **settings), time.perf_counter() - start


def reforms(program: engine.Program, population: Population) -> dict[str, Any]:
    """`vmap` of many laws beside one run, in turns."""
    parameters = program.parameters
    laws = np.tile(np.asarray(parameters.values), (REFORMS, 1))
    laws[:, program.index.places[REFORMED][0]] = np.linspace(1_000, 5_000, REFORMS)
    held = jnp.asarray(laws)

    def total(values: jax.Array) -> jax.Array:
        law = engine.Parameters(values, program.index)
        return program(law, population)["household_net_income"].sum()

    together = jax.vmap(total)
    first = timed(together, held)
    one, many = [], []
    for _ in range(5):
        one.append(timed(total, held[0]))
        many.append(timed(together, held))
    found = np.asarray(together(held), float)
    alone = np.array([total(law) for law in held[:: REFORMS // 4]], float)
    return {
        "reforms": REFORMS,
        "number": REFORMED,
        "first_seconds": first,
        "one_seconds": one,
        "together_seconds": many,
        "together_over_one": statistics.median(many) / statistics.median(one),
        "largest_relative_difference_from_one_by_one": float(
            np.max(np.abs(found[:: REFORMS // 4] / alone - 1))
        ),
    }


def in_a_process(folder: Path, **settings: Any) -> dict[str, Any]:
    """Run `child` in a new process."""
    flags = [f"--{name}={value}" for name, value in settings.items() if value is not None]
    command = [sys.executable, "-W", "ignore", __file__, f"--folder={folder}", *flags]
    done = subprocess.run(
        [*command, f"--since={time.time()}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--repeats", type=int, default=7, help="warm runs")
    for name, kind in (("folder", Path), ("households", int), ("since", float), ("reforms", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--dtype", default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--outputs", default=",".join(WHOLE.outputs), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.folder is not None:
        print(json.dumps(child(args)))
        return
    payload: dict[str, Any] = {"outputs": list(WHOLE.outputs), "load_average": os.getloadavg()}
    plans = {
        "120k_persons": {"households": 45_000},
        "120k_persons_income_tax_alone": {"households": 45_000, "outputs": "income_tax"},
        "120k_persons_float64": {"households": 45_000, "dtype": "float64"},
        "whole_cps": {},
        "whole_cps_float64": {"dtype": "float64"},
        "64_reforms": {"households": FEW, "reforms": 1},
    }
    for name, plan in plans.items():
        with tempfile.TemporaryDirectory() as kept:
            payload[name] = {
                kind: in_a_process(Path(kept), repeats=args.repeats, **plan)
                for kind in ("cold", "cached")
            }
        _show(name, payload[name])
    print(write("whole_law_start", payload, packages=PACKAGES, folder=args.out))


def _show(name: str, found: dict[str, Any]) -> None:
    for kind, one in found.items():
        print(
            f"{name:>30} {kind:>6}: first result after {one['seconds_to_first_result']:.1f} s, "
            f"warm {one['warm_median_seconds']:.3f} s, {one['peak_bytes'] / 1e9:.2f} GB",
            flush=True,
        )
        if "reforms" in one:
            print(f"{REFORMS} reforms: {one['reforms']['together_over_one']:.1f} times one run")


if __name__ == "__main__":
    main()
