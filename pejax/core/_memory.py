"""The memory of this process and of its device: the most that was held, and giving it back."""

import ctypes
import gc
import resource
import sys
from pathlib import Path

import jax


def reset_peak_bytes() -> None:
    """Start counting `peak_bytes` anew where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # elsewhere the peak stays that of the whole process, an upper bound


def peak_bytes() -> int:
    """The most memory this process has held since the last reset, in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def device_peak_bytes() -> int | None:
    """The most memory held on the default device, where it keeps count (`None` on CPU)."""
    counted = jax.devices()[0].memory_stats() or {}
    return counted.get("peak_bytes_in_use")


def reclaim() -> None:
    """Give the memory of what was dropped back to the system.

    Tracing and compiling leave gigabytes of small objects, some of which refer to themselves in
    circles, and glibc keeps their pages for itself unless it is asked (malloc_trim(3)).
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
