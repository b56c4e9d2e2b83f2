"""Machine code, made side by side on all cores and kept by content."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import jax

_MADE: dict[Hashable, Any] = {}
_ONE_PIECE = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""By default XLA makes every fused loop a piece of machine code of its own, each in three mappings.
One piece an executable is slower by half, but a process may hold only so many mappings."""

_MOST_ROOM = 0.6
PIECES = 70
"""Mappings that the machine code of one segment takes by default, roughly."""

Job = tuple[Hashable, Callable[[], Any]]


def executables(jobs: Sequence[Job], pieces: int = PIECES) -> list[Any]:
    """The executable of each job: a key, and what lowers it if there is none of that key yet.

    **Arguments:** `pieces`, mappings that one of them takes by default.
    """
    missing = {key: lower for key, lower in jobs if key not in _MADE}
    options = _options(len(missing) * pieces)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        lowered = [lower() for lower in missing.values()]
        made = pool.map(lambda one: one.compile(compiler_options=options), lowered)
        _MADE.update(zip(missing, made, strict=True))
    return [_MADE[key] for key, _ in jobs]


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
