"""A program on disk: its graph as JSON, its arrays as npz, in one zip. No pickle.

A saved program runs where the country package is not installed, and keeps gradients, reforms,
`vmap` and every population size: it is the graph that is saved, not compiled code. A digest of
all of it is kept beside it: what was changed since is refused, whoever changed it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core._validate import BadInputError
from ..core.files._files import atomic_path
from ..core.files._npz import digest_of
from ._json_types import fail_if_other_form
from .graph._copy import blank
from .graph._ir import Graph
from .graph._node import Node, reachable
from .graph._ops import LEAVES, OPS, as_index
from .graph._trend import Trend

FORMAT = 8
_WEAK = {"bool": bool, "int": int, "float": float}
_PROGRAM, _ARRAYS, _REPORT, _DIGESTS = "program.json", "arrays.npz", "report.json", "digests.json"
_CARRIER, _CARRIED = "carrier.json", "carrier.npz"

Content = tuple[str, Mapping[str, np.ndarray]]
"""A text and arrays."""


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a file holds.

    Attributes:
        roots: nodes.
        header: what is said of them.
        report: a text.
        digest: of roots and header, as `digest` gives it.
        carrier: the households that came with it.
    """

    roots: list[Node]
    header: Mapping[str, Any]
    report: str
    digest: str
    carrier: Content | None = None


def write(
    path: str | Path,
    roots: list[Node],
    header: Mapping[str, Any],
    report: str,
    carrier: Content | None = None,
) -> None:
    """Write the nodes that `roots` need, a JSON header that refers to them by place, and households
    that go with them."""
    text, arrays = _content(roots, header)
    digests = {"program": digest_of(text, arrays), "report": digest_of(report, {})}
    if carrier is not None:
        digests["carrier"] = digest_of(*carrier)
    with (
        atomic_path(Path(path)) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.writestr(_PROGRAM, text)
        archive.writestr(_ARRAYS, _packed(arrays))
        archive.writestr(_REPORT, report)
        if carrier is not None:
            archive.writestr(_CARRIER, carrier[0])
            archive.writestr(_CARRIED, _packed(carrier[1]))
        archive.writestr(_DIGESTS, json.dumps(digests))


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    held = io.BytesIO()
    np.savez(held, **arrays)  # type: ignore[arg-type]
    return held.getvalue()


def digest(roots: list[Node], header: Mapping[str, Any]) -> str:
    """A fingerprint of everything that `write` would write but the report."""
    return digest_of(*_content(roots, header))


def _content(roots: list[Node], header: Mapping[str, Any]) -> tuple[str, dict[str, np.ndarray]]:
    nodes = reachable(roots)
    place = {n.index: i for i, n in enumerate(nodes)}
    arrays: dict[str, np.ndarray] = {}
    body = {
        "format": FORMAT,
        "sizes": nodes[0].graph.sizes,
        "things": nodes[0].graph.things,
        "nodes": [_row(n, place, arrays) for n in nodes],
        "roots": [place[r.index] for r in roots],
        "header": header,
    }
    return json.dumps(body), arrays


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
        [node.data, node.law, node.finite, *node.trend],
        node.origin,
    ]


# ---- reading


@contextlib.contextmanager
def refused_if_damaged(path: str | Path) -> Iterator[None]:
    """Name the file in whatever reading it raises: any error at all may come of damage."""
    try:
        yield
    except BadInputError:
        raise
    except Exception as problem:
        raise BadInputError(
            f"{path} is not a saved program ({type(problem).__name__}: {problem}). Compile it again"
        ) from problem


def read(path: str | Path) -> Saved:
    """What `write` wrote.

    Raises:
        BadInputError: a file that is not a program, of another format, or changed since it was
            written.
    """
    held = io.BytesIO(Path(path).read_bytes())  # a file that is not there says so itself
    with refused_if_damaged(path), zipfile.ZipFile(held) as archive:
        text = archive.read(_PROGRAM)
        body = json.loads(text)
        _fail_if_other_format(path, body["format"])
        arrays = _arrays(archive, _ARRAYS)
        report = archive.read(_REPORT).decode()
        digests = json.loads(archive.read(_DIGESTS))
        found = {"program": digest_of(text, arrays), "report": digest_of(report, {})}
        carrier: Content | None = None
        if _CARRIER in archive.namelist():
            carrier = archive.read(_CARRIER).decode(), _arrays(archive, _CARRIED)
            found["carrier"] = digest_of(*carrier)
        _fail_if_changed(path, digests, found)
        return Saved(_roots(body, arrays), body["header"], report, found["program"], carrier)


def _arrays(archive: zipfile.ZipFile, name: str) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(archive.read(name)), allow_pickle=False) as packed:
        return dict(packed)


def _fail_if_other_format(path: str | Path, found: Any) -> None:
    if found != FORMAT:
        raise BadInputError(
            f"{path} has format {found}; this version reads {FORMAT}. Compile it again"
        )


def _fail_if_changed(path: str | Path, digests: Any, found: dict[str, str]) -> None:
    if digests != found:
        raise BadInputError(
            f"{path} is not a saved program any more: its content differs from what was written "
            "(the digest does not match). Copy it again from where it is whole, or compile it again"
        )


def _roots(body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> list[Node]:
    """The roots of the graph that `_content` described."""
    sizes, rows, roots = body["sizes"], body["nodes"], body["roots"]
    fail_if_other_form(sizes, dict[str, int], "sizes")
    fail_if_other_form(roots, list[int], "roots")
    if len(set(sizes.values())) < len(sizes) or min(sizes.values()) < 1:
        raise ValueError(f"sizes are {sizes}, where each belongs to one entity")
    graph = Graph(sizes)
    graph.things = dict(body["things"])
    fail_if_other_form(graph.things, dict[str, int], "things")
    blanks: dict[Any, Any] = {}  # most values have one of a few types and shapes
    for row in rows:
        _append(graph, row, arrays, blanks)
    return [graph.nodes[_place(i, len(rows))] for i in roots]


_ATTRIBUTES = {
    "name": (str,),
    "num": (int,),
    "place": (int,),
    "decimals": (int,),
    "axis": (int, type(None)),
    "shape": (list,),
    "side": (str,),
}


def _append(graph: Graph, row: list[Any], arrays: Any, blanks: dict[Any, Any]) -> None:
    op, args, attrs, dtype, shape, value, flags, origin = row
    place = len(graph.nodes)
    data, law, finite, trend = _flags(tuple(flags))
    nodes = tuple(graph.nodes[_place(i, place)] for i in args)
    _fail_if_no_operation(op, len(args), attrs)
    kind = None if shape is None or value is not None else (dtype, *shape)
    shadow = blanks.get(kind)
    if shadow is None:
        shadow = _shadow(graph, dtype, shape, value, arrays)
        if kind is not None:
            blanks[kind] = shadow
    if op == "concatenate":
        graph.join(nodes)
    graph.nodes.append(
        Node(
            index=place,
            op=op,
            args=nodes,
            attrs=tuple((k, _tuples(v)) for k, v in attrs),
            shadow=shadow,
            data=data,
            law=law,
            finite=finite,
            trend=trend,
            origin=str(origin),
            graph=graph,
        )
    )


@functools.cache
def _flags(flags: tuple[Any, ...]) -> tuple[bool, bool, bool, Trend]:
    data, law, finite, *trend = flags
    up, down, sign = trend
    if list(map(type, flags)) != [*3 * [bool], *3 * [int]] or min(up, down, sign + 1) < 0:
        raise ValueError(f"the flags of a node are {flags}")
    return data, law, finite, Trend(up, down, sign)


def _place(index: int, before: int) -> int:
    if type(index) is not int or not 0 <= index < before:
        raise ValueError(f"there is no node {index} among the {before} before it")
    return index


def _fail_if_no_operation(op: str, args: int, attrs: list[Any]) -> None:
    if not _takes(op, args, tuple(k for k, _ in attrs)):
        raise ValueError(f"no operation {op!r} takes {args} arguments and {attrs}")
    for name, value in attrs:
        if name in _ATTRIBUTES:
            if type(value) not in _ATTRIBUTES[name]:
                raise ValueError(f"{name!r} of {op} is {value!r}")
            if name == "shape":
                fail_if_other_form(value, list[int], f"the shape of {op}")
        elif name == "dtype":
            np.dtype(value)
        else:
            as_index(_tuples(value))


@functools.cache
def _takes(op: str, args: int, attrs: tuple[str, ...]) -> bool:
    """Whether an operation takes so many arguments and these attributes."""
    if op in LEAVES:
        return not args and attrs == (() if op == "constant" else ("name",))
    run = OPS[op].run
    if isinstance(run, np.ufunc):
        return args == run.nin and not attrs
    try:
        inspect.signature(run).bind(*range(args), **dict.fromkeys(attrs))
    except TypeError:
        return False
    return True


def _shadow(graph: Graph, dtype: str, shape: Any, value: Any, arrays: Any) -> Any:
    if shape is None:
        kind = _WEAK[dtype]
        if value is None:
            return kind(0)
        return {"True": True, "False": False}[value] if kind is bool else kind(value)
    rows = tuple(graph.sizes.get(n, n) for n in shape)
    if any(type(n) is not int or n < 0 for n in rows) or np.dtype(dtype).kind not in "biuf":
        raise ValueError(f"a value is {dtype}{shape}")
    if value is None:
        return blank(rows, np.dtype(dtype))
    array = arrays[value]
    if str(array.dtype) != dtype or array.shape != rows:
        raise ValueError(f"{value} is {array.dtype}{list(array.shape)}, not {dtype}{list(rows)}")
    return array[()] if array.ndim == 0 else array


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
