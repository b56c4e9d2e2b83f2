"""Some batches in JAX too: the same graph in float64, beside numpy in float64.

What a program runs is not numpy but XLA. A share of the batches is drawn by their cases, always the
same ones; a case of these passes only if JAX gives what numpy gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ..core._digest import digest
from ..engine.graph._interpret import Interpreter
from ..engine.graph._node import Node, reachable
from ..engine.running._emit import Emitter

_KNOWN = ("input", "parameter")
_NEAR = 1e-9
"""Relative and absolute: both compute in float64, in the same order but for sums."""


def drawn(keys: Sequence[str], share: float) -> bool:
    """Whether a batch of these cases is among the share that is drawn."""
    return int(digest(*keys)[:12], 16) < share * 16**12


def rows_apart(roots: Mapping[str, Node], numpy: Interpreter) -> dict[str, np.ndarray]:
    """In which rows JAX has another value than numpy, by output.

    Args:
        numpy: computes the roots; it is asked again in float64.
    """
    names, nodes = list(roots), list(roots.values())
    again = Interpreter(numpy.inputs, numpy.sizes, numpy.parameters, floats="float64")
    expected = again.all(nodes)
    with jax.enable_x64(True):
        found = _computed(nodes, again)
    pairs = zip(names, expected, found, strict=True)
    return {name: ~_near(np.asarray(one), np.asarray(other)) for name, one, other in pairs}


def _near(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype.kind != "f":
        return one == other
    return np.isclose(one, other, rtol=_NEAR, atol=_NEAR, equal_nan=True)


def _computed(roots: list[Node], numpy: Interpreter) -> list[jax.Array]:
    """The values of nodes, compiled as one function of the inputs and the law's numbers."""
    order = reachable(roots)
    known = [node for node in order if node.op in _KNOWN]
    given = [np.asarray(value) for value in numpy.all(known)]

    def run(held: list[jax.Array]) -> list[jax.Array]:
        values = {node.index: value for node, value in zip(known, held, strict=True)}
        emitter = Emitter(values, numpy.sizes, jnp.float64)
        for node in order:
            if node.op not in (*_KNOWN, "constant"):
                emitter.run(node)
        return [emitter.get(root) for root in roots]

    whole = [v.astype(np.int32) if v.dtype.kind in "iu" else v for v in given]
    return jax.jit(run)([jnp.asarray(v, None if v.dtype.kind != "f" else float) for v in whole])
