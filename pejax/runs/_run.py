"""A job of many items, which goes on where it was stopped."""

import datetime
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..core._arguments import (
    as_choice,
    as_function,
    as_instance,
    as_path,
    as_text,
    at_least,
    shown,
)
from ..core._environment import environment
from ..core._validate import BadInputError, PejaxError
from ..core.files._files import write_json
from ._executor import Columns, Compute, Executor, Items, Local, Parts
from ._progress import Progress
from ._shards import Shard, Shards

MANIFEST = "run.json"
_MOST = 10**9  # items, whose numbers stand in the names of files


class Outcome(NamedTuple):
    """What a job came to.

    Attributes:
        columns: results by name, one row an item, in the order of the items; a row of NaN, 0,
            False or "" for an item that failed.
        reasons: by number of the item, why it failed.

    >>> from pejax.runs import run
    >>> outcome = run(lambda items: {"double": 2 * items}, 3)
    >>> outcome.columns["double"].tolist(), outcome.reasons
    ([0, 2, 4], {})
    """

    columns: dict[str, np.ndarray]
    reasons: dict[int, str]


def run(
    compute: Compute,
    count: int,
    *,
    identity: str = "job",
    out: str | Path | None = None,
    batch: int = 8,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_error: Literal["row", "raise"] = "row",
) -> Outcome:
    """Compute items 0, 1, ..., `count` - 1, some at a time, and keep what is done.

    With a folder, every finished part is a file there, and the same call goes on after a kill at
    any moment, with another size of parts too. An item that fails is a row with a reason; it is
    tried again by the next call.

    Args:
        compute: from numbers of items to results by name, one row an item.
        count: how many items there are.
        identity: names what is computed; a digest of everything that results depend on. Jobs of
            different identity share a folder without meeting.
        out: the folder; nothing is kept without one.
        batch: items a part.
        executor: who computes the parts; `Local()` by default.
        progress: called after each part.
        on_error: whether an item that fails is a row, or its error ends the call. Parts that are
            finished are kept in both cases.

    Returns:
        An `Outcome`.

    Raises:
        BadInputError: no items, or parts of no items.
        PejaxError: every item failed; the first one's error.

    >>> found = run(lambda items: {"square": items**2}, 5, batch=2)
    >>> found.columns["square"].tolist()
    [0, 1, 4, 9, 16]
    """
    count, batch = at_least(1, "count")(count), at_least(1, "batch")(batch)
    if count > _MOST:
        raise BadInputError(f"count is {count}; give a whole number up to {_MOST:,}.")
    as_choice(on_error, ("row", "raise"), "on_error")
    as_function(compute, "compute", "Give a function from items to results by name.")
    if progress is not None:
        as_function(progress, "progress", "Give a function of a Progress, or None.")
    if executor is not None:
        _fail_if_no_executor(executor)
    _fail_if_no_name(identity)
    folder = None if out is None else as_path(out, "out") / identity
    if folder is not None and folder.parent.is_file():
        raise BadInputError(f"out is the file {folder.parent}. Give a folder.")
    kept, shards = _Kept(count), Shards(folder)
    for shard in shards:
        kept.add(shard)
    parts = _parts(kept.missing(), batch)
    began, start, log = kept.done, time.perf_counter(), _Log(folder, identity, count)
    log.write(kept, "running")
    work = _Forgiving(compute) if on_error == "row" else compute
    try:
        for part, columns in (executor or Local()).map(work, parts):
            shard = _shard(part, columns)
            shards.add(shard)
            kept.add(shard)
            if progress is not None:
                progress(Progress(kept.done, count, began, time.perf_counter() - start))
    except BaseException as problem:
        log.write(kept, f"stopped: {type(problem).__name__}")
        raise
    log.write(kept, "completed, with failures" if kept.reasons else "completed")
    return kept.outcome()


def _fail_if_no_executor(executor: object) -> None:
    """A table of pandas has a `map` too, which computes something else."""
    is_data = isinstance(executor, type) or hasattr(executor, "dtype") or hasattr(executor, "iloc")
    if is_data or not callable(getattr(executor, "map", None)):
        raise BadInputError(f"executor is {shown(executor)}. Give one with a `map`, as Local().")


def _fail_if_no_name(identity: object) -> None:
    """An identity is the name of one folder."""
    text = as_text(identity, "identity")
    if text in ("", ".", "..") or set(text) & set("/\\\0"):
        raise BadInputError(f"identity is {shown(text)}. Give the name of a folder, as a text.")


_REASONS = "__reasons__"


class _Forgiving:
    """A computation whose failing items have a reason instead of results.

    A part that fails is done again item by item, which tells the failing ones from the others.
    """

    def __init__(self, compute: Compute):
        self.compute = compute

    def __call__(self, items: Items) -> Mapping[str, np.ndarray]:
        try:
            return self.compute(items)
        except Exception as problem:
            if len(items) == 1:
                return {_REASONS: np.array([f"{type(problem).__name__}: {problem}"])}
        found = [self(items[k : k + 1]) for k in range(len(items))]
        good = [one for one in found if _REASONS not in one]
        reasons = np.array([str(one[_REASONS][0]) if _REASONS in one else "" for one in found])
        names = list(good[0]) if good else []
        if any(list(one) != names for one in good):
            raise BadInputError("items have other columns. Give every item the same ones.")
        columns = {n: np.concatenate([one[n] for one in good]) for n in names}
        return {**columns, _REASONS: reasons}


def _shard(part: Items, columns: Mapping[str, np.ndarray]) -> Shard:
    as_instance(columns, Mapping, "what is computed", "Give results by name, one row an item.")
    results = dict(columns)
    reasons = results.pop(_REASONS, np.full(len(part), ""))
    failed = reasons != ""
    held = {name: _rows(name, values) for name, values in results.items()}
    for name, values in held.items():
        if values.shape[:1] != (int((~failed).sum()),):
            raise BadInputError(
                f"{name} has shape {values.shape} for {len(part)} items. Give one row an item."
            )
    said = dict(zip(part[failed].tolist(), reasons[failed].tolist(), strict=True))
    return Shard(part[~failed], held, said)


def _rows(name: object, values: object) -> np.ndarray:
    """Results as an array, in the type that they have; no objects, which no file holds."""
    as_text(name, "the name of a result")
    try:
        found = np.asarray(values)
    except (TypeError, ValueError) as problem:
        raise BadInputError(f"{name} is {shown(values)}. Give one row an item.") from problem
    if found.dtype.hasobject:
        raise BadInputError(f"{name} is {shown(values)} of objects. Give numbers or texts.")
    return found


def _parts(missing: Items, batch: int) -> Parts:
    return [missing[k : k + batch] for k in range(0, len(missing), batch)]


class _Kept:
    """Results so far, by item."""

    def __init__(self, count: int):
        self.count = count
        self.has = np.zeros(count, bool)
        self.parts: list[tuple[Items, Columns]] = []
        self.reasons: dict[int, str] = {}

    @property
    def done(self) -> int:
        return int(self.has.sum()) + len(self.reasons)

    def missing(self) -> Items:
        """Items without results; those that failed before are tried again."""
        self.reasons.clear()
        return np.flatnonzero(~self.has)

    def add(self, shard: Shard) -> None:
        inside = shard.items < self.count
        fresh = inside & ~self.has[np.where(inside, shard.items, 0)]
        rows = shard.items[fresh]
        if len(rows):
            self._fail_if_other_columns(shard)
            self.parts.append((rows, {n: v[fresh] for n, v in shard.columns.items()}))
        self.has[rows] = True
        said = {i: why for i, why in shard.reasons.items() if i < self.count}
        self.reasons |= {i: why for i, why in said.items() if not self.has[i]}

    def _fail_if_other_columns(self, shard: Shard) -> None:
        """Every part has the same columns, of the same shape an item."""
        mine = {name: np.shape(values)[1:] for name, values in shard.columns.items()}
        first = {n: np.shape(v)[1:] for n, v in self.parts[0][1].items()} if self.parts else mine
        for name in (*first, *mine):
            if first.get(name) != mine.get(name):
                raise BadInputError(
                    f"{name} is {first.get(name, 'no column')} an item in one part and"
                    f" {mine.get(name, 'no column')} in another. Give every item the same columns."
                )

    def fail_if_lost(self) -> None:
        """Every item has come back, with results or a reason."""
        lost = [i for i in np.flatnonzero(~self.has).tolist() if i not in self.reasons]
        if lost:
            raise PejaxError(f"{len(lost)} items did not come back, the first number {lost[0]}.")

    def outcome(self) -> Outcome:
        self.fail_if_lost()
        if not self.has.any():
            first = min(self.reasons)
            raise PejaxError(f"every item failed; number {first}: {self.reasons[first]}")
        columns = {name: self._column(name) for name in self.parts[0][1]}
        return Outcome(columns, dict(sorted(self.reasons.items())))

    def _column(self, name: str) -> np.ndarray:
        """All parts of a column, in the type that holds them all."""
        parts = [(rows, columns[name]) for rows, columns in self.parts]
        dtype = np.result_type(*(values for _, values in parts))
        empty = np.array("NaT" if dtype.kind in "mM" else np.nan if dtype.kind in "fc" else 0)
        empty = np.zeros((), dtype) if dtype.kind in "biuUS" else empty.astype(dtype)
        column = np.full((self.count, *parts[0][1].shape[1:]), empty, dtype)
        for rows, values in parts:
            column[rows] = values
        return column


class _Log:
    """A file beside the shards that says what the job is and how far it came."""

    def __init__(self, folder: Path | None, identity: str, count: int):
        self.path = None if folder is None else folder / MANIFEST
        self.facts = {"identity": identity, "items": count, "started": _now()}

    def write(self, kept: _Kept, status: str) -> None:
        if self.path is not None:
            state = {"status": status, "done": kept.done, "failed": kept.reasons, "at": _now()}
            write_json(self.path, self.facts | state | {"environment": environment()})


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
