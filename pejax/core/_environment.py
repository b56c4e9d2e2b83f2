"""What a result was computed with: versions, device, precision, commit."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import jax
import jax.numpy as jnp

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^\]]*)\])?")
_VERSION = re.compile(r"python_version\s*(<|>=)\s*['\"](\d+)\.(\d+)['\"]")

CORE = ("pejax", "jax", "jaxlib", "numpy", "equinox", "optax")


def environment(packages: Iterable[str] = ()) -> dict[str, object]:
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


def extras() -> dict[str, list[str]]:
    """Every extra of the installed pejax, with the distributions that it needs here.

    They come from the package's own metadata, so that none is forgotten.
    """
    names = importlib.metadata.metadata("pejax").get_all("Provides-Extra") or []
    return {name: _needed("pejax", name) for name in names}


def _needed(distribution: str, extra: str) -> list[str]:
    """The distributions that an extra brings, those of its own extras included."""
    try:
        wanted = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found: list[str] = []
    for requirement in wanted:
        head, _, marker = requirement.partition(";")
        match = _REQUIREMENT.match(head.strip())
        if match and re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", marker) and _here(marker):
            found.append(match["name"])
            for inner in filter(None, (match["extras"] or "").split(",")):
                found += _needed(match["name"], inner.strip())
    return list(dict.fromkeys(found))


def _here(marker: str) -> bool:
    """Whether what a marker says of Python's version holds of this one."""
    for comparison, major, minor in _VERSION.findall(marker):
        wanted = (int(major), int(minor))
        if not {"<": sys.version_info[:2] < wanted, ">=": sys.version_info[:2] >= wanted}[
            comparison
        ]:
            return False
    return True


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


def commit() -> dict[str, object]:
    """The commit of this package's own checkout and whether it was changed; `None` elsewhere."""
    package = Path(__file__).resolve().parents[1]
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
