"""Parts of a job on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as ended

from ..core._arguments import as_function, at_least
from ..core._validate import BadInputError, PejaxError
from ._executor import Columns, Compute, Items, Parts

_AHEAD = 2
"""Parts that are handed out before they are needed, by process."""


class Processes:
    """Parts on processes of their own, each of which is given the computation once.

    A process starts anew and imports what it needs, so the computation has to be one that can be
    pickled: a function of a module, or an object of a class of one. The processes end with this
    one, however it ends.

    Args:
        workers: how many processes.

    >>> Processes(2).workers
    2
    """

    def __init__(self, workers: int) -> None:
        self.workers = at_least(1, "workers")(workers)

    def map(self, compute: Compute, parts: Parts) -> Iterator[tuple[Items, Columns]]:
        """Each part with its results, as soon as they are there.

        Raises:
            BadInputError: a computation that cannot be pickled.
            PejaxError: a process has ended before its time.
        """
        left = deque(parts)
        if not left:
            return
        pool = ProcessPoolExecutor(
            min(self.workers, len(left)),
            multiprocessing.get_context("spawn"),
            _begin,
            (_pickled(compute),),
        )
        try:
            at_work: set[Future[tuple[Items, Columns]]] = set()
            while left or at_work:
                while left and len(at_work) < _AHEAD * self.workers:
                    at_work.add(pool.submit(_done, left.popleft()))
                finished, at_work = wait(at_work, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as problem:
            raise PejaxError(
                "a process has ended before its time, perhaps for want of memory. What is done is "
                "kept where the job has a folder: go on with fewer workers"
            ) from problem
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _pickled(compute: Compute) -> bytes:
    as_function(compute, "compute", "Give a function from items to results by name.")
    try:
        return pickle.dumps(compute)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        raise BadInputError(
            f"compute cannot be sent to another process ({problem}). Give a function of a module"
        ) from problem


# ---- in a process of its own

_GIVEN: list[Compute] = []


def _begin(compute: bytes) -> None:
    """Take the computation; the process ends when the one that has started it does."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()
    _GIVEN[:] = [pickle.loads(compute)]  # from the parent process, through a pipe of its own


def _leave_with(sentinel: int) -> None:
    ended([sentinel])
    os._exit(1)


def _done(part: Items) -> tuple[Items, Columns]:
    return part, _GIVEN[0](part)
