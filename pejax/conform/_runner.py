"""Cases answered by the graph of a country's rules, many at a time.

Cases of one calendar year under the same rules, which replace the same formulas by inputs, are one
batch; those whose graph would be most of the law are put off, to share one whatever they replace.
What a batch cannot tell apart is asked again in smaller ones: cases of which a formula asks
what they are given, by that; cases that break a batch, by halves; a wrong value, by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core._validate import BadInputError, PejaxError
from ..engine.rules._system import System, Variable
from ..engine.tracing._names import names_of
from ..engine.tracing._reads import GraphTooLarge
from ..engine.tracing._trace import Outcome
from ._batch import Batch
from ._cases import Case, Expected, expected_of
from ._judge import agrees, shown
from ._people import CasePeople, Key, Reader

PASSED, FAILED, REFUSED, BROKEN = "passed", "failed", "refused", "broken"
"""What becomes of a case; `broken` is by an error that nobody raised on purpose."""

LARGE = "large"
"""A case put off, because its graph is most of the law: it shares one with others of its kind."""

_MANY = 1_000
"""Cases in a batch: more share a trace, but its graph grows with what each of them asks."""

MOST_NODES = 3_000
"""Nine of ten small graphs are smaller, and the large ones are fifty thousand nodes and more. It
takes a second to see that one is large."""

_TRIES = 2
"""Sets of inputs with which outputs are tried before their graphs are taken to be large."""

_FEW = 16
"""Cases that are refused together, of whom one or two may be why: they are asked in quarters."""

Rules = tuple[tuple[tuple[str, str], ...], tuple[str, ...]]
"""What a case changes: parameters by path, as texts, and structural reforms."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        status: `passed`, `failed`, `refused` or `broken`.
        reason: why it did not pass: the first value that is off, or what was refused.
        together: cases in the batch that decided it.
        seconds: its share of the time of its batches.
    """

    status: str
    reason: str = ""
    together: int = 0
    seconds: float = 0.0


@dataclasses.dataclass
class _Asked:
    """A case, who is in it, and what it asks for."""

    case: Case
    people: CasePeople
    expected: list[Expected]
    seconds: float = 0.0

    def output(self, expected: Expected, reader: Reader) -> str:
        return f"{expected.variable}[{reader.period(expected.period)}]"


class Runner:
    """Answers cases of one country.

    Attributes:
        large: what made a graph too large: by outputs, the variables that were given instead of
            being computed. Whoever asks as much and gives no more has a large graph too, and what
            was large with several sets of inputs is not tried with another.

    Args:
        rules: the country's rules after the changes of a case.
        entities: plural by entity, the persons first.
        ends: the last day of variables that have one.
    """

    def __init__(
        self,
        rules: Callable[[Case], System],
        entities: Mapping[str, str],
        ends: Mapping[str, str] | None = None,
    ) -> None:
        self.rules, self.entities, self.ends = rules, dict(entities), dict(ends or {})
        self.large: dict[frozenset[str], list[frozenset[str]]] = {}

    def run(self, cases: Sequence[Case], most_nodes: int | None = None) -> list[Verdict]:
        """A verdict on each case, in their order.

        Args:
            most_nodes: how large a graph may become; cases with a larger one are `large`. Without,
                all cases of a year under the same rules share one, whatever they give.
        """
        found: dict[str, Verdict] = {c.key: Verdict(REFUSED, c.problem) for c in cases if c.problem}
        for group in grouped([case for case in cases if not case.problem]):
            found |= self._of_rules(group, most_nodes)
        return [found[case.key] for case in cases]

    def _of_rules(self, cases: Sequence[Case], most_nodes: int | None) -> dict[str, Verdict]:
        """Verdicts on cases under the same rules."""
        start = time.process_time()
        try:
            system = self.rules(cases[0])
        except Exception as problem:
            verdict = _stopped(problem)
            return {case.key: verdict for case in cases}
        reader = Reader(system, self.entities, self.ends)
        found: dict[str, Verdict] = {}
        kinds: dict[_Kind, list[_Asked]] = {}
        share = (time.process_time() - start) / len(cases)
        for case in cases:
            try:
                asked = self._asked(case, reader)
                asked.seconds = share
                kinds.setdefault(self._kind_of(asked, reader, most_nodes), []).append(asked)
            except GraphTooLarge:
                found[case.key] = Verdict(LARGE, seconds=share)
            except Exception as problem:
                found[case.key] = _stopped(problem)
        for kind, group in kinds.items():
            for k in range(0, len(group), _MANY):
                part = group[k : k + _MANY]
                answering = _Answering(system, reader, reader.period(str(kind.year)), most_nodes)
                try:
                    found |= answering.verdicts(part)
                except GraphTooLarge:
                    self.large.setdefault(_variables(part), []).append(_names(kind.replaced))
                    found |= {one.case.key: Verdict(LARGE, seconds=one.seconds) for one in part}
        return found

    def _kind_of(self, asked: _Asked, reader: Reader, most_nodes: int | None) -> _Kind:
        """The batch that a case is of.

        Raises:
            GraphTooLarge: it is known that its graph would be.
        """
        year = reader.period(asked.case.period).start.year
        if most_nodes is None:
            return _Kind(year, frozenset())
        replaced = frozenset(key for key in asked.people.given if reader.is_computed(key))
        if self._is_large(_variables([asked]), _names(replaced)):
            raise GraphTooLarge(f"more than {most_nodes:,} nodes")
        return _Kind(year, replaced)

    def _is_large(self, outputs: frozenset[str], given: frozenset[str]) -> bool:
        """Whether a graph is taken to be too large by what was seen before."""
        return any(
            len(instead) >= _TRIES or any(given <= one for one in instead)
            for large, instead in self.large.items()
            if large <= outputs
        )

    def _asked(self, case: Case, reader: Reader) -> _Asked:
        people = reader.people(case)
        expected = expected_of(case, self.entities, reader.system.variables)
        for one in expected:
            reader.period(one.period)
        return _Asked(case, people, expected)


class _Kind(NamedTuple):
    """What cases of one batch have in common: the calendar year, and what they give in the place of
    formulas. A formula that only some cases replace would be computed for all."""

    year: int
    replaced: frozenset[Any]


def _variables(asked: Iterable[_Asked]) -> frozenset[str]:
    return frozenset(e.variable for one in asked for e in one.expected)


def _names(keys: Iterable[Key]) -> frozenset[str]:
    return frozenset(name for name, _ in keys)


def grouped(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases by the rules that they are asked under, the order kept."""
    found: dict[Rules, list[Case]] = {}
    for case in cases:
        found.setdefault(rules_of(case), []).append(case)
    return list(found.values())


def rules_of(case: Case) -> Rules:
    """What a case changes in the law."""
    return tuple(sorted((path, repr(v)) for path, v in case.law.items())), case.reforms


class _Answers(NamedTuple):
    """A batch, its graph and its values."""

    batch: Batch
    outcome: Outcome
    values: Mapping[str, np.ndarray]


class _Answering:
    """Verdicts on cases of one year under one law."""

    def __init__(self, system: System, reader: Reader, period: Any, most_nodes: int | None) -> None:
        self.system, self.reader, self.period = system, reader, period
        self.most_nodes = most_nodes

    def verdicts(self, asked: list[_Asked], patient: bool = True) -> dict[str, Verdict]:
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
                return {asked[0].case.key: self._told(asked[0], _stopped(problem), 1)}
            parts = _halves(asked)
            return {k: v for part in parts for k, v in self.verdicts(part).items()}
        return self._judged(asked, answers, patient)

    def _answers(self, asked: list[_Asked]) -> _Answers:
        """What the rules say of the cases."""
        batch = Batch(self.system, [one.people for one in asked])
        outcome = batch.traced(self._outputs(asked), self.period, self.most_nodes)
        return _Answers(batch, outcome, batch.values(_uncut(outcome)))

    def _outputs(self, asked: list[_Asked]) -> list[str]:
        """What the cases ask for together, each once."""
        outputs = (one.output(e, self.reader) for one in asked for e in one.expected)
        return list(dict.fromkeys(outputs))

    def _judged(self, asked: list[_Asked], answers: _Answers, patient: bool) -> dict[str, Verdict]:
        """Verdicts by values; what does not pass together is asked again."""
        outcome = answers.outcome
        found: dict[str, Verdict] = {}
        again: list[list[_Asked]] = []
        cut: list[_Asked] = []
        unsettled: list[_Asked] = []
        for place, one in enumerate(asked):
            if self._unsettled(one, outcome):
                unsettled.append(one)
                continue
            refused = self._refused(one, outcome)
            if refused:
                cut.append(one)
                found[one.case.key] = self._told(one, Verdict(REFUSED, refused), len(asked))
                continue
            verdict = self._compared(one, place, answers)
            found[one.case.key] = self._told(one, verdict, len(asked))
            if verdict.status == FAILED and len(asked) > 1:
                again.append([one])
        names = {name for one in unsettled for name in self._unsettled(one, outcome)}
        relieved = _relieved(cut, asked, outcome)
        for part in [*again, *_by_inputs(unsettled, names), *relieved]:
            found |= self.verdicts(part)
        if patient and len(asked) > 1:
            elsewhere = {one.case.key for part in relieved for one in part}
            found |= self._apart([one for one in cut if one.case.key not in elsewhere])
        return found

    def _apart(self, cut: list[_Asked], last: bool = False) -> dict[str, Verdict]:
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

    def _unsettled(self, one: _Asked, outcome: Outcome) -> frozenset[str]:
        """The variables by which a case is to be told apart from others before it is judged."""
        outputs = (one.output(e, self.reader) for e in one.expected)
        return frozenset().union(*(outcome.unsettled[output] for output in outputs))

    def _refused(self, one: _Asked, outcome: Outcome) -> str:
        """Which refused formulas a case reads, with their reasons."""
        names = {n for e in one.expected for n in outcome.cut.get(one.output(e, self.reader), ())}
        return "; ".join(f"{name} {outcome.refused[name]}" for name in sorted(names))[:400]

    def _compared(self, one: _Asked, place: int, answers: _Answers) -> Verdict:
        """Whether the values of a case are as expected, which may be of a form that none has."""
        try:
            off = self._off(one, place, answers)
        except Exception as problem:
            return _stopped(problem)
        return Verdict(FAILED if off else PASSED, off)

    def _off(self, one: _Asked, place: int, answers: _Answers) -> str:
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

    def _told(self, one: _Asked, verdict: Verdict, together: int) -> Verdict:
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


def _by_inputs(asked: list[_Asked], names: Iterable[str]) -> list[list[_Asked]]:
    """Cases by which of some variables they give."""
    wanted = frozenset(names)
    parts: dict[frozenset[Any], list[_Asked]] = {}
    for one in asked:
        given = frozenset(key for key in one.people.given if key[0] in wanted)
        parts.setdefault(given, []).append(one)
    return list(parts.values())


def _relieved(cut: list[_Asked], asked: list[_Asked], outcome: Outcome) -> list[list[_Asked]]:
    """Cases that give some of the refused variables themselves, with those that give the same:
    their formula is not needed there."""
    parts = _by_inputs(cut, outcome.refused)
    able = [part for part in parts if any(k[0] in outcome.refused for k in part[0].people.given)]
    return [part for part in able if len(part) < len(asked)]


def _halves(asked: list[_Asked]) -> list[list[_Asked]]:
    middle = len(asked) // 2
    return [part for part in (asked[:middle], asked[middle:]) if part]


def _stopped(problem: Exception) -> Verdict:
    """A refusal by name, or an error that nobody raised on purpose."""
    text = " ".join(str(problem).split())[:400]
    if isinstance(problem, PejaxError):
        return Verdict(REFUSED, text)
    return Verdict(BROKEN, f"{type(problem).__name__}: {text}")


@contextlib.contextmanager
def _clocked(asked: list[_Asked]) -> Iterator[None]:
    """The processor's time within the context, in equal parts to the cases."""
    start = time.process_time()
    try:
        yield
    finally:
        share = (time.process_time() - start) / len(asked)
        for one in asked:
            one.seconds += share
