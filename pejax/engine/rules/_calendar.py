"""Instants and periods of natively written rules.

Evaluation asks a period only for `unit`, `start`, `this_year` and `get_subperiods`, so an imported
country keeps its own period class.
"""

from __future__ import annotations

import calendar
import dataclasses
from typing import Any, NamedTuple

MONTH, YEAR, ETERNITY = "month", "year", "eternity"


class Instant(NamedTuple):
    """A day; `str()` gives ISO 8601, which sorts as dates do."""

    year: int
    month: int = 1
    day: int = 1

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"


@dataclasses.dataclass(frozen=True)
class Period:
    """A calendar year, a month, or all time.

    >>> Period.of("2025").get_subperiods("month")[0]
    Period(unit='month', start=Instant(year=2025, month=1, day=1))
    """

    unit: str
    start: Instant

    @staticmethod
    def of(text: str | int | Period) -> Period:
        """Read `2025`, `"2025-03"` or `"ETERNITY"`."""
        if isinstance(text, Period):
            return text
        if str(text).upper() == "ETERNITY":
            return Period(ETERNITY, Instant(1))
        year, *rest = (int(part) for part in str(text).split("-"))
        return Period(MONTH if rest else YEAR, Instant(year, *rest[:1]))

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
            return [Period(MONTH, Instant(self.start.year, m)) for m in range(1, 13)]
        return [self]

    def __str__(self) -> str:
        return str(self.start.year) if self.unit == YEAR else str(self.start)[:7]


def last_day(period: Any) -> str:
    """The last day of a year or month, native or a country package's.

    >>> last_day(Period.of("2024-02"))
    '2024-02-29'
    """
    month = period.get_subperiods(MONTH)[-1].start
    days = calendar.monthrange(month.year, month.month)[1]
    return f"{month.year:04d}-{month.month:02d}-{days:02d}"
