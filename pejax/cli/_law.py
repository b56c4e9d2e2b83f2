"""The program and the law that a command's options name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._validate import BadInputError

if TYPE_CHECKING:
    from .._population import Population
    from ..engine import Parameters, Program


def get_program(
    saved: Path | None,
    country: str,
    outputs: Sequence[str],
    year: int,
    population: "Population",
) -> "Program":
    """A saved program, or one compiled for the population with its trace kept in the cache."""
    from .. import engine
    from ._cache import program_folder

    if saved is not None:
        if not saved.exists():
            raise FileNotFoundError(f"There is no program {saved}. Write one with `pejax compile`.")
        return engine.load(saved)
    if not outputs:
        raise BadInputError("Name the variables to compute, or give --program with a saved one.")
    rules = engine.import_country(country)
    return engine.compile(rules, outputs, year, population, cache=program_folder())


def reformed(program: "Program", reform: Path | None) -> "Parameters":
    """The program's law, with a reform from a file if one is given."""
    if reform is None:
        return program.parameters
    content = read_json(reform)
    if not isinstance(content, dict):
        raise BadInputError(
            f'{reform} holds no reform. Write an object: {{"path.of.a.parameter": value}}.'
        )
    return program.parameters.with_reform(content)


def read_json(path: Path) -> Any:
    """A JSON file, with a message that names the place if it is broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise BadInputError(
            f"{path}, line {error.lineno}: {error.msg}. Correct the JSON there."
        ) from error
