"""Rules of tax and benefit systems as differentiable programs."""

import importlib as _importlib

from . import importer as importer
from ._changes import changes as changes
from ._compile import compile as compile, load as load
from ._guards import GuardMovedError as GuardMovedError
from ._parameters import Parameters as Parameters
from ._program import Program as Program
from ._report import Report as Report, VariableReport as VariableReport
from ._sensitivity import (
    Statistic as Statistic,
    evaluate as evaluate,
    gradient as gradient,
    sensitivity as sensitivity,
    weighted_total as weighted_total,
)
from ._unread import (
    ReformWarning as ReformWarning,
    StructuralReformError as StructuralReformError,
)
from .importer import Country as Country, import_country as import_country
from .native._rules import (
    build_system as build_system,
    input_variable as input_variable,
    rule as rule,
)
from .rules._system import System as System, Variable as Variable
from .running._check import Check as Check, SelfCheckError as SelfCheckError
from .tracing._depth import CircularRule as CircularRule
from .tracing._trace import UntraceableRule as UntraceableRule


def __getattr__(name: str):
    """A sweep is a long job, and lives where those do: above this room, which does not need it."""
    if name == "sweep":
        return _importlib.import_module("pejax.runs").sweep
    raise AttributeError(f"module 'pejax.engine' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "sweep"])
