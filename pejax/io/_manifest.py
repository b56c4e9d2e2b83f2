"""The record that every run leaves beside its results."""

import contextlib
import dataclasses
import datetime
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..core._countries import distributions
from ..core._digest import Part, digest
from ..core._environment import environment
from ..core._memory import device_peak_bytes, peak_bytes, reset_peak_bytes
from ..core._validate import PejaxError
from ..core.files._files import made_folder, write_json

MANIFEST = "manifest.json"
_EXTRAS = ("policyengine-core", "pandas", "scikit-learn", "ray")
_UNFINISHED = "interrupted: the run did not reach its end"


@dataclasses.dataclass
class Step:
    """One timed part of a run: wall seconds and the most memory held while it ran."""

    name: str
    seconds: float | None = None
    peak_bytes: int | None = None
    device_peak_bytes: int | None = None
    status: str = "running"


@dataclasses.dataclass
class Manifest:
    """What was run, with what, on what, how long, and how it ended.

    `status` is `completed` or `failed`. While a run goes on its file says `failed`, so that a
    process that is killed leaves the truth behind.

    >>> Manifest("count", {"size": 3}).to_dict()["status"]
    'failed'
    """

    command: str
    config: Mapping[str, Any]
    seed: int | None = None
    status: str = "failed"
    reason: str | None = _UNFINISHED
    started: str = ""
    finished: str | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    data_digest: str | None = None
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    steps: list[Step] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """One flat table: the environment's entries stand beside the run's own."""
        held = dataclasses.asdict(self)
        return held | held.pop("environment")


class Run:
    """Keeps a manifest while a block runs.

    Args:
        out: folder of the results; made if need be.
        command: what is run.
        config: its settings.
        seed: the seed that every draw depends on.
        tell: called with a line when a step starts and when it ends, for progress.

    >>> import json, tempfile
    >>> with Run(tempfile.mkdtemp(), command="count", config={"n": 2}) as run:
    ...     with run.step("add"):
    ...         total = 1 + 1
    >>> json.loads(run.path.read_text())["status"]
    'completed'
    """

    def __init__(
        self,
        out: str | os.PathLike,
        command: str,
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
        tell: Callable[[str], None] | None = None,
    ):
        self.out = Path(out)
        self.manifest = Manifest(command, dict(config or {}), seed)
        self._tell = tell or (lambda line: None)
        self._clock = 0.0

    @property
    def path(self) -> Path:
        """The manifest's file."""
        return self.out / MANIFEST

    def __enter__(self) -> "Run":
        made_folder(self.out)
        self._clock = time.perf_counter()
        self.manifest.started = _now()
        self.manifest.environment = environment((*distributions(), *_EXTRAS))
        self._write()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        manifest = self.manifest
        manifest.status = "completed" if error is None else "failed"
        manifest.reason = None if error is None else f"{kind.__name__}: {error}"
        manifest.finished = _now()
        manifest.seconds = time.perf_counter() - self._clock
        peaks = [step.peak_bytes for step in manifest.steps if step.peak_bytes]
        manifest.peak_bytes = max([peak_bytes(), *peaks])
        self._write()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time one part of the run and note the most memory held in it."""
        step = Step(name)
        self.manifest.steps.append(step)
        self._tell(f"{name} ...")
        reset_peak_bytes()
        start = time.perf_counter()
        try:
            yield step
        except BaseException:
            step.status = "failed"
            raise
        else:
            step.status = "completed"
        finally:
            step.seconds = time.perf_counter() - start
            step.peak_bytes, step.device_peak_bytes = peak_bytes(), device_peak_bytes()
            self._tell(f"{name}: {step.status}, {step.seconds:.1f} s")
            self._write()

    def note(self, **facts: Any) -> None:
        """Add facts to the manifest, such as sizes or what was skipped and why."""
        self.manifest.facts |= facts
        self._write()

    def digest(self, data: Any) -> str:
        """Note the digest of the input data; see `data_digest`."""
        self.manifest.data_digest = data_digest(data)
        self._write()
        return self.manifest.data_digest

    def _write(self) -> None:
        write_json(self.path, self.manifest.to_dict())


def write_manifest(
    folder: str | os.PathLike,
    command: str,
    config: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    status: str = "completed",
    reason: str | None = None,
    data: Any = None,
    **facts: Any,
) -> Path:
    """Write a manifest in one go, for work that is not wrapped in `Run`.

    >>> import tempfile
    >>> write_manifest(tempfile.mkdtemp(), "count", {"size": 3}, seed=0).name
    'manifest.json'
    """
    if status not in ("completed", "failed"):
        raise PejaxError(f"A manifest's status is not {status!r}. Use 'completed' or 'failed'.")
    manifest = Manifest(
        command=command,
        config=dict(config or {}),
        seed=seed,
        status=status,
        reason=reason,
        started=_now(),
        finished=_now(),
        peak_bytes=peak_bytes(),
        data_digest=None if data is None else data_digest(data),
        environment=environment((*distributions(), *_EXTRAS)),
        facts=facts,
    )
    return write_json(Path(folder) / MANIFEST, manifest.to_dict())


def data_digest(data: Any) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of every array in a pytree.

    >>> data_digest({"a": np.arange(3)}) == data_digest({"a": np.arange(3)})
    True
    """
    parts: list[Part] = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(data):
        values = np.ascontiguousarray(leaf)
        parts += [f"{jax.tree_util.keystr(path)} {values.dtype} {values.shape};", values]
    return digest(*parts)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
