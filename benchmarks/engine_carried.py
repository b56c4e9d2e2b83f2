"""One household asked of a saved program that carries others along, on a machine without the law.

Lone households of the CPS, none of them carried, are answered by a program that was saved with a
carrier: by its graph in numpy and compiled, and beside a second carrier. The witness is the source
engine's own simulation of each household by itself. Then processes in which no country package can
be imported load the file and give their first answer.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from _engine import PACKAGES, WHOLE, YEAR, load_country, source_run, stage
from _harness import RESULTS, write

from pejax import Population, datasets, engine
from pejax.core._validate import PejaxError
from pejax.engine import importer

HIDDEN = ("policyengine_us", "policyengine_core", "taxcalc")
FAMILY = {
    "people": {
        "anna": {
            "age": 34,
            "employment_income": 41_000,
            "is_tax_unit_head": True,
            "is_tax_unit_spouse": False,
        },
        "carl": {"age": 9, "is_tax_unit_dependent": True},
    },
    "marital_units": {"one": {"members": ["anna"]}, "two": {"members": ["carl"]}},
    "households": {"home": {"members": ["anna", "carl"], "state_fips": 6}},
}


class Hidden:
    """Finds no country package, as on a machine that has none."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] in HIDDEN:
            raise ImportError(f"{name} is hidden")


def first_answer(file: Path, how: str, cache: str, since: float) -> dict[str, Any]:
    """In a process of its own: the seconds to the first answer, and those of the two after it."""
    sys.meta_path.insert(0, Hidden())  # type: ignore[arg-type]
    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    program = engine.load(file)
    family = program.population_of(FAMILY)
    ask = program.in_numpy if how == "numpy" else program
    values = jax.block_until_ready(ask(program.parameters, family))
    first = time.time() - since
    later = []
    for _ in range(2):
        start = time.perf_counter()
        jax.block_until_ready(ask(program.parameters, family))
        later.append(time.perf_counter() - start)
    found = {name: float(np.sum(v)) for name, v in values.items()}
    seconds = dict(zip(("first", "second", "third"), (first, *later), strict=True))
    return {"seconds": seconds, "answer": found}


def in_a_process(file: Path, how: str, cache: str = "") -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", __file__, f"--file={file}", f"--how={how}"]
    flags = [f"--cache={cache}", f"--since={time.time()}"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def with_another_carrier(program: engine.Program, people: Population, file: Path) -> engine.Program:
    """The program beside others of the same people: those that are left without every seventh."""
    rows = np.arange(people.count("household"))
    for k in range(7):
        try:
            program.save(file, carrier=people.select(rows % 7 != k))
        except PejaxError as problem:
            print(f"without those of remainder {k}: {problem}")
        else:
            return engine.load(file)
    raise SystemExit("no other carrier")


def far(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """The largest difference of each output."""
    return {n: float(np.max(np.abs(np.asarray(one[n]) - np.asarray(other[n])))) for n in one}


def slopes(program: engine.Program, household: Population) -> np.ndarray:
    found = engine.gradient(program, program.parameters, household, WHOLE.spent[0])
    return np.asarray(found[1].values)


def compared(
    country: engine.Country, programs: list[engine.Program], households: list[Population]
) -> list[dict[str, Any]]:
    """Each household by itself: the source, numpy, and the compiled programs."""
    rows = []
    for household in households:
        source = source_run(importer.source_simulation(country, household, YEAR), WHOLE.outputs)
        numpy, *compiled = (
            ask(programs[0].parameters, household) for ask in (programs[0].in_numpy, *programs)
        )
        same = all(np.array_equal(compiled[0][n], compiled[1][n]) for n in WHOLE.outputs)
        rows.append(
            {
                "numpy_from_source": far(numpy, source),
                "compiled_from_source": far(compiled[0], source),
                "same_bits_beside_another_carrier": same,
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--households", type=int, default=4_000, help="compiled for")
    parser.add_argument("--asked", type=int, default=20, help="lone households")
    for name, kind in (("file", Path), ("how", str), ("cache", str), ("since", float)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.file is not None:
        print(json.dumps(first_answer(args.file, args.how, args.cache, args.since)))
        return
    with stage("importing the country package"):
        country, _ = load_country()
    people = datasets.load_cps(period=YEAR, households=args.households)
    more = datasets.load_cps(period=YEAR, households=args.households + 10 * args.asked)
    known = set(np.asarray(people.ids["household"]).tolist())
    others = [i for i, h in enumerate(np.asarray(more.ids["household"]).tolist()) if h not in known]
    asked = [more.select(np.array([i])) for i in others[:: len(others) // args.asked][: args.asked]]
    with stage("compiling"):
        program = engine.compile(country, WHOLE.outputs, YEAR, people)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "law.pejax"
        with stage("saving with a carrier"):
            program.save(file, carrier=people)
        first = engine.load(file)
        second = with_another_carrier(program, people, Path(folder) / "other.pejax")
        rows = compared(country, [first, second], asked)
        with stage("gradients"):
            one, other, alone = (slopes(p, asked[0]) for p in (first, second, program))
        cache = str(Path(folder) / "xla")
        times = {
            "numpy": in_a_process(file, "numpy"),
            "compiled, nothing kept": in_a_process(file, "compiled", cache),
            "compiled, machine code kept": in_a_process(file, "compiled", cache),
        }
    names = WHOLE.outputs
    payload = {
        "carried": [p.carrier.count("household") for p in (first, second) if p.carrier is not None],
        "asked": len(rows),
        "same_bits_beside_another_carrier": sum(
            r["same_bits_beside_another_carrier"] for r in rows
        ),
        "largest_from_source": {
            how: {n: max(r[f"{how}_from_source"][n] for r in rows) for n in names}
            for how in ("numpy", "compiled")
        },
        "gradients": {
            "parameters": len(one),
            "not_zero": int((one != 0).sum()),
            "same_bits_beside_another_carrier": bool(np.array_equal(one, other)),
            "largest_from_alone": float(np.max(np.abs(one - alone) / np.maximum(np.abs(alone), 1))),
        },
        "first_answers": times,
        "households": rows,
    }
    path = write("engine_carried", payload, packages=PACKAGES, folder=args.out)
    print({k: v for k, v in payload.items() if k != "households"})
    print(path)


if __name__ == "__main__":
    main()
