"""`pejax sweep`: many reforms through one program."""

from pathlib import Path
from typing import Annotated

import typer

from ..core._validate import require, unknown
from ._command import LawOptions, command
from ._law import read_reforms
from ._work import Work

_EXECUTORS = ("local", "ray")


@command("sweep")
def sweep(
    task: Work,
    law: LawOptions,
    reforms: Annotated[Path, typer.Argument(help="JSON file with a list of reforms.")],
    statistics: Annotated[
        list[str], typer.Option("--statistic", help="Variable whose total is taken; repeatable.")
    ],
    executor: Annotated[str, typer.Option("--executor", help="local or ray")] = "local",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ray workers.")] = 2,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Reforms run at a time.")] = 8,
) -> None:
    """Run reforms through one program; an interrupted sweep goes on where it stopped."""
    from .. import engine

    _check(executor)
    wanted = read_reforms(reforms)
    _, people, program, _ = law.open(task, statistics, wanted)
    with task.run.step("sweep"):
        table = engine.sweep(
            program,
            wanted,
            people,
            statistics,
            executor=executor,
            out=task.run.out / "batches",
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
