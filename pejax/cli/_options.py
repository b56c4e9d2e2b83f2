"""Options that several commands share, and the population they describe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from .._population import Population

Out = Annotated[Path, typer.Option("--out", help="Folder for the results and manifest.json.")]
Households = Annotated[
    int | None,
    typer.Option("--households", min=1, help="Draw so many households of the CPS; all if omitted."),
]
Seed = Annotated[int, typer.Option("--seed", help="Every random draw is a function of it.")]
Year = Annotated[
    int | None,
    typer.Option(
        "--year", help="Year of the law and of the dollars: the program's own, or else 2025."
    ),
]
People = Annotated[
    Path | None,
    typer.Option(
        "--population",
        help="Your own people: a folder with one .parquet an entity, a .npz written by pejax, or"
        " a PolicyEngine .h5. The public CPS if omitted.",
    ),
]
Country = Annotated[
    str | None, typer.Option("--country", help="Installed country package: policyengine_us.")
]
Saved = Annotated[
    Path | None,
    typer.Option("--program", help="A program saved by `pejax compile`; needs no country package."),
]
Reform = Annotated[
    Path | None,
    typer.Option("--reform", help="JSON file in PolicyEngine's form: path to value or to dates."),
]


def fail_if_no_people(path: Path | None, households: int | None) -> None:
    """Refuse options that name no population, before anything is read."""
    from .._validate import BadInputError

    if path is not None and households is not None:
        raise BadInputError(
            "--households samples the CPS. Leave it out, or leave out --population."
        )
    if path is not None and not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}. Check --population.")


def read_population(
    path: Path | None, households: int | None, year: int, seed: int
) -> "Population":
    """The population that the options name."""
    from .. import datasets, io
    from .._validate import BadInputError

    if path is None:
        return datasets.load_cps(households=households, year=year, seed=seed)
    if path.suffix in (".h5", ".hdf5"):
        return io.read_policyengine_h5(path, year)
    found = io.load(path)
    if not hasattr(found, "schema"):
        raise BadInputError(
            f"{path} holds no population. Give a folder with one .parquet an entity, or a .npz"
            " that pejax.io.save wrote."
        )
    return found
