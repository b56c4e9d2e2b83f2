"""Options that several commands share, and the population they describe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..core._validate import BadInputError, MissingFileError

if TYPE_CHECKING:
    from ..core.population._population import Population

Out = Annotated[Path, typer.Option("--out", help="Folder for the results and manifest.json.")]
Households = Annotated[
    int | None,
    typer.Option("--households", min=1, help="Draw so many households of the CPS; all if omitted."),
]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, max=2**63 - 1, help="Every random draw is a function of it."),
]
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
Reported = Annotated[
    bool,
    typer.Option(
        "--reported",
        help="State taxes and child care as the CPS has them: federal tax needs no state's law.",
    ),
]
Extra = Annotated[
    list[str] | None,
    typer.Option("--extra", help="Column that the country need not know, unread; repeatable."),
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


class Whom(NamedTuple):
    """The people that the options describe."""

    path: Path | None
    households: int | None
    reported: bool
    seed: int

    def read(self, year: int) -> "Population":
        """The population, of this year if it is the CPS or a file of several years."""
        from .. import datasets, io

        if self.path is None:
            return datasets.load_cps(
                period=year, households=self.households, seed=self.seed, reported=self.reported
            )
        if self.path.suffix in (".h5", ".hdf5"):
            return io.read_policyengine_h5(self.path, year)
        found = io.load(self.path)
        if not hasattr(found, "schema"):
            raise BadInputError(
                f"{self.path} holds no population. Give a folder with one .parquet an entity, or a"
                " .npz that pejax.io.save wrote."
            )
        return found


def whom(path: Path | None, households: int | None, reported: bool, seed: int) -> Whom:
    """The people of the options, which are refused where they do not go together."""
    chosen = {"--households": households is not None, "--reported": reported}
    for option, is_chosen in chosen.items():
        if path is not None and is_chosen:
            raise BadInputError(
                f"{option} is for the CPS. Leave it out, or leave out --population."
            )
    if path is not None and not path.exists():
        raise MissingFileError(f"There is no file or folder {path}. Check --population.")
    return Whom(path, households, reported, seed)
