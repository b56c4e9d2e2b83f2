"""`pejax impute`: fill columns of one table from the donors of another."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import Out, Seed


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def impute(
    donors: Annotated[Path, typer.Argument(help="Table with predictors and outcomes.")],
    receivers: Annotated[Path, typer.Argument(help="Table with the predictors alone.")],
    predictors: Annotated[str, typer.Option("--predictors", help="Columns, split by commas.")],
    variables: Annotated[str, typer.Option("--variables", help="Columns to fill, in order.")],
    weight: Annotated[str | None, typer.Option("--weight", help="Donors' weight column.")] = None,
    trees: Annotated[int, typer.Option("--trees", min=1)] = 100,
    leaf: Annotated[int, typer.Option("--leaf", min=1, help="Least donors drawn in a leaf.")] = 5,
    seed: Seed = 0,
    out: Out = Path("out/impute"),
) -> None:
    """Grow a quantile regression forest a variable and draw a donor's value for every receiver."""
    options = dict(locals())
    import jax

    from .. import impute as room, io
    from ._work import work

    with work("impute", out, options, seed) as task:
        with task.run.step("tables"):
            given, wanted = io.load(donors), io.load(receivers)
        with task.run.step("fit"):
            forest = room.QRF(n_estimators=trees, min_samples_leaf=leaf, seed=seed)
            fitted = forest.fit(given, _listed(predictors), _listed(variables), weight)
        with task.run.step("draw"):
            drawn = fitted.draw(wanted, key=jax.random.key(seed))
        fitted.save(out / "forest.npz")
        task.write("imputed", wanted.assign(**{str(name): drawn[name] for name in drawn}))
