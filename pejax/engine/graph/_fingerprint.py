"""A digest of what Python functions and values mean, for caches keyed on content."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import types
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def fingerprint(value: Any) -> str:
    """A digest that two values share only if they would compute the same.

    Functions count by their code, constants, defaults and everything of their module or closure
    that they name. A value that cannot be read (an arbitrary object) gets a digest of its own, so
    it never matches anything from another process.

    >>> fingerprint({"a": [1, 2.0]}) == fingerprint({"a": [1, 2.0]})
    True
    """
    text = json.dumps(_describe(value, {}))
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(value: Any, seen: dict[int, int]) -> Any:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | range):
        return [type(value).__name__, repr(value)]
    if isinstance(value, types.FunctionType | Mapping | list) or dataclasses.is_dataclass(value):
        if id(value) in seen:  # functions may call each other in a circle
            return ["again", seen[id(value)]]
        seen[id(value)] = len(seen)
    return [type(value).__qualname__, *_parts(value, seen)]


def _parts(value: Any, seen: dict[int, int]) -> Iterator[Any]:
    if isinstance(value, types.FunctionType):
        yield from (_describe(part, seen) for part in _meaning(value))
    elif isinstance(value, types.CodeType):
        yield from _code(value, seen)
    elif isinstance(value, types.ModuleType):
        yield value.__name__
    elif isinstance(value, enum.EnumMeta):
        yield [value.__qualname__, list(value.__members__)]
    elif isinstance(value, enum.Enum):
        yield [type(value).__qualname__, list(type(value).__members__), value.name]
    elif isinstance(value, type | types.BuiltinFunctionType | np.ufunc):
        yield [getattr(value, "__module__", None), value.__name__]
    elif isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufcSU":
        yield [value.dtype.str, list(value.shape), value.tobytes().hex()]
    elif isinstance(value, Mapping):
        yield from ([_describe(k, seen), _describe(v, seen)] for k, v in value.items())
    elif isinstance(value, list | tuple):
        yield from (_describe(v, seen) for v in value)
    elif isinstance(value, set | frozenset):
        yield sorted(json.dumps(_describe(v, {})) for v in value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from (_describe(getattr(value, f.name), seen) for f in dataclasses.fields(value))
    else:
        yield uuid.uuid4().hex


def _code(code: types.CodeType, seen: dict[int, int]) -> Iterator[Any]:
    yield [code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars]
    yield from (_describe(constant, seen) for constant in code.co_consts)


def _meaning(function: types.FunctionType) -> Iterator[Any]:
    code = function.__code__
    yield code
    yield function.__defaults__
    yield function.__kwdefaults__
    yield from (_content(cell) for cell in function.__closure__ or ())
    for name in sorted(_names(code)):
        if name in function.__globals__:
            yield name
            yield function.__globals__[name]


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that its function has not bound yet
        return None


def _names(code: types.CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*[_names(c) for c in inner])
