"""Cases of one year and one structure of the law, answered together and judged.

What a batch cannot tell apart is asked again in smaller ones: cases of which a formula asks
what they are given, by that; cases that break a batch, by halves; a wrong value, by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core._validate import BadInputError
from ..engine.rules._system import System, Variable
from ..engine.tracing._laws import Laws, whole
from ..engine.tracing._names import names_of
from ..engine.tracing._reads import GraphTooLarge
from ..engine.tracing._trace import Outcome
from ._batch import Batch
from ._cases import Case, Expected
from ._in_jax import drawn
from ._judge import FAILED, PASSED, REFUSED, Verdict, agrees, shown, stopped
from ._people import CasePeople, Reader

_FEW = 16
"""Cases that are refused together, of whom one or two may be why: they are asked in quarters."""

Law = tuple[tuple[str, str], ...]
"""What a case changes in the law: parameters by path, as texts."""


def law_of(case: Case) -> Law:
    """What a case changes in the law; under no path, the tree that it has in the place of all."""
    tree = (("", repr(case.tree)),) if case.tree else ()
    return (*tree, *sorted((path, repr(v)) for path, v in case.law.items()))


@dataclasses.dataclass
class Asked:
    """A case, who is in it, and what it asks for."""

    case: Case
    people: CasePeople
    expected: list[Expected]
    seconds: float = 0.0

    def output(self, expected: Expected, reader: Reader) -> str:
        return f"{expected.variable}[{reader.period(expected.period)}]"


class _Answers(NamedTuple):
    """A batch, its graph and its values; the rows in which JAX has others, where it was asked."""

    batch: Batch
    outcome: Outcome
    values: Mapping[str, np.ndarray]
    apart: Mapping[str, np.ndarray] | None


class Answering:
    """Verdicts on cases of one year and one structure of the law.

    Args:
        reader: of cases, with the rules that no case has changed yet.
        systems: the rules by what a case changes in them.
        period: the year.
        most_nodes: how large a graph may become.
        late: outputs to compute last, to which more are added.
        in_jax: the share of batches that are computed in JAX too.
    """

    def __init__(
        self,
        reader: Reader,
        systems: Mapping[Law, System],
        period: Any,
        most_nodes: int | None,
        late: set[str] | None = None,
        in_jax: float = 0.0,
    ) -> None:
        self.in_jax = in_jax
        self.late = set() if late is None else late
        self.system, self.reader, self.systems = reader.system, reader, systems
        self.period, self.most_nodes = period, most_nodes

    def verdicts(self, asked: list[Asked], patient: bool = True) -> dict[str, Verdict]:
        """A verdict on each case, by key.

        Args:
            patient: whether those that read a refused formula are asked again without the others,
                who may be the ones for whom it cannot be traced.
        """
        try:
            with np.errstate(all="ignore"), _clocked(asked):
                answers = self._answers(asked)
        except GraphTooLarge:
            raise
        except Exception as problem:
            if len(asked) == 1:
                return {asked[0].case.key: self._told(asked[0], stopped(problem), 1)}
            parts = _halves(asked)
            return {k: v for part in parts for k, v in self.verdicts(part).items()}
        return self._judged(asked, answers, patient)

    def _answers(self, asked: list[Asked]) -> _Answers:
        """What the rules say of the cases."""
        batch = self._batch(asked)
        outcome = batch.traced(self._outputs(asked), self.period, self.most_nodes)
        uncut = _uncut(outcome)
        asks_jax = drawn([one.case.key for one in asked], self.in_jax)
        apart = batch.rows_apart_in_jax(uncut) if asks_jax else None
        return _Answers(batch, outcome, batch.values(uncut), apart)

    def _batch(self, asked: list[Asked]) -> Batch:
        """The cases' people, under the one law of all of them or each under its own."""
        people, own = [one.people for one in asked], [law_of(one.case) for one in asked]
        laws = list(dict.fromkeys(own))
        if len(laws) == 1:
            return Batch(self.systems[laws[0]], people)
        changes = {law: self._everywhere(one.case) for law, one in zip(own, asked, strict=True)}
        trees = [self.systems[law].law for law in laws]
        of_case = [laws.index(law) for law in own]
        return Batch(
            self.system, people, Laws.of_changes(trees, [changes[law] for law in laws], of_case)
        )

    def _everywhere(self, case: Case) -> dict[str, Any]:
        """What a case changes in the law, by every name that it has there."""
        shown = self.system.second_names().items() if case.law else ()
        return {**case.law, **{n: case.law[path] for n, path in shown if path in case.law}}

    def _outputs(self, asked: list[Asked]) -> list[str]:
        """What the cases ask for together, each once, those last that are known to be."""
        every = [(e.variable, one.output(e, self.reader)) for one in asked for e in one.expected]
        every.sort(key=lambda one: one[0] in self.late)
        return list(dict.fromkeys(output for _, output in every))

    def _judged(self, asked: list[Asked], answers: _Answers, patient: bool) -> dict[str, Verdict]:
        """Verdicts by values; what does not pass together is asked again."""
        outcome = answers.outcome
        found: dict[str, Verdict] = {}
        again: list[list[Asked]] = []
        cut: list[Asked] = []
        unsettled: list[Asked] = []
        tainted: list[Asked] = []
        for place, one in enumerate(asked):
            if self._unsettled(one, outcome):
                (unsettled if self._asks(one, outcome) else tainted).append(one)
                continue
            refused = self._refused(one, outcome)
            if refused:
                cut.append(one)
                found[one.case.key] = self._told(one, Verdict(REFUSED, refused), len(asked))
                continue
            verdict = self._compared(one, place, answers)
            found[one.case.key] = self._told(one, verdict, len(asked))
            if (
                verdict.status == FAILED
                and len(asked) > 1
                and not self._off_in_jax(one, place, answers)
            ):
                again.append([one])
        if len(tainted) < len(asked):  # without those who ask
            again.append(tainted)
        else:
            unsettled += tainted
        names = {name for one in unsettled for name in self._unsettled(one, outcome)}
        again += _by_inputs(unsettled, names)
        relieved = _relieved(cut, asked, outcome)
        for part in filter(None, [*again, *relieved]):
            found |= self.verdicts(part)
        if patient and len(asked) > 1:
            elsewhere = {one.case.key for part in relieved for one in part}
            found |= self._apart([one for one in cut if one.case.key not in elsewhere])
        return found

    def _apart(self, cut: list[Asked], last: bool = False) -> dict[str, Verdict]:
        """Verdicts on cases that read a refused formula, in halves for as long as that helps some
        of them, and of a few cases in quarters.

        Args:
            last: whether these are halves of cases whose halves were all refused.
        """
        parts = _halves(cut)
        found = {k: v for part in parts for k, v in self.verdicts(part, patient=False).items()}
        left = [[one for one in part if found[one.case.key].status == REFUSED] for part in parts]
        helped = sum(map(len, left)) < len(cut)
        if helped or (len(cut) <= _FEW and not last):
            for part in left:
                found |= self._apart(part, not helped) if len(part) > 1 else {}
        return found

    def _unsettled(self, one: Asked, outcome: Outcome) -> frozenset[str]:
        """The variables by which a case is to be told apart from others before it is judged."""
        outputs = (one.output(e, self.reader) for e in one.expected)
        return frozenset().union(*(outcome.unsettled[output] for output in outputs))

    def _asks(self, one: Asked, outcome: Outcome) -> bool:
        """Whether a case reads a formula that asked what cases are given and cannot run for each.
        It comes last from now on: what is computed after it hangs on the answer too, if only
        because of that."""
        found = [e for e in one.expected if one.output(e, self.reader) in outcome.askers]
        self.late.update(e.variable for e in found)
        return bool(found)

    def _refused(self, one: Asked, outcome: Outcome) -> str:
        """Which refused formulas a case reads, with their reasons."""
        names = {n for e in one.expected for n in outcome.cut.get(one.output(e, self.reader), ())}
        return "; ".join(f"{name} {outcome.refused[name]}" for name in sorted(names))[:400]

    def _compared(self, one: Asked, place: int, answers: _Answers) -> Verdict:
        """Whether the values of a case are as expected, which may be of a form that none has."""
        try:
            off = self._off(one, place, answers)
        except Exception as problem:
            return stopped(problem)
        off = off or self._off_in_jax(one, place, answers)
        return Verdict(FAILED if off else PASSED, off, in_jax=answers.apart is not None)

    def _off(self, one: Asked, place: int, answers: _Answers) -> str:
        """The first value that is not as expected, in words."""
        for expected in one.expected:
            variable = self.system.variable(expected.variable)
            rows = answers.batch.rows_of(place, variable.entity)
            value = answers.values[one.output(expected, self.reader)][rows]
            if expected.row is not None:
                row = _row_of(expected, one.people, self.reader.entities)
                value = value[row : row + 1]
            width = np.float32 if variable.kind == "float" else np.float64
            if variable.kind == "enum" and not isinstance(expected.value, str | list):
                value = _code(variable, value)
            if not agrees(value, expected.value, one.case, width):
                where = "" if expected.row is None else f" of {' '.join(expected.row)}"
                when = self.reader.period(expected.period)
                return (
                    f"{expected.variable}{where} in {when} is {shown(value)}, not {expected.value}"
                )
        return ""

    def _off_in_jax(self, one: Asked, place: int, answers: _Answers) -> str:
        """The first output of which JAX has another value than numpy, in words."""
        for expected in one.expected if answers.apart is not None else ():
            rows = answers.batch.rows_of(place, self.system.variable(expected.variable).entity)
            output = one.output(expected, self.reader)
            if answers.apart is not None and answers.apart[output][rows].any():
                return f"{output}: JAX gives another value than numpy, both in float64"
        return ""

    def _told(self, one: Asked, verdict: Verdict, together: int) -> Verdict:
        return dataclasses.replace(verdict, together=together, seconds=one.seconds)


def _code(variable: Variable, names: np.ndarray) -> np.ndarray:
    """Categories as their numbers, for a case that asks for these."""
    code = {name: number for number, name in enumerate(names_of(variable.vocabulary))}
    return np.array([code[str(name)] for name in names])


def _row_of(expected: Expected, people: CasePeople, entities: Mapping[str, str]) -> int:
    assert expected.row is not None
    plural, name = expected.row
    entity = next(e for e, p in entities.items() if p == plural)
    if name not in people.names[entity]:
        raise BadInputError(f"output of {plural} {name!r}, who is not in the case")
    return people.names[entity].index(name)


def _uncut(outcome: Outcome) -> Outcome:
    """The outputs that no refused formula touches."""
    outputs = {n: v for n, v in outcome.outputs.items() if n not in outcome.cut}
    return dataclasses.replace(outcome, outputs=outputs)


def _by_inputs(asked: list[Asked], names: Iterable[str]) -> list[list[Asked]]:
    """Cases by which of some variables they give, and by what they change of some of the law."""
    wanted = frozenset(names)
    parts: dict[frozenset[Any], list[Asked]] = {}
    for one in asked:
        given = {key for key in one.people.given if key[0] in wanted}
        changed = {(path, v) for path, v in law_of(one.case) if whole(path) in wanted}
        parts.setdefault(frozenset(given | changed), []).append(one)
    return list(parts.values())


def _relieved(cut: list[Asked], asked: list[Asked], outcome: Outcome) -> list[list[Asked]]:
    """Cases that give some of the refused variables themselves, with those that give the same:
    their formula is not needed there."""
    parts = _by_inputs(cut, outcome.refused)
    able = [part for part in parts if any(k[0] in outcome.refused for k in part[0].people.given)]
    return [part for part in able if len(part) < len(asked)]


def _halves(asked: list[Asked]) -> list[list[Asked]]:
    middle = len(asked) // 2
    return [part for part in (asked[:middle], asked[middle:]) if part]


@contextlib.contextmanager
def _clocked(asked: list[Asked]) -> Iterator[None]:
    """The processor's time within the context, in equal parts to the cases."""
    start = time.process_time()
    try:
        yield
    finally:
        share = (time.process_time() - start) / len(asked)
        for one in asked:
            one.seconds += share
