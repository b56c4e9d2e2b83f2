"""`pejax simulate`: the outputs of a law for a population, under a reform or not."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from ._command import LawOptions, command
from ._law import read_reform
from ._options import Reform
from ._work import Work

if TYPE_CHECKING:
    import pandas as pd

    from ..core.population._population import Population
    from ..engine import Program


@command("simulate")
def simulate(
    task: Work,
    law: LawOptions,
    outputs: Annotated[list[str] | None, typer.Argument(help="Variables to compute.")] = None,
    reform: Reform = None,
) -> None:
    """Compute variables for every row and write a table an entity, with weighted totals."""
    asked, people, program, parameters = law.open(task, outputs, reform=read_reform(reform))
    with task.run.step("simulate"):
        every = program(parameters, people)
        found = {name: np.asarray(every[name]) for name in asked.outputs}
    tables = by_entity(program, people, found)
    for entity, frame in tables.items():
        task.write(entity, frame)
    totals = totals_of(program, tables)
    task.write("totals", totals)
    task.display.table(totals)


def by_entity(
    program: "Program", population: "Population", found: dict[str, np.ndarray]
) -> dict[str, "pd.DataFrame"]:
    """One table an entity: id, weight and the outputs, enum codes as names."""
    import pandas as pd

    tables: dict[str, pd.DataFrame] = {}
    for name, values in found.items():
        entity = program.entity(name)
        if entity not in tables:
            ids = np.asarray(population.trim(population.ids[entity], entity))
            weight = np.asarray(population.trim(population.weight(entity), entity))
            tables[entity] = pd.DataFrame({f"{entity}_id": ids, "weight": weight})
        names = program.vocabulary(name)
        tables[entity][name] = values if names is None else np.asarray(names)[values]
    return tables


def totals_of(program: "Program", tables: dict[str, "pd.DataFrame"]) -> "pd.DataFrame":
    """Weighted total, mean and share of rows above zero for every numeric output."""
    import pandas as pd

    rows = []
    for entity, frame in tables.items():
        weight = frame["weight"].to_numpy(float)
        for name in frame.columns[2:]:
            if program.vocabulary(name) is None:
                values = frame[name].to_numpy(float)
                total, positive = values @ weight, (values > 0) @ weight
                rows.append((name, entity, total, total / weight.sum(), positive / weight.sum()))
    return pd.DataFrame(rows, columns=["variable", "entity", "total", "mean", "share_above_zero"])
