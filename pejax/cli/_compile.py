"""`pejax compile`: a country's law as a saved program."""

from typing import Annotated

import typer

from ._command import LawOptions, command
from ._work import Work


@command("compile", without=("program",))
def compile_law(
    task: Work,
    law: LawOptions,
    outputs: Annotated[list[str], typer.Argument(help="Variables to compute.")],
    carrier: Annotated[
        bool,
        typer.Option(
            "--carrier",
            help="Take some 60 of the households along, beside whom one family alone is answered.",
        ),
    ] = False,
) -> None:
    """Compile variables of a country package into program.pejax, which runs without the package."""
    opened = law.open(task, outputs)
    program = opened.program
    task.run.note(counts=program.report.counts)
    path = task.run.out / "program.pejax"
    program.save(path, carrier=opened.people if carrier else False)
    task.display.say(f"{path}: {program.report!r}")
    task.write("variables", program.report.to_frame().drop(columns="periods"))
    task.write("parameters", program.parameters.to_frame())
