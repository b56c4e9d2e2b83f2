"""Machine code, made side by side on all cores and kept by content."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax

_MADE: dict[Hashable, Any] = {}
_CPU = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""One piece of machine code an executable. By default every fused loop is a piece of its own: a law
and its derivative have tens of thousands, more than a process may map."""

Job = tuple[Hashable, Callable[[], Any]]


def executables(jobs: Sequence[Job]) -> list[Any]:
    """The executable of each job: a key, and what lowers it if there is none of that key yet."""
    missing = {key: lower for key, lower in jobs if key not in _MADE}
    options = _CPU if jax.default_backend() == "cpu" else None
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        lowered = [lower() for lower in missing.values()]
        made = pool.map(lambda one: one.compile(compiler_options=options), lowered)
        _MADE.update(zip(missing, made, strict=True))
    return [_MADE[key] for key, _ in jobs]
