"""The law's numbers from a nested dictionary, for natively written rules."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...core._arguments import as_instance, as_text, is_whole, shown
from ...core._arrays import items_of
from ...core._validate import BadInputError
from ..rules._law import LawNode, LawParameter, LawScale, Value
from ..rules._reform import read_day

_DAWN = "0001-01-01"
_DATE = re.compile(r"\d{4}(-\d{2}-\d{2})?")
_ABOUT = ("label", "unit", "reference")
_VALUES = ("rate", "amount", "average_rate")


def law_from(tree: Mapping[str, Any]) -> LawNode:
    """Read a law.

    A value is a number, boolean, text or list; `{date: value}`, each in force from its date (`2025`
    or `"2025-07-01"`) to the next; or `{"values": either of these}` with `label`, `unit` and
    `reference`. A scale is `{"brackets": [{"threshold": value, "rate": value}, ...]}`, marginal;
    with `amount` instead of `rate` the amounts of all brackets reached add up, or with
    `"type": "single_amount"` the bracket's own counts. Everything else is a branch.

    >>> law = law_from({"tax": {"rate": {2020: 0.2, "2025-07-01": 0.25}}})
    >>> law.find("tax.rate").at("2025-06-30"), law.find("tax.rate").at("2025-12-31")
    (0.2, 0.25)
    """
    node = _node("", tree)
    if not isinstance(node, LawNode):
        raise BadInputError("a law is a nested dictionary of names: {'tax': {'rate': 0.2}}")
    return node


def _node(path: str, tree: Any) -> LawNode | LawScale | LawParameter:
    if not isinstance(tree, Mapping) or "values" in tree or _dated(path, tree):
        return _parameter(path, tree)
    if "brackets" in tree:
        return _scale(path, tree)
    named = {_name(path, key): value for key, value in tree.items() if value is not None}
    if path and not named:
        raise BadInputError(f"{path} is empty: give it a value or leave it out")
    inner = {name: f"{path}.{name}" if path else name for name in named}
    return LawNode(path, {name: _node(inner[name], value) for name, value in named.items()})


def _name(path: str, key: Any) -> str:
    name = str(key) if isinstance(key, str) or is_whole(key) else ""
    if not name or set(name) & set(".[]"):
        raise BadInputError(f"{path}: {shown(key)} is not a name; use neither dots nor brackets")
    return name


def _dated(path: str, tree: Mapping[Any, Any]) -> bool:
    dates = [_DATE.fullmatch(str(key)) is not None for key in tree]
    if any(dates) and not all(dates):
        raise BadInputError(f"{path} mixes dates and names: {', '.join(map(str, tree))}")
    return bool(dates) and all(dates)


def _parameter(path: str, given: Any) -> LawParameter:
    if not path:
        raise BadInputError("a law is a nested dictionary of names: {'tax': {'rate': 0.2}}")
    about: dict[str, Any] = {}
    if isinstance(given, Mapping) and "values" in given:
        unknown = [k for k in given if k not in ("values", *_ABOUT)]
        if unknown:
            raise BadInputError(f"{path}: {unknown[0]!r} is none of values, {', '.join(_ABOUT)}")
        about = {n: as_text(given.get(n, ""), f"{n} of {path}") for n in _ABOUT}
        given = given["values"]
    return LawParameter(path, tuple(sorted(_entries(path, given))), **about)


def _entries(path: str, given: Any) -> Iterator[tuple[str, Value]]:
    if not isinstance(given, Mapping):
        yield _DAWN, _value(path, given)
        return
    if not _dated(path, given):
        raise BadInputError(f"{path}: values are {{date: value}}, such as {{'2025-01-01': 0.2}}")
    days = {_day(path, date): value for date, value in given.items()}
    if len(days) < len(given):
        raise BadInputError(f"{path} has two values from one day on; drop one of them")
    for day, value in days.items():
        yield day, _value(path, value)


def _day(path: str, date: Any) -> str:
    try:
        return read_day(str(date))
    except ValueError as problem:
        raise BadInputError(f"{path}: {shown(date)} is not a date; write '2025-01-01'") from problem


def _value(path: str, value: Any) -> Value:
    items = value if isinstance(value, list) else [value]
    if not all(one is None or isinstance(one, bool | int | float | str) for one in items):
        raise BadInputError(
            f"{path} is {shown(value)}: a number, boolean, text or list of names is expected"
        )
    if any(isinstance(one, float) and math.isnan(one) for one in items):
        raise BadInputError(f"{path} is NaN. Give a number; inf stands for no limit")
    return value


def _scale(path: str, tree: Mapping[str, Any]) -> LawScale:
    kind = tree.get("type", "")
    if not isinstance(kind, str) or kind not in ("", "single_amount"):
        raise BadInputError(f"{path}: the type of a scale is 'single_amount' or not given")
    fix = 'Give a list: [{"threshold": 0, "rate": 0.1}, ...].'
    given = items_of(tree["brackets"], f"brackets of {path} is {shown(tree['brackets'])}. {fix}")
    brackets = tuple(_bracket(f"{path}[{i}]", b) for i, b in enumerate(given))
    if not brackets:
        raise BadInputError(f"{path} has no brackets: give it one or leave it out")
    return LawScale(path, brackets, kind == "single_amount")


def _bracket(path: str, given: Any) -> dict[str, LawParameter]:
    as_instance(given, Mapping, path, 'Give {"threshold": 0, "rate": 0.1}.')
    if "threshold" not in given or not any(name in given for name in _VALUES):
        raise BadInputError(f"{path} needs a threshold and one of {', '.join(_VALUES)}")
    made = {name: _parameter(f"{path}.{name}", value) for name, value in given.items()}
    for name, parameter in made.items():
        for _, value in parameter.entries:
            barred = isinstance(value, bool) and name == "threshold"
            if barred or not (value is None or isinstance(value, int | float)):
                raise BadInputError(f"{path}.{name} is {shown(value)}. Give a number")
    return made
