"""Rules of tax and benefit systems as differentiable programs."""

from . import importer as importer
from ._compile import compile as compile
from ._compile import load as load
from ._parameters import Parameters as Parameters
from ._parameters import StructuralReformError as StructuralReformError
from ._program import GuardMovedError as GuardMovedError
from ._program import Program as Program
from ._report import Report as Report
from ._report import VariableReport as VariableReport
from ._sensitivity import (
    evaluate as evaluate,
)
from ._sensitivity import (
    gradient as gradient,
)
from ._sensitivity import (
    sensitivity as sensitivity,
)
from ._sensitivity import (
    weighted_total as weighted_total,
)
from ._sweep import sweep as sweep
from ._system import System as System
from ._system import Variable as Variable
from ._trace import UntraceableRule as UntraceableRule
from .importer import Country as Country
from .importer import import_country as import_country
