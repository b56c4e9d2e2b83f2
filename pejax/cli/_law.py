"""The law that a command's options ask for, checked before anything slow begins."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from ..core._countries import country as default_country
from ..core._validate import BadInputError, MissingFileError, PejaxError, unknown

if TYPE_CHECKING:
    from ..core.population._population import Population
    from ..engine import Country, Parameters, Program

_YEAR = 2025


@runtime_checkable
class Asked(Protocol):
    """What is to be computed, and for which year."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The variables that are asked for."""
        ...

    @property
    def year(self) -> int:
        """The year of the law, and of the dollars of the people."""
        ...

    def program(self, population: "Population") -> "Program":
        """The program that computes the outputs, and others maybe."""
        ...

    def check(self, reform: Mapping[str, Any]) -> None:
        """Refuse a reform, as far as can be told at once."""
        ...

    def reformed(
        self, program: "Program", population: "Population", reform: Mapping[str, Any]
    ) -> tuple["Program", "Parameters"]:
        """A program and its numbers under a reform: the same program if numbers alone change."""
        ...


class OfFile(NamedTuple):
    """A program that was saved."""

    saved: "Program"
    outputs: tuple[str, ...]
    year: int

    def program(self, population: "Population") -> "Program":
        return self.saved

    def check(self, reform: Mapping[str, Any]) -> None:
        law = self.saved.parameters
        law.with_reform({path: value for path, value in reform.items() if path not in law})

    def reformed(
        self, program: "Program", population: "Population", reform: Mapping[str, Any]
    ) -> tuple["Program", "Parameters"]:
        return program, program.parameters.with_reform(reform)


class OfCountry(NamedTuple):
    """The law of an installed package, to be compiled; its trace is kept in the cache."""

    country: "Country"
    outputs: tuple[str, ...]
    year: int
    extra: tuple[str, ...] = ()

    def program(self, population: "Population") -> "Program":
        from .. import engine
        from ._cache import program_folder

        return engine.compile(
            self.country,
            self.outputs,
            self.year,
            population,
            cache=program_folder(),
            extra=self.extra,
        )

    def check(self, reform: Mapping[str, Any]) -> None:
        self.country.with_reform(reform)

    def reformed(
        self, program: "Program", population: "Population", reform: Mapping[str, Any]
    ) -> tuple["Program", "Parameters"]:
        from ..engine import StructuralReformError

        try:
            return program, program.parameters.with_reform(reform)
        except StructuralReformError:  # what needs other formulas is written into the law
            again = self._replace(country=self.country.with_reform(reform)).program(population)
            return again, again.parameters


def ask(
    saved: Path | None,
    country: str | None,
    outputs: Sequence[str] | None,
    year: int | None,
    *,
    extra: Sequence[str] | None = None,
    reforms: Sequence[Mapping[str, Any]] = (),
) -> Asked:
    """What the options ask for, under `reforms`; `extra`, columns that are not looked at.

    Raises:
        UnknownNameError: an output that the saved program does not have, or that no variable of
            the country can be; with the names there are or the nearest ones.
        BadInputError: a country, a year or columns beside a saved program, which has its own; no
            outputs; a reform that is none.
        FileNotFoundError: there is no such program.
    """
    wanted, aside = tuple(dict.fromkeys(outputs or ())), tuple(extra or ())
    if saved is None:
        asked = _of_country(country, wanted, year, aside)
    else:
        asked = _of_file(saved, country, wanted, year, aside)
    for number, reform in enumerate(reforms):
        try:
            asked.check(reform)
        except PejaxError as error:
            if len(reforms) > 1:
                error.add_note(f"in reform number {number}")
            raise
    return asked


def _of_country(
    country: str | None, outputs: tuple[str, ...], year: int | None, extra: tuple[str, ...]
) -> OfCountry:
    if not outputs:
        raise BadInputError("Name the variables to compute, or give --program with a saved one.")
    from .. import engine

    try:
        named = default_country().package if country is None else country
        package = engine.import_country(named)
        package.fail_if_no_variable(outputs)
    except PejaxError:
        raise
    except ImportError as error:
        raise BadInputError(
            f"--country {country!r} is no installed country package ({error}). Check the name."
        ) from error
    return OfCountry(package, outputs, year_of(year), extra)


def year_of(given: int | None) -> int:
    """The year of an option, or the one that is meant without it."""
    return _YEAR if given is None else given


def _of_file(
    path: Path,
    country: str | None,
    outputs: tuple[str, ...],
    year: int | None,
    extra: tuple[str, ...],
) -> OfFile:
    from .. import engine

    if not path.is_file():
        raise MissingFileError(
            f"There is no program {path}. Check --program, or write one with `pejax compile`."
        )
    program = engine.load(path)
    package, period = program.recipe.package, int(program.index.period[0][:4])
    for option, given, own in (("--country", country, package), ("--year", year, period)):
        if given is not None and given != own:
            raise BadInputError(
                f"{option} {given} does not go with {path}, a program of {package} for {period}."
                f" Leave out {option}, or leave out --program to compile that law."
            )
    if extra:
        raise BadInputError(
            f"--extra is for compiling, and {path} is compiled: it passes on"
            f" {', '.join(program.recipe.extra) or 'no column'}. Leave out --extra or --program."
        )
    names = [output.name for output in program.outputs]
    for name in outputs:
        if name not in names:
            error = unknown("output", name, names)
            error.add_note(f"{path} computes {', '.join(names)}")
            raise error
    return OfFile(program, outputs or tuple(names), period)


def facts_of(program: "Program") -> dict[str, Any]:
    """Whose law a program is, for the manifest."""
    made = program.recipe
    return {"package": made.package, "version": made.version, "period": made.period}


def read_reform(path: Path | None) -> dict[str, Any]:
    """A reform from a file; one that changes nothing if none is given."""
    content = {} if path is None else _read_json(path, "--reform")
    if not isinstance(content, dict):
        raise BadInputError(
            f'{path} holds no reform. Write an object: {{"path.of.a.parameter": value}}.'
        )
    return content


def read_reforms(path: Path) -> list[dict[str, Any]]:
    """A list of reforms from a file."""
    content = _read_json(path, "the name of the list of reforms")
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise BadInputError(
            f'{path} holds no list of reforms. Write [{{"path.of.a.parameter": value}}, ...].'
        )
    return content


def _read_json(path: Path, argument: str) -> Any:
    """A JSON file, with a message that names the place if it is broken."""
    if not path.is_file():
        raise MissingFileError(f"There is no file {path}. Check {argument}.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise BadInputError(
            f"{path}, line {error.lineno}: {error.msg}. Correct the JSON there."
        ) from error
    except (ValueError, RecursionError) as error:  # other bytes than UTF-8, numbers without end
        raise BadInputError(f"{path} cannot be read as JSON ({error}). Correct it.") from error
