"""A country's own tests, answered by the graph of its rules."""

from ._cases import Case as Case, read_cases as read_cases, sample as sample
from ._changes import changes as changes
from ._conform import (
    Conformity as Conformity,
    conform as conform,
    source_verdicts as source_verdicts,
)
from ._country import Suite as Suite, suite_of as suite_of
from ._judge import Verdict as Verdict
from ._runner import Runner as Runner
