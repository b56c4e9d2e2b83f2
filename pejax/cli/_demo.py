"""`pejax demo`: the main job from end to end."""

from pathlib import Path
from typing import Annotated

import typer

from ._options import Households, Out, Seed


def demo(
    out: Out = Path("out/demo"),
    households: Households = None,
    seed: Seed = 0,
    budget: Annotated[
        int | None, typer.Option("--budget", help="Records that keep a weight under L0.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", help="Epochs of L0.")] = 200,
    donors: Annotated[
        int | None, typer.Option("--donors", help="Tax units the imputation learns from.")
    ] = None,
    trees: Annotated[int, typer.Option("--trees", help="Trees of the imputation.")] = 50,
    reforms: Annotated[int, typer.Option("--reforms", help="Random reforms in the sweep.")] = 64,
    sweep_households: Annotated[
        int, typer.Option("--sweep-households", help="Households of the sweep.")
    ] = 50_000,
) -> None:
    """Run the main job on the public CPS: law, reform, weights, imputation, gradients, report."""
    options = dict(locals())
    from .. import demo as job
    from ._cache import program_folder, use_compile_cache
    from ._display import Display

    use_compile_cache()
    settings = job.Settings(**options, cache=program_folder())
    display = Display()
    with display.working():
        report = job.run(
            settings, job.Screen(tell=display.tell, progress=display.progress, say=display.say)
        )
    display.console.print(f"[bold]report: {report}", soft_wrap=True)
