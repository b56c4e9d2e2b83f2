"""Evaluation of a system on symbolic arrays: what the source engine computes, without its state.

`Simulation` answers a formula's requests with traced values. Values are remembered by (variable,
period) together with the set of variables they were computed from. A branch is a small set of
overridden inputs over its parent; a value whose dependencies the overrides do not touch is shared
with the parent instead of computed again.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..graph._ir import DimensionClash
from ..rules import _calendar
from ..rules._law import LawNode
from ..rules._system import Variable
from ._alike import computed, plain, watched
from ._array import Traced, Untraceable, to_node
from ._branching import Branching, Key
from ._dates import in_numbers
from ._depth import CircularRule
from ._groups import GroupView, PersonView
from ._holder import Holder, RulesView
from ._loops import whole_loops
from ._names import code_of, enum_code, in_vocabulary, unify
from ._reads import Pending, Trace
from ._replays import Formula

_MAX_SPIRAL = 10
_FORMULA_FAILURES = (
    Untraceable,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    KeyError,
    NameError,
    AssertionError,
    NotImplementedError,
)


class Simulation(Branching):
    """One branch of an evaluation."""

    def __init__(
        self,
        trace: Trace,
        inputs: Mapping[Key, Traced],
        branch_name: str = "default",
        parent: Simulation | None = None,
    ) -> None:
        self.trace_state = trace
        self.system = trace.system if parent is None else parent.system
        self.law = trace.law if parent is None else parent.law
        self.own_law = False
        self.abolished = {} if parent is None else parent.abolished
        self.neutralized = set() if parent is None else set(parent.neutralized)
        self.graph = trace.graph
        self.numpy = trace.numpy
        self._name = branch_name
        self.parent_branch = parent
        self.inputs: dict[Key, Traced] = dict(inputs)
        self.cache: dict[Key, Traced] = {}
        self.reads: dict[Key, int] = {}
        self.conditional: set[Key] = set()
        self.branches: dict[str, Simulation] = {}
        self.overridden = 0
        self.marks = 0 if parent is None else parent.marks
        self.has_baseline = parent is None or parent.has_baseline
        self.keeps = self.apart = False
        self.opened_at, self.said = 0, None
        if parent is not None:
            self.overridden = trace.name | trace.named(branch_name) | trace.named(parent._name)
        self._rules = RulesView(self)
        self.populations = self._views()
        for key, population in self.populations.items():
            setattr(self, key, population)
        self.persons = self.populations[self.system.person]
        self.own_names = frozenset(vars(self))

    # ---- what formulas ask a simulation

    @property
    def baseline(self) -> Simulation | None:
        """The same people under the law before the reforms that are written into it; formulas
        that describe a response compare with it. A branch may be told that it has none."""
        state, before = self.trace_state, self.trace_state.system.before
        state.spoil()
        if before is None or not self.has_baseline:
            return None
        if state.before is None:
            state.before = Simulation(state, state.given.values, "baseline")
            state.before.has_baseline = False
            state.before.system, state.before.law = before, state.law.of(before.law)
            state.before.abolished = {}
        return state.before

    @baseline.setter
    def baseline(self, none: Any) -> None:
        if none is not None or self.parent_branch is None:
            raise Untraceable("another baseline than that of the reforms")
        self.trace_state.changed(self, "baseline")
        self.has_baseline = False

    def get_holder(self, name: str) -> Holder:
        self.trace_state.spoil()
        return Holder(self, name)

    def get_population(self, plural: str) -> Any:
        return next(p for p in self.populations.values() if p.entity.plural == plural)

    def get_array(self, name: str, period: Any) -> Any:
        self.trace_state.spoil()
        key = (name, self.system.period(plain(period)))
        self.trace_state.read(self.trace_state.bits[name] | self.reads.get(key, 0))
        return self.inputs[key] if self.is_given(key) else self.computed_before(key)

    def get_branch(self, name: str = "branch", clone_system: bool = False) -> Simulation:
        name = str.__str__(name)
        self.trace_state.spoil()
        self.trace_state.read(self.trace_state.named(name))
        if name == self._name:
            return self
        self.trace_state.act()
        if name not in self.branches:
            self.branches[name] = self.trace_state.opened(self, name, self._branch)
            if clone_system:
                self.branches[name].own_rules()
        return self.branches[name]

    def _branch(self, name: str) -> Simulation:
        branch = Simulation(self.trace_state, self.inputs, name, self)
        for noted, value in self._left_by_formulas():
            setattr(branch, noted, value)
        return branch

    def calculate(
        self,
        name: str,
        period: Any = None,
        map_to: str | None = None,
        decode_enums: bool = False,
        **_: Any,
    ) -> Any:
        """The value of a variable, mapped to another entity if asked."""
        result = self.trace_state.asked_of(self, name, self.system.period(plain(period)))
        if decode_enums and result.vocabulary is not None:
            result = result.decode_to_str()
        return result if map_to is None else self._map(result, self.variable(name).entity, map_to)

    def calculate_add(self, name: str, period: Any, **_: Any) -> Any:
        """The sum over the months of a year; months that are the same node are counted."""
        period = self.system.period(plain(period))
        unit = self.variable(name).period
        months = [self.calculate(name, p) for p in period.get_subperiods(unit)]
        count: dict[int, int] = {}
        for m in months:
            count[m.node.index] = count.get(m.node.index, 0) + 1
        distinct = {m.node.index: m for m in months}
        total: Any = 0
        for index, times in count.items():
            value = distinct[index]
            total = total + (value if times == 1 else value * times)
        return total

    def calculate_divide(self, name: str, period: Any, **_: Any) -> Any:
        period = self.system.period(plain(period))
        if period.unit == _calendar.MONTH:
            return self.calculate(name, period.this_year) / 12.0
        return self.calculate(name, period)

    def map_result(self, values: Any, source: str, target: str, how: str | None = None) -> Any:
        return self._map(values, source, target, how)

    # ---- evaluation

    def variable(self, name: str) -> Variable:
        return self.system.variable(name)

    def _views(self) -> dict[str, Any]:
        entities, person = self.system.entities, self.system.person
        members = PersonView(self, entities.get(person), person)
        views: dict[str, Any] = {person: members}
        for key in self.system.groups:
            links = self.trace_state.links[key]
            views[key] = GroupView(self, entities.get(key), key, links, members)
        return views

    def _value(self, name: str, period: Any) -> Traced:
        state = self.trace_state
        state.frames[-1] |= self.marks
        variable = self.variable(name)
        always = self.system.period("ETERNITY")
        if variable.period == _calendar.ETERNITY and (name, always) in self.inputs:
            period = always
        key, bit = (name, period), state.bits[name]
        if name in self.neutralized:
            state.frames[-1] |= bit
            return self._default(variable)
        if variable.neutralized or self._is_abolished(name, period):
            return self._default(variable)
        if key in self.inputs and self._which(key) is None:
            state.frames[-1] |= bit
            return self.inputs[key]
        if (shared := self._remembered(key)) is not None:
            return shared
        if (other := self._other_period(variable, period)) is not None:
            return self._with_given(key, other)
        return self._fresh(variable, key)

    def _with_given(self, key: Key, computed: Traced) -> Traced:
        """What is computed, but for the rows that are given the value."""
        mask = self._which(key)
        return computed if mask is None else self._chosen(mask, self.inputs[key], computed)

    def _chosen(self, mask: Traced, given: Traced, computed: Traced) -> Traced:
        """What is given where it is, else what is computed."""
        if isinstance(given.vocabulary, tuple):
            (a, b), vocabulary = unify([given, computed])
            return Traced(self.graph.apply("where", mask.node, a, b), vocabulary)
        chosen = self.graph.apply("where", mask.node, given.node, computed.node)
        return Traced(chosen, given.vocabulary)

    def _is_abolished(self, name: str, period: Any) -> bool:
        """Whether the law switches the variable off."""
        if not self.system.abolitions:
            return False
        law = self.law.node if self.own_law else self.system.law
        key = (name, str(period.start), self.trace_state.ledger.epoch, id(law))
        if key not in self.abolished:
            self.abolished[key] = self._is_switched_off(*key[:2], law), law  # which keeps its id
        return self.abolished[key][0]

    def _is_switched_off(self, name: str, day: str, law: LawNode) -> bool:
        switch = self.system.abolition(name, law)
        if switch is None or switch.at(day) is None:
            return False
        return bool(self.trace_state.ledger.read(switch, day))

    def _other_period(self, variable: Variable, period: Any) -> Traced | None:
        """A monthly variable asked for a year, or a yearly one for a month."""
        name = variable.name
        if hint := _calendar.unfit(name, variable.period, period):
            return self._refuse(variable, period, Untraceable(hint))
        if variable.period == _calendar.MONTH and period.unit == _calendar.YEAR:
            if variable.stock:
                return self._value(name, period.get_subperiods(_calendar.MONTH)[-1])
            return self._cast(variable, self.calculate_add(name, period))
        if variable.period == _calendar.YEAR and period.unit == _calendar.MONTH:
            if variable.stock:
                return self._value(name, period.this_year)
            return self.calculate_divide(name, period)
        return None

    def _fresh(self, variable: Variable, key: Key) -> Traced:
        state, (name, period) = self.trace_state, key
        state.fail_if_too_large()
        frame = (name, period, self._name)
        pending = [p for n, p, branch in state.stack if (n, branch) == (name, self._name)]
        if period in pending:
            raise self._circle(frame)
        if len(pending) >= _MAX_SPIRAL:
            return self._default(variable)
        state.stack.append(frame)
        state.frames.append(state.bits[name])
        state.graph.origin.append(name)
        try:
            result = self._with_given(key, computed(self, variable, period))
        finally:
            state.stack.pop()
            state.graph.origin.pop()
            reads = state.frames.pop()
            state.frames[-1] |= reads
        result.owner = name
        owner = self._owner(reads)
        owner.cache[key], owner.reads[key] = result, reads
        state.held[name].add(key)
        if state.record is not None:
            state.record.computed.append((owner, key))
        if state.given.by_case:
            (owner.conditional.add if state.is_divided else owner.conditional.discard)(key)
        if state.fresh is None:
            state.evaluated.setdefault(name, set()).add(str(period))
        else:
            state.fresh.append((owner, key))
        return result

    def evaluated(self, variable: Variable, period: Any) -> Traced:
        """A formula's result; what it asks of Python is looked at where a program is to hold it."""
        decisions = self.trace_state.decisions
        run = functools.partial(self._evaluate, variable, period)
        return run() if decisions is None else decisions.of_one(self.trace_state, run)

    def _circle(self, frame: Pending) -> CircularRule:
        stack, (name, period, _) = self.trace_state.stack, frame
        chain = " -> ".join([*(n for n, *_ in stack[stack.index(frame) :]), name])
        return CircularRule(
            f"{name} for {period} needs itself: {chain}. Give one of them as a column of the "
            "population, or compute one from another year"
        )

    def _evaluate(self, variable: Variable, period: Any) -> Traced:
        mask = None
        if variable.defined_for is not None:
            mask = self.calculate(variable.defined_for, period, map_to=variable.entity) > 0
        try:
            run = self._for_everybody if self.trace_state.given.by_case else self._once
            result = run(variable, period)
        except DimensionClash as clash:
            if not self.trace_state.final:
                raise
            return self._refuse(variable, period, clash)
        except CircularRule:
            raise
        except _FORMULA_FAILURES as failure:
            return self._refuse(variable, period, failure)
        return result if mask is None else self._chosen(mask, result, self._default(variable))

    def _for_everybody(self, variable: Variable, period: Any) -> Traced:
        """A formula's result, each row's for the case that it is of."""
        run = functools.partial(self._once, variable, period)
        return Formula(self, variable.entity, run, _FORMULA_FAILURES).for_everybody()

    def _once(self, variable: Variable, period: Any) -> Traced:
        result = self._compute(variable, period)
        return self._cast(variable, self._carried(variable, period) if result is None else result)

    def _refuse(self, variable: Variable, period: Any, failure: Exception) -> Traced:
        """Note why a formula cannot be traced, and go on with the default to find the others."""
        self.trace_state.ledger.explain(variable.name, failure)
        notes = getattr(failure, "__notes__", ())
        reason = ". ".join([f"for {period}: {type(failure).__name__}: {failure}", *notes])
        self.trace_state.refused.setdefault(variable.name, reason)
        return self._default(variable)

    def _compute(self, variable: Variable, period: Any) -> Any:
        formula = variable.formula(period)
        if formula is None:
            return self._sum_of_parts(variable, period)
        run = self.trace_state.prepare(formula)
        seen = watched(period, self.trace_state.noting)
        arguments = (self.populations[variable.entity], seen, self.law)
        return whole_loops(self.graph, run, *arguments[: max(2, run.__code__.co_argcount)])

    def _sum_of_parts(self, variable: Variable, period: Any) -> Any:
        total: Any = None
        for names, sign in ((variable.adds, 1), (variable.subtracts, -1)):
            if names is None or not len(names):
                continue
            total = 0 if total is None else total
            for name in self._names(names, period):
                part = self._part(name, variable.entity, period)
                total = total + part if sign > 0 else total - part
        return total

    def _names(self, names: Any, period: Any) -> Any:
        return self.law.value(names, period) if isinstance(names, str) else names

    def _part(self, name: str, entity: str, period: Any) -> Any:
        if name in self.system.variables:
            return self.calculate(name, period, map_to=entity)
        return self.law.value(name, period)

    def _carried(self, variable: Variable, period: Any) -> Traced:
        """An earlier input carried (and uprated) to this period, else the default; of inputs that
        only some rows have, the latest that each row has."""
        known = [p for p in self.periods_given(variable.name) if p.start <= period.start]
        if not known or not (variable.uprating or (self.system.carry and variable.carries)):
            return self._default(variable)
        # What is of the variable's own unit comes before what is later but of another.
        in_turn = sorted(known, key=lambda p: (p.unit == variable.period, p.start))
        whole = [i for i, p in enumerate(in_turn) if self._which((variable.name, p)) is None]
        if whole:
            result = self._uprated(variable, in_turn[whole[-1]], period)
        else:
            result = self._default(variable)
        for earlier in in_turn[whole[-1] + 1 if whole else 0 :]:
            mask = self._which((variable.name, earlier))
            if mask is not None:
                result = self._chosen(mask, self._uprated(variable, earlier, period), result)
        return result

    def _uprated(self, variable: Variable, earlier: Any, period: Any) -> Traced:
        """An input of an earlier period by its index, where it has one."""
        value = self.inputs[(variable.name, earlier)]
        if variable.uprating is None or earlier.unit != variable.period:
            return value
        index = self.law.value
        return value * (index(variable.uprating, period) / index(variable.uprating, earlier))

    # ---- values

    def _count(self, variable: Variable) -> int:
        return self.graph.sizes[variable.entity]

    def _default(self, variable: Variable) -> Traced:
        count, default = self._count(variable), variable.default
        if variable.kind == "enum":
            codes = self.graph.astype(code_of(default), np.int16)
            return Traced(self.graph.broadcast(codes, (count,)), variable.vocabulary)
        if variable.kind in ("str", "date"):
            return Traced(self.graph.broadcast(0, (count,)), (str(default or ""),))
        scalar = self.graph.astype(default, variable.dtype)
        return Traced(self.graph.broadcast(scalar, (count,)))

    def _cast(self, variable: Variable, value: Any) -> Traced:
        """A formula's result as the variable's type, one entry a row."""
        count = self._count(variable)
        if variable.kind == "enum":
            (codes,), vocabulary = self._as_enum(variable, value)
            whole = self.graph.astype(self.graph.as_rows_of(codes, count), np.int16)
            return Traced(whole, vocabulary)
        if variable.kind in ("str", "date"):
            (codes,), vocabulary = unify([value])
            return Traced(self.graph.as_rows_of(codes, count), vocabulary)
        node = self.graph.as_rows_of(to_node(self.graph, in_numbers(value)), count)
        return Traced(node).astype(variable.dtype)

    def _as_enum(self, variable: Variable, value: Any) -> tuple[list[Any], Any]:
        vocabulary = variable.vocabulary
        if isinstance(value, Traced) and isinstance(value.vocabulary, tuple):
            code = {m.name: code_of(m) for m in vocabulary}
            default = code_of(variable.default)
            table = np.array([code.get(n, default) for n in value.names])
            return [self.graph.apply("take", table, value.node)], vocabulary
        if isinstance(value, Traced) and value.vocabulary is not None:
            return [in_vocabulary(value, vocabulary)], vocabulary
        if isinstance(value, Traced):
            return [value.node], vocabulary
        if isinstance(value, np.ndarray):
            raise Untraceable(f"{variable.name}: an enum from a plain array")
        return [enum_code(value, vocabulary)], vocabulary

    def _map(self, values: Any, source: str, target: str, how: str | None = None) -> Any:
        if source == target:
            return values
        person = self.system.person
        if source == person:
            return getattr(self.populations[target], how or "sum")(values)
        if target == person:
            group = self.populations[source]
            return group.project(values / group.nb_persons() if how == "mean" else values)
        return self._map(self._map(values, source, person, "mean"), person, target, "sum")
