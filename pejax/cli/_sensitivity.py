"""`pejax sensitivity`: what every parameter is worth."""

from typing import Annotated

import typer

from ._command import LawOptions, command
from ._law import read_reform
from ._options import Reform
from ._work import Work

_SHOWN = ["path", "value", "gradient", "dollars_per_percent", "elasticity", "status"]


@command("sensitivity")
def sensitivity(
    task: Work,
    law: LawOptions,
    statistic: Annotated[str, typer.Argument(help="Variable whose weighted total is taken.")],
    reform: Reform = None,
) -> None:
    """Rank every parameter of the law by what one percent of it is worth, in one reverse pass."""
    from .. import engine

    _, people, program, parameters = law.open(task, [statistic], reform=read_reform(reform))
    with task.run.step("sensitivity"):
        table = engine.sensitivity(program, parameters, people, statistic)
    task.write("sensitivity", table)
    task.display.table(table[_SHOWN], rows=20)
