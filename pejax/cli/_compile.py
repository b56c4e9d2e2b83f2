"""`pejax compile`: a country's law as a saved program."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import (
    Country,
    Households,
    Out,
    People,
    Seed,
    Year,
    fail_if_no_people,
    read_population,
)


def compile_law(
    outputs: Annotated[list[str], typer.Argument(help="Variables to compute.")],
    out: Out = Path("out/compile"),
    country: Country = None,
    year: Year = None,
    population: People = None,
    households: Households = None,
    seed: Seed = 0,
) -> None:
    """Compile variables of a country package into program.pejax, which runs without the package."""
    options = dict(locals())
    from ._law import ask, facts_of
    from ._work import work

    with work("compile", out, options, seed) as task:
        fail_if_no_people(population, households)
        asked = ask(None, country, outputs, year)
        with task.run.step("population"):
            people = read_population(population, households, asked.year, seed)
            task.run.digest(people)
        with task.run.step("law"):
            program = asked.program(people)
        task.run.note(law=facts_of(program), counts=program.report.counts)
        program.save(out / "program.pejax")
        task.display.say(f"{out / 'program.pejax'}: {program.report!r}")
        task.write("variables", program.report.to_frame().drop(columns="periods"))
        task.write("parameters", program.parameters.to_frame())
