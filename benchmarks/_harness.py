"""One way to time things: blocked, compile apart, peers interleaved, everything written down."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax

from pejax.core._environment import environment
from pejax.core._memory import device_peak_bytes, peak_bytes, reset_peak_bytes
from pejax.core.files._files import write_json

RESULTS = Path(__file__).parent / "results"


def measure(
    fn: Callable[..., Any], *args: Any, repeats: int = 5, label: str = "", **kwargs: Any
) -> dict[str, Any]:
    """Time `fn(*args)`, its first call (which compiles) apart from the warm ones.

    Inputs must be on the device already; they and every call's outputs are waited for.

    Returns:
        `first_seconds`, `compile_seconds` (first minus median), `seconds` (every warm call),
        `median_seconds`, `peak_bytes` of the process while measuring, `device_peak_bytes`.
    """
    args = jax.block_until_ready(args)
    reset_peak_bytes()
    first = timed(fn, *args, **kwargs)
    seconds = [timed(fn, *args, **kwargs) for _ in range(repeats)]
    return _summary(label, first, seconds)


def interleave(
    contenders: Mapping[str, Callable[[], Any]],
    repeats: int = 5,
    baseline: str | None = None,
    before: Callable[[], Any] = lambda: None,
) -> dict[str, Any]:
    """Time several functions in turn, so that a busy machine slows all of them alike.

    Args:
        contenders: by name; each takes no argument and is called once, unmeasured in the medians,
            to compile.
        repeats: rounds.
        baseline: whose median the ratios divide; the first contender by default.
        before: called before every contender, outside the clock: renews what a call uses up.

    Returns:
        A summary by name as in `measure` and `ratios`: the baseline's median over each one's,
        so that above 1 is faster than the baseline.
    """
    reset_peak_bytes()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats + 1):
        for name, fn in contenders.items():
            before()
            seconds[name].append(timed(fn))
    results = {name: _summary(name, first, rest) for name, (first, *rest) in seconds.items()}
    reference = results[baseline or next(iter(contenders))]["median_seconds"]
    ratios = {name: reference / result["median_seconds"] for name, result in results.items()}
    return {"results": results, "ratios": ratios, "baseline": baseline or next(iter(contenders))}


def timed(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """Seconds of one call, waited for."""
    start = time.perf_counter()
    jax.block_until_ready(fn(*args, **kwargs))
    return time.perf_counter() - start


def write(
    name: str,
    payload: Mapping[str, Any],
    *,
    sizes: Mapping[str, int] | None = None,
    packages: Iterable[str] = (),
    folder: Path = RESULTS,
) -> Path:
    """Write `<folder>/<name>.json`: the payload with commit, device, versions, dtype and sizes.

    Args:
        name: of the workload.
        payload: timings, and errors against an oracle.
        sizes: rows, columns and the like that were measured.
        packages: peers whose versions matter.
        folder: where results are kept.
    """
    facts = environment(packages) | {
        "workload": name,
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "sizes": dict(sizes or {}),
        "peak_bytes": peak_bytes(),
        "device_peak_bytes": device_peak_bytes(),
    }
    return write_json(folder / f"{name}.json", facts | dict(payload))


def _summary(label: str, first: float, seconds: list[float]) -> dict[str, Any]:
    median = statistics.median(seconds)
    return {
        "label": label,
        "first_seconds": first,
        "compile_seconds": max(first - median, 0.0),
        "seconds": seconds,
        "median_seconds": median,
        "peak_bytes": peak_bytes(),
        "device_peak_bytes": device_peak_bytes(),
    }
