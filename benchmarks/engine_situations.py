"""Seeded situations over every input of the law, in the source engine and in a program.

Four hundred households answer some questions each, drawn so that every input of the country comes
up: of every entity and kind, the names that the source moves on input, the state under each of its
names, and in each batch some variables whose formula the given values replace. The source is run as
its users run it: `Simulation(situation=...)`. Every variable on the way to federal and state income
tax, SNAP and net income is compared with the program's graph in numpy, which has the source's
widths; the four outputs of some batches are computed by the compiled program too.

Values count as the same within float32's last digits. Each one that is further off has a reason in
the results, or is `unexplained`.
"""

import importlib
from collections import Counter
from typing import Any

import _situations
import numpy as np
from _engine import PACKAGES, WHOLE, YEAR, load_country, named, stage
from _harness import write
from _situations import Batch
from _witness import (
    UNEXPLAINED,
    Answers,
    Work,
    differences,
    in_numpy,
    options,
    quiet,
    reason,
    run_all,
    same,
    source_answers,
    source_simulation,
    stamp,
    traced,
)
from engine_passes import traced as around

from pejax import Population, engine
from pejax.engine import System

BATCHES = 10
COMPILED = 2
"""Batches whose four outputs are computed by the compiled program too."""


def states() -> dict[str, int]:
    """FIPS of the states and the District of Columbia, by their two letters."""
    helpers = importlib.import_module("policyengine_us.tools.geography.county_helpers")
    known = {code: int(fips) for code, fips in helpers.state_fips_by_state_code().items()}
    return {code: fips for code, fips in known.items() if fips <= 56}


def dealt(
    system: System, many: int, batches: int, seed: int
) -> tuple[list[Batch], list[str], dict[str, str]]:
    """The batches, the inputs over which they are drawn, and why others are not."""
    units = {name: str(v.unit or "") for name, v in system.source.variables.items()}
    asked = _situations.questions(system, YEAR, units)
    inputs = [q for q in asked if not q.computed]
    left_out = {q.name: why for q in inputs if (why := _situations.not_drawn(q))}
    found = _situations.deal(asked, states(), many, batches, seed)
    return found, [q.name for q in inputs if q.name not in left_out], left_out


class Run:
    """Runs batches: the source, the graph in numpy and, for some, the compiled program."""

    def __init__(self, country: engine.Country, batches: list[Batch], compiled: int) -> None:
        self.country, self.batches, self.compiled = country, batches, compiled
        self.names: list[str] = []

    def on_the_way(self, _: str = "") -> dict[str, Any]:
        """Every variable that the four outputs reach for the first batch."""
        people = _situations.population(self.batches[0])
        program = engine.compile(self.country, WHOLE.outputs, YEAR, people)
        names = [v.variable for v in program.report if v.status == "traced"]
        return {"names": names, "says": f"{len(names)} variables"}

    def batch(self, key: str) -> dict[str, Any]:
        """One batch, compared."""
        batch = self.batches[int(key.split()[1])]
        people = _situations.population(batch)
        names = list(dict.fromkeys([*WHOLE.outputs, *self.names]))
        theirs = source_answers(source_simulation(_situations.situation(batch, YEAR)), names)
        try:
            program, refused = traced(self.country, names, people)
        except engine.UntraceableRule:
            program, refused, behind = around(self.country, people, names)
            refused |= dict.fromkeys(behind, "reads what is refused")
        mine = in_numpy(program, people)
        found = compared(batch, program, people, mine, theirs)
        if batch.number < self.compiled:
            found["compiled"] = self._compiled(people, mine, theirs)
        return found | {
            "says": f"{len(found['off'])} of {found['variables']} variables differ somewhere, "
            f"{len(refused)} refused",
            "persons": batch.count("person"),
            "columns": sum(map(len, batch.columns.values())),
            "given_for_a_formula": list(batch.given),
            "program_refuses": refused,
        }

    def _compiled(
        self, people: Population, mine: dict[str, np.ndarray], theirs: Answers
    ) -> dict[str, Any]:
        """The compiled program's outputs beside the source's and its own graph's in numpy."""
        program = engine.compile(self.country, WHOLE.outputs, YEAR, people)
        values = named(program, program(program.parameters, people))
        table = {}
        for name, found in values.items():
            with_source = same(found, theirs.values.get(name, mine[name]), 1e-5)
            table[name] = {
                "rows": len(found),
                "as_the_source": int(with_source.sum()),
                "as_in_numpy": int(same(found, mine[name], 1e-5).sum()),
                "largest": float(np.max(np.abs(found - theirs.values.get(name, mine[name])))),
            }
        return table


def compared(
    batch: Batch,
    program: engine.Program,
    people: Population,
    mine: dict[str, np.ndarray],
    theirs: Answers,
) -> dict[str, Any]:
    """Where a program's values are not the source's, with the situations of the first rows."""
    both = [name for name in mine if name in theirs.values]
    off = differences(program, people, mine, theirs)
    for name, found in off.items():
        for row in found["rows"]:
            row["situation"] = batch.home(program.entity(name), row["row"])
    return {
        "variables": len(both),
        "values": sum(len(mine[name]) for name in both),
        "vary": sum(bool((theirs.values[n] != theirs.values[n][0]).any()) for n in both),
        "equal_to_the_bit": sum(
            bool(np.array_equal(mine[n], theirs.values[n], equal_nan=mine[n].dtype.kind == "f"))
            for n in both
        ),
        "source_refuses": theirs.refused,
        "off": off,
    }


def payload(lines: list[dict[str, Any]], batches: list[Batch], inputs: list[str]) -> dict[str, Any]:
    """Counts over all batches, and each difference with its reason."""
    rows, reasons = {}, Counter()
    for line in lines:
        for name, found in line["off"].items():
            why = reason(name, line["off"])
            reasons[why.partition(" from ")[0]] += 1
            if not found["begins_in"] or why == UNEXPLAINED:
                rows[f"{line['key']}: {name}"] = found | {"reason": why}
    answered = [a for b in batches for s in b.answers for a in s if a not in ("state", "ages")]
    return {
        "situations": sum(len(b.answers) for b in batches),
        "batches": len(lines),
        "inputs": len(inputs),
        "inputs_drawn": len(set(answered) & set(inputs)),
        "answers": len(answered),
        "given_for_a_formula": sum(len(b.given) for b in batches),
        "variables": max(line["variables"] for line in lines),
        "values": sum(line["values"] for line in lines),
        "variables_that_vary": {line["key"]: line["vary"] for line in lines},
        "equal_to_the_bit": {line["key"]: line["equal_to_the_bit"] for line in lines},
        "differ": dict(reasons),
        "unexplained": reasons[UNEXPLAINED],
        "differences": rows,
        "source_refuses": {line["key"]: line["source_refuses"] for line in lines},
        "program_refuses": {line["key"]: line["program_refuses"] for line in lines},
        "compiled": {line["key"]: line["compiled"] for line in lines if "compiled" in line},
    }


def main() -> None:
    parser = options(__doc__, "situations", many=400)
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--compiled", type=int, default=COMPILED, help="batches compiled too")
    args = parser.parse_args()
    with stage("importing the country package"):
        country, _ = load_country()
        quiet()
        system = country.load()
    batches, inputs, left_out = dealt(system, args.many, args.batches, args.seed)
    settings = {"batches": [_situations.digest(b) for b in batches], "compiled": args.compiled}
    work = Work(args.work / "batches.jsonl", stamp(args) | settings)
    run = Run(country, batches, args.compiled)
    run.names = run_all(work, ["names"], run.on_the_way)[0]["names"]
    keys = [f"batch {batch.number}" for batch in batches][: args.limit]
    lines = run_all(work, keys, run.batch)
    done = [batch for batch in batches if f"batch {batch.number}" in keys]
    found = payload(lines, done, inputs) | {"not_drawn": left_out}
    path = write("engine_situations", found, packages=PACKAGES, folder=args.out)
    print({k: v for k, v in found.items() if not isinstance(v, dict)}, found["differ"])
    print(path)


if __name__ == "__main__":
    main()
