"""Many reforms through one program: batches by `vmap`, here or on Ray workers, resumable."""

from __future__ import annotations

import dataclasses
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import as_instance, as_path, at_least, shown
from ..core._arrays import as_names, items_of
from ..core._digest import digest
from ..core._fingerprint import fingerprint
from ..core._formerly import other_order
from ..core._validate import BadInputError, require
from ..core.population._population import Population
from ..core.population._tables import Tables
from ..engine._accept import fail_if_other_parameters
from ..engine._guards import GuardMovedError
from ..engine._parameters import Parameters
from ..engine._program import Program
from ..engine._sensitivity import Statistic, as_statistic
from ..engine.running._batch import differing
from ._executor import Compute, Items, Local
from ._progress import Progress
from ._run import run

if TYPE_CHECKING:
    import pandas as pd

Reform = Mapping[str, object] | Parameters
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

    Args:
        reforms: dictionaries in PolicyEngine's form or `Parameters`.
        statistics: names of outputs (their weighted totals) or functions of (outputs, population)
            by name.
        executor: `"local"` or `"ray"`.
        out: a folder where finished batches are kept, so that an interrupted sweep goes on where it
            stopped, with any `batch`.
        batch: reforms a `vmap`.
        progress: called with batches (done, all).

    Returns:
        One row a reform, in order: `reform` and a column for each statistic.

    Raises:
        PejaxError: before anything runs, what `Parameters.with_reform` raises for a reform, with
            its number.
        GuardMovedError: a reform that moves a decision of the program, with its number.
        BadInputError: one under which a whole number does not fit in 32 bits, likewise.

    >>> from pejax.testing import toy_population, toy_program
    >>> reforms = [{"tax.rate": 0.1}, {"tax.rate": 0.2}]
    >>> table = sweep(toy_program(), reforms, toy_population(), "income_tax")
    >>> table["income_tax"].is_monotonic_increasing
    True
    """
    _check_call(program, population, batch, workers, progress)
    if not isinstance(executor, str) or executor not in ("local", "ray"):
        raise BadInputError(f"executor is {shown(executor)}; choose 'local' or 'ray'.")
    laws = _laws(program, reforms)
    chosen = _statistics(program, statistics)
    differs = (laws != np.asarray(program.parameters.values)).any(axis=0)
    work = _Work(program, population, differs, chosen, batch)
    found = run(
        lambda items: work(items, laws[items]),
        len(laws),
        identity=_digest(program, population, laws, chosen),
        out=None if out is None else as_path(out, "out"),
        batch=batch,
        executor=Local() if executor == "local" else _Ray(work, laws, workers),
        progress=_by_part(progress, batch),
        on_error="raise",
    )
    return _table(found.columns, chosen, len(laws))


def _by_part(
    progress: Callable[[int, int], None] | None, batch: int
) -> Callable[[Progress], None] | None:
    """Progress in batches, of which the last may be short."""
    if progress is None:
        return None
    return lambda at: progress(ceil(at.done / batch), ceil(at.total / batch))


def _check_call(
    program: object, population: object, batch: object, workers: object, progress: object
) -> None:
    """What can be told of a call before any reform is looked at."""
    as_instance(program, Program, "program", "Give what engine.compile(...) returned.")
    as_instance(population, Population, "population", "Give a Population.")
    at_least(1, "batch")(batch)
    at_least(1, "workers")(workers)
    if progress is not None and not callable(progress):
        raise BadInputError(f"progress is {shown(progress)}. Give a function of (done, all).")


def _laws(program: Program, reforms: object) -> np.ndarray:
    base = program.parameters
    things = np.dtype(object)
    refusal = f"reforms is {shown(reforms)}. Give a list with one reform a row."
    if getattr(reforms, "dtype", things) != things:  # an array, sparse or of keys too
        raise BadInputError(refusal)
    rows = []
    for number, reform in enumerate(cast("list[Reform]", items_of(reforms, refusal))):
        try:
            law = reform if isinstance(reform, Parameters) else base.with_reform(reform)
            fail_if_other_parameters(law, program.index)
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
    if "reform" in names:
        raise BadInputError("a statistic is called 'reform', as the column of numbers. Rename it.")
    named = given if isinstance(given, Mapping) else {name: name for name in names}
    return {name: as_statistic(program, s) for name, s in named.items()}


def _padded(laws: np.ndarray, batch: int) -> np.ndarray:
    """A short batch repeats its last reform: one shape, one compile."""
    missing = batch - len(laws)
    return laws if missing <= 0 else np.concatenate([laws, np.repeat(laws[-1:], missing, axis=0)])


@dataclasses.dataclass(frozen=True)
class _Work:
    """What is done with reforms.

    Attributes:
        differs: the parameters in which any reform of the sweep differs.
        statistics: by name.
    """

    program: Program
    population: Population
    differs: np.ndarray
    statistics: Mapping[str, Statistic]
    batch: int

    def __call__(self, items: Items, laws: np.ndarray) -> Results:
        """Statistics under each law; `items` are the numbers of these reforms."""
        try:
            found = self.statistics_of(jnp.asarray(_padded(laws, self.batch), self.program.dtype))
        except GuardMovedError as problem:  # of one law, or of all, if they are alike in this
            problem.add_note(f"in reform number {items[problem.law or 0]}")
            raise
        except BadInputError as problem:
            if problem.law is not None:
                problem.add_note(f"in reform number {items[problem.law]}")
            raise
        return {name: np.asarray(v)[: len(laws)] for name, v in found.items()}

    def statistics_of(self, laws: Float[Array, "reform leaf"]) -> dict[str, Array]:
        def one(values: Float[Array, " leaf"]) -> dict[str, Array]:
            outputs = self.program(Parameters(values, self.program.index), self.population)
            return {name: s(outputs, self.population) for name, s in self.statistics.items()}

        with differing(self.differs):
            return jax.vmap(one)(laws)


@dataclasses.dataclass(frozen=True)
class _Ray:
    """Batches on Ray actors, each of which reads the program and holds the population once."""

    work: _Work
    laws: np.ndarray
    workers: int

    def map(self, compute: Compute, parts: Sequence[Items]) -> Iterator[tuple[Items, Results]]:
        """Each part with its results, as they come; `compute` is done by the actors."""
        if not parts:
            return
        ray = require("ray", "ray")
        import tempfile

        started = not ray.is_initialized()
        if started:
            _start(ray, self.workers)
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "program.pejax"
                self.work.program.save(path)
                actors = self._actors(ray, path.read_bytes(), min(self.workers, len(parts)))
                pool = ray.util.ActorPool(actors)
                jobs = [(part, self.laws[part]) for part in parts]
                yield from pool.map_unordered(lambda actor, job: actor.run.remote(*job), jobs)
        finally:
            if started:
                ray.shutdown()

    def _actors(self, ray: types.ModuleType, program: bytes, count: int) -> list[object]:
        cache = {name: jax.config.values[name] for name in _CACHE_SETTINGS}
        tables = ray.put(self.work.population.to_tables())
        how = self.work.differs, self.work.statistics, self.work.batch
        worker = ray.remote(num_cpus=1)(_Worker)
        return [worker.remote(program, tables, how, cache) for _ in range(count)]


def _start(ray: types.ModuleType, workers: int) -> None:
    """A cluster on this machine.

    Its processes are forked and at once replaced by another program, so that JAX's warning of a
    deadlock after a fork does not apply.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level=40)


class _Worker:
    """One process of a sweep; `cache` has the settings of JAX's compile cache."""

    def __init__(self, program: bytes, tables: Tables, how: tuple, cache: dict) -> None:
        import tempfile

        for name, value in cache.items():
            jax.config.update(name, value)
        with tempfile.NamedTemporaryFile(suffix=".pejax") as file:
            file.write(program)
            file.flush()
            read = Program.load(file.name)
        self.work = _Work(read, Population.from_tables(tables), *how)

    def run(self, items: Items, laws: np.ndarray) -> tuple[Items, Results]:
        return items, self.work(items, laws)


def _digest(
    program: Program,
    population: Population,
    laws: np.ndarray,
    statistics: Mapping[str, Statistic],
) -> str:
    """A fingerprint of program, people, reforms and statistics."""
    people = [np.asarray(leaf) for leaf in jax.tree.leaves(population)]
    asked = [f"{name} {fingerprint(statistic)}" for name, statistic in statistics.items()]
    return digest(f"{program.digest} {population.schema}", laws, *people, *asked)[:16]


def _table(
    columns: Mapping[str, np.ndarray], names: Mapping[str, object], count: int
) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"reform": np.arange(count), **{n: columns[n] for n in names}})
