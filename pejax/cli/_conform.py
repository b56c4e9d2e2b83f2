"""`pejax conform`: a country's own tests, asked of the graph of its rules."""

from pathlib import Path
from typing import Annotated

import typer

from ..core._countries import countries
from ..core._validate import BadInputError
from ..core.files._files import write_json, write_text
from ._command import command
from ._options import Seed
from ._work import Work

_OUTSIDE = 3
"""Steps of a folder's path that its table tells apart."""


@command("conform")
def conform(
    task: Work,
    country: Annotated[
        str, typer.Argument(help="Installed country package, or its extra of pejax.")
    ],
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="So many cases, drawn by --seed.")
    ] = None,
    path: Annotated[
        str, typer.Option("--path", help="A file or folder of the package's tests.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every case, which takes hours.")] = False,
    with_source: Annotated[
        bool, typer.Option("--with-source", help="Ask the source engine too: seconds a case.")
    ] = False,
    in_jax: Annotated[
        float,
        typer.Option("--in-jax", min=0, max=1, help="The share of batches to compute in JAX too."),
    ] = 0.0,
    before: Annotated[
        Path | None,
        typer.Option("--before", help="conform.json of an earlier run: say what changed."),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Processes that ask; each imports the country.")
    ] = 1,
    seed: Seed = 0,
) -> None:
    """Ask a country's own tests of its law; an interrupted run goes on where it stopped."""
    from .. import conform as room, report

    if not (sample or path or every):
        raise BadInputError("say which cases: --sample N, --path FOLDER, or --all (hours)")
    if before is not None:
        room.changes(before, before)  # a file that is none is told at once, not after hours
    with task.run.step("conform"):
        found = room.conform(
            _package(country),
            path=path,
            sample=sample,
            seed=seed,
            with_source=with_source,
            in_jax=in_jax,
            out=task.run.out / "shards",
            jobs=jobs,
            progress=lambda made: task.display.progress(f"conform: {made}"),
        )
    task.run.note(counts=found.counts, country={found.package: found.version})
    cases, folders = found.to_frame(), found.by_folder(_OUTSIDE)
    task.write("cases", cases)
    write_json(task.run.out / "conform.json", found.to_json())
    changed = None if before is None else room.changes(before, found)
    if changed is not None:
        task.write("changes", changed)
        task.display.table(changed[["change", "case", "before", "after"]])
    title = f"{found.package} {found.version}: its own tests"
    page = write_text(
        task.run.out / "conform.html",
        report.conformity_page(title, cases, folders, changes=changed),
    )
    task.display.table(folders)
    task.display.say(f"{page}: {found!r}")


def _package(named: str) -> str:
    """A country package by its own name, or by the extra that brings it."""
    return next((known.package for known in countries() if known.extra == named), named)
