"""The source engine as a witness that shares nothing with the tracer: its runs, and comparing them.

`pejax.engine.importer` has a source simulation of its own; nothing here uses it. The source is run
as its users run it, through its own renaming and its own structural reforms.
"""

import argparse
import contextlib
import dataclasses
import gc
import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from _engine import PACKAGE, PACKAGES, YEAR
from _harness import RESULTS

import pejax
from pejax import Population, engine
from pejax.core._environment import environment
from pejax.engine.graph._node import reachable

UNEXPLAINED = "unexplained"
ROUNDING = "float32 rounding: the same graph in another width is as far away"
KNOWN: dict[str, str] = {}
"""Reasons found by reading the source, by variable."""

SPREAD = 8.0
"""How many times the distance between two widths of one graph counts as rounding."""

EXACT = 2e-6
"""Relative distance up to which two float32 amounts count as the same."""


class Work:
    """Results of items, one line each, kept as they come: what is done is not done again.

    A line that an interrupted run left half written is dropped.

    Args:
        path: of the file, one JSON object a line, each with a `key`.
        stamp: versions and settings; a file with another stamp is begun anew.
    """

    def __init__(self, path: Path, stamp: Mapping[str, Any]) -> None:
        self.path, self.stamp = path, json.loads(json.dumps(dict(stamp)))
        self.items: dict[str, dict[str, Any]] = {}
        lines = list(_whole_lines(path))
        if lines and lines[0] == {"stamp": self.stamp}:
            self.items = {line["key"]: line for line in lines[1:]}
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [{"stamp": self.stamp}, *self.items.values()]
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
        temporary.replace(path)

    def __contains__(self, key: str) -> bool:
        return key in self.items

    def add(self, key: str, result: Mapping[str, Any]) -> None:
        """Keep a result, at once on disk."""
        line = {"key": key, **result}
        with self.path.open("a") as file:
            file.write(json.dumps(line, default=_plain) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.items[key] = json.loads(json.dumps(line, default=_plain))


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def run_all(
    work: Work, keys: Iterable[str], run: Callable[[str], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Run what is not done yet, in order, and say so; every item's result."""
    keys = list(keys)
    for at, key in enumerate(keys):
        if key not in work:
            work.add(key, run(key))
            line = work.items[key]
            print(f"[{at + 1}/{len(keys)}] {key}: {line.get('says', '')}", flush=True)
    return [work.items[key] for key in keys]


def options(description: str | None, work: str, many: int) -> argparse.ArgumentParser:
    """Where work and results are kept, how much is done and with which seed."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out") / work, help="folder of the work")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--many", type=int, default=many, help=f"how many (default: {many})")
    parser.add_argument("--seed", type=int, default=0, help="of every draw")
    parser.add_argument("--limit", type=int, help="stop after so many, for a look")
    return parser


def stamp(args: argparse.Namespace) -> dict[str, Any]:
    """What results depend on: another stamp begins the work anew."""
    versions = environment(PACKAGES)["versions"]
    return {"versions": versions, "code": code(), "seed": args.seed, "many": args.many}


def code() -> str:
    """A digest of the package's own source, committed or not."""
    found = hashlib.sha256()
    for path in sorted(Path(pejax.__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def quiet() -> None:
    """For what follows the import: no warnings, and no search for garbage among the law's objects.

    Formulas divide by zero where a mask discards the result.
    """
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    np.seterr(all="ignore")
    gc.collect()
    gc.freeze()  # a country's millions of objects live as long as the process


# ---- the source


def source_simulation(situation: Mapping[str, Any], reform: Any = None) -> Any:
    """The country package's own simulation of a situation, as its users make it."""
    import policyengine_us

    return policyengine_us.Simulation(
        situation=dict(situation),
        default_input_period=YEAR,
        **({"reform": reform} if reform else {}),
    )


@contextlib.contextmanager
def edited(system: Any, paths: Iterable[str], edit: Callable[[], Any]) -> Iterator[None]:
    """The source's law with these parameters edited in place, for the block alone.

    A reform that the source applies itself copies its whole law, which takes half a minute.
    """
    parameters = [system.parameters.get_child(path) for path in paths]
    before = [list(parameter.values_list) for parameter in parameters]
    try:
        edit()
        _forget_values(system)
        yield
    finally:
        for parameter, values in zip(parameters, before, strict=True):
            parameter.values_list = values
        _forget_values(system)


def _forget_values(system: Any) -> None:
    """Clear what the law keeps by day.

    An edit clears it on the way up to the root; a bracket of a scale has no way up, and the nodes
    above would give the old scale.
    """
    for node in (system.parameters, *system.parameters.get_descendants()):
        if hasattr(node, "_at_instant_cache"):
            node._at_instant_cache.clear()
    system._parameters_at_instant_cache = {}


@dataclasses.dataclass(frozen=True)
class Answers:
    """What an engine said: values by variable, and why there is none for the others."""

    values: dict[str, np.ndarray]
    refused: dict[str, str]


def source_answers(simulation: Any, names: Iterable[str], period: Any = YEAR) -> Answers:
    """The source's values of variables, enums as names; what it raises is its answer."""
    found = Answers({}, {})
    for name in names:
        try:
            values = simulation.calculate(name, period)
        except Exception as problem:
            found.refused[name] = f"{type(problem).__name__}: {str(problem)[:200]}"
            continue
        decoded = values.decode_to_str() if hasattr(values, "decode_to_str") else values
        found.values[name] = np.asarray(decoded)
    return found


# ---- the program


def traced(
    rules: Any, names: Iterable[str], people: Population, dtype: str = "float32"
) -> tuple[engine.Program, dict[str, str]]:
    """A program of those variables that can be traced, and the reasons for the others."""
    wanted, refused = list(names), {}
    while True:
        try:
            return engine.compile(rules, wanted, YEAR, people, dtype=dtype), refused
        except engine.UntraceableRule as refusal:
            refused |= refusal.refused
            left = [name for name in wanted if name not in refused]
            if len(left) == len(wanted):
                raise
            wanted = left


def in_numpy(
    program: engine.Program,
    people: Population,
    names: Iterable[str] | None = None,
    parameters: engine.Parameters | None = None,
    floats: str | None = None,
) -> dict[str, np.ndarray]:
    """The program's outputs by its graph in plain numpy, enums as names.

    Args:
        program: whose outputs.
        people: whose rows.
        names: of the outputs; all by default.
        parameters: the law; as it stands by default.
        floats: one width throughout instead of the source's.
    """
    run = program.interpreter(parameters or program.parameters, people, floats)
    wanted = None if names is None else set(names)
    found = {}
    for output in program.outputs:
        if wanted is None or output.name in wanted:
            values = np.asarray(run(output.node))
            words = output.vocabulary
            found[output.name] = values if words is None else np.asarray(words)[values]
    return found


# ---- comparing


def same(mine: np.ndarray, theirs: np.ndarray, tolerance: float = EXACT) -> np.ndarray:
    """By row: whether an amount is the same but for float32's last digits; others: equal."""
    if theirs.dtype.kind not in "fiub" or mine.dtype.kind not in "fiub":
        return np.asarray(mine.astype(str) == theirs.astype(str))
    a, b = mine.astype(float), theirs.astype(float)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= tolerance * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return equal | (near & np.isfinite(a) & np.isfinite(b))


def differences(
    program: engine.Program,
    people: Population,
    mine: Mapping[str, np.ndarray],
    theirs: Answers,
    parameters: engine.Parameters | None = None,
) -> dict[str, dict[str, Any]]:
    """Every output that is not the source's, its first rows, where it begins, and what decides it.

    `rounding`: the same graph computed in another width is as far away as the source is, in every
    row that differs. `begins_in`: the differing variables behind it that have none behind them.
    """
    both = [name for name in mine if name in theirs.values]
    off = {name: ~same(mine[name], theirs.values[name]) for name in both}
    off = {name: rows for name, rows in off.items() if rows.any()}
    if not off:
        return {}
    widths = [in_numpy(program, people, off, parameters, w) for w in ("float32", "float64")]
    behind = _behind(program, off)
    return {
        name: {
            "many": int(rows.sum()),
            "of": len(rows),
            "rounding": _by_rounding(
                rows, mine[name], theirs.values[name], [w[name] for w in widths]
            ),
            "begins_in": sorted(n for n in behind[name] if not behind[n]),
            "rows": [
                {
                    "row": int(r),
                    "program": _plain(mine[name][r]),
                    "source": _plain(theirs.values[name][r]),
                }
                for r in np.flatnonzero(rows)[:3]
            ],
        }
        for name, rows in off.items()
    }


def _behind(program: engine.Program, names: Iterable[str]) -> dict[str, set[str]]:
    """Which of some outputs each of them is computed from."""
    wanted = set(names)
    name_of = {o.node.index: o.name for o in program.outputs if o.name in wanted}
    found = {}
    for output in program.outputs:
        if output.name in wanted:
            behind = {name_of.get(n.index) for n in reachable([output.node])} & wanted
            found[output.name] = behind - {output.name}
    return found


def _by_rounding(
    rows: np.ndarray, mine: np.ndarray, theirs: np.ndarray, widths: list[np.ndarray]
) -> bool:
    """Whether another width moves every differing row as far as the source is away."""
    if theirs.dtype.kind != "f":
        return bool(np.all(np.any([(w != mine)[rows] for w in widths], axis=0)))
    values = mine[rows].astype(float)
    spread = np.max([np.abs(w[rows].astype(float) - values) for w in widths], axis=0)
    return bool(np.all(np.abs(theirs[rows].astype(float) - values) <= SPREAD * spread))


def reason(name: str, off: Mapping[str, Mapping[str, Any]]) -> str:
    """Why an output differs, as far as is known.

    Args:
        name: of the output.
        off: all differing ones, as `differences` gives them.
    """
    found = off[name]
    if name in KNOWN:
        return KNOWN[name]
    if found["rounding"]:
        return ROUNDING
    begins = found["begins_in"]
    if begins and all(reason(n, off) != UNEXPLAINED for n in begins):
        return f"follows from {', '.join(begins[:3])}"
    return UNEXPLAINED


def country() -> engine.Country:
    """The country, by name."""
    return engine.import_country(PACKAGE)
