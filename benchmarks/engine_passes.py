"""Passes change no value: every variable of policyengine-us on a population made to strain them.

Between a law's graph and a result lie passes that are not to change anything: strata on rows of
their own, links in order, padding, emission. The population has households of fourteen make-ups in
each of 51 states, with answers to every question that the law asks. Every variable that can be
traced is computed in numpy with the strata pass and without (equal to the last bit), and compiled,
in compositions that together hold each variable once, against numpy. Rows that differ are told
apart as a program's self-check does: where other roundings give the program's value, rounding
decides; anything else is unexplained.

The run goes on where it was stopped: `--work` keeps the traced law and a line a composition.
"""

import argparse
import dataclasses
import itertools
import json
import os
import time
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pandas as pd
from _engine import PACKAGES, YEAR, load_country, sizes, stage
from _harness import RESULTS, write

from pejax import Population, engine
from pejax.engine import Program
from pejax.engine._accept import columns_taken
from pejax.engine._compile import _people, _period, _program, _recipe, _strata
from pejax.engine._inputs import recoded
from pejax.engine.graph._ir import Graph
from pejax.engine.running import _runtime, _sample
from pejax.engine.tracing._input_nodes import given_by_columns, with_all_names
from pejax.engine.tracing._reads import Given
from pejax.engine.tracing._trace import trace
from pejax.testing import with_every_input
from pejax.testing._apart import Apart

LARGE = "marginal_tax_rate"
"""Variables that hold the law several times over: each is compiled by itself, and last."""

WITHOUT_LAW = ("ne_school_readiness_credit_eligible_worker", "tax_unit_role_input")
"""Inputs whose random answers the law does not know, or refuses unless all of a unit give one."""

STATES = (
    *(1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28),
    *(29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 44, 45, 46, 47, 48, 49, 50, 51, 53),
    *(54, 55, 56),
)
# Ages by tax unit; the first `couple` of a unit are married.
MAKE_UPS = (
    (((34,), 1),),
    (((81,), 1),),
    (((40, 38), 2),),
    (((70, 66), 2),),
    (((29, 3), 1),),
    (((44, 41, 9, 16), 2),),
    (((19,), 1), ((52, 50), 2)),
    (((35, 0, 4), 1), ((33,), 1)),
    (((60, 58), 2), ((30, 28, 5), 2)),
    (((24,), 1), ((23,), 1), ((26,), 1)),
    (((48, 47, 17, 14, 11, 2), 2),),
    (((75,), 1), ((45, 44, 12), 2), ((20,), 1)),
    (((37, 36, 13, 8, 6, 4, 1), 2),),
    (((63, 22), 1), ((39, 6), 1)),
)


def stress(seed: int = 0) -> Population:
    """Every make-up in every state, in random order of households."""
    rng = np.random.default_rng(seed)
    homes = [(s, m) for s in STATES for m in MAKE_UPS]
    people: list[dict[str, Any]] = []
    household: list[dict[str, Any]] = []
    unit = marital = 0
    for home, place in enumerate(rng.permutation(len(homes))):
        state, make_up = homes[place]
        household.append({"household_id": home, "state_fips": state})
        for ages, adults in make_up:
            for k, age in enumerate(ages):
                marital += not (k == 1 and adults == 2)
                works = age >= 16 and rng.random() < 0.6
                people.append(
                    {
                        "person_id": len(people),
                        "household_id": home,
                        "spm_unit_id": home,
                        "tax_unit_id": unit,
                        "family_id": unit,
                        "marital_unit_id": marital,
                        "age": age,
                        "is_tax_unit_head": k == 0,
                        "is_tax_unit_spouse": k == 1 and adults == 2,
                        "is_tax_unit_dependent": k >= adults,
                        "is_disabled": rng.random() < 0.15,
                        "employment_income_before_lsr": round(rng.lognormal(10, 1)) * works,
                    }
                )
            unit += 1
    frames = {"person": pd.DataFrame(people), "household": pd.DataFrame(household)}
    return Population.from_frames(frames, weights=None)


def traced(
    country: engine.Country, population: Population, names: list[str]
) -> tuple[Program, dict[str, str], list[str]]:
    """A program of every variable that can be traced, what is refused, and what reads that."""
    system = country.load()
    recipe = _recipe(country, names, str(YEAR), "float32", None, ())
    taken = columns_taken(population, system.names, (), system.own_ids)
    columns = tuple(with_all_names(system, column) for column in taken)
    population = recoded(population, columns)
    period = _period(system, recipe)
    people = _people(population, _strata(system, population, columns), {})

    def given(graph: Graph) -> Given:
        return given_by_columns(graph, system, columns, period)

    outcome = trace(system, names, period, given, people, forgiving=True)
    behind = [n for n in names if n in outcome.cut and n not in outcome.refused]
    kept = [n for n in names if n not in outcome.cut]
    refused = dict(outcome.refused)
    outcome = dataclasses.replace(outcome, outputs={n: outcome.outputs[n] for n in kept})
    recipe = dataclasses.replace(recipe, outputs=tuple(kept))
    program = _program(
        system, outcome, recipe, columns, period, _strata(system, population, columns)
    )
    return program, refused, behind


def answered(system: Any, population: Population) -> Population:
    """The same people with random answers to every question of the law."""
    asked = [SimpleNamespace(variable=name, status="traced") for name in system.variables]
    law: Any = SimpleNamespace(report=asked, recipe=SimpleNamespace(period=str(YEAR)))
    return with_every_input(jax.random.key(0), population, law, system, skip=WITHOUT_LAW)


def with_formula(system: Any) -> list[str]:
    """Variables that the law computes."""
    period = system.period(str(YEAR))
    found = map(system.variable, system.variables)
    return [
        v.name
        for v in found
        if (v.adds or v.subtracts or v.formula(period) is not None) and v.kind != "date"
    ]


def in_numpy(program: Program, population: Population) -> dict[str, Any]:
    """Each variable with the strata pass and without it."""
    roots = [o.node for o in program.outputs]
    whole = program.interpreter(program.parameters, population)
    apart = Apart(roots, program.strata, population, whole)
    differ = {}
    for output in program.outputs:
        a, b = apart(output.node), whole(output.node)
        rows = np.flatnonzero(~np.isclose(a, b, rtol=0, atol=0, equal_nan=True))
        if rows.size:
            differ[output.name] = {"rows": int(rows.size), "first": int(rows[0])}
    return {
        "variables": len(program.outputs),
        "nodes": len(roots[0].graph.nodes),
        "at_home_in_one_state": len(apart.homes.of),
        "idle": len(apart.homes.idle),
        "differ": differ,
    }


def compiled(program: Program, population: Population, names: list[str]) -> dict[str, Any]:
    """Some variables, compiled, against numpy in every row."""
    some = {o.name: o for o in program.outputs}
    part = dataclasses.replace(
        program,
        outputs=tuple(some[n] for n in names),
        decisions=(),
        report=dataclasses.replace(program.report, checks=[]),
    )
    start = time.perf_counter()
    try:
        part(part.parameters, population)
    except engine.SelfCheckError as wrong:
        return {"names": names, "unexplained": str(wrong), "variable": wrong.variable}
    (check,) = part.report.checks
    rounded = Counter(name for name, *_ in check.rounded)
    return {
        "names": names,
        "households": check.households,
        "values": check.values,
        "decided_by_rounding": dict(rounded),
        "seconds": time.perf_counter() - start,
    }


def compositions(names: list[str], count: int) -> list[list[str]]:
    """The variables in so many parts; neighbours by name share most of what they read."""
    ordered = sorted(n for n in names if not n.startswith(LARGE))
    alone = [[n] for n in sorted(names) if n.startswith(LARGE)]
    edges = np.linspace(0, len(ordered), count - len(alone) + 1).astype(int)
    return [ordered[a:b] for a, b in itertools.pairwise(edges)] + alone


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/engine_passes"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--compositions", type=int, default=40)
    parser.add_argument("--at-most", type=int, help="compositions to compile in this run")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    _runtime.SMALLEST_COMPACTED, _sample.MOST = 0, 10**6
    jax.config.update("jax_compilation_cache_dir", str(args.work / "xla"))
    program, population, facts = _law(args.work)
    numpy = args.work / "numpy.json"
    if not numpy.exists():
        with stage("numpy, with the strata pass and without"):
            numpy.write_text(json.dumps(in_numpy(program, population)))
    lines = args.work / "compiled.jsonl"
    done = [json.loads(t) for t in lines.read_text().splitlines()] if lines.exists() else []
    seen = {row["names"][0] for row in done}
    parts = compositions([o.name for o in program.outputs], args.compositions)
    todo = [p for p in parts if p[0] not in seen][: args.at_most]
    for k, names in enumerate(todo):
        with stage(f"composition {k + 1} of {len(todo)}: {names[0]} ... {names[-1]}"):
            row = compiled(program, population, names)
        done.append(row)
        with lines.open("a") as file:
            file.write(json.dumps(row) + "\n")
        jax.clear_caches()
    path = write(
        "engine_passes",
        {
            **facts,
            "numpy": json.loads(numpy.read_text()),
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
            "compositions": len(parts),
            "compiled": len(done),
            "variables_compiled": sum(len(r["names"]) for r in done),
            "values_compared": sum(r.get("values", 0) for r in done),
            "decided_by_rounding": {
                n: c for r in done for n, c in r.get("decided_by_rounding", {}).items()
            },
            "unexplained": {r["variable"]: r["unexplained"] for r in done if "unexplained" in r},
        },
        sizes=sizes(population),
        packages=PACKAGES,
        folder=args.out,
    )
    print(path)


def _law(work: Path) -> tuple[Program, Population, dict[str, Any]]:
    """The traced law and the people, made once and kept in the work folder."""
    from pejax import io

    paths = work / "law.pejax", work / "people.npz", work / "facts.json"
    if not all(p.exists() for p in paths):
        with stage("importing the country package"):
            country, _ = load_country()
            names = with_formula(country.load())
        people = answered(country.load(), stress())
        with stage("every variable"):
            program, refused, behind = traced(country, people, names)
        program.save(paths[0])
        io.save(people, paths[1])
        facts = {"with_a_formula": len(names), "refused": refused, "read_what_is_refused": behind}
        paths[2].write_text(json.dumps(facts))
    facts = json.loads(paths[2].read_text())
    return engine.load(paths[0]), io.load(paths[1]), facts


if __name__ == "__main__":
    main()
