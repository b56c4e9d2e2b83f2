"""Every number of the CPS run against policyengine-us' own simulation of the same people.

With `--whole` the outputs are federal and state income tax, SNAP and net income, each within $1
or 1e-6 relative, and what they reach is the whole law.

The outputs are held to the target: child credit and EITC within $1 for 99.99 % of tax units,
AGI within $1 or 1e-6 relative. Then every variable that the program computes on the way is compared
too, amounts by their distance, booleans and enums for equality, in float32 and in float64. The
source engine computes in float32. The CPS leaves most inputs of the law at zero, so a third run
gives the same people random answers to every question that it did not ask.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from _engine import (
    PACKAGE,
    PACKAGES,
    YEAR,
    Law,
    load_country,
    named,
    options,
    sizes,
    source_run,
    stage,
)
from _harness import write

from pejax import Population, datasets, engine
from pejax.core._memory import peak_bytes
from pejax.core.files._files import plain
from pejax.engine import importer
from pejax.testing import with_every_input

DTYPES = ("float32", "float64")
FILLED = "every_input_filled"
REQUIRED_SHARE = 0.9999
CENT = 0.01
WITHOUT_LAW = ("ne_school_readiness_credit_eligible_worker",)
"""Inputs whose random answers the law does not know: a worker of a rating that has no amount."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How one variable compares.

    Attributes:
        rows: compared.
        equal: share that is the same to the last bit (texts, enums and booleans: the same).
        close: share within $1 or 1e-6 relative (texts, enums and booleans: the same).
        dollar: share within $1.
        largest: distance; 1 where a text, enum or boolean differs.
        relative: largest distance relative to the source's value, or to 1 where that is smaller.
        worst: the row of `largest`.
    """

    rows: int
    equal: float
    close: float
    dollar: float
    largest: float
    relative: float
    worst: int

    @classmethod
    def of(cls, mine: np.ndarray, source: np.ndarray) -> "Agreement":
        if source.dtype.kind == "f":
            a, b = mine.astype(float), source.astype(float)
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            gap = np.where(same, 0.0, np.abs(a - b))
            relative = gap / np.maximum(np.abs(b), 1.0)
        else:
            same = mine == source
            gap = relative = (~same).astype(float)
        limit = 1.0 if source.dtype.kind == "f" else 0.0
        return cls(
            rows=len(gap),
            equal=float(same.mean()),
            close=float(((gap <= limit) | (relative <= 1e-6)).mean()),
            dollar=float((gap <= limit).mean()),
            largest=float(gap.max()),
            relative=float(relative.max()),
            worst=int(gap.argmax()),
        )


def record(population: Population, entity: str, row: int) -> dict[str, Any]:
    """A row's id and everything that is known of its members, zeros left out."""
    people = np.flatnonzero(np.asarray(population.links[entity]) == row)
    members = [_known(population, population.schema.person, int(person)) for person in people]
    home = int(np.asarray(population.household_of(entity))[row])
    household = population.schema.household
    return {
        "id": int(population.ids[entity][row]),
        household: _known(population, household, home),
        "members": members,
    }


def _known(population: Population, entity: str, row: int) -> dict[str, Any]:
    columns = population.columns[entity]
    found = {name: np.asarray(values)[row].item() for name, values in columns.items()}
    return {name: value for name, value in found.items() if value}


def asked_for(
    country: engine.Country,
    population: Population,
    law: Law,
    dtype: str,
    source: dict[str, np.ndarray],
) -> tuple[dict[str, Any], engine.Program]:
    """The outputs that the target is about, each with its worst record."""
    program = engine.compile(country, law.outputs, YEAR, population, dtype=dtype)
    mine = named(program, program(program.parameters, population))
    table = {}
    for name in law.outputs:
        found = Agreement.of(mine[name], source[name])
        share = found.dollar if name in ("ctc", "eitc") else found.close
        worst = {
            "program": mine[name][found.worst].item(),
            "source": source[name][found.worst].item(),
            **record(population, program.entity(name), found.worst),
        }
        table[name] = dataclasses.asdict(found) | {
            "reached": share >= REQUIRED_SHARE,
            "worst": worst if found.largest else None,
        }
    return table, program


def intermediates(
    country: engine.Country,
    population: Population,
    dtype: str,
    names: list[str],
    source: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Every variable on the way: counts, names that agree, a row for each that is further off."""
    program = engine.compile(country, names, YEAR, population, dtype=dtype)
    mine = named(program, program(program.parameters, population))
    found = {name: Agreement.of(mine[name], source[name]) for name in names}
    differ = [name for name, a in found.items() if a.close < 1]
    widths = in_numpy(program, population, differ)
    same = {name: Agreement.of(widths[name], source[name]).close for name in differ}
    exact = [n for n, a in found.items() if a.equal == 1]
    near = [n for n, a in found.items() if a.equal < 1 and a.largest <= CENT]
    further = {
        name: dataclasses.asdict(a)
        | {"id": int(population.ids[program.entity(name)][a.worst])}
        | ({"close_in_numpy": same[name]} if name in same else {})
        for name, a in sorted(found.items(), key=lambda item: -item[1].largest)
        if a.largest > CENT
    }
    return {
        "variables": len(found),
        "variables_that_vary": sum(bool((source[n] != source[n][0]).any()) for n in names),
        "values": sum(a.rows for a in found.values()),
        "all_rows_close": sum(a.close == 1 for a in found.values()),
        "smallest_share_close": min(a.close for a in found.values()),
        "close_for_999_of_1000": sum(a.close >= 0.999 for a in found.values()),
        "decided_by_rounding": " ".join(name for name in differ if same[name] == 1),
        "differ_in_numpy_too": " ".join(name for name in differ if same[name] < 1),
        "exact": " ".join(exact),
        "within_a_cent": " ".join(near),
        "further": further,
    }


def in_numpy(
    program: engine.Program, population: Population, names: list[str]
) -> dict[str, np.ndarray]:
    """The same nodes in numpy, each in the width that it has in the source engine.

    What agrees there and not in the program is decided by rounding: the source adds and compares
    in float32 here and in float64 there, the program in one of them throughout.
    """
    nodes = {o.name: o.node for o in program.outputs if o.name in set(names)}
    values = program.interpreter(program.parameters, population).all(list(nodes.values()))
    return named(program, dict(zip(nodes, values, strict=True)))


def comparison(
    country: engine.Country, population: Population, law: Law, dtype: str, simulation: Any
) -> dict[str, Any]:
    """Both tables for one population."""
    source = source_run(simulation, law.outputs)
    table, program = asked_for(country, population, law, dtype, source)
    names = [v.variable for v in program.report if v.status == "traced"]
    skipped = [n for n in names if simulation.get_array(n, YEAR) is None]
    values = importer.source_values(simulation, names, YEAR)
    found = intermediates(country, population, dtype, names, values)
    return {
        "outputs": table,
        "on_the_way": found | {"calculated_on_request_by_the_source": " ".join(skipped)},
    }


def filled(country: engine.Country, population: Population, law: Law) -> Population:
    """The same people with random answers to what the CPS did not ask."""
    program = engine.compile(country, law.outputs, YEAR, population)
    key, system = jax.random.key(0), country.load()
    return with_every_input(key, population, program, system, skip=WITHOUT_LAW)


def part(args: argparse.Namespace) -> dict[str, Any]:
    """One comparison: of the CPS in a float type, or with every input filled."""
    dtype = args.part if args.part in DTYPES else "float32"
    with stage("importing the country package"):
        country, _ = load_country()
    with stage(f"the CPS, {args.part}"), jax.enable_x64(dtype == "float64"):
        population = datasets.load_cps(period=YEAR, households=args.households)
        if args.part == FILLED:
            population = filled(country, population, args.law)
        simulation = importer.source_simulation(PACKAGE, population, YEAR)
        found = comparison(country, population, args.law, dtype, simulation)
    _show(found)
    return {"found": found, "sizes": sizes(population), "peak_bytes": peak_bytes()}


def main() -> None:
    """Each comparison in a process of its own: every variable of the law is much machine code."""
    args = options(__doc__, of_a_part=("part", "to"))
    if args.part is not None:
        Path(args.to).write_text(json.dumps(plain(part(args))))
        return
    payload, held, peak = {}, {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for name in (*DTYPES, FILLED):
            path = Path(folder) / f"{name}.json"
            command = [sys.executable, *sys.argv, f"--part={name}", f"--to={path}"]
            subprocess.run(command, check=True)
            held = json.loads(path.read_text())
            payload[name], peak = held["found"], max(peak, held["peak_bytes"])
    path = write(
        f"{args.law.name}_parity",
        payload | {"peak_bytes": peak},
        sizes=held["sizes"],
        packages=PACKAGES,
        folder=args.out,
    )
    print(path)


def _show(found: dict[str, Any]) -> None:
    for name, row in found["outputs"].items():
        print(
            f"{name:>24} within $1 {row['dollar']:.4%}, within $1 or 1e-6 {row['close']:.4%}, "
            f"largest ${row['largest']:.4g}, worst record {row['worst']}"
        )
    way = found["on_the_way"]
    print(
        f"{way['all_rows_close']} of {way['variables']} variables on the way agree in every row "
        f"({way['variables_that_vary']} differ between people); "
        f"{len(way['further'])} are somewhere more than a cent off:"
    )
    print(f"decided by rounding: {way['decided_by_rounding'] or 'none'}")
    print(f"in numpy too: {way['differ_in_numpy_too'] or 'none'}")
    for name, row in list(way["further"].items())[:20]:
        print(
            f"{name:>56} largest {row['largest']:.4g}, relative {row['relative']:.2g}, "
            f"close {row['close']:.5%}"
        )


if __name__ == "__main__":
    main()
