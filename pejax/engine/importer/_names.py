"""Which variables a country package can have, read off its text.

Importing policyengine_us takes half a minute, and a misspelt name should not take that long to be
refused. Names that the text cannot rule out are left to the package itself.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ...core._validate import unknown

_CLASS = re.compile(rb"\bclass\s+(\w+)\s*\(\s*Variable\s*\)")
_QUOTED = re.compile(rb"[\"'](\w+)[\"']")
_MADE = re.compile(rb"(?<![\w.])type\(")  # `type(name, bases, body)` makes a class
_ANYTHING = r"\w+"


def fail_if_no_variable(package: str, names: Iterable[str]) -> None:
    """Refuse names that no variable of an installed package can have, without importing it.

    A variable is a class in the package's text, or is made by a call of `type`: its name is then
    quoted somewhere, or put together from texts that are.

    Raises:
        UnknownNameError: with the nearest names of variables.
    """
    files = _files(package)
    left = set(names)
    left -= _with_own_files(left, files)
    if not left:
        return
    texts = [path.read_bytes() for path in files]
    classes = {n.decode() for text in texts for n in _CLASS.findall(text)}
    quoted = {n.decode() for text in texts for n in _QUOTED.findall(text)}
    made = [p for text in texts if _MADE.search(text) for p in _patterns(ast.parse(text))]
    for name in sorted(left):
        if not (name in classes or name in quoted or any(p.fullmatch(name) for p in made)):
            raise unknown("variable", name, classes)


def _files(package: str) -> list[Path]:
    """The package's Python files."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    return [
        Path(folder, name)
        for root in folders
        for folder, _, names in os.walk(root)
        for name in sorted(names)
        if name.endswith(".py")
    ]


def _with_own_files(names: set[str], files: list[Path]) -> set[str]:
    """Those that have a file of their own, as nearly all variables have: no other need be read."""
    own = (path for path in files if path.stem in names)
    return {path.stem for path in own if path.stem.encode() in _CLASS.findall(path.read_bytes())}


def _patterns(tree: ast.Module) -> list[re.Pattern[str]]:
    """What the names of classes look like that a module makes of several texts."""
    loops = _loops(tree)
    return [
        re.compile("".join(_piece(part, loops) for part in call.args[0].values))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "type"
        and len(call.args) == 3
        and isinstance(call.args[0], ast.JoinedStr)
    ]


def _piece(part: ast.expr, loops: dict[str, set[str]]) -> str:
    if isinstance(part, ast.Constant):
        return re.escape(str(part.value))
    inside = part.value if isinstance(part, ast.FormattedValue) else part
    texts = loops.get(inside.id, set()) if isinstance(inside, ast.Name) else set()
    return f"(?:{'|'.join(map(re.escape, sorted(texts)))})" if texts else _ANYTHING


def _loops(tree: ast.Module) -> dict[str, set[str]]:
    """The texts that loops over literals give to a name; a name that gets its value in any other
    way too is left out, since it may hold any text."""
    given = {
        id(target): _texts(node.iter)
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.comprehension) and _is_literal(node.iter)
        for target in ast.walk(node.target)
    }
    found: dict[str, set[str]] = {}
    others: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in given and isinstance(node, ast.Name):
            found.setdefault(node.id, set()).update(given[id(node)])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            others.add(node.id)
        elif isinstance(node, ast.arg):
            others.add(node.arg)
    return {name: texts for name, texts in found.items() if name not in others}


def _texts(node: ast.expr) -> set[str]:
    values = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return {value for value in values if isinstance(value, str)}


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return True
