"""A reform as PolicyEngine writes it, read into dated edits.

Every form of a date means here what it means in PolicyEngine's `Reform.from_dict`.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from ...core._arguments import as_number, is_whole, shown
from ...core._validate import BadInputError

Value = bool | int | float | str | list | None


@dataclasses.dataclass(frozen=True)
class Edit:
    """A value, as it was given, from `start` to `stop` (inclusive; None for good)."""

    start: str
    stop: str | None
    value: Any

    def meets(self, first: str, last: str) -> bool:
        """Whether it is in force on some day from `first` to `last`."""
        return self.start <= last and (self.stop is None or self.stop >= first)

    def covers(self, first: str, last: str) -> bool:
        """Whether it is in force on every day from `first` to `last`."""
        return self.start <= first and (self.stop is None or self.stop >= last)

    @property
    def dates(self) -> str:
        """Its span in words."""
        return f"from {self.start}" if self.stop is None else f"{self.start} to {self.stop}"


Edits = Mapping[str, tuple[Edit, ...]]

EVER = "0000-01-01"
"""The start of a value that was always in force."""

_UNDATED = ("2000-01-01", "2099-12-31")
"""When a value without dates is in force: PolicyEngine's own window."""

_NO_LAW_BEFORE, _NO_LAW_AFTER = "1800-01-01", "2200-12-31"
"""An edit that ends before or starts after these dates can only be a slip."""

_INSTANT = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_PERIOD = re.compile(r"(year|month|day):(\d{4}(?:-\d{1,2}(?:-\d{1,2})?)?)(?::(\d{1,4}))?")
_UNITS = ("year", "month", "day")


def read_reform(reform: Mapping[str, Any]) -> dict[str, tuple[Edit, ...]]:
    """Read PolicyEngine's reform dictionary: path to value, or path to `{dates: value}`.

    | dates | in force |
    |---|---|
    | `2025`, `2025-07`, `2025-07-01` | from that day on, for good |
    | `2025-01-01.2025-12-31` | from the first day to the last |
    | `year:2025:3`, `month:2025-01:12`, `day:2025-01-01:90` | for so many of them |
    | `ETERNITY` | always |
    | none: a bare value | from 2000 to 2099 |

    Edits of one path are in order of their start; where they overlap, the later one wins.

    >>> read_reform({"tax.rate": {"2025-01-01.2025-12-31": 0.2}})["tax.rate"][0].stop
    '2025-12-31'
    >>> read_reform({"tax.rate": {"2025": 0.2}})["tax.rate"][0].dates
    'from 2025-01-01'

    Raises:
        BadInputError: what is not a date, for a span that ends before it starts and for dates
            outside the law.
    """
    _fail_if_no_reform(reform)
    return {path: _edits(path, given) for path, given in reform.items()}


def in_plain_values(reform: Mapping[str, Any]) -> dict[str, Any]:
    """The same reform with every value in Python's own types, which JSON and a law can hold.

    >>> in_plain_values({"tax.rate": {"2025": np.float32(0.5)}, "tax.is_flat": np.True_})
    {'tax.rate': {'2025': 0.5}, 'tax.is_flat': True}

    Raises:
        BadInputError: as `read_reform`; a value that no law has, such as NaN, a date or an array.
    """
    read_reform(reform)
    return {
        path: {str(dates): plain_value(path, value) for dates, value in given.items()}
        if isinstance(given, Mapping)
        else plain_value(path, given)
        for path, given in reform.items()
    }


def plain_value(path: str, value: Any) -> Value:
    """A number, boolean, text, list of such or None, in Python's own types.

    Raises:
        BadInputError: what is none of them, and NaN.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, list | tuple | Set):
        items = sorted(value, key=str) if isinstance(value, Set) else value
        if any(one is None or isinstance(one, list | tuple | Set) for one in items):
            raise BadInputError(f"{path}: a list within a list, or a hole. Give names or numbers")
        return [plain_value(path, one) for one in items]
    if is_whole(value):
        return int(value)
    number = as_number(path, finite=False)(value)
    if math.isnan(number):
        raise BadInputError(f"{path}: a reform to NaN. Give a number; inf stands for no limit")
    return number


def _fail_if_no_reform(reform: Any) -> None:
    """A reform is a mapping from paths."""
    if not isinstance(reform, Mapping):
        raise BadInputError(
            f"reform is {shown(reform)}. Give a mapping from paths to numbers: "
            '{"path.of.a.parameter": 0.25}'
        )
    for path in reform:
        if not isinstance(path, str):
            raise BadInputError(f"reform has the key {shown(path)}. Its keys are paths, as texts")


def _edits(path: str, given: Any) -> tuple[Edit, ...]:
    if not isinstance(given, Mapping):
        return (Edit(*_UNDATED, given),)
    if not given:
        raise BadInputError(f"{path}: a reform without dates. Give {{dates: value}} or a value")
    edits = [_edit(path, str(dates), value) for dates, value in given.items()]
    return tuple(sorted(edits, key=lambda edit: edit.start))


def _edit(path: str, dates: str, value: Any) -> Edit:
    start, stop = _span(path, dates)
    if stop is not None and stop < start:
        raise BadInputError(f"{path}: {dates!r} ends before it starts; swap the dates")
    if start > _NO_LAW_AFTER or (stop is not None and stop < _NO_LAW_BEFORE):
        raise BadInputError(
            f"{path}: {dates!r} is outside the law, which is read for dates from "
            f"{_NO_LAW_BEFORE} to {_NO_LAW_AFTER}"
        )
    return Edit(start, None if stop is not None and stop > _NO_LAW_AFTER else stop, value)


def _span(path: str, dates: str) -> tuple[str, str | None]:
    """First and last day, None for good."""
    try:
        if dates == "ETERNITY":
            return EVER, None
        if ":" in dates:
            return _of_units(dates)
        first, *last = (read_day(part) for part in dates.split("."))
        return first, _only(last)
    except (ValueError, OverflowError) as problem:
        raise BadInputError(
            f"{path}: {dates!r} is not a date; write 2025 or 2025-01-01 (from then on), "
            "2025-01-01.2025-12-31 (these days), year:2025:3, month:2025-01:12 or ETERNITY"
        ) from problem


def _only(days: list[str]) -> str | None:
    if len(days) > 1:
        raise ValueError("a span has two ends")
    return days[0] if days else None


def read_day(text: str) -> str:
    """The first day of `2025`, `2025-07` or `2025-07-01`.

    Raises:
        ValueError: what is no date.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no day")
    return str(datetime.date(int(found[1]), int(found[2] or 1), int(found[3] or 1)))


def _of_units(text: str) -> tuple[str, str]:
    """First and last day of `year:2025:3`: so many units, one if no number is given."""
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no period")
    unit, parts, size = found[1], [int(p) for p in found[2].split("-")], int(found[3] or 1)
    if size < 1 or len(parts) <= _UNITS.index(unit):
        raise ValueError(f"{text!r} does not say which {unit}")
    year, month, day = [*parts, 1, 1][:3]
    start = datetime.date(year, month, day)
    if unit == "day":
        return str(start), str(start + datetime.timedelta(days=size - 1))
    months = year * 12 + month - 1 + size * (12 if unit == "year" else 1)
    after = datetime.date(months // 12, months % 12 + 1, 1)
    return str(start), str(after + datetime.timedelta(days=day - 2))
