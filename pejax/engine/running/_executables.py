"""Machine code, made side by side on all cores and kept by content, also between processes."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import gc
import threading
import warnings
import weakref
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor as Pool
from pathlib import Path
from typing import Any

import jax

from ...core._environment import available_cores
from ...core._memory import reclaim
from . import _store

_MADE: MutableMapping[Key, Any] = weakref.WeakValueDictionary()
"""Executables by content and shapes, for as long as a runtime has prepared one of them."""

atexit.register(_MADE.clear)  # keys cannot be hashed any more when the interpreter takes JAX apart

_ONE_PIECE = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""By default XLA makes every fused loop a piece of machine code of its own, each in three mappings.
One piece an executable is slower by half, but a process may hold only so many mappings."""

_RESERVE, _LEAST, _NONE = 0.45, 0.2, 0.03
"""Shares of a process's mappings: with less left than the first, executables are made in one piece;
than the second, those that are not in use are forgotten; than the third, none is made."""

_MANY_LEFT, _OFTEN, _SELDOM = 0.7, 2, 16
"""Executables between two looks at how many mappings are left: few of them, with less left than the
first, because one executable may take hundreds."""

_MANY = 100
"""Executables after which the memory that compiling took is given back."""


class Prepared(dict[Any, Any]):
    """Executables by what they were made for; forgotten when a process runs out of room."""

    def __init__(self) -> None:
        super().__init__()
        _PREPARED.append(weakref.ref(self, _PREPARED.remove))


_PREPARED: list[weakref.ref[Prepared]] = []


Key = tuple[tuple[Any, ...], tuple[Any, ...]]


@dataclasses.dataclass(frozen=True)
class Job:
    """A function to be compiled for arguments of known shapes.

    Attributes:
        content: a key of what the function computes.
        arguments: their shapes.
        results: a tree like its results'.
        lower: what lowers it for the arguments.
    """

    content: tuple[Any, ...]
    arguments: tuple[Any, ...]
    results: Any
    lower: Callable[[], Any]

    @property
    def key(self) -> Key:
        return self.content, self.arguments

    @property
    def trees(self) -> tuple[Any, Any]:
        """The structures of the arguments and of the results."""
        return jax.tree.structure((self.arguments, {})), jax.tree.structure(self.results)


def executables(jobs: Sequence[Job]) -> list[Any]:
    """The executable of each job, made if there is none of equal content and shapes yet."""
    wanted = {job.key: job for job in jobs}
    held = {key: _MADE[key] for key in wanted if key in _MADE}
    missing = {key: job for key, job in wanted.items() if key not in held}
    held |= dict(zip(missing, _made(list(missing.values())), strict=True))
    _MADE.update(held)
    return [held[job.key] for job in jobs]


def _made(jobs: Sequence[Job]) -> list[Any]:
    """Read what is kept on disk and compile the rest, a few at a time: each takes memory."""
    cores = available_cores()
    slots = threading.Semaphore(2 * cores)
    made: list[Any] = []
    with Pool(cores) as pool:
        while len(made) < len(jobs):
            room = _room()
            some = jobs[len(made) :][: _SELDOM if room >= _MANY_LEFT else _OFTEN]
            options = _options(room)
            store = _store.of_this_process(options)
            kept = pool.map(functools.partial(_read, store), some)
            for job, found in zip(some, kept, strict=True):
                compile = functools.partial(_compiled, store=store, job=job, options=options)
                made.append(found or _submitted(pool, slots, job, compile))
    compiled = sum(isinstance(one, Future) for one in made)
    made = [one.result() if isinstance(one, Future) else one for one in made]
    if compiled >= _MANY:
        reclaim()
    return made


def _submitted(
    pool: Pool, slots: threading.Semaphore, job: Job, compile: Callable[[Any], Any]
) -> Future[Any]:
    slots.acquire()
    future = pool.submit(compile, job.lower())
    future.add_done_callback(lambda _: slots.release())
    return future


def _read(store: _store.Store | None, job: Job) -> Any:
    return None if store is None else store.read(job.key, job.trees)


def _compiled(lowered: Any, store: _store.Store | None, job: Job, options: Any) -> Any:
    if store is None:
        return lowered.compile(compiler_options=options)
    return store.compile(lowered, options, job.key, job.trees)


def _options(room: float) -> dict[str, Any] | None:
    """XLA's defaults, unless this process comes near what the system allows."""
    if jax.default_backend() != "cpu" or room >= _RESERVE:
        return None
    if room < _LEAST:
        room = _forget()
    if room < _NONE:
        raise MemoryError(
            "this process holds almost as many mappings as the system allows, and one more "
            "executable could end it. Raise the limit (sysctl -w vm.max_map_count=262144), or "
            "compile fewer outputs at a time"
        )
    return _one_piece()


@functools.cache
def _one_piece() -> dict[str, Any]:
    """Those of the options for one piece that this release of XLA knows; the others are named."""
    lowered = jax.jit(lambda x: x + 1).lower(1.0)
    known: dict[str, Any] = {}
    for name, value in _ONE_PIECE.items():
        try:
            lowered.compile(compiler_options={name: value})
        except jax.errors.JaxRuntimeError as problem:
            if "No such compile option" not in str(problem):
                raise
        else:
            known[name] = value
    if dropped := [name for name in _ONE_PIECE if name not in known]:
        warnings.warn(
            f"this release of XLA does not know {' and '.join(dropped)}: executables take more of "
            "the mappings that a process may hold than they could. Nothing else changes; where one "
            "cannot be made, raise the limit (sysctl -w vm.max_map_count=262144)",
            stacklevel=2,
        )
    return known


def _forget() -> float:
    """Let go of executables that are not in use; they are made again when they are needed."""
    _MADE.clear()
    for prepared in [reference() for reference in _PREPARED]:
        if prepared is not None:
            prepared.clear()
    gc.collect()
    return _room()


def _room() -> float:
    """The share of its mappings that this process may still make; 1 where there is no limit."""
    try:
        limit = int(Path("/proc/sys/vm/max_map_count").read_text())
        with Path("/proc/self/maps").open() as held:
            return 1 - sum(1 for _ in held) / limit
    except OSError:
        return 1.0
