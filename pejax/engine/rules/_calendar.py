"""Instants and periods of natively written rules.

Evaluation asks a period only for `unit`, `start`, `this_year` and `get_subperiods`, so an imported
country keeps its own period class.
"""

from __future__ import annotations

import calendar
import dataclasses
import re
from typing import Any, NamedTuple

from ._law import FOR_GOOD
from ._reform import EVER

MONTH, YEAR, ETERNITY = "month", "year", "eternity"

_DATED = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")


class Instant(NamedTuple):
    """A day; `str()` gives ISO 8601, which sorts as dates do."""

    year: int
    month: int = 1
    day: int = 1

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"


@dataclasses.dataclass(frozen=True)
class Period:
    """A year, from January on or from another month, a month, or all time.

    >>> Period.of("2025").get_subperiods("month")[0]
    Period(unit='month', start=Instant(year=2025, month=1, day=1))
    >>> str(Period.of("year:2024-10").get_subperiods("month")[-1])
    '2025-09'
    """

    unit: str
    start: Instant

    @staticmethod
    def of(text: str | int | Period) -> Period:
        """Read `2025`, `"2025-03"`, `"year:2024-10"` or `"ETERNITY"`.

        Raises:
            ValueError: a text of another form.
        """
        if isinstance(text, Period):
            return text
        if str(text).upper() == "ETERNITY":
            return Period(ETERNITY, Instant(1))
        unit, _, start = str(text).rpartition(":")
        year, *rest = (int(part) for part in start.split("-"))
        if len(rest) > 1 or not all(1 <= month <= 12 for month in rest):
            raise ValueError(f"{text!r} is no month")
        if unit not in ("", YEAR):
            raise ValueError(f"{text!r} is no year, month or eternity")
        return Period(MONTH if rest and not unit else YEAR, Instant(year, *rest))

    @property
    def this_year(self) -> Period:
        return Period(YEAR, Instant(self.start.year))

    @property
    def last_year(self) -> Period:
        return Period(YEAR, Instant(self.start.year - 1))

    @property
    def next_year(self) -> Period:
        return Period(YEAR, Instant(self.start.year + 1))

    @property
    def first_month(self) -> Period:
        return Period(MONTH, self.start)

    def get_subperiods(self, unit: str) -> list[Period]:
        """The months of a year, or the period itself."""
        if unit == MONTH and self.unit == YEAR:
            first = self.start.year * 12 + self.start.month - 1
            months = (divmod(first + m, 12) for m in range(12))
            return [Period(MONTH, Instant(year, month + 1)) for year, month in months]
        return [self]

    def __str__(self) -> str:
        month = str(self.start)[:7]
        if self.unit == ETERNITY:
            return ETERNITY
        if self.unit == MONTH:
            return month
        return str(self.start.year) if self.start.month == 1 else f"{YEAR}:{month}"


def dated(text: str) -> tuple[str, str]:
    """A name and the period written behind it, which is empty where there is none.

    >>> dated("rent[2025-01]"), dated("rent")
    (('rent', '2025-01'), ('rent', ''))
    """
    found = _DATED.fullmatch(text)
    return (text, "") if found is None else (found[1], found[2])


def unfit(name: str, unit: str, period: Any) -> str:
    """Why a variable has no value for a period; empty where it has one.

    Args:
        unit: by which the variable changes.
        period: of several of which a country's own class may be.
    """
    if period.unit == ETERNITY != unit:
        return f"{name} changes by {unit}: ask for its value of one, not of all time"
    if period.unit == unit != ETERNITY and getattr(period, "size", 1) != 1:
        return f"{name} changes by {unit}: ask for its sum over {period} by ADD"
    return ""


def law_days(period: Any) -> tuple[str, str]:
    """The first and last day of the law for a period: whole calendar years, since what is yearly
    is read for the year of a month.

    >>> law_days(Period.of("2025-03")), law_days(Period.of("year:2024-10"))
    (('2025-01-01', '2025-12-31'), ('2024-01-01', '2025-12-31'))
    """
    if period.unit == ETERNITY:
        return EVER, FOR_GOOD
    return f"{str(period.start)[:4]}-01-01", f"{last_day(period)[:4]}-12-31"


def last_day(period: Any) -> str:
    """The last day of a year or month, native or a country package's.

    >>> last_day(Period.of("2024-02"))
    '2024-02-29'
    """
    month = period.get_subperiods(MONTH)[-1].start
    days = calendar.monthrange(month.year, month.month)[1]
    return f"{month.year:04d}-{month.month:02d}-{days:02d}"
