"""A digest of what Python functions and values mean, for caches keyed on content."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import dis
import enum
import fractions
import functools
import json
import logging
import pathlib
import re
import types
import uuid
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import jax
import numpy as np

from ._digest import digest
from ._transforms import is_traced
from .population._origin import release

_FUNCTIONS = (types.FunctionType, staticmethod, classmethod, property, functools.cached_property)
_PLAIN = (
    type(None) | bool | int | float | complex | str | bytes | range | Mapping | list | tuple | set
    | frozenset | np.ndarray | np.generic | jax.Array | enum.Enum | type | functools.partial
)  # fmt: skip
_IMPORT = dis.opmap["IMPORT_NAME"]


class _Row(NamedTuple):
    entry: None


@dataclasses.dataclass(eq=False)
class Seen:
    """What a description has met.

    Attributes:
        order: of objects that may hold themselves, each kept with its number so that no other gets
            its id.
        holders: modules, classes and functions of the user's, whose attributes count if any code
            names them.
        names: those that code has.
        told: the attributes that are described.
    """

    order: dict[int, tuple[int, object]] = dataclasses.field(default_factory=dict)
    holders: dict[int, object] = dataclasses.field(default_factory=dict)
    names: set[str] = dataclasses.field(default_factory=lambda: {"__getattr__"})
    told: set[tuple[int, str]] = dataclasses.field(default_factory=set)

    def untold(self) -> list[tuple[object, str]]:
        """The attributes that code names and nobody has described."""
        found = [
            (holder, name)
            for holder in self.holders.values()
            for name in sorted(self.names & vars(holder).keys())
            if (id(holder), name) not in self.told
        ]
        self.told.update((id(holder), name) for holder, name in found)
        return found


def fingerprint(value: object) -> str:
    """A digest that two values share only if they would compute the same.

    Functions count by their code, constants, defaults and everything of their module or closure
    that they name; so do the attributes that they name of modules and classes, and an enum's
    values. What belongs to an installed library counts by its name and version. A value that
    cannot be read (an arbitrary object) gets a digest of its own, so it never matches anything
    from another process.

    >>> fingerprint({"a": [1, 2.0]}) == fingerprint({"a": [1, 2.0]})
    True
    """
    seen = Seen()
    content = [_describe(value, seen)]
    while found := seen.untold():  # a helper that is found so may name more
        content += [_attribute(holder, name, seen) for holder, name in found]
    return digest(json.dumps(content))


def _describe(value: object, seen: Seen) -> object:
    if value is None or type(value) in (bool, int, float, complex, str, bytes, range):
        return [type(value).__name__, repr(value)]
    if isinstance(value, types.FunctionType | Mapping | list | type) or dataclasses.is_dataclass(
        value
    ):
        if id(value) in seen.order:  # functions may call each other in a circle
            return ["again", seen.order[id(value)][0]]
        seen.order[id(value)] = (len(seen.order), value)
    return [_kind(value, seen), *_parts(value, seen)]


def _kind(value: object, seen: Seen) -> object:
    """The class of a value: its name, and its methods if it is the user's."""
    kind = type(value)
    return kind.__qualname__ if release(kind) else _describe(kind, seen)


@functools.singledispatch
def _parts(value: object, seen: Seen) -> Iterator[object]:
    """What an object is made of; objects that know their own digest are taken at their word."""
    known = getattr(value, "digest", None)
    if isinstance(known, str):
        yield known
    elif dataclasses.is_dataclass(value):
        yield from (_describe(getattr(value, f.name), seen) for f in dataclasses.fields(value))
    else:
        yield uuid.uuid4().hex


@_parts.register(bool)
@_parts.register(int)
@_parts.register(float)
@_parts.register(complex)
@_parts.register(str)
@_parts.register(bytes)
@_parts.register(datetime.date)
@_parts.register(datetime.timedelta)
@_parts.register(decimal.Decimal)
@_parts.register(fractions.Fraction)
@_parts.register(pathlib.PurePath)
@_parts.register(logging.Logger)
@_parts.register(type(vars(_Row)["entry"]))  # the entry of a named tuple: its place
def _scalar(value: object, seen: Seen) -> Iterator[object]:
    yield repr(value)


@_parts.register
def _pattern(value: re.Pattern, seen: Seen) -> Iterator[object]:
    yield [repr(value.pattern), value.flags]


@_parts.register
def _function(value: types.FunctionType, seen: Seen) -> Iterator[object]:
    code = value.__code__
    known = value.__globals__
    own = release(value)
    if own is None:
        seen.holders[id(value)] = value
    names = set() if own and own.startswith("Python") else _names(code)
    named = tuple((n, known[n]) for n in sorted(names) if n in known)
    captured = tuple(_content(cell) for cell in value.__closure__ or ())
    for part in (code, value.__defaults__, value.__kwdefaults__, captured, named):
        yield _describe(part, seen)
    if own is None:
        yield [_describe(found, seen) for found in _imported(code, known)]


@_parts.register
def _code(value: types.CodeType, seen: Seen) -> Iterator[object]:
    seen.names.update(value.co_names, (c for c in value.co_consts if isinstance(c, str)))
    yield [value.co_code.hex(), value.co_names, value.co_varnames, value.co_freevars]
    yield from (_describe(constant, seen) for constant in value.co_consts)


@_parts.register
def _partial(value: functools.partial, seen: Seen) -> Iterator[object]:
    yield from (_describe(part, seen) for part in (value.func, value.args, value.keywords))


@_parts.register(staticmethod)
@_parts.register(classmethod)
def _unbound(value: staticmethod | classmethod, seen: Seen) -> Iterator[object]:
    yield _describe(value.__func__, seen)


@_parts.register
def _property(value: property, seen: Seen) -> Iterator[object]:
    yield _describe(value.fget, seen)


@_parts.register
def _cached(value: functools.cached_property, seen: Seen) -> Iterator[object]:
    yield _describe(value.func, seen)


@_parts.register(types.BuiltinFunctionType)
@_parts.register(np.ufunc)
def _named(value: types.BuiltinFunctionType | np.ufunc, seen: Seen) -> Iterator[object]:
    # What `np.frompyfunc` makes has no name of its own, and hides its function.
    name = value.__name__ if value.__name__.isidentifier() else uuid.uuid4().hex
    yield [getattr(value, "__module__", None), name, release(value)]
    of = getattr(value, "__self__", None)
    if of is not None and not isinstance(of, types.ModuleType):  # `table.get`
        yield _describe(of, seen)


@_parts.register
def _module(value: types.ModuleType, seen: Seen) -> Iterator[object]:
    yield _whose(value, value.__name__, seen)


@_parts.register
def _class(value: type, seen: Seen) -> Iterator[object]:
    yield _whose(value, f"{value.__module__} {value.__qualname__}", seen)
    if id(value) in seen.holders:
        yield [_describe(base, seen) for base in value.__bases__]
        names = [n for n, own in sorted(vars(value).items()) if _counts(value, n, own)]
        seen.told.update((id(value), n) for n in names)
        yield [_attribute(value, n, seen) for n in names]


@_parts.register
def _enum_class(value: enum.EnumMeta, seen: Seen) -> Iterator[object]:
    members = dict(value.__members__)
    yield [[name, _describe(vars(member)["_value_"], seen)] for name, member in members.items()]
    seen.told.update((id(value), name) for name in members)
    yield from _class(value, seen)


@_parts.register
def _enum_member(value: enum.Enum, seen: Seen) -> Iterator[object]:
    yield value.name


@_parts.register(np.ndarray)
@_parts.register(np.generic)
@_parts.register(jax.Array)
def _array(value: np.ndarray | np.generic | jax.Array, seen: Seen) -> Iterator[object]:
    readable = not is_traced(value) and getattr(value.dtype, "kind", "") in tuple("biufcSU")
    array = np.asarray(value) if readable else np.frombuffer(uuid.uuid4().bytes, np.uint8)
    yield [array.dtype.str, list(array.shape), array.tobytes().hex()]


@_parts.register(Mapping)
def _mapping(value: Mapping, seen: Seen) -> Iterator[object]:
    yield _describe(getattr(value, "default_factory", None), seen)
    yield from ([_describe(k, seen), _describe(v, seen)] for k, v in value.items())


@_parts.register(list)
@_parts.register(tuple)
def _sequence(value: list | tuple, seen: Seen) -> Iterator[object]:
    yield from (_describe(v, seen) for v in value)


@_parts.register(set)
@_parts.register(frozenset)
def _set(value: set | frozenset, seen: Seen) -> Iterator[object]:
    yield sorted(json.dumps(_describe(v, dataclasses.replace(seen, order={}))) for v in value)


# ---- modules and classes


def _whose(value: object, name: str, seen: Seen) -> list[object]:
    """Name and version of what is installed; what is the user's own is looked into."""
    version = release(value)
    if version is None:
        seen.holders[id(value)] = value
    return [name, version]


def _counts(owner: type, name: str, own: object) -> bool:
    """Whether an attribute of a class counts even if no code names it: data and functions do."""
    if isinstance(owner, enum.EnumMeta) and (name in owner.__members__ or _is_sunder(name)):
        return False
    if name.startswith("__"):
        return isinstance(own, _FUNCTIONS) and not _is_generated(owner, own)
    return isinstance(own, (*_FUNCTIONS, _PLAIN)) and name not in getattr(owner, "_fields", ())


def _is_sunder(name: str) -> bool:
    """Whether a name is one that an enum keeps for itself."""
    return name.startswith("_") and name.endswith("_")


def _is_generated(owner: type, own: object) -> bool:
    """Whether `dataclass` wrote a method, of the fields that count anyway."""
    code = getattr(own, "__code__", None)
    return dataclasses.is_dataclass(owner) and getattr(code, "co_filename", "") == "<string>"


def _attribute(holder: object, name: str, seen: Seen) -> list[object]:
    return [getattr(holder, "__qualname__", ""), name, _describe(vars(holder)[name], seen)]


def _imported(code: types.CodeType, known: dict[str, object]) -> Iterator[object]:
    """The modules that a function imports when it runs."""
    for inner in (c for c in code.co_consts if isinstance(c, types.CodeType)):
        yield from _imported(inner, known)
    if _IMPORT not in code.co_code[::2]:
        return
    steps = list(dis.get_instructions(code))
    for at, step in enumerate(steps):
        if step.opcode == _IMPORT:
            level, names = steps[at - 2].argval, steps[at - 1].argval
            try:
                yield __import__(step.argval, known, None, names or (), level)
            except ImportError:
                yield None


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a name that its function has not bound yet
        return None


def _names(code: types.CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*[_names(c) for c in inner])
