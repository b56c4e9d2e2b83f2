"""`pejax sweep`: many reforms through one program."""

from pathlib import Path
from typing import Annotated

import typer

from ..core._validate import require, unknown
from ._options import (
    Country,
    Extra,
    Households,
    Out,
    People,
    Reported,
    Saved,
    Seed,
    Year,
    whom,
)

_EXECUTORS = ("local", "ray")


def sweep(
    reforms: Annotated[Path, typer.Argument(help="JSON file with a list of reforms.")],
    statistics: Annotated[
        list[str], typer.Option("--statistic", help="Variable whose total is taken; repeatable.")
    ],
    out: Out = Path("out/sweep"),
    executor: Annotated[str, typer.Option("--executor", help="local or ray")] = "local",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ray workers.")] = 2,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Reforms run at a time.")] = 8,
    program: Saved = None,
    country: Country = None,
    year: Year = None,
    population: People = None,
    households: Households = None,
    reported: Reported = False,
    extra: Extra = None,
    seed: Seed = 0,
) -> None:
    """Run reforms through one program; an interrupted sweep goes on where it stopped."""
    options = dict(locals())
    from .. import engine
    from ._law import ask, facts_of, read_reforms
    from ._work import work

    with work("sweep", out, options, seed) as task:
        who = whom(population, households, reported, seed)
        _check(executor)
        wanted = read_reforms(reforms)
        asked = ask(program, country, statistics, year, extra=extra, reforms=wanted)
        with task.run.step("population"):
            people = who.read(asked.year)
            task.run.digest(people)
        with task.run.step("law"):
            law = asked.program(people)
            task.run.note(law=facts_of(law))
        with task.run.step("sweep"):
            table = engine.sweep(
                law,
                wanted,
                people,
                statistics,
                executor=executor,
                out=out / "batches",
                batch=batch,
                workers=workers,
                progress=lambda done, of: task.display.progress(f"sweep: batch {done} of {of}"),
            )
        task.write("sweep", table)
        task.display.table(table)


def _check(executor: str) -> None:
    """Refuse a way of running that there is not, or that is not installed."""
    if executor not in _EXECUTORS:
        raise unknown("executor", executor, _EXECUTORS)
    if executor == "ray":
        require("ray", "ray")
