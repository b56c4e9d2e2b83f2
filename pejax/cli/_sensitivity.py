"""`pejax sensitivity`: what every parameter is worth."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import (
    Country,
    Extra,
    Households,
    Out,
    People,
    Reform,
    Reported,
    Saved,
    Seed,
    Year,
    whom,
)

_SHOWN = ["path", "value", "gradient", "dollars_per_percent", "elasticity", "status"]


def sensitivity(
    statistic: Annotated[str, typer.Argument(help="Variable whose weighted total is taken.")],
    out: Out = Path("out/sensitivity"),
    program: Saved = None,
    reform: Reform = None,
    country: Country = None,
    year: Year = None,
    population: People = None,
    households: Households = None,
    reported: Reported = False,
    extra: Extra = None,
    seed: Seed = 0,
) -> None:
    """Rank every parameter of the law by what one percent of it is worth, in one reverse pass."""
    options = dict(locals())
    from .. import engine
    from ._law import ask, facts_of, read_reform
    from ._work import work

    with work("sensitivity", out, options, seed) as task:
        who = whom(population, households, reported, seed)
        change = read_reform(reform)
        asked = ask(program, country, [statistic], year, extra=extra, reforms=[change])
        with task.run.step("population"):
            people = who.read(asked.year)
            task.run.digest(people)
        with task.run.step("law"):
            law = asked.program(people)
            law, parameters = asked.reformed(law, people, change)
            task.run.note(law=facts_of(law))
        with task.run.step("sensitivity"):
            table = engine.sensitivity(law, parameters, people, statistic)
        task.write("sensitivity", table)
        task.display.table(table[_SHOWN], rows=20)
