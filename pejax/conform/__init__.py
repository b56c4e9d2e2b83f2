"""A country's own tests, answered by the graph of its rules."""

from ._cases import Case as Case, read_cases as read_cases, sample as sample
from ._conform import Conformity as Conformity, conform as conform
from ._country import Tested as Tested, tested as tested
from ._runner import Runner as Runner, Verdict as Verdict
