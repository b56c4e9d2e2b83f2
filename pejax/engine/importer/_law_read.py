"""A country's own tree of parameters as this library's.

A parameter's path is where it stands, which is what a reform goes by.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..rules._law import Children, LawNode, LawParameter, LawScale
from ..rules._paths import Paths

_FIRST_DAY = "0000-01-01"

SecondNames = Callable[[], Mapping[str, str]]
"""Parameters that only show another's values, by where they stand; found when first asked for."""


def law_of(source: Any) -> LawNode:
    """The law of a country's own object; its parts are made when they are first asked for."""
    return _branch(source.parameters, "", functools.cache(lambda: second_names_of(source)))


def paths_of(source: Any) -> Paths:
    """The names of all parameters of a country's own object."""
    return Paths.of(path for path, _ in _leaves(source.parameters, ""))


def second_names_of(source: Any) -> dict[str, str]:
    """By where they stand, parameters that only show another's values, and that one's path."""
    own: dict[int, list[str]] = {}
    shown: list[tuple[str, Any]] = []
    for path, node in _leaves(source.parameters, ""):
        if _shows_another(node):
            shown.append((path, node))
        else:
            own.setdefault(id(node.values_list), []).append(path)
    found = ((path, own.get(id(node.values_list), [])) for path, node in shown)
    return {path: _nearest(path, others) for path, others in found if others}


def _nearest(path: str, others: list[str]) -> str:
    """The one with most of the way in common: a copy of the law has its own."""

    def shared(other: str) -> int:
        pairs = zip(path.split("."), other.split("."), strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    return max(others, key=shared)


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Where each parameter stands, and the country's own object."""
    for name, child in node.children.items():
        at = f"{path}.{name}" if path else name
        if isinstance(getattr(child, "children", None), Mapping):
            yield from _leaves(child, at)
        elif series_of(child) is not None:
            yield at, child
        elif not _is_taken_out(child):
            for k, bracket in enumerate(child.brackets):
                yield from ((f"{at}[{k}].{n}", part) for n, part in bracket.children.items())


def _shows_another(node: Any) -> bool:
    return isinstance(inspect.getattr_static(type(node), "values_list", None), property)


def series_of(node: Any) -> list[Any] | None:
    """The dated values of a parameter; None for a branch, for a scale, and for a parameter that the
    country has taken out of its law and that says so when it is asked."""
    try:
        return node.values_list
    except (AttributeError, ValueError):
        return None


def _is_taken_out(node: Any) -> bool:
    return inspect.getattr_static(node, "values_list", None) is not None and series_of(node) is None


def _branch(node: Any, path: str, second: SecondNames, by_value: bool = False) -> LawNode:
    """A branch of the law. Its path is where it stands, which is what a reform goes by: a copy of
    a branch that stands elsewhere still has the name of the first.

    Args:
        by_value: whether it is part of a table by the values of a variable.
    """
    children, by_value = node.children, by_value or _is_by_value(node)
    names = _in_order(children) if by_value else children
    made = Children(names, lambda name: _child(children[name], path, name, second, by_value))
    called = str(getattr(node, "name", None) or "")
    return LawNode(path, made, "" if called == path else called)


def _is_by_value(node: Any) -> bool:
    return bool((getattr(node, "metadata", None) or {}).get("breakdown"))


def _in_order(children: Mapping[str, Any]) -> list[str]:
    """The names of a table's rows: those that are written, then those that the engine fills in,
    which it takes from a set: their own order is another one in each process."""
    filled = {name for name, child in children.items() if _is_filled_in(child)}
    return [*(name for name in children if name not in filled), *sorted(filled)]


def _is_filled_in(node: Any) -> bool:
    """Whether the engine has added a row that nobody wrote: it holds from the first day of all."""
    if isinstance(inner := getattr(node, "children", None), Mapping):
        return all(map(_is_filled_in, inner.values()))
    series = series_of(node)
    return bool(series) and series[-1].instant_str == _FIRST_DAY


def _child(
    source: Any, above: str, name: str, second: SecondNames, by_value: bool = False
) -> LawNode | LawScale | LawParameter:
    path = f"{above}.{name}" if above else name
    # Branches hold their children as attributes too, and a child may be called `brackets`.
    if isinstance(getattr(source, "children", None), Mapping):
        return _branch(source, path, second, by_value)
    if series_of(source) is not None:
        same_as = second().get(path, "") if _shows_another(source) else ""
        return _parameter(source, path, same_as)
    if _is_taken_out(source):
        return LawParameter(path, ())
    brackets = tuple(
        {name: _parameter(p, f"{path}[{k}].{name}") for name, p in b.children.items()}
        for k, b in enumerate(source.brackets)
    )
    return LawScale(path, brackets, source.metadata.get("type") == "single_amount")


def _parameter(source: Any, path: str, same_as: str = "") -> LawParameter:
    entries = tuple((v.instant_str, v.value) for v in reversed(source.values_list))
    meta = source.metadata
    return LawParameter(
        path=path,
        entries=entries,
        label=str(meta.get("label") or source.description or ""),
        unit=str(meta.get("unit") or ""),
        reference=_reference(meta.get("reference")),
        notes={v.instant_str: v.metadata for v in source.values_list if v.metadata},
        same_as=same_as,
    )


def _reference(given: Any) -> str:
    """The first citation, as text."""
    if isinstance(given, list | tuple):
        given = given[0] if given else ""
    if isinstance(given, Mapping):
        given = given.get("href") or given.get("title") or ""
    return str(given or "")
