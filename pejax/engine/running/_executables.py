"""Machine code, made side by side on all cores and kept by content, also between processes."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax

from . import _store

_MADE: dict[Job, Any] = {}
_ONE_PIECE = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""By default XLA makes every fused loop a piece of machine code of its own, each in three mappings.
One piece an executable is slower by half, but a process may hold only so many mappings."""

_MOST_ROOM = 0.6
PIECES = 70
"""Mappings that the machine code of one segment takes by default, roughly."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A function to be compiled for arguments of known shapes.

    **Arguments:** `content`, a key of what the function computes; `arguments`, their shapes;
    `results`, a tree like its results'; `lower`, what lowers it for the arguments.
    """

    content: tuple[Any, ...]
    arguments: tuple[Any, ...]
    results: Any = dataclasses.field(compare=False)
    lower: Callable[[], Any] = dataclasses.field(compare=False)

    @property
    def trees(self) -> tuple[Any, Any]:
        """The structures of the arguments and of the results."""
        return jax.tree.structure((self.arguments, {})), jax.tree.structure(self.results)


def executables(jobs: Sequence[Job], pieces: int = PIECES) -> list[Any]:
    """The executable of each job, made if there is none of equal content and shapes yet.

    **Arguments:** `pieces`, mappings that one of them takes by default.
    """
    missing = [job for job in dict.fromkeys(jobs) if job not in _MADE]
    options = _options(len(missing) * pieces)
    store = _store.of_this_process(options) if missing else None
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = list(pool.map(functools.partial(_read, store), missing))
        made = [
            done or pool.submit(_compiled, job.lower(), store, job, options)
            for job, done in zip(missing, found, strict=True)
        ]
    for job, one in zip(missing, made, strict=True):
        _MADE[job] = one.result() if isinstance(one, concurrent.futures.Future) else one
    return [_MADE[job] for job in jobs]


def _read(store: _store.Store | None, job: Job) -> Any:
    return None if store is None else store.read((job.content, job.arguments), job.trees)


def _compiled(lowered: Any, store: _store.Store | None, job: Job, options: Any) -> Any:
    if store is None:
        return lowered.compile(compiler_options=options)
    return store.compile(lowered, options, (job.content, job.arguments), job.trees)


def _options(mappings: int) -> dict[str, Any] | None:
    """XLA's defaults, unless so many mappings would come near what the system allows."""
    if jax.default_backend() != "cpu" or mappings < _MOST_ROOM * _room():
        return None
    return dict(_ONE_PIECE)


def _room() -> float:
    """Mappings that this process may still make; without bound where the system has no limit."""
    try:
        limit = int(Path("/proc/sys/vm/max_map_count").read_text())
        with Path("/proc/self/maps").open() as held:
            return limit - sum(1 for _ in held)
    except OSError:
        return float("inf")
