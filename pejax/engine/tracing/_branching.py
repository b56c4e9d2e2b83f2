"""Branches of an evaluation: what each overrides, and what it shares with those above it.

A branch is a small set of overridden inputs over its parent. A value whose dependencies no override
touches is shared with the parent instead of computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..rules import _calendar
from ._alike import plain
from ._array import Traced, Untraceable
from ._holder import Bookkeeping, Rules, RulesView
from ._law_traced import Law
from ._laws import LawsInTurn
from ._reads import Trace

if TYPE_CHECKING:
    from ..rules._law import LawNode
    from ..rules._system import System, Variable

Key = tuple[str, Any]


class Branching(Bookkeeping):
    """The part of a simulation that knows its parent and its branches."""

    trace_state: Trace
    system: System
    inputs: dict[Key, Traced]
    cache: dict[Key, Traced]
    reads: dict[Key, int]
    conditional: set[Key]
    branches: dict[str, Any]
    parent_branch: Any
    neutralized: set[str]
    abolished: dict[Any, tuple[bool, LawNode]]
    law: Law | LawsInTurn
    own_names: frozenset[str]
    _rules: RulesView
    overridden: int
    marks: int
    own_law: bool
    keeps: bool
    apart: bool
    variable: Callable[[str], Variable]
    _cast: Callable[[Variable, Any], Traced]

    # ---- under which rules

    @property
    def tax_benefit_system(self) -> Any:
        self.trace_state.spoil()
        return self._rules

    @tax_benefit_system.setter
    def tax_benefit_system(self, rules: Any) -> None:
        """Compute under other rules from here on: a branch that pins the law of another year, or
        is to know no reform. Values that it shares stay until they are dropped."""
        if self.parent_branch is None:
            raise Untraceable("other rules outside of a branch")
        state = self.trace_state
        state.leave_law_unsettled()
        if isinstance(rules, RulesView):
            rules = rules.as_they_are()
        which = map(id, rules[:2]) if isinstance(rules, Rules) else [id(rules)]
        state.changed(self, "rules", *which)
        if isinstance(rules, Rules):
            self.system, law, self.neutralized = rules.system, rules.law, set(rules.neutralized)
        else:
            self.system = self.system.of_source(rules)
            law, self.neutralized = self.system.law, set()
        self.law = state.law.of(law, own=True)
        self.own_law, self.abolished = True, {}
        self.own_rules()

    def own_rules(self) -> None:
        """Let formulas switch variables off here: nobody else computes under these rules."""
        self._rules = RulesView(self, copied=True)  # type: ignore[arg-type]

    def _left_by_formulas(self) -> Iterator[tuple[str, Any]]:
        """What formulas have noted on this simulation, which a branch starts with: a guard against
        running twice, or what was measured before; tables are its own."""
        for name, value in vars(self).items():
            if name not in self.own_names:
                yield name, dict(value) if isinstance(value, dict) else value

    # ---- what a branch overrides

    def neutralize(self, name: str) -> None:
        """Give a variable its default on this branch; what was computed from it stays."""
        self.trace_state.act(self)
        self.trace_state.changed(self, "neutralize", name)
        self._keep_what_is_known()
        self.neutralized.add(self.variable(name).name)
        self._override(self.trace_state.bits[name])

    def set_input(self, name: str, period: Any, value: Any) -> None:
        """Override a variable on this branch; what was computed from it is forgotten."""
        self.trace_state.act(self)
        variable = self.variable(name)
        period = self.system.period(plain(period))
        traced = self._cast(variable, value)
        self.trace_state.changed(self, "set", name, period, traced.node.index, traced.vocabulary)
        if variable.period == _calendar.ETERNITY:
            period = self.system.period("ETERNITY")
        if variable.period == _calendar.MONTH and period.unit == _calendar.YEAR:
            monthly = traced if variable.stock else traced / 12
            for month in period.get_subperiods(_calendar.MONTH):
                self.set_input(name, month, monthly)
            return
        if (name, period) not in self.inputs:
            self._override(self.trace_state.keys)
        traced.owner = name
        self.inputs[(name, period)], self.said = traced, None
        self.trace_state.held[name].add((name, period))
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Drop what this branch computed from a variable, and stop sharing it with its parent."""
        bit = self.trace_state.bits[name]
        self._override(bit)
        for key in [k for k, reads in self.reads.items() if reads & bit]:
            del self.cache[key], self.reads[key]

    def _override(self, bit: int) -> None:
        """Be another than the parent in one respect, and than the branches made of this one."""
        self.overridden |= bit
        for branch in self.branches.values():
            branch.overridden |= bit

    def delete_arrays(self, name: str, period: Any = None) -> None:
        """Forget a variable on this branch. What was computed from it before stays as it is: unlike
        `set_input`, deleting says nothing of other values."""
        self.trace_state.act(self)
        wanted = None if period is None else self.system.period(plain(period))
        self.trace_state.changed(self, "delete", name, wanted)
        self._keep_what_is_known()
        self._override(self.trace_state.bits[name] | self.trace_state.keys)
        self.said = None
        for key in self.trace_state.held[name]:
            if wanted in (None, key[1]):
                for store in (self.inputs, self.cache, self.reads):
                    store.pop(key, None)

    def drop_computed_arrays(self) -> int:
        """Forget what this branch has computed or would share; what is asked for is computed anew,
        by its own rules and inputs. Gives how many values it held itself."""
        self.trace_state.act(self)
        self.trace_state.changed(self, "drop")
        dropped = self.trace_state.told(self, "how many", lambda: len(self.cache))
        self.cache.clear()
        self.reads.clear()
        self.apart = True
        return dropped

    def _keep_what_is_known(self) -> None:
        """Make the values that this branch shares with its ancestors its own, once."""
        if self.parent_branch is None or self.keeps or self.trace_state.goes_over:
            return
        self.keeps = True
        for key, owner in self._visible().items():
            self.cache[key], self.reads[key] = owner.cache[key], owner.reads[key]
            if key in owner.conditional:
                self.conditional.add(key)

    def _visible(self) -> dict[Key, Any]:
        """The branch that holds each value which `_remembered` finds."""
        found: dict[Key, Any] = {}
        branch: Any = self
        touched = 0
        while branch is not None:
            for key in branch.cache:
                if key not in found and not branch.reads[key] & touched:
                    found[key] = branch
            touched |= branch.overridden
            branch = None if branch.apart else branch.parent_branch
        return found

    def _remembered(self, key: Key) -> Traced | None:
        """A value of this branch, or an ancestor's that no override in between touches."""
        branch: Any = self
        touched = 0
        while branch is not None:
            if key in branch.cache and not branch.reads[key] & touched:
                self.trace_state.frames[-1] |= branch.reads[key]
                if key in branch.conditional and not self.trace_state.is_divided:
                    branch.conditional.discard(key)  # now it is computed for everybody
                return branch.cache[key]
            touched |= branch.overridden
            branch = None if branch.apart else branch.parent_branch
        return None

    def _owner(self, reads: int) -> Any:
        """The outermost branch for which a value with these reads is right."""
        branch = self
        while (parent := branch.parent_branch) is not None:
            if branch.own_law or branch.apart or reads & branch.overridden:
                break
            branch = parent
        return branch
