"""Many reforms through one program: batches by `vmap`, here or on Ray workers, resumable."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._arguments import as_instance, as_names, as_path, at_least, shown
from .._fingerprint import fingerprint
from .._formerly import other_order
from .._npz import load_arrays, save_arrays
from .._population import Population
from .._validate import BadInputError, require
from ._parameters import Parameters
from ._program import Program
from ._sensitivity import Statistic, as_statistic
from .running._batch import differing

if TYPE_CHECKING:
    import pandas as pd

Reform = Mapping[str, Any] | Parameters
Statistics = Mapping[str, Statistic | str] | Sequence[str]
Results = dict[str, np.ndarray]

_CACHE_SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@other_order(Population, ("population", "reforms", "statistics"), {})
def sweep(
    program: Program,
    reforms: Sequence[Reform],
    population: Population,
    statistics: Statistics,
    *,
    executor: str = "local",
    out: str | Path | None = None,
    batch: int = 8,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Evaluate statistics under many reforms without compiling anything for any of them.

    **Arguments:** `reforms`, dictionaries in PolicyEngine's form or `Parameters`; `statistics`,
    names of outputs (their weighted totals) or functions of (outputs, population) by name;
    `executor`, `"local"` or `"ray"`; `out`, a folder where finished batches are kept, so that an
    interrupted sweep goes on where it stopped; `batch`, reforms a `vmap`; `progress`, called with
    (done, all).

    **Returns:** one row a reform, in order: `reform` and a column for each statistic.

    **Raises:** before anything runs, what `Parameters.with_reform` raises for a reform, with its
    number.
    """
    _check_call(program, population, batch, workers, progress)
    if not isinstance(executor, str) or executor not in ("local", "ray"):
        raise BadInputError(f"executor is {shown(executor)}; choose 'local' or 'ray'.")
    laws = _laws(program, reforms)
    chosen = _statistics(program, statistics)
    starts = list(range(0, len(laws), batch))
    folder = None if out is None else as_path(out, "out")
    store = _Store(folder, _digest(program, population, laws, chosen, batch))
    kept = {s: store.read(s) for s in starts}
    results = {s: found for s, found in kept.items() if found is not None}
    todo = [s for s in starts if s not in results]
    jobs = [(s, _padded(laws[s : s + batch], batch)) for s in todo]
    differs = (laws != np.asarray(program.parameters.values)).any(axis=0)
    run = {"local": _run_local, "ray": _run_ray}[executor]
    for done, (start, found) in enumerate(
        run(program, population, jobs, differs, chosen, workers), 1
    ):
        results[start] = {k: v[: len(laws) - start] for k, v in found.items()}
        store.write(start, results[start])
        if progress is not None:
            progress(len(starts) - len(todo) + done, len(starts))
    return _table(results, starts, chosen, len(laws))


def _check_call(program: Any, population: Any, batch: Any, workers: Any, progress: Any) -> None:
    """What can be told of a call before any reform is looked at."""
    as_instance(program, Program, "program", "Give what engine.compile(...) returned.")
    as_instance(population, Population, "population", "Give a Population.")
    at_least(1, "batch")(batch)
    at_least(1, "workers")(workers)
    if progress is not None and not callable(progress):
        raise BadInputError(f"progress is {shown(progress)}. Give a function of (done, all).")


def _laws(program: Program, reforms: Sequence[Reform]) -> np.ndarray:
    base = program.parameters
    if isinstance(reforms, Mapping | str | bytes) or not isinstance(reforms, Iterable):
        raise BadInputError(f"reforms is {shown(reforms)}. Give a list with one reform a row.")
    rows = []
    for number, reform in enumerate(reforms):
        try:
            law = reform if isinstance(reform, Parameters) else base.with_reform(reform)
        except ValueError as problem:
            problem.add_note(f"in reform number {number}")
            raise
        rows.append(np.asarray(law.values))
    if not rows:
        raise BadInputError("no reforms to sweep over")
    return np.stack(rows)


def _statistics(program: Program, given: Statistics) -> dict[str, Statistic]:
    names = as_names(list(given) if isinstance(given, Mapping) else given, "statistics")
    if not names:
        raise BadInputError("no statistics to evaluate: give names of outputs")
    named = given if isinstance(given, Mapping) else {name: name for name in names}
    return {name: as_statistic(program, s) for name, s in named.items()}


def _padded(laws: np.ndarray, batch: int) -> np.ndarray:
    """A short last batch repeats its last reform: one shape, one compile."""
    missing = batch - len(laws)
    return laws if not missing else np.concatenate([laws, np.repeat(laws[-1:], missing, axis=0)])


def _run_batch(
    program: Program,
    population: Population,
    laws: np.ndarray,
    differs: np.ndarray,
    statistics: Mapping[str, Statistic],
) -> Results:
    """Statistics under each law; `differs`, the numbers in which any batch of the sweep differs."""

    def one(values: Float[Array, " leaf"]) -> dict[str, Array]:
        outputs = program(Parameters(values, program.index), population)
        return {name: s(outputs, population) for name, s in statistics.items()}

    with differing(differs):
        found = jax.vmap(one)(jnp.asarray(laws, program.dtype))
    return {name: np.asarray(v) for name, v in found.items()}


def _run_local(
    program: Program,
    population: Population,
    jobs: list[tuple[int, np.ndarray]],
    differs: np.ndarray,
    statistics: Mapping[str, Statistic],
    workers: int,
) -> Iterator[tuple[int, Results]]:
    for start, laws in jobs:
        yield start, _run_batch(program, population, laws, differs, statistics)


def _run_ray(
    program: Program,
    population: Population,
    jobs: list[tuple[int, np.ndarray]],
    differs: np.ndarray,
    statistics: Mapping[str, Statistic],
    workers: int,
) -> Iterator[tuple[int, Results]]:
    """Batches on Ray actors, each of which reads the program and holds the population once."""
    if not jobs:
        return
    ray = require("ray", "ray")
    import tempfile

    started = not ray.is_initialized()
    if started:
        _start(ray, workers)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "program.pejax"
            program.save(path)
            cache = {name: jax.config.values[name] for name in _CACHE_SETTINGS}
            tables = ray.put(population.to_tables())
            worker = ray.remote(num_cpus=1)(_Worker)
            count = min(workers, len(jobs))
            actors = [
                worker.remote(path.read_bytes(), tables, differs, statistics, cache)
                for _ in range(count)
            ]
            pool = ray.util.ActorPool(actors)
            yield from pool.map_unordered(lambda actor, job: actor.run.remote(*job), jobs)
    finally:
        if started:
            ray.shutdown()


def _start(ray: Any, workers: int) -> None:
    """A cluster on this machine.

    Its processes are forked and at once replaced by another program, so that JAX's warning of a
    deadlock after a fork does not apply.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=40)


class _Worker:
    """One process of a sweep; `cache` has the settings of JAX's compile cache."""

    def __init__(
        self, program: bytes, tables: Any, differs: np.ndarray, statistics: Any, cache: dict
    ) -> None:
        import tempfile

        for name, value in cache.items():
            jax.config.update(name, value)
        with tempfile.NamedTemporaryFile(suffix=".pejax") as file:
            file.write(program)
            file.flush()
            self.program = Program.load(file.name)
        self.population = Population.from_tables(tables)
        self.differs, self.statistics = differs, statistics

    def run(self, start: int, laws: np.ndarray) -> tuple[int, Results]:
        return start, _run_batch(self.program, self.population, laws, self.differs, self.statistics)


# ---- what is kept between runs


@dataclasses.dataclass(frozen=True)
class _Store:
    """Finished batches in a folder named by a digest of the whole sweep."""

    folder: Path | None
    digest: str

    def _path(self, start: int) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / self.digest / f"batch-{start:06d}.npz"

    def read(self, start: int) -> Results | None:
        """A batch that is kept, whole; a damaged one is run again."""
        path = self._path(start)
        if path is None or not path.exists():
            return None
        try:
            return load_arrays(path)
        except BadInputError as problem:
            warnings.warn(f"{problem} Here the batch is run again.", stacklevel=3)
            return None

    def write(self, start: int, results: Results) -> None:
        path = self._path(start)
        if path is not None:
            save_arrays(results, path)


def _digest(
    program: Program,
    population: Population,
    laws: np.ndarray,
    statistics: Mapping[str, Statistic],
    batch: int,
) -> str:
    """A fingerprint of program, people, reforms and statistics."""
    content = hashlib.sha256(f"{program.digest} {population.schema} {batch}".encode())
    content.update(laws.tobytes())
    for leaf in jax.tree.leaves(population):
        content.update(np.asarray(leaf).tobytes())
    for name, statistic in statistics.items():
        content.update(f"{name} {fingerprint(statistic)}".encode())
    return content.hexdigest()[:16]


def _table(
    results: Mapping[int, Results], starts: list[int], names: Mapping[str, Any], count: int
) -> pd.DataFrame:
    import pandas as pd

    columns = {n: np.concatenate([results[s][n] for s in starts]) for n in names}
    return pd.DataFrame({"reform": np.arange(count), **columns})
