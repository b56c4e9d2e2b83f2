"""What formulas ask of stored values: which inputs were given, for which periods and branches.

Country formulas reach into their engine's bookkeeping by name, underscores included; the names
here are theirs.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ._alike import plain
from ._array import Traced, Untraceable
from ._reads import BranchName
from ._speakers import GivenName, Key

if TYPE_CHECKING:
    from ..rules._law import LawNode
    from ..rules._system import System
    from ._evaluate import Simulation
    from ._reads import Trace


class Bookkeeping:
    """The part of a simulation that only describes it."""

    trace = False
    dataset = None
    branch_period: Any = None
    branch_overrides: Any = None
    reform = None
    is_over_dataset = False
    has_axes = False

    opened_at: int
    said: set[tuple[str, str, Any]] | None
    _name: str
    trace_state: Trace
    parent_branch: Any
    inputs: dict[tuple[str, Any], Any]
    cache: dict[tuple[str, Any], Any]
    conditional: set[tuple[str, Any]]

    @property
    def branch_name(self) -> BranchName:
        self.trace_state.spoil()
        return BranchName(self._name, self.trace_state, self.trace_state.name)

    @property
    def input_variables(self) -> list[str]:
        """The inputs that a simulation was built with, by the names under which they were given;
        what a formula sets later is not among them."""
        self.trace_state.spoil()
        given = self.trace_state.given
        return [self._said_to_be(name, given.keys_of(name), given.some) for name in given.names]

    @property
    def _user_input_keys(self) -> set[tuple[str, str, Any]]:
        self.trace_state.spoil()
        self.trace_state.read(self.trace_state.keys)
        if self.said is None:  # formulas ask for it for each case, and change it themselves
            some = {key for key in self.inputs if self._which(key) is not None}
            self.said = {(self._said_to_be(k[0], [k], some), self._name, k[1]) for k in self.inputs}
        return self.said.copy()

    @_user_input_keys.setter
    def _user_input_keys(self, keys: Any) -> None:
        """Formulas that delete inputs also rewrite this record; here it follows the inputs."""

    def _said_to_be(self, name: str, keys: Sequence[Key], some: Container[Key]) -> str:
        """The name of an input that is given for some periods; if only some cases have it, one that
        notes who looks for it."""
        whole = not keys or any(key not in some for key in keys)
        return name if whole else GivenName(name, self.trace_state, keys)

    def _which(self, key: Key) -> Traced | None:
        """Which rows are given an input; None for one that all are."""
        return self.trace_state.some_have(key, self.inputs.get(key))

    def is_given(self, key: Key) -> bool:
        """Whether an input is given; of one that only some cases have, the one that asks."""
        if key not in self.inputs or self._which(key) is None:
            return key in self.inputs
        if (record := self.trace_state.here) is not None:
            record.computed_before(self, key)  # who does not give it looks for that
        return self.trace_state.gives([key])

    def computed_before(self, key: Key) -> Any:
        """The value that this branch has computed, if it has. One that was computed for some cases
        only is perhaps not there for others."""
        if (record := self.trace_state.here) is not None and self.trace_state.goes_over:
            return record.computed_before(self, key)
        found = self.cache.get(key) if record is None else record.computed_before(self, key)
        if found is not None and key in self.conditional:
            self.trace_state.leave_unsettled(self.trace_state.given.by_case)
        return found

    def known_periods(self, name: str) -> list[Any]:
        """Periods for which an input of `name` is visible on this branch."""
        return [p for p in self.periods_given(name) if self.is_given((name, p))]

    def periods_given(self, name: str) -> list[Any]:
        """The same where it is no matter which rows are given it."""
        self.trace_state.spoil()
        self.trace_state.read(self.trace_state.bits[name])
        self.trace_state.asked.add(name)
        kept = [key for key in self.trace_state.held[name] if key in self.inputs]
        return sorted((period for _, period in kept), key=str)

    def _get_visible_branch_names(self) -> list[str]:
        self.trace_state.spoil()
        parent = self.parent_branch
        above = parent._get_visible_branch_names() if parent is not None else ["default"]
        return list(dict.fromkeys([BranchName(self._name, self.trace_state, 0), *above]))

    def _rebind_holders(self) -> None:
        """Tie stored values to other rules: here they are kept by name and period alone."""

    def _drop_holders_built_for_another_policy(self) -> None:
        """Drop stored values of a variable that has another entity under other rules."""

    def _isolate_parameter_tracing(self) -> None:
        """Record the parameters that are read by whom: nobody asks for that record here."""

    def _record_own_county_input_types(self, period: Any = None) -> None:
        """Record of what type an input was: columns have one type."""

    def _get_exportable_input_periods(
        self, name: str, include_computed_variables: bool = False
    ) -> list[Any]:
        return self.known_periods(name)


class Holder:
    """The stored values of one variable, as formulas look at them."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        self.simulation = simulation
        self.name = name
        source = simulation.system.source
        self.variable = simulation.variable(name) if source is None else source.variables[name]

    def get_known_periods(self) -> list[Any]:
        return self.simulation.known_periods(self.name)

    def get_input_periods(self, branch_name: str = "default") -> list[Any]:
        """The periods for which a branch reads an input."""
        branch = self._branch(branch_name)
        return [] if branch is None else branch.known_periods(self.name)

    def get_known_branch_periods(self) -> list[tuple[str, Any]]:
        return [(self.simulation._name, p) for p in self.get_known_periods()]

    def get_array(self, period: Any, branch_name: str | None = None) -> Any:
        return self.simulation.get_array(self.name, period)

    def _branch(self, name: str) -> Any:
        """This branch or the one above it that has a name."""
        branch, state = self.simulation, self.simulation.trace_state
        wanted = str.__str__(name)
        state.read(state.named(wanted) | state.bits[self.name])
        while branch is not None and branch._name != wanted:
            branch = branch.parent_branch
        return branch

    def _stored_on(self, period: Any, branch_name: str) -> tuple[Any, Any]:
        """The input and the computed value that one branch itself holds."""
        branch = self._branch(branch_name)
        if branch is None:
            return None, None
        key = (self.name, branch.system.period(plain(period)))
        given = branch.inputs[key] if branch.is_given(key) else None
        return given, branch.computed_before(key)

    def _get_array_from_storage(self, period: Any, branch_name: str = "default") -> Any:
        given, computed = self._stored_on(period, branch_name)
        return computed if given is None else given

    def _stores_user_input(
        self, period: Any, branch_name: str, storage_name: str | None = None
    ) -> bool:
        """Whether an input is still there, as the engine asks it of one that was recorded."""
        return self._is_input(period, branch_name)

    def _is_input(self, period: Any, branch_name: str = "default") -> bool:
        return self._stored_on(period, branch_name)[0] is not None

    def default_array(self) -> Any:
        return self.simulation._default(self.simulation.variable(self.name))

    def delete_arrays(self, period: Any = None, *_: Any) -> None:
        self.simulation.delete_arrays(self.name, period)

    def set_input(self, period: Any, array: Any, branch_name: str | None = None) -> None:
        self.simulation.set_input(self.name, period, array)


class RulesView:
    """A simulation's rules as its formulas look at them.

    Args:
        copied: whether they are the branch's own: then a variable may be switched off. The rules
            themselves are shared by everybody and never changed.
    """

    def __init__(self, simulation: Simulation, copied: bool = False) -> None:
        self._simulation = simulation
        self._copied = copied

    @property
    def parameters(self) -> Any:
        return self._simulation.law

    @property
    def source(self) -> Any:
        """The country's own object."""
        system = self._simulation.system
        return system if system.source is None else system.source

    def clone(self) -> Any:
        """A copy of the country's own object, which a formula may change as it likes."""
        self._simulation.trace_state.leave_law_unsettled()
        copy = self._simulation.system.clone()
        for name in self._simulation.neutralized:
            copy.neutralize_variable(name)
        return copy

    def as_they_are(self) -> Rules:
        """The same rules, for a branch to have as its own."""
        self._simulation.trace_state.leave_law_unsettled()
        on = self._simulation
        return Rules(on.system, on.law.node, frozenset(on.neutralized))

    def neutralize_variable(self, name: str) -> None:
        if not self._copied:
            raise Untraceable("switching a variable off outside of a branch with its own rules")
        self._simulation.neutralize(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.source, name)


class Rules(NamedTuple):
    """What a branch computes under.

    Attributes:
        law: its parameters, which a formula may have put others into.
        neutralized: the variables that a formula has switched off.
    """

    system: System
    law: LawNode
    neutralized: frozenset[str]
