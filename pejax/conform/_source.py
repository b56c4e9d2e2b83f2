"""The source engine's own answer to a case: whether the country passes its own test."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..engine.importer._core import core_of
from ._answering import law_of
from ._cases import Case, Expected, expected_of
from ._judge import BROKEN, FAILED, PASSED, Verdict, shown

_FIRST, _YEARS = 2000, 40
"""For which years a case changes a parameter, as the field's runner has it."""


class Source:
    """A country's own runner, one case after the other.

    Args:
        source: the country's own tax and benefit system.
        entities: plural by entity.
        reforms: the classes of a case's structural reforms.
    """

    def __init__(self, source: Any, entities: Mapping[str, str], reforms: Any) -> None:
        self.source, self.entities, self.reforms = source, dict(entities), reforms
        self._made: tuple[Any, Any] | None = None
        self._core = core = core_of(source)
        self._builders = core.module("simulations")
        self._near = core.module("tools.test_runner", "tools").assert_near

    def verdict(self, case: Case) -> Verdict:
        """Whether the source passes a case."""
        start = time.process_time()
        try:
            with np.errstate(all="ignore"), edited(self.source, case.law):
                status, reason = self._judged(case)
        except Exception as problem:
            text = " ".join(str(problem).split())[:300]
            status, reason = BROKEN, f"{type(problem).__name__}: {text}"
        return Verdict(status, reason, 1, time.process_time() - start)

    def _judged(self, case: Case) -> tuple[str, str]:
        rules = self._rules(case)
        builder = self._builders.SimulationBuilder()
        builder.set_default_period(case.period)
        simulation = builder.build_from_dict(rules, dict(case.given))
        simulation.default_calculation_period = builder.default_period
        for one in expected_of(case, self.entities, rules.variables):
            reason = self._off(simulation, one, case)
            if reason:
                return FAILED, reason
        return PASSED, ""

    def _rules(self, case: Case) -> Any:
        """The rules of a case. A structural reform copies the whole law, half a minute of work, so
        what it made is kept for the cases after it that are under the same."""
        if not (case.tree or case.reforms):
            return self.source
        key = (case.reforms, law_of(case))
        if self._made is None or self._made[0] != key:
            self._made = None  # before another one is made: each takes a gigabyte
            rules = self._with_tree(case.tree) if case.tree else self.source
            for reform in self.reforms(case):
                rules = reform(rules)
            self._made = key, rules
        return self._made[1]

    def _with_tree(self, tree: Mapping[str, Any]) -> Any:
        """The rules with a tree of parameters in the place of their own."""
        node = self._core.module("parameters").ParameterNode("", data=dict(tree))
        reform = self._core.module("reforms").Reform

        def apply(rules: Any) -> None:
            rules.modify_parameters(lambda before: node)

        return type("OwnTree", (reform,), {"apply": apply})(self.source)

    def _off(self, simulation: Any, one: Expected, case: Case) -> str:
        values = simulation.calculate(one.variable, one.period)
        if one.row is not None:
            values = values[simulation.get_population(plural=one.row[0]).get_index(one.row[1])]
        try:
            self._near(values, one.value, case.absolute, "", case.relative)
        except (AssertionError, ValueError):
            decoded = values.decode_to_str() if hasattr(values, "decode_to_str") else values
            return f"{one.variable} in {one.period} is {shown(decoded)}, not {one.value}"
        return ""


@contextlib.contextmanager
def edited(source: Any, law: Mapping[str, Any]) -> Iterator[None]:
    """The source's law with these parameters, for the block alone.

    A reform that the source applies itself copies its whole law, which takes half a minute.
    """
    parameters = {path: source.parameters.get_child(path) for path in law}
    before = {path: list(parameter.values_list) for path, parameter in parameters.items()}
    try:
        for path, parameter in parameters.items():
            parameter.update(period=f"year:{_FIRST}:{_YEARS}", value=law[path])
        _forget_values(source, bool(law))
        yield
    finally:
        for path, parameter in parameters.items():
            parameter.values_list = before[path]
        _forget_values(source, bool(law))


def _forget_values(source: Any, changed: bool) -> None:
    """Clear what the law keeps by day.

    An edit clears it on the way up to the root; a bracket of a scale has no way up, and the nodes
    above would give the old scale.
    """
    if not changed:
        return
    for node in (source.parameters, *source.parameters.get_descendants()):
        if hasattr(node, "_at_instant_cache"):
            node._at_instant_cache.clear()
    source._parameters_at_instant_cache = {}
