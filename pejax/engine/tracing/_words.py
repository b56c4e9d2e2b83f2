"""Unsigned 64-bit integers, which a program holds as two words: what formulas may ask of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..graph._node import Node, literal_of
from . import _array

_WORD = 1 << 31


def check(what: str, result: Node, operands: Iterable[Any]) -> None:
    """Refuse what would read the low word only of integers that need both.

    Raises:
        Untraceable: some operand does.
    """
    if result.dtype != np.uint64:
        refuse(what, operands)


def refuse(what: str, operands: Iterable[Any]) -> None:
    """Refuse operands that need both words.

    Raises:
        Untraceable: an operand needs them.
    """
    for node in operands:
        if isinstance(node, Node) and node.dtype == np.uint64 and not _is_low(node):
            raise _array.Untraceable(f"{what} of unsigned 64-bit integers")


def _is_low(node: Node) -> bool:
    """Whether every value is known to be below 2**31."""
    if node.op == "constant":
        return bool((np.asarray(node.shadow) < _WORD).all())
    if node.op in ("remainder", "broadcast", "getitem", "where"):
        of = {"remainder": node.args[1:], "where": node.args[1:]}.get(node.op, node.args[:1])
        return all(_is_low(a) for a in of)
    if node.op == "bitwise_and":
        return any(_is_low(a) for a in node.args)
    if node.op == "right_shift":
        places = literal_of(node.args[1])
        return places is not None and int(places) > 32
    source = node.args[0].dtype if node.op == "astype" else node.dtype
    return source.kind == "b" or (source.kind == "u" and source.itemsize < 4)
