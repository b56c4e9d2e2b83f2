"""`pejax calibrate`: household weights that meet a table of targets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from .._validate import BadInputError, unknown
from ._options import Country, Households, Out, People, Saved, Seed, Year, read_population

if TYPE_CHECKING:
    from ..calibrate import Method, Progress
    from ..calibrate.problem._sums import Sums

_METHODS = ("linear", "entropy", "logit", "raking", "l0", "cube")
_CHOOSING = ("l0", "cube")


def calibrate(
    outputs: Annotated[
        list[str] | None, typer.Argument(help="Variables of the law that targets are about.")
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option("--targets", help="CSV or parquet (docs/targets.md); the installed figures."),
    ] = None,
    sums: Annotated[
        str,
        typer.Option("--sums", help="States that do not add up to the nation: keep, rake, refuse."),
    ] = "keep",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Name of a target to keep; repeatable.")
    ] = None,
    method: Annotated[str, typer.Option("--method", help=", ".join(_METHODS))] = "entropy",
    budget: Annotated[
        int | None,
        typer.Option("--budget", min=1, help="Records that keep a weight; for l0 and cube."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="For l0.")] = 500,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", help="Folder of states to go on from after a kill; for gates."
        ),
    ] = None,
    out: Out = Path("out/calibrate"),
    program: Saved = None,
    country: Country = "policyengine_us",
    year: Year = 2025,
    population: People = None,
    households: Households = None,
    seed: Seed = 0,
) -> None:
    """Solve for weights and write them with the fit by target and what was set aside, and why."""
    options = dict(locals())
    import jax
    import numpy as np

    from .. import calibrate as room
    from ._law import get_program
    from ._work import work

    with work("calibrate", out, options, seed) as task:
        chosen = _method(method, budget, epochs)
        wanted = room.load_targets(targets, period=year, only=only or None)
        with task.run.step("population"):
            people = read_population(population, households, year, seed)
            task.run.digest(people)
        found: dict = {}
        if outputs or program:
            with task.run.step("law"):
                law = get_program(program, country, outputs or [], year, people)
                found = {name: np.asarray(v) for name, v in law(law.parameters, people).items()}
        with task.run.step("weights"):
            problem = room.build_problem(wanted, found, people, sums=cast("Sums", sums))
            solution = room.calibrate(
                problem,
                people.weights,
                chosen,
                key=jax.random.key(seed),
                progress=lambda at: task.display.progress(_told(at)),
                checkpoint=checkpoint,
            )
        report = solution.report()
        task.run.note(summary=report.summary)
        task.write("weights", _weights(people, np.asarray(solution.weights, float)))
        task.write("targets", report.targets)
        task.write("refused", report.refused)
        task.write("adjusted", report.adjusted)
        report.to_html(out / "report.html")
        solution.write_log(out / "log.jsonl")
        for line in str(report).splitlines():
            task.display.say(line)
        solution.check()


def _method(name: str, budget: int | None, epochs: int) -> "Method":
    from .. import calibrate as room

    if name not in _METHODS:
        raise unknown("method", name, _METHODS)
    if name in _CHOOSING:
        if budget is None:
            raise BadInputError(f"{name} keeps a number of records. Say how many with --budget.")
        return room.Cube(budget) if name == "cube" else room.L0(budget=budget, epochs=epochs)
    if budget is not None:
        raise BadInputError(f"--budget is for --method l0 and cube; {name} keeps every record.")
    plain = {"linear": room.Linear, "entropy": room.Entropy, "logit": room.Logit}
    return {**plain, "raking": room.Raking}[name]()


def _told(at: "Progress") -> str:
    return (
        f"epoch {at.epoch} of {at.epochs}, loss {at.loss:.3g}, {at.kept:,.0f} kept, effective "
        f"sample size {at.effective_sample_size:,.0f}"
    )


def _weights(people, weights):
    import numpy as np
    import pandas as pd

    household = people.schema.household
    ids = np.asarray(people.trim(people.ids[household], household))
    survey = np.asarray(people.trim(people.weights, household))
    return pd.DataFrame({f"{household}_id": ids, "survey_weight": survey, "weight": weights})
