"""The commands of `pejax`, each imported when it is asked for."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from . import (
    _calibrate,
    _compile,
    _conform,
    _demo,
    _doctor,
    _impute,
    _sensitivity,
    _simulate,
    _sweep,
)
from ._errors import exit_code, message_of


class Commands(TyperGroup):
    """Shows a user's mistake as one message without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = exit_code(error)
            if code is None:
                raise
            typer.echo(f"pejax: {message_of(error)}", err=True)
            raise typer.Exit(code) from error


app = typer.Typer(
    name="pejax",
    cls=Commands,
    help="Tax and benefit law, survey weights and imputed incomes as differentiable programs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pejax {__version__} (Python {sys.version.split()[0]})")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before any command."""


app.command("demo")(_demo.demo)
app.command("doctor")(_doctor.doctor)
app.command("compile")(_compile.compile_law)
app.command("simulate")(_simulate.simulate)
app.command("sensitivity")(_sensitivity.sensitivity)
app.command("calibrate")(_calibrate.calibrate)
app.command("impute")(_impute.impute)
app.command("sweep")(_sweep.sweep)
app.command("conform")(_conform.conform)
