"""The eight steps in order, inside one run with its manifest."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import BadInputError, MissingExtraError, io
from ._gradients import both_gradients
from ._imputation import impute_column
from ._law import compile_law, load_people, reform_law
from ._page import demo_page
from ._settings import Found, Settings
from ._sweep import sweep_reforms
from ._weights import calibrate_weights

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = {"us": ("policyengine_us", "taxcalc"), "io": ("pyarrow",)}
_LEAST = {
    "households": 50,
    "budget": 1,
    "epochs": 1,
    "donors": 20,
    "trees": 1,
    "reforms": 1,
    "sweep_households": 1,
}


class Screen(NamedTuple):
    """Where a run tells what it does: steps, progress inside a step, findings."""

    tell: Callable[[str], None] = lambda line: None
    progress: Callable[[str], None] = lambda line: None
    say: Callable[[str], None] = lambda line: None


def run(settings: Settings, screen: Screen | None = None) -> Path:
    """Do the main job and write `report.html`, `tables/` and `manifest.json` into `settings.out`.

    Returns:
        The path of the report.

    Raises:
        MissingExtraError: what the job needs is not installed; the message is the `pip install`.
        BadInputError: sizes that do not fit each other.
    """
    screen = screen or Screen()
    with io.Run(
        settings.out, "demo", settings.to_dict(), settings.seed, tell=screen.tell
    ) as record:
        check(settings)
        (settings.out / "report.html").unlink(missing_ok=True)  # never beside a newer manifest
        tables = _steps(settings, record, screen)
        with record.step("report"):
            for name, table in tables.items():
                io.save(table, settings.out / "tables" / f"{name}.parquet")
            drawn = demo_page(tables, record.manifest.to_dict())
            return io.write_text(settings.out / "report.html", drawn)


def check(settings: Settings) -> None:
    """Everything is there and every size makes sense, before an hour is spent."""
    lacking = [
        extra
        for extra, modules in _NEEDED.items()
        if any(importlib.util.find_spec(module) is None for module in modules)
    ]
    if lacking:
        raise MissingExtraError(
            "The demo reads the US law and the CPS, and writes parquet. Install what is missing"
            f' with: pip install "pejax[{",".join(lacking)}]"'
        )
    for name, lowest in _LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < lowest:
            raise BadInputError(f"{name} is {value}. Give at least {lowest}.")


def _steps(settings: Settings, record: io.Run, screen: Screen) -> "dict[str, pd.DataFrame]":
    """Seven steps, each from what those before it gave; all of their tables."""
    tables = {}

    def done(found: Found) -> None:
        tables.update(found.tables)
        record.note(**found.facts)
        for line in found.lines:
            screen.say(line)

    with record.step("population"):
        people = load_people(settings)
        population = people.population
        record.digest(population)
    done(people.found)
    with record.step("law"):
        screen.progress("law: tracing policyengine_us, about a minute the first time")
        law = compile_law(settings, population)
    done(law.found)
    with record.step("reform"):
        reform = reform_law(population, law)
    done(reform.found)
    with record.step("weights"):
        weights = calibrate_weights(settings, population, law, screen.progress)
    done(weights.found)
    with record.step("imputation"):
        imputed = impute_column(settings, population)
    done(imputed)
    with record.step("gradients"):
        gradients = both_gradients(population, law, reform, weights)
    done(gradients)
    with record.step("sweep"):
        swept = sweep_reforms(settings, population, law.program, screen.progress)
    done(swept)
    return tables
