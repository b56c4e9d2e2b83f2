"""`pejax impute`: fill columns of one table from the donors of another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..core._validate import BadInputError, MissingFileError
from ._command import command
from ._options import Seed
from ._work import Work

if TYPE_CHECKING:
    import pandas as pd

    from ..impute import QRF
    from ..stats._weighted import Numbers


@command("impute")
def impute(
    task: Work,
    donor: Annotated[Path, typer.Option("--donor", help="Table with predictors and outcomes.")],
    receiver: Annotated[Path, typer.Option("--receiver", help="Table with the predictors alone.")],
    targets: Annotated[str, typer.Option("--targets", help="Columns to fill, in order.")],
    predictors: Annotated[
        str | None,
        typer.Option("--predictors", help="Columns, split by commas; all that both tables have."),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            "--weight", help="Donors' weight column; weighs the receivers' results too, if there."
        ),
    ] = None,
    trees: Annotated[int, typer.Option("--trees", min=1)] = 100,
    leaf: Annotated[int, typer.Option("--leaf", min=1, help="Least donors drawn in a leaf.")] = 5,
    sign_stage: Annotated[
        bool, typer.Option("--sign-stage", help="Draw the sign first, then the size.")
    ] = False,
    order: Annotated[
        str, typer.Option("--order", help="given, or chosen by correlation.")
    ] = "given",
    save_forest: Annotated[
        bool, typer.Option("--save-forest", help="Keep all forests, in forest.npz.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Grow a quantile regression forest a variable and draw a donor's value for every receiver."""
    from .. import impute as room

    with task.run.step("tables"):
        given, wanted = _table(donor, "--donor"), _table(receiver, "--receiver")
    forest = room.QRF(
        n_estimators=trees,
        min_samples_leaf=leaf,
        sign_stage=sign_stage,
        order=order,
        seed=seed,
    )
    fill = _listed(targets)
    both = [str(name) for name in given if name in wanted.columns]
    read = [name for name in both if name not in (*fill, weight)]
    chosen = read if predictors is None else _listed(predictors)
    if not chosen and predictors is not None:
        raise BadInputError("--predictors names no column. Give some, or leave it out for all.")
    asked = _Asked(given, wanted, chosen, fill, weight)
    counted = _receivers_weights(asked)
    task.display.say(f"predictors: {', '.join(asked.predictors)}")
    if weight is not None and counted is None:
        task.display.say(f"receivers have no column {weight!r}: the summary counts each once")
    drawn = (_kept if save_forest else _one_by_one)(task, forest, asked, seed)
    summary = _beside(asked, drawn, counted)
    task.write("imputed", wanted.assign(**{str(name): drawn[name] for name in drawn}))
    task.write("summary", summary)
    task.display.table(summary, rows=40)


def _table(path: Path, option: str) -> "pd.DataFrame":
    """The table of an option."""
    from .. import io

    if not path.is_file():
        raise MissingFileError(f"There is no file {path}. Check {option}.")
    found = io.load(path)
    if not hasattr(found, "iloc"):
        raise BadInputError(f"{option}: {path} holds no table. Give a .csv or .parquet file.")
    return found


class _Asked(NamedTuple):
    """The tables, and what is to be filled from what."""

    donors: "pd.DataFrame"
    receivers: "pd.DataFrame"
    predictors: list[str]
    targets: list[str]
    weight: str | None


def _one_by_one(task: Work, forest: "QRF", asked: _Asked, seed: int) -> "pd.DataFrame":
    """A forest a variable, none kept: the memory of one."""
    import jax

    with task.run.step("fit and draw"):
        return forest.impute(*asked, key=jax.random.key(seed), progress=_teller(task))


def _kept(task: Work, forest: "QRF", asked: _Asked, seed: int) -> "pd.DataFrame":
    """All forests, saved for other receivers."""
    import jax

    donors, receivers, predictors, targets, weight = asked
    with task.run.step("fit"):
        fitted = forest.fit(donors, predictors, targets, weight, progress=_teller(task))
        fitted.save(task.run.out / "forest.npz")
    with task.run.step("draw"):
        return fitted.draw(receivers, key=jax.random.key(seed))


def _teller(task: Work):
    """What a chain is at, on the moving line."""

    def tell(done: int, of: int, name: str) -> None:
        task.display.progress(f"variable {done + 1} of {of}: {name}" if name else f"{of} filled")

    return tell


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _receivers_weights(asked: _Asked) -> "Numbers | None":
    """The receivers' weights, refused before any forest grows; None where they have none."""
    from ..stats._weighted import numbers, weights_of

    if asked.weight is None or asked.weight not in asked.receivers.columns:
        return None
    name = f"column {asked.weight!r} of the receivers"
    given = numbers(asked.receivers[asked.weight], name)
    weights_of(given, given, name)
    return given


def _beside(asked: _Asked, drawn: "pd.DataFrame", counted: "Numbers | None") -> "pd.DataFrame":
    """The donors' and the receivers' weighted distribution of each number, a row a statistic."""
    import pandas as pd

    from .. import impute as room

    donors = asked.donors
    weights = None if asked.weight is None else donors[asked.weight].to_numpy()
    columns = ["variable", "statistic", "imputed", "donors"]
    tables = []
    for name in map(str, drawn.select_dtypes("number")):
        told, theirs = drawn[name].to_numpy(), donors[name].to_numpy()
        table = pd.DataFrame(room.compare(told, theirs, counted, weights))
        tables.append(table.rename(columns={"truth": "donors"}).assign(variable=name))
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )
