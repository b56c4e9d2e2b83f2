"""What a result was computed with: versions, device, precision, commit."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

CORE = ("pejax", "jax", "jaxlib", "numpy", "equinox", "optax")


def environment(packages: Iterable[str] = ()) -> dict[str, Any]:
    """The facts that a manifest or a benchmark keeps.

    Args:
        packages: distributions to list beside the core ones; an absent one is `None`.

    >>> environment()["dtype"]
    'float32'
    """
    return {
        "versions": versions((*CORE, *packages)),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": available_cores(),
        "device": device(),
        "dtype": str(jnp.result_type(float)),
        **commit(),
    }


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Installed versions by distribution name; `None` for what is not there."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def device() -> str:
    """JAX's default devices in words, e.g. `cpu`, `2 x NVIDIA H200`."""
    devices = jax.devices()
    kinds = {d.device_kind for d in devices}
    count = f"{len(devices)} x " if len(devices) > 1 else ""
    return count + ", ".join(sorted(kinds))


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def commit() -> dict[str, Any]:
    """The commit of this package's own checkout and whether it was changed; `None` elsewhere."""
    package = Path(__file__).resolve().parent
    top = _git(package, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != package.parent:
        return {"commit": None, "dirty": None}
    code = ("--", ".", ":!benchmarks/results")  # a benchmark's own output is not a change
    changes = _git(package.parent, "status", "--porcelain", "--untracked-files=no", *code)
    return {"commit": _git(package, "rev-parse", "HEAD"), "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
