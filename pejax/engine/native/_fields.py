"""What a variable is told about itself, each checked by its name."""

from __future__ import annotations

import enum
import math
from typing import Any

from ...core._arguments import (
    as_choice,
    as_function,
    as_instance,
    as_number,
    as_switch,
    as_text,
    as_whole,
    shown,
)
from ...core._arrays import as_names, items_of
from ...core._validate import BadInputError
from ..rules import _calendar
from ..rules._system import Variable

_KINDS: dict[str, tuple[Any, str]] = {
    "float": (0.0, "float64"),
    "int": (0, "int64"),
    "bool": (False, "bool"),
    "enum": (None, "int16"),
    "str": ("", "object"),
}
_PERIODS = (_calendar.MONTH, _calendar.YEAR, _calendar.ETERNITY)
_DTYPES = ("bool", "int16", "int32", "int64", "float32", "float64", "object")


def described(
    name: str, entity: str, kind: str | None, period: str, default: Any, vocabulary: Any
) -> dict[str, Any]:
    as_text(name, "name")
    as_text(entity, f"{name}: entity")
    chosen = ("float" if vocabulary is None else "enum") if kind is None else kind
    _fail_if_other_kind(name, chosen, period, vocabulary)
    usual, dtype = _KINDS[chosen]
    if vocabulary is not None:
        usual = next(iter(vocabulary))
    if default is not None:
        default = _default(name, chosen, default, vocabulary)
    return {
        "name": name,
        "entity": entity,
        "kind": chosen,
        "period": period,
        "default": usual if default is None else default,
        "vocabulary": vocabulary,
        "dtype": dtype,
        # An amount of money flows; an age, a count, a flag or a category is the same in any month.
        "stock": chosen != "float",
    }


def _fail_if_other_kind(name: str, kind: Any, period: Any, vocabulary: Any) -> None:
    """What a variable is, for which time, and of an enum which it is."""
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadInputError(f"{name}: kind {shown(kind)}; choose one of {', '.join(_KINDS)}")
    if not isinstance(period, str) or period not in _PERIODS:
        raise BadInputError(f"{name}: period {shown(period)}; choose one of {', '.join(_PERIODS)}")
    if (kind == "enum") != (vocabulary is not None):
        raise BadInputError(f"{name}: an enum, and only an enum, has vocabulary=TheEnumClass")
    if vocabulary is not None and not (isinstance(vocabulary, enum.EnumMeta) and len(vocabulary)):
        raise BadInputError(f"{name}: vocabulary is {shown(vocabulary)}. Give an enum.Enum class")


def _default(name: str, kind: str, default: Any, vocabulary: Any) -> Any:
    """A value of a variable's own kind."""
    label = f"{name}: default"
    if kind == "enum":
        return as_instance(default, vocabulary, label, "Give a member of the vocabulary.")
    if kind == "str":
        return as_text(default, label)
    if kind == "bool":
        return as_switch(label)(default)
    if kind == "int":
        return as_whole(label)(default)
    number = as_number(label, finite=False)(default)
    if math.isnan(number):
        raise BadInputError(f"{label} is NaN. Give a number")
    return number


def or_none(value: Any, label: str) -> str | None:
    return None if value is None else as_text(value, label)


def entities_of(given: Any) -> list[str]:
    """The names of two entities or more, in order."""
    asked = "a system has at least two entities: ('person', 'household')"
    names = items_of(given, f"entities is {shown(given)}; {asked}")
    found = as_names(names, "entities")
    if len(found) < max(2, len(names)):
        raise BadInputError(f"{asked}, each once")
    return found


def variables_of(given: Any, label: str) -> list[Variable]:
    """Rules or inputs, in order."""
    found = items_of(given, f"{label} is {shown(given)}. Give a list of variables.")
    made = "Make it one by @engine.rule(entity=...) or engine.input_variable(...)."
    return [as_instance(v, Variable, f"{label}[{k}]", made) for k, v in enumerate(found)]


def check_fields(variable: Variable) -> None:
    """A variable that was not made by `rule` or `input_variable` has what theirs have."""
    name = variable.name
    as_text(variable.entity, f"{name}: entity")
    _fail_if_other_kind(name, variable.kind, variable.period, variable.vocabulary)
    default = variable.default
    if not (isinstance(default, float) and default == 0):  # what a variable has unless told
        _default(name, variable.kind, default, variable.vocabulary)
    as_text(variable.label, f"{name}: label")
    as_choice(variable.dtype, _DTYPES, f"{name}: dtype")
    for label in ("defined_for", "uprating"):
        or_none(getattr(variable, label), f"{name}: {label}")
    for label in ("stock", "neutralized", "carries"):
        as_switch(f"{name}: {label}")(getattr(variable, label))
    for label in ("adds", "subtracts"):
        held = getattr(variable, label)
        if held is not None:
            if not isinstance(held, str | list | tuple):
                raise BadInputError(f"{name}: {label} is {shown(held)}. Give a list of names.")
            as_names(held, f"{name}: {label}")
    as_function(variable.formula, f"{name}: formula")
