"""pejax: tax-benefit law, survey weights and imputed incomes as pure JAX functions."""

import importlib as _importlib
from importlib.metadata import version as _version

from .core._countries import register as _register
from .core._results import Result as Result, SolveError as SolveError
from .core._validate import (
    BadInputError as BadInputError,
    MissingExtraError as MissingExtraError,
    PejaxError as PejaxError,
    UnknownNameError as UnknownNameError,
)
from .core.population._population import Population as Population

__version__ = _version("pejax")

_register("pejax.countries.us")

_ROOMS = (
    "calibrate",
    "datasets",
    "engine",
    "gates",
    "impute",
    "io",
    "report",
    "runs",
    "stats",
    "testing",
)


def __getattr__(name: str):
    """Open a room on first use, so that `import pejax` stays light."""
    if name in _ROOMS:
        return _importlib.import_module(f"pejax.{name}")
    if name == "load":
        return _importlib.import_module("pejax.io").load
    raise AttributeError(f"module 'pejax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS, "load"])
