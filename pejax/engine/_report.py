"""What became of every variable that a program reached."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .graph._node import Node, reachable
from .graph._ops import OPS

if TYPE_CHECKING:
    import pandas as pd

    from .rules._system import System
    from .running._check import Check
    from .tracing._trace import Guard, Outcome


ROUNDING = ("round", "rint", "floor", "ceil", "trunc", "floor_divide", "sign")
"""Operations that round, besides a conversion to whole numbers. A comparison jumps too, but what it
chooses between keeps its derivative."""


@dataclasses.dataclass(frozen=True)
class VariableReport:
    """One variable.

    A formula that has none of the statuses is refused: compiling raises, with the reasons.

    Attributes:
        status: "traced", "given" (an input) or "hoisted" (a column given in place of a formula).
        reason: why it is so.
        nodes: operations that its formula left in the program.
        jumps: how many of them are discontinuous in a parameter.
        cuts_gradient: whether it rounds a real number that depends on the law or on the population,
            or was hoisted, so that a derivative stops there.
        periods: those that it was computed for.

    >>> from pejax.testing import toy_program
    >>> [v.entity for v in toy_program().report.variables if v.variable == "income_tax"]
    ['tax_unit']
    """

    variable: str
    entity: str
    status: str
    reason: str
    nodes: int
    jumps: int
    cuts_gradient: bool
    guards: int
    periods: tuple[str, ...]
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """A table of `VariableReport`s, with counts of the program they belong to.

    `checks` has what the program found when it compared itself with its own graph in numpy, and
    how long that took; it belongs to this process, and is not saved.

    >>> from pejax.testing import toy_program
    >>> sorted({v.status for v in toy_program().report.variables})
    ['given', 'traced']
    """

    variables: tuple[VariableReport, ...]
    counts: dict[str, int]
    checks: list[Check] = dataclasses.field(default_factory=list, compare=False)

    def __iter__(self) -> Iterator[VariableReport]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    def to_frame(self) -> pd.DataFrame:
        """One row a variable."""
        import pandas as pd

        return pd.DataFrame([dataclasses.asdict(v) for v in self.variables])

    def rounded(self) -> pd.DataFrame:
        """The rows of self-checks that the float width decides: program's value beside numpy's."""
        import pandas as pd

        rows = [row for check in self.checks for row in check.rounded]
        return pd.DataFrame(rows, columns=["variable", "row", "program", "numpy"])

    def to_json(self) -> str:
        return json.dumps(
            {"counts": self.counts, "variables": [dataclasses.asdict(v) for v in self.variables]}
        )

    @classmethod
    def from_json(cls, text: str) -> Report:
        data = json.loads(text)
        rows = tuple(
            VariableReport(**{**row, "periods": tuple(row["periods"])}) for row in data["variables"]
        )
        return cls(rows, data["counts"])

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {what}" for what, n in self.counts.items() if n)
        return f"Report({counts})"


def report_of(system: System, outcome: Outcome) -> Report:
    """Describe a trace."""
    roots = [t.node for t in outcome.outputs.values()] + [g.node for g in outcome.guards]
    live = reachable(roots)
    by_origin: dict[str, list[Node]] = collections.defaultdict(list)
    for node in live:
        by_origin[node.origin].append(node)
    # What only a guard looks at is no part of the results: it neither jumps nor cuts.
    returned = {n.index for n in reachable(roots[: len(outcome.outputs)])}
    guards: dict[str, list[Guard]] = collections.defaultdict(list)
    for guard in outcome.guards:
        guards[guard.variable].append(guard)
    names = sorted({*outcome.evaluated, *outcome.given})
    rows = tuple(_row(system, outcome, n, by_origin.get(n, []), returned, guards[n]) for n in names)
    status = collections.Counter(r.status for r in rows)
    counts: dict[str, Any] = {
        **{s: status[s] for s in ("traced", "given", "hoisted")},
        "nodes": len(live),
        "guards": len(outcome.guards),
        "parameters": len(outcome.leaves),
        "gradient_cuts": sum(r.cuts_gradient for r in rows),
    }
    return Report(rows, counts)


def _row(
    system: System,
    outcome: Outcome,
    name: str,
    nodes: list[Node],
    returned: set[int],
    guards: list[Guard],
) -> VariableReport:
    variable = system.variable(name)
    status, reason = _status(system, outcome, name)
    stands_for_numbers = status == "hoisted" and variable.kind == "float"
    counting = [n for n in nodes if n.index in returned]
    return VariableReport(
        variable=name,
        entity=variable.entity,
        status=status,
        reason=reason,
        nodes=len(nodes),
        jumps=sum(jumps_in_law(n) for n in counting),
        cuts_gradient=stands_for_numbers
        or any(rounds(n) for n in counting)
        or any(map(_takes_out, guards)),
        guards=len(guards),
        periods=tuple(sorted(outcome.evaluated.get(name, set()))),
        label=variable.label,
    )


def _status(system: System, outcome: Outcome, name: str) -> tuple[str, str]:
    if name not in outcome.given or name in outcome.evaluated:
        return "traced", ""
    variable = system.variable(name)
    computed = variable.formula(outcome.period) is not None or variable.adds or variable.subtracts
    if computed:
        return "hoisted", "a column of the population, given in place of its formula"
    return "given", "a column of the population"


def jumps_in_law(node: Node) -> bool:
    """Whether a node is a discontinuous function of a parameter."""
    op = OPS.get(node.op)
    jumps = (op is not None and op.jumps) or _is_rounding(node)
    return jumps and any(a.law and a.dtype.kind == "f" for a in node.args)


def rounds(node: Node) -> bool:
    """Whether a node turns a real number that moves with the law or the population into one of a
    few steps, so that no derivative passes. A count, which moves in steps already, is none."""
    return _is_rounding(node) and any(a.trend.things for a in node.args)


def _takes_out(guard: Guard) -> bool:
    """Whether Python took a real number out of the graph, as `float(params.rate)` does: what is
    computed from it depends on it no more."""
    node = guard.node
    return (
        guard.kind in ("float", "int", "array") and node.dtype.kind == "f" and node.trend.things > 0
    )


def _is_rounding(node: Node) -> bool:
    return node.op in ROUNDING or (node.op == "astype" and node.dtype.kind in "iu")
