"""Seeded reforms of parameters, in the source engine and in a program, on mixed households.

Sixty reforms over every kind of parameter (amounts, rates, ages, thresholds and rates of scales,
amounts by state or filing status, booleans, texts, lists, switches of proposals) and every form of
date that the source reads. Two thirds of the numbers are among those that move somebody's result;
the others are any of the law. The source reads each reform itself (`Reform.from_dict`); a reform
that it applies as its users do copies its whole law, so some are run that way and the others on its
law edited in place and put back, from which its simulation makes its own structural reforms.

The program takes numbers by `program.parameters.with_reform`, and what it refuses there by
`country.with_reform` and another compile. Everything that the source computes on the way to the
four outputs is compared. A refusal by name counts as explained.
"""

import dataclasses
import importlib
import types
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import _situations
import numpy as np
from _engine import PACKAGES, WHOLE, YEAR, load_country, stage
from _harness import write
from _witness import (
    UNEXPLAINED,
    Answers,
    Work,
    differences,
    edited,
    in_numpy,
    options,
    quiet,
    reason,
    run_all,
    same,
    source_answers,
    source_simulation,
    stamp,
)
from engine_situations import states

from pejax import Population, engine
from pejax.core._validate import PejaxError
from pejax.engine import System
from pejax.engine._compile import _still_holds
from pejax.engine._reach import moved
from pejax.engine.rules._law import LawParameter, parameters_under

HOUSEHOLDS = 200
SWITCH = "switch of a proposal"
AS_USERS_DO = 4
"""Reforms besides the switches that the source applies itself, on a copy of its law."""

BEFORE = "differs before the reform too"

QUOTA = {
    "amount": 10,
    "rate": 7,
    "age": 5,
    "threshold of a scale": 6,
    "amount of a scale": 6,
    "by place or status": 7,
    "any number of the law": 5,
    "boolean": 4,
    SWITCH: 4,
    "list": 3,
    "text": 1,
    "within the year": 2,
}
FORMS = (
    lambda v: v,
    lambda v: {"2025": v},
    lambda v: {2025: v},
    lambda v: {"2025-01-01": v},
    lambda v: {"2025-01-01.2025-12-31": v},
    lambda v: {"2024-01-01.2100-12-31": v},
    lambda v: {"year:2025:1": v},
    lambda v: {"year:2024:3": v},
    lambda v: {"month:2025-01:12": v},
    lambda v: {"2025-01": v},
    lambda v: {"2024-01-01": v},
    lambda v: {"ETERNITY": v},
    lambda v: {"2024": v, "2026-01-01": v},
)
"""Every form of a date, from which a value holds for all of 2025."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """One reform.

    Attributes:
        kind: of the parameter, a name of `QUOTA`.
        path: of the parameter.
        was: its value in the law.
        reform: as the source's users write it.
    """

    kind: str
    path: str
    was: Any
    reform: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.kind}: {self.path}"


def kind_of(path: str, unit: str) -> str:
    """What kind of number a path names."""
    last = path.rpartition(".")[2]
    if path.endswith(".threshold"):
        return "threshold of a scale"
    if path.endswith((".amount", ".rate")) and "[" in path:
        return "amount of a scale"
    if last.isupper() or last.isdigit():
        return "by place or status"
    if unit == "year" or "age" in last.split("_"):
        return "age"
    return "rate" if unit == "/1" else "amount"


def changed(value: Any, unit: str, rng: np.random.Generator) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, list | tuple):
        return list(value)[1:]
    if isinstance(value, str):
        return value
    if value == 0:
        return 0.1 if unit == "/1" else 500
    if isinstance(value, int) and abs(value) < 100:
        return value + int(rng.choice([-1, 1, 2]))
    return round(value * float(rng.choice([0.7, 0.9, 1.1, 1.5])), 4)


def draw(
    program: engine.Program, people: Population, system: System, seed: int, quota: Mapping[str, int]
) -> list[Drawn]:
    """Reforms of every kind, `quota` of each."""
    rng = np.random.default_rng(seed)
    pools = dict(_numbers(program, people, rng)) | dict(_others(program, system, rng))
    found: list[Drawn] = []
    for kind, many in quota.items():
        for parameter, value in pools[kind][:many]:
            if kind == "within the year":
                dated: Any = {f"{YEAR}-07-01": value}
            else:
                dated = FORMS[len(found) % len(FORMS)](value)
            was = parameter.at(f"{YEAR}-01-01")
            found.append(Drawn(kind, parameter.path, was, {parameter.path: dated}))
    # A kind that the law has too few of leaves its place to any number of the law.
    left = pools["any number of the law"][quota["any number of the law"] :]
    for parameter, value in left[: sum(quota.values()) - len(found)]:
        was, dated = parameter.at(f"{YEAR}-01-01"), FORMS[len(found) % len(FORMS)](value)
        found.append(Drawn("any number of the law", parameter.path, was, {parameter.path: dated}))
    return found


Pool = list[tuple[LawParameter, Any]]


def _numbers(
    program: engine.Program, people: Population, rng: np.random.Generator
) -> Iterator[tuple[str, Pool]]:
    """Numbers that move somebody's result, by kind, in a random order."""
    known = [leaf for leaf in program.index.leaves if not leaf.era and np.isfinite(leaf.value)]
    leaves = sorted(known, key=lambda leaf: leaf.key)  # the package orders some by chance
    by_kind: dict[str, list[Any]] = {}
    for at in rng.permutation(len(leaves)):
        by_kind.setdefault(kind_of(leaves[at].path, leaves[at].unit), []).append(leaves[at])
    nodes = [o.node for o in program.outputs if o.name in WHOLE.outputs]
    for kind, found in by_kind.items():
        some = found[:400]
        moving = moved(program, program.parameters, people, nodes, [f.key for f in some], step=0.3)
        chosen = {leaf.path: leaf for leaf in some if leaf.key in moving}
        yield kind, [(_as_law(f), changed(_whole(f.value), f.unit, rng)) for f in chosen.values()]
    late = [f for f in by_kind["amount"][400:] if f.path.startswith("gov.irs")]
    yield "within the year", [(_as_law(f), changed(f.value, f.unit, rng)) for f in late]


def _as_law(leaf: Any) -> LawParameter:
    return LawParameter(leaf.path, ((leaf.start, leaf.value),), unit=leaf.unit)


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _others(
    program: engine.Program, system: System, rng: np.random.Generator
) -> Iterator[tuple[str, Pool]]:
    """What decides the shape of the law, and any number of it, in a random order."""
    pools: dict[str, Pool] = {name: [] for name in ("boolean", "list", "text", SWITCH)}
    pools["any number of the law"] = []
    every = sorted(parameters_under(system.law.find("gov")), key=lambda one: one.path)
    for at in rng.permutation(len(every)):
        parameter = every[at]
        value = parameter.at(f"{YEAR}-01-01")
        read = parameter.path in program.index.static
        switch = parameter.path.startswith("gov.contrib.") and parameter.path.endswith("in_effect")
        kinds = {bool: "boolean", list: "list", str: "text"}
        kind = kinds.get(type(value), "any number of the law")
        if switch:
            kind, read = SWITCH, value is False
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if read or (number and np.isfinite(value)):
            pools[kind].append((parameter, changed(value, parameter.unit, rng)))
    yield from pools.items()


class Run:
    """Runs reforms on one population in both engines."""

    def __init__(self, country: engine.Country, seed: int) -> None:
        self.country, self.system = country, country.load()
        units = {name: str(v.unit or "") for name, v in self.system.source.variables.items()}
        asked = _situations.questions(self.system, YEAR, units)
        (self.batch,) = _situations.deal(asked, states(), HOUSEHOLDS, 1, seed, given=0)
        self.people = _situations.population(self.batch)
        self.situation = _situations.situation(self.batch, YEAR)
        with stage("tracing the law as it is"):
            program = engine.compile(country, WHOLE.outputs, YEAR, self.people)
            on_the_way = [v.variable for v in program.report if v.status == "traced"]
            self.names = list(dict.fromkeys([*WHOLE.outputs, *on_the_way]))
            self.program = engine.compile(country, self.names, YEAR, self.people)
        with stage("the source under the law as it is"):
            self.base = source_answers(source_simulation(self.situation), self.names)
        self.mine = in_numpy(self.program, self.people)
        self.off_before = differences(self.program, self.people, self.mine, self.base)

    def one(self, drawn: Drawn, as_users_do: bool) -> dict[str, Any]:
        """One reform in both engines."""
        facts = {"kind": drawn.kind, "was": drawn.was, "reform": drawn.reform}
        try:
            theirs = self._by_source(drawn.reform, as_users_do)
        except Exception as problem:
            facts["source_refuses"] = f"{type(problem).__name__}: {str(problem)[:200]}"
            theirs = None
        program, law, mine, how = self._by_program(drawn.reform)
        if theirs is None or mine is None:
            return facts | {"how": how, "off": {}, "says": how}
        off = differences(program, self.people, mine, theirs, law)
        for name in off:
            off[name]["before"] = name in self.off_before
        moves = [n for n in WHOLE.outputs if self._moves(theirs, n)]
        return facts | {
            "says": f"{how}; moves {', '.join(moves) or 'none of the four'}; {len(off)} differ",
            "how": how,
            "as_users_do": as_users_do,
            "moves": {n: self._total(theirs, n) for n in moves},
            "variables_moved": sum(self._moves(theirs, n) for n in theirs.values),
            "compared": len(theirs.values),
            "outputs_refused_by_source": theirs.refused,
            "off": off,
        }

    def _moves(self, theirs: Answers, name: str) -> bool:
        before, after = self.base.values.get(name), theirs.values.get(name)
        return before is not None and after is not None and not bool(same(before, after).all())

    def _total(self, theirs: Answers, name: str) -> list[float]:
        return [float(a.values[name].astype(float).sum()) for a in (self.base, theirs)]

    def _by_source(self, reform: dict[str, Any], as_users_do: bool) -> Answers:
        made = importlib.import_module("policyengine_core.reforms").Reform.from_dict(reform, "us")
        if as_users_do:
            return source_answers(source_simulation(self.situation, made), self.names)
        source = self.system.source
        law = types.SimpleNamespace(parameters=source.parameters)
        with edited(source, reform, lambda: made.apply(law)):
            return source_answers(source_simulation(self.situation), self.names)

    def _by_program(
        self, reform: dict[str, Any]
    ) -> tuple[engine.Program, engine.Parameters, dict[str, np.ndarray] | None, str]:
        """The program that took the reform, its law, its values, and how it did."""
        how, law, program = "numbers changed", self.program.parameters, self.program
        try:
            try:
                law = law.with_reform(reform)
            except PejaxError as problem:
                how = f"compiled again ({type(problem).__name__})"
                program = engine.compile(
                    self.country.with_reform(reform), self.names, YEAR, self.people
                )
                law = program.parameters
            if not _still_holds(program, law, self.people):
                how = "compiled again (GuardMovedError)"
                program = program.respecialise(law, self.people)
            return program, law, in_numpy(program, self.people, parameters=law), how
        except PejaxError as problem:
            return program, law, None, f"refused: {type(problem).__name__}: {str(problem)[:300]}"


def payload(lines: list[dict[str, Any]], run: Run) -> dict[str, Any]:
    """Counts, each reform in a row, and each difference with its reason."""
    reasons: Counter[str] = Counter()
    rows = {}
    for line in lines:
        off = {}
        for name, found in line["off"].items():
            why = BEFORE if found["before"] else reason(name, line["off"])
            reasons[why.partition(" from ")[0]] += 1
            if why == UNEXPLAINED or not (found["begins_in"] or found["before"]):
                off[name] = found | {"reason": why}
        kept = (
            "kind",
            "was",
            "reform",
            "how",
            "as_users_do",
            "moves",
            "variables_moved",
            "compared",
        )
        rows[line["key"]] = {k: line[k] for k in kept if k in line} | {
            k: v
            for k, v in {"differs": off, "source_refuses": line.get("source_refuses")}.items()
            if v
        }
    return {
        "reforms": len(lines),
        "kinds": dict(Counter(line["kind"] for line in lines)),
        "how": dict(Counter(line["how"].partition(":")[0] for line in lines)),
        "moving_an_output": sum(bool(line.get("moves")) for line in lines),
        "moving_a_variable": sum(bool(line.get("variables_moved")) for line in lines),
        "source_refused": sum("source_refuses" in line for line in lines),
        "as_users_do": sum(bool(line.get("as_users_do")) for line in lines),
        "differ": dict(reasons),
        "unexplained": reasons[UNEXPLAINED],
        "before_any_reform": {
            name: found | {"reason": reason(name, run.off_before)}
            for name, found in run.off_before.items()
        },
        "rows": rows,
    }


def main() -> None:
    args = options(__doc__, "reforms", many=60).parse_args()
    with stage("importing the country package"):
        country, _ = load_country()
    quiet()
    run = Run(country, args.seed)
    drawn = draw(run.program, run.people, run.system, args.seed, QUOTA)[: args.many]
    by_key = {d.key: d for d in drawn}
    work = Work(args.work / "reforms.jsonl", stamp(args))
    every = max(1, len(drawn) // AS_USERS_DO)
    as_users_do = {d.key for d in drawn[every // 2 :: every]}
    as_users_do |= {d.key for d in drawn if d.kind == SWITCH}
    lines = run_all(
        work, list(by_key)[: args.limit], lambda key: run.one(by_key[key], key in as_users_do)
    )
    found = payload(lines, run)
    sizes = {e: run.people.count(e) for e in run.people.schema.entities}
    path = write("engine_reforms", found, sizes=sizes, packages=PACKAGES, folder=args.out)
    print({k: v for k, v in found.items() if k != "rows"})
    print(path)


if __name__ == "__main__":
    main()
