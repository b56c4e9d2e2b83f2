"""Seeded households with answers to few questions each, drawn over every input of a law.

A situation is one household: who lives there, how they form tax units, SPM units, families and
couples, and a few inputs that are not their default. Situations are dealt into batches that share
their columns, because an input that is given for one household is given for all.
"""

import dataclasses
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pejax import Population
from pejax.engine import System, Variable

RENAMED = {
    "employment_income": "employment_income_before_lsr",
    "self_employment_income": "self_employment_income_before_lsr",
    "sstb_self_employment_income": "sstb_self_employment_income_before_lsr",
    "weekly_hours_worked": "weekly_hours_worked_before_lsr",
    "long_term_capital_gains": "long_term_capital_gains_before_response",
}
"""Names that the source moves on input; a batch gives all by one of theirs."""

GROUPS = ("household", "spm_unit", "family", "tax_unit", "marital_unit")
PLURALS = {
    "person": "people",
    "household": "households",
    "spm_unit": "spm_units",
    "family": "families",
    "tax_unit": "tax_units",
    "marital_unit": "marital_units",
}
ODD_AGES = (0, 1, 5, 12, 13, 16, 17, 18, 19, 23, 24, 25, 26, 59, 60, 62, 64, 65, 66, 67, 70, 85)
_STATE_NAMES = ("state_fips", "state_code_str", "state_code")
_NOT_DRAWN = {
    "household_weight": "weighs, and no formula of one household reads it",
    "age": "part of every base",
    "state_fips": "part of every base, under one of its names",
    "ne_school_readiness_credit_eligible_worker": "the law has no amount for a worker without a "
    "rating: the source raises for everybody",
    "tax_unit_role_input": "part of some bases: a role for every member or for none",
}
_LOSSES = re.compile(
    r"self_employment_income|capital_gains|rental_income|farm|partnership|s_corp|business|estate"
    r"|loss|trust"
)
_WHOLE = (
    (r"(^|_)year(_|$)", 1950, 2027),
    (r"geoid", 100, 5700),
    (r"month", 0, 13),
    (r"quarter", 0, 60),
    (r"weeks", 0, 53),
    (r"headcount|employer_total", 0, 400),
)
"""What whole numbers are drawn from, by what their name says; others are near their default."""


@dataclasses.dataclass(frozen=True)
class Question:
    """An input of the law: what is needed to answer it at random."""

    name: str
    entity: str
    kind: str
    default: Any
    unit: str
    choices: tuple[str, ...] = ()
    computed: bool = False


@dataclasses.dataclass(frozen=True)
class Batch:
    """Households that share their columns.

    Attributes:
        number: of the batch.
        members: by group, the group of each person; groups are numbered over the whole batch.
        columns: by entity and name, one value a row.
        answers: by situation, the inputs that it gave, for reading.
        given: variables with a formula whose values are given for everybody.
    """

    number: int
    members: dict[str, list[int]]
    columns: dict[str, dict[str, list[Any]]]
    answers: list[dict[str, Any]]
    given: tuple[str, ...] = ()

    def count(self, entity: str) -> int:
        """Rows of an entity."""
        members = self.members["household"]
        return len(members) if entity == "person" else max(self.members[entity]) + 1

    def home(self, entity: str, row: int) -> int:
        """The situation to which a row belongs."""
        households = self.members["household"]
        return households[row if entity == "person" else self.members[entity].index(row)]


def questions(system: System, year: int, units: Mapping[str, str]) -> list[Question]:
    """Every variable of the law as a question, those with a formula marked."""
    period = system.period(str(year))
    return [_question(v, period, units) for v in map(system.variable, system.variables)]


def _question(variable: Variable, period: Any, units: Mapping[str, str]) -> Question:
    computed = variable.adds or variable.subtracts or variable.formula(period) is not None
    is_enum = variable.kind == "enum"
    return Question(
        name=variable.name,
        entity=variable.entity,
        kind=variable.kind,
        default=variable.default.name if is_enum else variable.default,
        unit=units.get(variable.name, ""),
        choices=tuple(m.name for m in variable.vocabulary) if is_enum else (),
        computed=bool(computed),
    )


def not_drawn(question: Question) -> str | None:
    """Why a question is never drawn on its own, or None."""
    if question.name == "medicaid_claiming_tax_unit_id":
        return "refused by name where it is not 0: numpy.unique of selected rows"
    if question.name.endswith("_id"):
        return "names a person or a group: parents' ids are part of some bases"
    return _NOT_DRAWN.get(question.name)


def deal(
    asked: Iterable[Question],
    states: Mapping[str, int],
    situations: int,
    batches: int,
    seed: int,
    given: int = 12,
) -> list[Batch]:
    """Batches of situations that between them ask every question some times.

    Args:
        asked: questions; those with a formula are given for a whole batch, `given` of them a batch.
        states: FIPS by two letters; every state comes up in turn.
        situations: in all.
        batches: how many.
        seed: of every draw.
        given: variables with a formula whose values are given in a batch.
    """
    rng = np.random.default_rng(seed)
    drawn = [q for q in asked if not_drawn(q) is None]
    free = [q for q in drawn if not q.computed or q.name in RENAMED]
    computed = [q for q in drawn if q.computed and q.name not in RENAMED]
    known = {q.name: q for q in asked}
    deck = _Deck(free, states, rng)
    order = rng.permutation(len(computed))
    codes = [sorted(states)[i % len(states)] for i in range(situations)]
    rng.shuffle(codes)
    found = []
    for number, part in enumerate(np.array_split(np.array(codes), batches)):
        some = [computed[i] for i in order[number * given : (number + 1) * given]]
        maker = _Maker(number, np.random.default_rng([seed, number]), known, dict(states))
        found.append(maker.batch([str(c) for c in part], deck, some))
    return found


class _Deck:
    """Every question in turn; those of one state for situations of that state."""

    def __init__(self, asked: list[Question], states: Mapping[str, int], rng: Any) -> None:
        self._rng = rng
        prefixes = {code.lower() for code in states}
        self._of: dict[str, list[Question]] = {"": []}
        for question in asked:
            prefix = question.name.partition("_")[0]
            self._of.setdefault(prefix if prefix in prefixes else "", []).append(question)
        self._left: dict[str, list[Question]] = {}

    def draw(self, code: str, many: int) -> list[Question]:
        own = min(len(self._of.get(code.lower(), [])), int(self._rng.integers(1, 5)))
        return [*self._take(code.lower(), own), *self._take("", many - own)]

    def _take(self, prefix: str, many: int) -> list[Question]:
        taken: dict[str, Question] = {}
        while len(taken) < min(many, len(self._of.get(prefix, []))):
            left = self._left.setdefault(prefix, [])
            if not left:
                left.extend(self._of[prefix])
                self._rng.shuffle(left)
            question = left.pop()
            taken[question.name] = question
        return list(taken.values())


class _Maker:
    """Makes one batch."""

    def __init__(
        self, number: int, rng: Any, known: Mapping[str, Question], states: Mapping[str, int]
    ) -> None:
        self.number, self.rng, self.known, self.states = number, rng, known, states
        self.members: dict[str, list[int]] = {group: [] for group in GROUPS}
        self.ages: list[int] = []
        self.roles: list[str] = []
        self.columns: dict[str, dict[str, list[Any]]] = {e: {} for e in PLURALS}
        self.answers: list[dict[str, Any]] = []

    def batch(self, codes: list[str], deck: _Deck, given: list[Question]) -> Batch:
        """People, what all of them say, then what each situation says besides."""
        homes = [self._household() for _ in codes]
        self._base(codes)
        for home, code in enumerate(codes):
            self._answer(home, homes[home], deck.draw(code, int(self.rng.integers(5, 16))))
        for question in given:
            rows = self._count(question.entity)
            self._column(question)[:] = [self._value(question, row) for row in range(rows)]
        return Batch(
            self.number,
            self.members,
            {entity: held for entity, held in self.columns.items() if held},
            self.answers,
            tuple(q.name for q in given),
        )

    # ---- who lives together

    def _household(self) -> list[int]:
        """One household: its persons in a random order. Gives their rows."""
        people = self._families(int(self.rng.integers(1, 8)))
        self.rng.shuffle(people)
        first = len(self.ages)
        starts = {group: self._next(group) for group in GROUPS}
        seen: dict[str, dict[int, int]] = {group: {} for group in GROUPS}
        for age, role, groups in people:
            self.ages.append(age)
            self.roles.append(role)
            for group, own in groups.items():
                number = seen[group].setdefault(own, starts[group] + len(seen[group]))
                self.members[group].append(number)
        return list(range(first, len(self.ages)))

    def _next(self, group: str) -> int:
        return max(self.members[group], default=-1) + 1

    def _families(self, size: int) -> list[tuple[int, str, dict[str, int]]]:
        """Tax units until all have a place; each may begin a family or an SPM unit of its own."""
        people: list[tuple[int, str, dict[str, int]]] = []
        spm = family = unit = couple = 0
        while len(people) < size:
            if people:
                unit += 1
                apart = self.rng.random() < 0.6
                family += int(apart)
                spm = family if apart and self.rng.random() < 0.6 else spm
            left = size - len(people)
            adults = 2 if left > 1 and self.rng.random() < 0.5 else 1
            children = int(self.rng.integers(0, left - adults + 1))
            separately = adults == 2 and self.rng.random() < 0.1
            for at in range(adults + children):
                couple += int(at != 1 or adults == 1)
                mine = unit + int(separately and at == 1) * 100
                role = "HEAD" if at == 0 or (separately and at == 1) else "DEPENDENT"
                role = "SPOUSE" if adults == 2 and at == 1 and not separately else role
                groups = {"household": 0, "spm_unit": spm, "family": family}
                groups |= {"tax_unit": mine, "marital_unit": couple}
                people.append((self._age(at < adults), role, groups))
        return people

    def _age(self, adult: bool) -> int:
        odd = [a for a in ODD_AGES if (a >= 18) == adult]
        if self.rng.random() < 0.5:
            return int(self.rng.choice(odd))
        return int(self.rng.integers(18, 95) if adult else self.rng.integers(0, 18))

    def _count(self, entity: str) -> int:
        return len(self.ages) if entity == "person" else self._next(entity)

    # ---- what they say

    def _base(self, codes: list[str]) -> None:
        """Ages, the state under one of its names, wages under one of theirs, some roles."""
        self.columns["person"]["age"] = list(self.ages)
        name = _STATE_NAMES[self.number % len(_STATE_NAMES)]
        fips = name == "state_fips"
        self.columns["household"][name] = [self.states[c] if fips else c for c in codes]
        wages = "employment_income" + ("_before_lsr" if self.number % 2 else "")
        paid = [a >= 16 and self.rng.random() < 0.6 for a in self.ages]
        self.columns["person"][wages] = [
            round(float(self.rng.lognormal(10.0, 1.0)), 2) if some else 0.0 for some in paid
        ]
        if self.number % 3 == 1:
            self.columns["person"]["tax_unit_role_input"] = list(self.roles)
        if self.number % 3 == 2:
            self._ids()
        households = self.members["household"]
        for home, code in enumerate(codes):
            members = [i for i, h in enumerate(households) if h == home]
            ages = [self.ages[i] for i in members]
            self.answers.append({"state": code, "ages": ages})

    def _ids(self) -> None:
        """Whose child somebody is, by ids that everybody has."""
        person, units = self.columns["person"], self.members["tax_unit"]
        person["person_id"] = [i + 1 for i in range(len(self.ages))]
        self.columns["tax_unit"]["tax_unit_id"] = [i + 1 for i in range(self._next("tax_unit"))]
        for name, role in (("parent_1_id", "HEAD"), ("parent_2_id", "SPOUSE")):
            adult = {u: i + 1 for i, u in enumerate(units) if self.roles[i] == role}
            known = [r == "DEPENDENT" and self.rng.random() < 0.8 for r in self.roles]
            person[name] = [
                adult.get(u, 0) if some else 0 for u, some in zip(units, known, strict=True)
            ]

    def _answer(self, home: int, persons: list[int], asked: list[Question]) -> None:
        unsaid = RENAMED if self.number % 2 else set(RENAMED.values())
        for question in asked:
            if question.name in unsaid:
                continue
            rows = persons
            if question.entity != "person":
                rows = sorted({self.members[question.entity][p] for p in persons})
            some = self.rng.permutation(rows)[: int(self.rng.integers(1, 3))]
            column = self._column(question)
            for row in map(int, some):
                column[row] = self._value(question, row)
            self.answers[home][question.name] = [column[row] for row in map(int, some)]

    def _column(self, question: Question) -> list[Any]:
        held = self.columns[question.entity]
        return held.setdefault(question.name, [question.default] * self._count(question.entity))

    def _value(self, question: Question, row: int) -> Any:
        if question.kind == "bool":
            return bool(question.default) != (not question.computed or self.rng.random() < 0.3)
        if question.kind == "enum":
            return str(self.rng.choice(question.choices))
        if question.kind == "str":
            return self._text(question.name)
        if question.kind == "int":
            return self._whole(question)
        return self._amount(question)

    def _text(self, name: str) -> str:
        """A text of the kind that the variable's name promises."""
        code = str(self.rng.choice(sorted(self.states)))
        if name.startswith("state"):
            return code
        digits = {"zip_code": 5, "zcta": 5, "three_digit_zip_code": 3, "block_geoid": 15}.get(name)
        if name == "county_fips":
            return f"{self.states[code]:02}{int(self.rng.choice([1, 3, 5, 13, 31, 37, 61])):03}"
        if digits:
            return "".join(str(d) for d in self.rng.integers(0, 10, digits))
        return str(self.rng.choice(["", "1960-05", "2001", "unknown"]))

    def _whole(self, question: Question) -> int:
        for pattern, low, high in _WHOLE:
            if re.search(pattern, question.name):
                return int(self.rng.integers(low, high))
        return int(question.default + self.rng.integers(1, 5))

    def _amount(self, question: Question) -> float:
        name, unit = question.name, question.unit
        if unit == "/1" or re.search(r"rate|ratio|share|percent|fraction", name):
            return round(float(self.rng.random()), 3)
        if re.search(r"hours|weeks|days|months|years|_count", name) or unit in ("hour", "year"):
            return float(self.rng.integers(0, 50))
        size = 8.0 if self.rng.random() < 0.7 else 10.0
        value = round(float(self.rng.lognormal(size, 1.3)), 2)
        loss = _LOSSES.search(name) and self.rng.random() < 0.3
        return -value if loss else value


def situation(batch: Batch, year: int) -> dict[str, Any]:
    """The batch as the source's users write it."""
    found: dict[str, Any] = {}
    for entity, plural in PLURALS.items():
        rows: dict[str, dict[str, Any]] = {f"{entity}{i}": {} for i in range(batch.count(entity))}
        for name, values in batch.columns.get(entity, {}).items():
            for key, value in zip(rows, values, strict=True):
                rows[key][name] = {str(year): value}
        if entity != "person":
            for person, group in enumerate(batch.members[entity]):
                rows[f"{entity}{group}"].setdefault("members", []).append(f"person{person}")
        found[plural] = rows
    return found


def population(batch: Batch) -> Population:
    """The batch as pejax's users write it."""
    import pandas as pd

    frames, named = {}, {}
    for entity in PLURALS:
        columns = batch.columns.get(entity, {})
        table: dict[str, Any] = {f"{entity}_id": np.arange(batch.count(entity))}
        if entity == "person":
            table |= {f"{group}_id": batch.members[group] for group in GROUPS}
        # Variables that are called as ids are: the table would take them for links.
        named[entity] = {n: np.array(v) for n, v in columns.items() if n.endswith("_id")}
        rest = {n: v for n, v in columns.items() if n not in named[entity]}
        frames[entity] = pd.DataFrame(table | rest)
    people = Population.from_frames(frames, weights=None)
    return people.with_columns({e: columns for e, columns in named.items() if columns})


def digest(batch: Batch) -> str:
    """Tells a batch that was drawn from other questions or by another seed."""
    return f"{zlib.crc32(repr(dataclasses.astuple(batch)).encode()):08x}"
