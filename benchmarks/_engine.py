"""What the engine's workloads share: the law, its outputs and the source's run of them."""

import argparse
import contextlib
import dataclasses
import importlib
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _harness import RESULTS

from pejax import Population, engine
from pejax.engine import importer

PACKAGE = "policyengine_us"
PACKAGES = ("policyengine-us", "policyengine-core", "taxcalc")
YEAR = 2025


@dataclasses.dataclass(frozen=True)
class Law:
    """A part of the law that is measured.

    Attributes:
        name: what its result files begin with.
        outputs: the variables asked for.
        spent: those whose weighted sum is differentiated.
    """

    name: str
    outputs: tuple[str, ...]
    spent: tuple[str, ...]


CREDITS = Law("engine", ("adjusted_gross_income", "ctc", "eitc"), ("ctc", "eitc"))
WHOLE = Law(
    "whole_law",
    ("income_tax", "state_income_tax", "snap", "household_net_income"),
    ("household_net_income",),
)
OUTPUTS = CREDITS.outputs


def options(
    description: str | None,
    repeats: int | None = None,
    households: int | None = None,
    of_a_part: Sequence[str] = (),
) -> argparse.Namespace:
    """Command line: which law, how many households, how many rounds, where results go.

    Args:
        of_a_part: options that a script gives itself where it runs a part in another process.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument(
        "--households",
        type=int,
        default=households,
        help=f"how many of the CPS (default: {households or 'all'})",
    )
    parser.add_argument(
        "--whole",
        dest="law",
        action="store_const",
        const=WHOLE,
        default=CREDITS,
        help="federal and state income tax, SNAP and net income instead of AGI and two credits",
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    if repeats is not None:
        parser.add_argument("--repeats", type=int, default=repeats, help="timed rounds")
    for name in of_a_part:
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def load_country() -> tuple[engine.Country, float]:
    """The country, imported, and the seconds that took; its own start-up warnings are not shown."""
    country = engine.import_country(PACKAGE)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(f"{PACKAGE}.system")
        country.load()
    return country, time.perf_counter() - start


def source_run(simulation: Any, names: tuple[str, ...] = OUTPUTS) -> dict[str, np.ndarray]:
    """The source engine's own calculation of the outputs."""
    return importer.source_values(simulation, names, YEAR)


def named(program: engine.Program, outputs: dict[str, Any]) -> dict[str, np.ndarray]:
    """A program's outputs on the host, enums as their names."""
    found = {name: np.asarray(values) for name, values in outputs.items()}
    words = {name: program.vocabulary(name) for name in found}
    return {n: v if words[n] is None else np.asarray(words[n])[v] for n, v in found.items()}


def ends(value: float, step: float) -> tuple[float, float]:
    """The two values of a central difference, as the source engine's float32 can hold them."""
    size = abs(value) * step
    return float(np.float32(value - size)), float(np.float32(value + size))


def relative(found: float, expected: float) -> float:
    """The distance of two numbers as a share of the larger one."""
    return abs(found - expected) / max(abs(found), abs(expected), 1e-300)


def sizes(population: Population) -> dict[str, int]:
    """Rows by entity."""
    return {entity: population.count(entity) for entity in population.schema.entities}


@contextlib.contextmanager
def stage(what: str) -> Iterator[None]:
    """Say what is being done and how long it took."""
    print(f"{what} ...", end=" ", flush=True)
    start = time.perf_counter()
    yield
    print(f"{time.perf_counter() - start:.1f} s", flush=True)
