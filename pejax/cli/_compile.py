"""`pejax compile`: a country's law as a saved program."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import (
    Country,
    Extra,
    Households,
    Out,
    People,
    Reported,
    Seed,
    Year,
    whom,
)


def compile_law(
    outputs: Annotated[list[str], typer.Argument(help="Variables to compute.")],
    out: Out = Path("out/compile"),
    country: Country = None,
    year: Year = None,
    population: People = None,
    households: Households = None,
    reported: Reported = False,
    extra: Extra = None,
    seed: Seed = 0,
) -> None:
    """Compile variables of a country package into program.pejax, which runs without the package."""
    options = dict(locals())
    from ._law import ask, facts_of
    from ._work import work

    with work("compile", out, options, seed) as task:
        who = whom(population, households, reported, seed)
        asked = ask(None, country, outputs, year, extra=extra)
        with task.run.step("population"):
            people = who.read(asked.year)
            task.run.digest(people)
        with task.run.step("law"):
            program = asked.program(people)
        task.run.note(law=facts_of(program), counts=program.report.counts)
        program.save(out / "program.pejax")
        task.display.say(f"{out / 'program.pejax'}: {program.report!r}")
        task.write("variables", program.report.to_frame().drop(columns="periods"))
        task.write("parameters", program.parameters.to_frame())
