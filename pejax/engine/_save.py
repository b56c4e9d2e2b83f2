"""A program on disk: its graph as JSON, its arrays as npz, in one zip. No pickle.

A saved program runs where the country package is not installed, and keeps gradients, reforms,
`vmap` and every population size: it is the graph that is saved, not compiled code.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._files import atomic_path
from .._validate import BadInputError
from .graph._copy import blank
from .graph._ir import Graph
from .graph._node import Node, reachable

FORMAT = 2
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, IndexError, TypeError, ValueError)
_WEAK = {"bool": bool, "int": int, "float": float}


def write(path: str | Path, roots: list[Node], header: Mapping[str, Any]) -> None:
    """Write the nodes that `roots` need, and a JSON header that refers to them by place."""
    text, arrays = _content(roots, header)
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    with (
        atomic_path(Path(path)) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr("program.json", text)
        archive.writestr("arrays.npz", packed.getvalue())


def digest(roots: list[Node], header: Mapping[str, Any]) -> str:
    """A fingerprint of everything that `write` would write."""
    text, arrays = _content(roots, header)
    content = hashlib.sha256(text.encode())
    for array in arrays.values():
        content.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return content.hexdigest()


def _content(roots: list[Node], header: Mapping[str, Any]) -> tuple[str, dict[str, np.ndarray]]:
    nodes = reachable(roots)
    place = {n.index: i for i, n in enumerate(nodes)}
    arrays: dict[str, np.ndarray] = {}
    body = {
        "format": FORMAT,
        "sizes": nodes[0].graph.sizes,
        "nodes": [_row(n, place, arrays) for n in nodes],
        "roots": [place[r.index] for r in roots],
        "header": header,
    }
    return json.dumps(body), arrays


def read(path: str | Path) -> tuple[list[Node], dict[str, Any]]:
    """The roots and the header that `write` wrote.

    **Raises:** `BadInputError` for a file that is not a program or of another format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            body = json.loads(archive.read("program.json"))
            packed = io.BytesIO(archive.read("arrays.npz"))
        _fail_if_other_format(path, body["format"])
        with np.load(packed, allow_pickle=False) as arrays:
            return _nodes(body, arrays), body["header"]
    except BadInputError:
        raise
    except _DAMAGE as problem:
        raise BadInputError(
            f"{path} is not a saved program ({type(problem).__name__}: {problem}). Compile it again"
        ) from problem


def _fail_if_other_format(path: str | Path, found: Any) -> None:
    if found != FORMAT:
        raise BadInputError(
            f"{path} has format {found}; this version reads {FORMAT}. Compile it again"
        )


def _nodes(body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Node]:
    """The roots of the graph that `_content` described."""
    graph = Graph(body["sizes"])
    for row in body["nodes"]:
        _append(graph, row, arrays)
    return [graph.nodes[i] for i in body["roots"]]


def _row(node: Node, place: dict[int, int], arrays: dict[str, np.ndarray]) -> list[Any]:
    entity = node.graph.entity_of
    value: Any = None
    if node.op == "constant" and not node.weak:
        value = f"a{len(arrays)}"
        arrays[value] = np.asarray(node.shadow)
    elif node.op in ("constant", "parameter"):
        value = repr(node.shadow)
    return [
        node.op,
        [place[a.index] for a in node.args],
        [[k, v] for k, v in node.attrs],
        type(node.shadow).__name__ if node.weak else str(node.dtype),
        None if node.weak else [entity.get(n, n) for n in node.shape],
        value,
        [node.data, node.law, node.finite],
        node.origin,
    ]


def _append(graph: Graph, row: list[Any], arrays: Any) -> None:
    op, args, attrs, dtype, shape, value, flags, origin = row
    data, law, finite = flags
    nodes = tuple(graph.nodes[i] for i in args)
    if op == "concatenate":
        graph.join(nodes)
    graph.nodes.append(
        Node(
            index=len(graph.nodes),
            op=op,
            args=nodes,
            attrs=tuple((k, _tuples(v)) for k, v in attrs),
            shadow=_shadow(graph, dtype, shape, value, arrays),
            data=data,
            law=law,
            finite=finite,
            origin=origin,
            graph=graph,
        )
    )


def _shadow(graph: Graph, dtype: str, shape: Any, value: Any, arrays: Any) -> Any:
    if shape is None:
        kind = _WEAK[dtype]
        if value is None:
            return kind(0)
        return value == "True" if kind is bool else kind(value)
    if value is not None:
        array = arrays[value]
        return array[()] if array.ndim == 0 else array
    rows = tuple(graph.sizes[n] if isinstance(n, str) else int(n) for n in shape)
    return blank(rows, np.dtype(dtype))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
