"""Whether plain data, as JSON gives them, have the form that a type hint describes."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterable
from typing import Any, Union


def fail_if_other_form(value: Any, hint: Any, where: str) -> None:
    """Raise `ValueError`, naming the place, unless `value` is what `hint` says.

    Lists stand for tuples. An int is no bool, and a whole number may stand for a float.

    >>> fail_if_other_form([["a", 1]], list[tuple[str, int]], "rows")
    >>> fail_if_other_form([["a", None]], list[tuple[str, int]], "rows")
    Traceback (most recent call last):
        ...
    ValueError: rows[0][1] is None, where int belongs
    """
    for place, found, wanted in _misfits(value, hint, where):
        name = getattr(wanted, "__name__", str(wanted))
        raise ValueError(f"{place} is {_short(found)}, where {name} belongs")


@functools.cache
def row_of(kind: type) -> Any:
    """The hint of a row that holds the fields of a dataclass, in order.

    >>> from pejax.engine._parameters import LeafInfo
    >>> len(typing.get_args(row_of(LeafInfo))) == len(dataclasses.fields(LeafInfo))
    True
    """
    hints = typing.get_type_hints(kind)
    return tuple[tuple(hints[f.name] for f in dataclasses.fields(kind))]


def _misfits(value: Any, hint: Any, where: str) -> Any:
    """The first place that does not fit, with what is there and what belongs there."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is None:
        if not _is(value, hint):
            yield where, value, hint
    elif origin in (Union, types.UnionType):
        if all(any(True for _ in _misfits(value, one, where)) for one in args):
            yield where, value, hint
    elif origin is dict:
        yield from _misfits(value, dict, where)
        for key, held in value.items():
            yield from _misfits(held, args[1], f"{where}.{key}")
    else:
        yield from _misfits(value, list, where)
        if origin is list or args[-1] is Ellipsis:
            for i in _one_of_each(value, args[0]):
                yield from _misfits(value[i], args[0], f"{where}[{i}]")
        elif len(value) != len(args):
            yield where, value, f"a row of {len(args)}"
        else:
            for i, (held, one) in enumerate(zip(value, args, strict=True)):
                yield from _misfits(held, one, f"{where}[{i}]")


def _one_of_each(values: list[Any], hint: Any) -> Iterable[int]:
    """Places that stand for all: where types decide, one of each combination of them."""
    inner = typing.get_args(hint)
    if not inner:
        return {type(one): i for i, one in enumerate(values)}.values()
    if typing.get_origin(hint) is not tuple or any(typing.get_origin(one) for one in inner):
        return range(len(values))
    rows = (tuple(map(type, one)) if type(one) is list else type(one) for one in values)
    return {row: i for i, row in enumerate(rows)}.values()


def _is(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind in (None, types.NoneType):
        return value is None
    return type(value) is kind or (kind is float and type(value) is int)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
