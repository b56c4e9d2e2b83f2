"""`pejax sweep`: many reforms through one program."""

from pathlib import Path
from typing import Annotated

import typer

from .._validate import BadInputError
from ._options import Country, Households, Out, People, Saved, Seed, Year, read_population


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
    country: Country = "policyengine_us",
    year: Year = 2025,
    population: People = None,
    households: Households = None,
    seed: Seed = 0,
) -> None:
    """Run reforms through one program; an interrupted sweep goes on where it stopped."""
    options = dict(locals())
    from .. import engine
    from ._law import get_program, read_json
    from ._work import work

    with work("sweep", out, options, seed) as task:
        with task.run.step("population"):
            people = read_population(population, households, year, seed)
            task.run.digest(people)
        with task.run.step("law"):
            law = get_program(program, country, statistics, year, people)
        wanted = read_json(reforms)
        if not isinstance(wanted, list):
            raise BadInputError(f"{reforms} holds no list. Write [{{reform}}, {{reform}}, ...].")
        with task.run.step("sweep"):
            table = engine.sweep(
                law,
                people,
                wanted,
                statistics,
                executor=executor,
                out=out / "batches",
                batch=batch,
                workers=workers,
                progress=lambda done, of: task.display.progress(f"sweep: batch {done} of {of}"),
            )
        task.write("sweep", table)
        task.display.table(table)
