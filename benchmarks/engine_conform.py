"""A sample of the tests that policyengine-us ships, passed by the source and by a program.

Each case is read as the source's own runner reads it. The source answers by its builder and its
simulation; the program is made of the outputs that the case asks for, on the case's people, and
answers by its graph in numpy. Programs hold yearly columns: cases of months or of several years
are counted apart with their reason, and another is drawn in their place.
"""

import importlib
import time
from collections import Counter
from typing import Any

import _cases
import numpy as np
from _cases import NotExpressible
from _engine import PACKAGE, PACKAGES, load_country, stage
from _harness import write
from _witness import Work, edited, in_numpy, options, quiet, run_all, same, stamp

from pejax import engine
from pejax.conform import Case, read_cases, suite_of
from pejax.conform._judge import agrees
from pejax.core._validate import PejaxError
from pejax.engine import System

SINCE = "2000-01-01.2039-12-31"
"""For how long a case changes a parameter."""


class Runner:
    """What a case needs of the country: its rules, its entities, its own system."""

    def __init__(self, country: engine.Country, system: System) -> None:
        self.country, self.system = country, system
        self.source = system.source
        entities = [self.source.person_entity, *self.source.group_entities]
        self.entities = {e.key: e.plural for e in entities}
        self.entity_of = {n: v.entity.key for n, v in self.source.variables.items()}
        reform = importlib.import_module("policyengine_core.reforms").Reform
        self.is_reform = lambda found: isinstance(found, type) and issubclass(found, reform)

    def reason(self, case: Case) -> str | None:
        """Why a program cannot be asked this case, or None."""
        try:
            found = _cases.not_expressible(case)
            if found is None:
                _cases.people_of(case, self.entities, self.entity_of)
                if not case.reforms:
                    _cases.expected_of(case, self.entities, self.entity_of)
            return found
        except NotExpressible as problem:
            return str(problem)

    def classes(self, case: Case) -> list[type]:
        """The structural reforms of a case."""
        found = []
        for path in case.reforms:
            module, _, name = path.rpartition(".")
            found.append(getattr(importlib.import_module(module), name))
        return found

    def variables(self, case: Case) -> dict[str, Any]:
        """The source's variables, and those that the case's structural reforms add. To apply them
        for this would copy the whole law."""
        met = _Added()
        for one in self.classes(case):
            one.apply(met)
        return {**met.found, **self.source.variables}

    # ---- the source

    def by_source(self, case: Case, asked: list[_cases.Expected]) -> tuple[dict[str, Any], str]:
        """The source's values by variable, and why it does not pass, or nothing."""
        builders = importlib.import_module("policyengine_core.simulations")
        judge = importlib.import_module("policyengine_core.tools.test_runner").assert_near
        values: dict[str, Any] = {}
        try:
            with edited(self.source, case.law, lambda: self._edit(case)):
                rules = self.source
                for one in self.classes(case):
                    rules = one(rules)
                builder = builders.SimulationBuilder()
                builder.set_default_period(case.period)
                simulation = builder.build_from_dict(rules, dict(case.given))
                simulation.default_calculation_period = builder.default_period
                for one in asked:
                    values[one.variable] = simulation.calculate(one.variable, case.period)
        except Exception as problem:
            return values, f"refused: {type(problem).__name__}: {str(problem)[:300]}"
        people = _cases.people_of(case, self.entities, self.entity_of)
        for one in asked:
            row = _cases.row_of(one, people, self.entities)
            value = values[one.variable] if row is None else values[one.variable][row]
            try:
                judge(value, one.value, case.absolute, f"{one.variable}: ", case.relative)
            except (AssertionError, ValueError) as problem:
                return values, f"failed: {str(problem)[:300]}"
        return values, ""

    def _edit(self, case: Case) -> None:
        for path, value in case.law.items():
            self.source.parameters.get_child(path).update(period="year:2000:40", value=value)

    # ---- the program

    def by_program(self, case: Case, asked: list[_cases.Expected]) -> tuple[dict[str, Any], str]:
        """The program's values by variable, and why there are none, or nothing."""
        rules: Any = self.country
        try:
            if case.law:
                rules = rules.with_reform({p: {SINCE: v} for p, v in case.law.items()})
            if case.reforms:
                rules = rules.with_structure(*self.classes(case))
            system = rules if isinstance(rules, System) else rules.load()
            people = _cases.people_of(case, self.entities, self.entity_of)
            population = _cases.population_of(people, system)
            names = list(dict.fromkeys(one.variable for one in asked))
            program = engine.compile(rules, names, int(case.period), population)
            return in_numpy(program, population), ""
        except (PejaxError, NotExpressible) as problem:
            return {}, f"refused: {type(problem).__name__}: {str(problem)[:400]}"
        except Exception as problem:  # a fault of ours, not a refusal
            return {}, f"broke: {type(problem).__name__}: {str(problem)[:400]}"

    def run(self, case: Case) -> dict[str, Any]:
        """Both answers to a case."""
        start = time.perf_counter()
        variables = self.variables(case)
        entity_of = {name: variable.entity.key for name, variable in variables.items()}
        asked = _cases.expected_of(case, self.entities, entity_of)
        theirs, complaint = self.by_source(case, asked)
        seconds = time.perf_counter() - start
        mine, refusal = self.by_program(case, asked)
        rows = [] if refusal else self._off(case, asked, variables, mine, theirs)
        status = refusal.partition(":")[0] or ("failed" if any(r["fails"] for r in rows) else "")
        outcome = status or "passed"
        return {
            "says": f"source {complaint.partition(':')[0] or 'passed'}, program {outcome}",
            "name": case.name,
            "source": complaint.partition(":")[0] or "passed",
            "source_reason": complaint.partition(": ")[2],
            "program": outcome,
            "reason": refusal.partition(": ")[2],
            "off": rows,
            "same_as_source": not refusal and not any(r["differs"] for r in rows),
            "seconds": [round(seconds, 2), round(time.perf_counter() - start - seconds, 2)],
        }

    def _off(
        self,
        case: Case,
        asked: list[_cases.Expected],
        variables: Any,
        mine: dict[str, Any],
        theirs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """Values that are not what the case expects, or not what the source says."""
        people = _cases.people_of(case, self.entities, self.entity_of)
        found = []
        for one in asked:
            row = _cases.row_of(one, people, self.entities)
            value = mine[one.variable] if row is None else mine[one.variable][row]
            width = np.float32 if variables[one.variable].value_type is float else np.float64
            fails = not agrees(value, one.value, case, width)
            source = _decoded(theirs.get(one.variable))
            if source is not None and row is not None:
                source = source[row]
            alike = source is not None and np.all(same(np.asarray(value), np.asarray(source)))
            if fails or not alike:
                shown = {"program": _shown(value), "source": _shown(source)}
                found.append(
                    {"variable": one.variable, "row": one.row, "expected": one.value, **shown}
                    | {"fails": fails, "differs": not alike}
                )
        return found


class _Added:
    """Stands in for a country's system and keeps the variables that a reform adds."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def add_variable(self, variable: type) -> None:
        if hasattr(variable, "entity"):  # else it changes one that is there
            self.found[variable.__name__] = variable

    update_variable = replace_variable = add_variable

    def neutralize_variable(self, name: str) -> None:
        """It stays a variable."""

    def modify_parameters(self, modifier: Any) -> None:
        """No variable comes of that."""


def _decoded(values: Any) -> np.ndarray | None:
    if values is None:
        return None
    return np.asarray(values.decode_to_str() if hasattr(values, "decode_to_str") else values)


def _shown(values: Any) -> Any:
    return None if values is None else np.asarray(values).tolist()


def drawn(cases: list[Case], runner: Runner, many: int, seed: int) -> tuple[list[Case], Counter]:
    """Cases in a random order until so many can be asked; the others by reason."""
    order = np.random.default_rng(seed).permutation(len(cases))
    found: list[Case] = []
    apart: Counter[str] = Counter()
    for at in order:
        if len(found) == many:
            break
        reason = runner.reason(cases[at])
        if reason is None:
            found.append(cases[at])
        else:
            apart[reason] += 1
    return found, apart


def payload(lines: list[dict[str, Any]], apart: Counter[str], shipped: int) -> dict[str, Any]:
    """Counts, and a row for each case that the program does not pass."""
    passed = [line for line in lines if line["program"] == "passed"]
    return {
        "shipped": shipped,
        "cases": len(lines),
        "source_passed": sum(line["source"] == "passed" for line in lines),
        "passed": len(passed),
        "passed_both": sum(line["source"] == "passed" for line in passed),
        "same_as_source": sum(line["same_as_source"] for line in lines),
        "program": dict(Counter(line["program"] for line in lines)),
        "source": dict(Counter(line["source"] for line in lines)),
        "not_expressible": dict(apart.most_common()),
        "seconds": {
            "source": round(sum(line["seconds"][0] for line in lines), 1),
            "program": round(sum(line["seconds"][1] for line in lines), 1),
        },
        "not_passed": {
            line["key"]: {
                k: v for k, v in line.items() if k not in ("key", "says", "seconds") and v
            }
            for line in lines
            if line["program"] != "passed" or not line["same_as_source"]
        },
    }


def main() -> None:
    args = options(__doc__, "conform", many=400).parse_args()
    with stage("importing the country package"):
        country, _ = load_country()
        quiet()
        runner = Runner(country, country.load())
    with stage("reading the tests that it ships"):
        cases = read_cases(suite_of(PACKAGE).folder)
    chosen, apart = drawn(cases, runner, args.many, args.seed)
    by_key = {case.key: case for case in chosen}
    work = Work(args.work / "cases.jsonl", stamp(args))
    keys = list(by_key)[: args.limit]
    lines = run_all(work, keys, lambda key: runner.run(by_key[key]))
    found = payload(lines, apart, len(cases))
    path = write("engine_conform", found, packages=PACKAGES, folder=args.out)
    print({k: v for k, v in found.items() if k != "not_passed"})
    print(path)


if __name__ == "__main__":
    main()
