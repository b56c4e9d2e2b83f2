"""`pejax compile`: a country's law as a saved program."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import Country, Households, Out, People, Seed, Year, read_population


def compile_law(
    outputs: Annotated[list[str], typer.Argument(help="Variables to compute.")],
    out: Out = Path("out/compile"),
    country: Country = "policyengine_us",
    year: Year = 2025,
    population: People = None,
    households: Households = None,
    seed: Seed = 0,
) -> None:
    """Compile variables of a country package into program.pejax, which runs without the package."""
    options = dict(locals())
    from ._law import get_program
    from ._work import work

    with work("compile", out, options, seed) as task:
        with task.run.step("population"):
            people = read_population(population, households, year, seed)
            task.run.digest(people)
        with task.run.step("law"):
            program = get_program(None, country, outputs, year, people)
        task.run.note(counts=program.report.counts)
        program.save(out / "program.pejax")
        task.display.say(f"{out / 'program.pejax'}: {program.report!r}")
        task.write("variables", program.report.to_frame().drop(columns="periods"))
        task.write("parameters", program.parameters.to_frame())
