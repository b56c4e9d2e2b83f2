"""Values of our own classes as named arrays with a header, and back: no pickle.

A class is named by its module and name, which must be of this package, and is filled field by field
without calling it: nothing that a file says is executed.
"""

import dataclasses
import enum
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, TypeAlias, TypedDict, TypeVar, cast, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from .._arguments import as_instance
from .._validate import BadInputError
from ._npz import Arrays, Stored, digest_of

Told = TypedDict(
    "Told",
    {
        "float": str,
        "array": str,
        "device": bool,
        "enum": str,
        "name": str,
        "class": str,
        "kept": "Node",
        "fields": "dict[str, Node]",
        "tuple": "list[Node]",
        "list": "list[Node]",
        "dict": "dict[str, Node]",
    },
)
"""What a header says of a value: the keys of its kind, of which the first names the kind."""

Node: TypeAlias = "bool | int | str | Told | None"


@runtime_checkable
class Kept(Protocol):
    """A class that says itself what a file keeps of it."""

    def kept(self) -> object:
        """What to keep."""
        ...

    @classmethod
    def of_kept(cls, kept: object) -> object:
        """The value of which that was kept."""
        ...


_Own = TypeVar("_Own", bound="StoredFields")
_HEADER, _PACKAGE = "header", "pejax."


def to_arrays(value: object, format: str, version: int) -> Arrays:
    """A value of our own classes, taken apart.

    Args:
        value: made of arrays, numbers, texts, None, tuples, lists, dictionaries by text, and
            dataclasses (equinox modules among them), named tuples and enums of this package, and
            of its classes with `kept`, which says what to keep, and `of_kept`.
        format: the kind of file; what `from_arrays` is asked for.
        version: of the format.

    Raises:
        BadInputError: something else in it, with where.

    >>> list(to_arrays((np.arange(2), "a"), "pair", 1))
    ['header', '0']
    """
    arrays: Arrays = {}
    header = {"format": format, "version": version, "value": _apart(value, arrays, "")}
    header["digest"] = _digest(header, arrays)
    return {_HEADER: np.array(json.dumps(header)), **arrays}


def from_arrays(arrays: Mapping[str, np.ndarray], format: str, version: int) -> object:
    """The value that `to_arrays` took apart.

    Raises:
        BadInputError: another format or version, or altered since.

    >>> from_arrays(to_arrays((np.arange(2), "a"), "pair", 1), "pair", 1)
    (array([0, 1]), 'a')
    """
    held = dict(arrays)
    header = _header(str(held.pop(_HEADER, "")))
    if header.get("format") != format:
        raise BadInputError(f"These are no arrays of a {format}. Give what to_arrays returned.")
    if header.get("version") != version:
        raise BadInputError(
            f"It was saved in version {header.get('version')} of the format; this pejax reads"
            f" version {version}. Use the pejax that saved it."
        )
    if header.pop("digest", None) != _digest(header, held):
        raise BadInputError(
            "The arrays differ from what was saved (their digest does not match). Copy the file"
            " again from where it is whole."
        )
    return _together(cast("Node", header["value"]), held)


class StoredFields(Stored):
    """What is kept field by field, in one version of a format."""

    _format: ClassVar[tuple[str, int]]

    def to_arrays(self) -> Arrays:
        return to_arrays(self, *self._format)

    @classmethod
    def from_arrays(cls: type[_Own], arrays: Mapping[str, np.ndarray]) -> _Own:
        """The value that `to_arrays` took apart.

        Raises:
            BadInputError: not such arrays, of another version, or altered since.
        """
        as_instance(arrays, Mapping, "arrays", "Give what to_arrays returned.")
        return as_instance(from_arrays(arrays, *cls._format), cls, "the file", "Save again.")


def _header(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _digest(header: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> str:
    return digest_of(json.dumps(header, sort_keys=True), arrays)


# ---- apart


def _apart(value: object, arrays: Arrays, where: str) -> object:
    if type(value) in _AS_THEY_ARE:
        return value
    for is_such, apart in _WAYS:
        if is_such(value):
            return apart(value, arrays, where)
    raise BadInputError(f"{where or 'the value'} is a {type(value).__name__}, which no file keeps.")


_AS_THEY_ARE = (type(None), bool, int, str)


def _float(value: float, arrays: Arrays, where: str) -> dict[str, object]:
    return {"float": value.hex()}


def _array(value: object, arrays: Arrays, where: str) -> dict[str, object]:
    host = np.asarray(value)
    if host.dtype.hasobject:
        raise BadInputError(f"{where or 'the value'} holds Python objects, which no file keeps.")
    name = str(len(arrays))
    arrays[name] = host
    return {"array": name, "device": isinstance(value, jax.Array)}


def _member(value: enum.Enum, arrays: Arrays, where: str) -> dict[str, object]:
    return {"enum": _named(type(value), where), "name": value.name}


def _by_itself(value: Kept, arrays: Arrays, where: str) -> dict[str, object]:
    return {"class": _named(type(value), where), "kept": _apart(value.kept(), arrays, where)}


def _record(value: object, arrays: Arrays, where: str) -> dict[str, object]:
    names = getattr(value, "_fields", ())
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    inner = {n: _apart(getattr(value, n), arrays, f"{where}.{n}".lstrip(".")) for n in names}
    return {"class": _named(type(value), where), "fields": inner}


def _items(value: tuple | list, arrays: Arrays, where: str) -> dict[str, object]:
    items = [_apart(item, arrays, f"{where}[{k}]") for k, item in enumerate(value)]
    return {type(value).__name__: items}


def _mapping(value: dict, arrays: Arrays, where: str) -> dict[str, object]:
    return {"dict": {k: _apart(v, arrays, f"{where}[{k!r}]") for k, v in value.items()}}


def _is_record(value: object) -> bool:
    is_type = isinstance(value, type)
    return not is_type and (hasattr(value, "_fields") or dataclasses.is_dataclass(value))


_WAYS: tuple[tuple[Callable[[object], bool], Callable[..., dict[str, object]]], ...] = (
    (lambda v: type(v) is float, _float),
    (lambda v: isinstance(v, jax.Array | np.ndarray | np.generic), _array),
    (lambda v: isinstance(v, enum.Enum), _member),
    (lambda v: hasattr(type(v), "kept"), _by_itself),
    (_is_record, _record),
    (lambda v: type(v) in (tuple, list), _items),
    (lambda v: type(v) is dict and all(isinstance(key, str) for key in v), _mapping),
)
"""How values of each kind are taken apart."""


def _named(kind: type, where: str) -> str:
    if not kind.__module__.startswith(_PACKAGE):
        raise BadInputError(f"{where or 'the value'} is a {kind.__name__}, which no file keeps.")
    return f"{kind.__module__}:{kind.__qualname__}"


# ---- together


def _together(told: Node, arrays: Mapping[str, np.ndarray]) -> object:
    if not isinstance(told, dict):
        return told
    kind = next(iter(told))
    return _BACK[kind](told, arrays)


def _on_device(told: Told, arrays: Mapping[str, np.ndarray]) -> np.ndarray | jax.Array:
    host = arrays[told["array"]]
    found = jnp.asarray(host) if told["device"] else host
    return found if found.dtype == host.dtype else host  # 64 bits are kept where JAX has 32


def _listed(told: Sequence[Node], arrays: Mapping[str, np.ndarray]) -> list[object]:
    return [_together(item, arrays) for item in told]


def _filled(told: Told, arrays: Mapping[str, np.ndarray]) -> object:
    kind = _class(told["class"])
    if "kept" in told:
        return cast("type[Kept]", kind).of_kept(_together(told["kept"], arrays))
    fields = {name: _together(inner, arrays) for name, inner in told["fields"].items()}
    if issubclass(kind, tuple):
        return kind(**fields)
    value = object.__new__(kind)
    for name, field in fields.items():
        object.__setattr__(value, name, field)
    return value


_BACK: dict[str, Callable[[Told, Mapping[str, np.ndarray]], object]] = {
    "float": lambda told, arrays: float.fromhex(told["float"]),
    "array": _on_device,
    "enum": lambda told, arrays: getattr(_class(told["enum"]), told["name"]),
    "class": _filled,
    "tuple": lambda told, arrays: tuple(_listed(told["tuple"], arrays)),
    "list": lambda told, arrays: _listed(told["list"], arrays),
    "dict": lambda told, arrays: {k: _together(v, arrays) for k, v in told["dict"].items()},
}
"""How they come together again, by the first key of what the header says."""


def _class(named: str) -> type:
    """A class of this package that holds fields, by its name."""
    module, _, name = named.partition(":")
    if not module.startswith(_PACKAGE):
        raise BadInputError(f"The file names {named}, which is none of pejax's.")
    try:
        kind: object = importlib.import_module(module)
        for part in name.split("."):
            kind = getattr(kind, part)
    except (ImportError, AttributeError) as problem:
        raise BadInputError(
            f"The file names {named}, which this pejax does not have. Use the one that saved it."
        ) from problem
    if not isinstance(kind, type) or not _holds_fields(kind):
        raise BadInputError(f"The file names {named}, which holds no fields.")
    return kind


def _holds_fields(kind: type) -> bool:
    marks = ("_fields", "of_kept")
    is_known = dataclasses.is_dataclass(kind) or issubclass(kind, enum.Enum)
    return is_known or any(hasattr(kind, mark) for mark in marks)
