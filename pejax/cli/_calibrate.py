"""`pejax calibrate`: household weights that meet a table of targets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from ..core._validate import BadInputError, unknown
from ._command import LawOptions, command, read
from ._law import Asked, facts_of, year_of
from ._work import Work

if TYPE_CHECKING:
    import numpy as np

    from ..calibrate import Method, Progress, Solution
    from ..calibrate.problem._sums import Sums
    from ..core.population._population import Population

_METHODS = ("linear", "entropy", "logit", "raking", "l0", "cube")
_CHOOSING = ("l0", "cube")
_SUMS = ("keep", "rake", "refuse")
_EPOCHS = 500


@command("calibrate")
def calibrate(
    task: Work,
    law: LawOptions,
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
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help=f"For l0; {_EPOCHS} if omitted.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", help="Folder of states to go on from after a kill; for gates."
        ),
    ] = None,
) -> None:
    """Solve for weights and write them with the fit by target and what was set aside, and why."""
    import jax
    import numpy as np

    from .. import calibrate as room

    chosen = _method(method, budget, epochs)
    _check(sums)
    who = law.whom()
    asked = law.ask(outputs) if outputs or law.has_a_law else None
    period = asked.year if asked else year_of(law.year)
    wanted = room.load_targets(targets, period=period, only=only or None)
    people = read(task, who, period)
    found = {} if asked is None else _computed(task, asked, people)
    with task.run.step("weights"):
        problem = room.build_problem(wanted, found, people, sums=cast("Sums", sums))
        solution = room.calibrate(
            problem,
            people.weights,
            chosen,
            key=jax.random.key(law.seed),
            progress=lambda at: task.display.progress(_told(at)),
            checkpoint=checkpoint,
        )
    task.write("weights", _weights(people, np.asarray(solution.weights, float)))
    _write(task, solution)
    _check_and_warn(task, solution)
    for line in _last_lines(solution):
        task.display.say(line)


def _check(sums: str) -> None:
    if sums not in _SUMS:
        raise unknown("choice of --sums", sums, _SUMS)


def _computed(task: Work, asked: Asked, people: "Population") -> dict[str, "np.ndarray"]:
    """What the law gives the people, for targets to be about."""
    import numpy as np

    with task.run.step("law"):
        law = asked.program(people)
        task.run.note(law=facts_of(law))
        every = law(law.parameters, people)
        return {name: np.asarray(every[name]) for name in asked.outputs}


def _write(task: Work, solution: "Solution") -> None:
    """What became of the targets, as tables, as a page, and on the screen."""
    report = solution.report()
    task.run.note(summary=report.summary)
    task.write("targets", report.targets)
    task.write("refused", report.refused)
    task.write("adjusted", report.adjusted)
    report.to_html(task.run.out / "report.html")
    solution.write_log(task.run.out / "log.jsonl")
    for line in str(report).splitlines():
        task.display.say(line)


def _check_and_warn(task: Work, solution: "Solution") -> None:
    """An error if the solve failed; what is to be looked at goes into the manifest."""
    import warnings

    from ..calibrate import CalibrationWarning

    task.run.note(warnings={caution.name: caution.text for caution in solution.warnings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # the last lines say them
        solution.check()


def _last_lines(solution: "Solution") -> list[str]:
    """What to look at; how little of the sample the weights leave is the very last."""
    from ..calibrate._cautions import ABOUT_WEIGHTS, Spread

    of_weights = Spread.of(solution).said(solution.thresholds)
    lines = [c.text for c in solution.warnings if c.name not in ABOUT_WEIGHTS]
    return lines if of_weights is None else [*lines, of_weights]


def _method(name: str, budget: int | None, epochs: int | None) -> "Method":
    from .. import calibrate as room

    if name not in _METHODS:
        raise unknown("method", name, _METHODS)
    if epochs is not None and name != "l0":
        raise BadInputError(f"--epochs is for --method l0. Leave it out for {name}.")
    if name in _CHOOSING:
        if budget is None:
            raise BadInputError(f"{name} keeps a number of records. Say how many with --budget.")
        return (
            room.Cube(budget)
            if name == "cube"
            else room.L0(budget=budget, epochs=epochs or _EPOCHS)
        )
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
