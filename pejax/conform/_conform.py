"""All cases of a country, kept as they are done."""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import pejax

from .. import runs
from ..core._arguments import (
    as_function,
    as_instance,
    as_seed,
    as_share,
    as_switch,
    as_text,
    at_least,
)
from ..core._digest import digest
from ._answering import law_of
from ._cases import Case, read_cases, sample as drawn
from ._country import Suite, suite_of
from ._judge import LARGE, PASSED, Verdict
from ._runner import MOST_NODES, Runner
from ._source import Source

if TYPE_CHECKING:
    import pandas as pd

_BATCH, _TOGETHER, _REFORMED, _SOURCE = 300, 600, 20, 60
"""Cases of a part: of any, of those whose graphs are most of the law, of those of these for which a
structural reform makes a law of its own, so that few share one; and of those that the source engine
is asked, one by one."""

_TEXT = 400


@dataclasses.dataclass(frozen=True)
class Conformity:
    """What became of a country's cases.

    Attributes:
        package, version: the country's.
        cases: in the order of their files.
        verdicts: one a case.
        source: the country's own, one a case; none where it was not asked.
    """

    package: str
    version: str
    cases: tuple[Case, ...]
    verdicts: tuple[Verdict, ...]
    source: tuple[Verdict, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Cases by what became of them; `source_passed` and `passed_both` where it was asked, and
        `in_jax`, how many were computed there too."""
        found = {"cases": len(self.cases)}
        if in_jax := sum(v.in_jax for v in self.verdicts):
            found["in_jax"] = in_jax
        if self.source:
            both = zip(self.verdicts, self.source, strict=True)
            found["source_passed"] = sum(s.status == PASSED for s in self.source)
            found["passed_both"] = sum(v.status == s.status == PASSED for v, s in both)
        return found | dict(Counter(v.status for v in self.verdicts))

    def to_frame(self) -> pd.DataFrame:
        """One row a case."""
        import pandas as pd

        table = pd.DataFrame([dataclasses.asdict(v) for v in self.verdicts])
        table.insert(0, "case", [case.key for case in self.cases])
        table.insert(1, "name", [case.name for case in self.cases])
        if self.source:
            table["source"] = [v.status for v in self.source]
            table["source_reason"] = [v.reason for v in self.source]
            table["source_seconds"] = [v.seconds for v in self.source]
        return table

    def by_folder(self, depth: int = 3) -> pd.DataFrame:
        """Cases by folder and what became of them, those with most misses first.

        Args:
            depth: steps of a folder's path that tell folders apart.
        """
        import pandas as pd

        at_least(1, "depth")(depth)
        folders = ["/".join(c.folder.split("/")[:depth]) or "." for c in self.cases]
        statuses = pd.Series([v.status for v in self.verdicts])
        table = pd.crosstab(pd.Series(folders, name="folder"), statuses).rename_axis(columns=None)
        table["cases"] = table.sum(axis=1)
        table["missed"] = table["cases"] - table.get(PASSED, 0)
        return table.sort_values(["missed", "cases"], ascending=False).reset_index()

    def to_json(self) -> dict[str, Any]:
        """Counts, and a row a case with its reason."""
        return {
            "package": self.package,
            "version": self.version,
            **self.counts,
            "cpu_seconds": round(sum(v.seconds for v in self.verdicts), 1),
            "rows": self.to_frame().to_dict("records"),
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {what}" for what, n in self.counts.items())
        return f"Conformity({self.package} {self.version}: {counts})"


def conform(
    country: str | Suite,
    *,
    path: str = "",
    sample: int | None = None,
    seed: int = 0,
    with_source: bool = False,
    in_jax: float = 0.0,
    out: str | Path | None = None,
    progress: Callable[[runs.Progress], None] | None = None,
    jobs: int = 1,
) -> Conformity:
    """Ask a country's own tests of the graph of its rules.

    Args:
        country: an installed country package, such as `"policyengine_us"`.
        path: a file or folder of its tests, to ask those alone.
        sample: how many cases, drawn at random; all by default.
        seed: of the draw.
        with_source: whether the source engine is asked too, to tell a case apart that it fails
            itself. That takes seconds a case.
        in_jax: the share of batches, drawn by their cases, that are computed in JAX too, in
            float64: a case of these passes only if it has there what it has in numpy. Of those
            whose graphs are small: XLA takes seconds for one, and minutes for most of a law.
        out: a folder in which results are kept as they come; the same call goes on from there.
        progress: called after each part.
        jobs: processes that ask, each of which imports the country and takes the memory for it.

    Returns:
        A `Conformity`.

    Raises:
        MissingExtraError: the package is not installed.
        BadInputError: it ships no tests, or none at `path`.

    >>> found = conform("policyengine_us", path="gov/irs/credits")  # doctest: +SKIP
    >>> found.counts["passed"]  # doctest: +SKIP
    """
    ask_source = as_switch("with_source")(with_source)
    share = as_share("in_jax")(in_jax)
    place, cases = _asked(country, path, sample, seed)
    job = _Job(place, out, _watching(progress), at_least(1, "jobs")(jobs), share)
    verdicts = job.run(cases, "small", _BATCH, MOST_NODES)
    large = [case for case in cases if verdicts[case.key].status == LARGE]
    found = job.run([case for case in large if not case.reforms], "large", _TOGETHER, None)
    found |= job.run([case for case in large if case.reforms], "reformed", _REFORMED, None)
    for key, verdict in found.items():
        seconds = verdicts[key].seconds + verdict.seconds
        verdicts[key] = dataclasses.replace(verdict, seconds=seconds)
    source = job.run(cases, "source", _SOURCE, None) if ask_source else {}
    return Conformity(
        package=place.country.package,
        version=place.country.version,
        cases=tuple(cases),
        verdicts=tuple(verdicts[case.key] for case in cases),
        source=tuple(source[case.key] for case in cases) if ask_source else (),
    )


def source_verdicts(
    country: str | Suite,
    *,
    path: str = "",
    sample: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Callable[[runs.Progress], None] | None = None,
    jobs: int = 1,
) -> Conformity:
    """What a country's own engine says of its own tests, one case after the other.

    They change with the package alone: those that are kept in `out` serve `conform` there too, with
    `with_source`, whatever this library's version is.

    Args:
        country, path, sample, seed, out, progress, jobs: as in `conform`.

    Returns:
        A `Conformity` whose verdicts are the source's.

    Raises:
        MissingExtraError, BadInputError: as `conform`.

    >>> source_verdicts("policyengine_us", sample=400, out="out/conform")  # doctest: +SKIP
    Conformity(policyengine_us 2.68.0: 400 cases, 400 passed)
    """
    place, cases = _asked(country, path, sample, seed)
    job = _Job(place, out, _watching(progress), at_least(1, "jobs")(jobs), 0.0)
    found = job.run(cases, "source", _SOURCE, None)
    return Conformity(
        package=place.country.package,
        version=place.country.version,
        cases=tuple(cases),
        verdicts=tuple(found[case.key] for case in cases),
    )


def _asked(
    country: str | Suite, path: str, sample: int | None, seed: int
) -> tuple[Suite, list[Case]]:
    """A country's suite, and the cases of it that are meant."""
    fix = "Give the name of an installed country package."
    below, seed = as_text(path, "path"), as_seed("seed")(seed)
    many = None if sample is None else at_least(1, "sample")(sample)
    named = suite_of(country) if isinstance(country, str) else country
    place = as_instance(named, Suite, "country", fix)
    cases = read_cases(place.folder, below)
    return place, list(cases if many is None else drawn(cases, many, seed))


def _watching(progress: Any) -> Callable[[runs.Progress], None] | None:
    if progress is not None:
        as_function(progress, "progress")
    return progress


@dataclasses.dataclass(frozen=True)
class _Pass:
    """One pass over cases: what a job computes, here or in another process.

    Attributes:
        held: the cases, by number.
        name: `source`, or one of this library's own.
        most_nodes: how large a graph may become.
        in_jax: the share of batches that are computed in JAX too.
    """

    place: Suite
    held: Sequence[Case]
    name: str
    most_nodes: int | None
    in_jax: float

    def __reduce__(self) -> tuple[Any, ...]:
        return _Pass, (self.place, self.held, self.name, self.most_nodes, self.in_jax)

    def __call__(self, items: np.ndarray) -> dict[str, np.ndarray]:
        some = [self.held[i] for i in items]
        if self.name == "source":
            return _columns([self._source.verdict(case) for case in some])
        return _columns(self._runner.run(some, self.most_nodes))

    @functools.cached_property
    def _runner(self) -> Runner:
        runner = self.place.runner(self.in_jax)
        gc.collect()
        gc.freeze()  # a country's millions of objects live as long as the process
        return runner

    @functools.cached_property
    def _source(self) -> Source:
        source = self.place.system.source
        return Source(source, self._runner.entities, self.place.reforms)


@dataclasses.dataclass(frozen=True)
class _Job:
    """One pass over cases after the other, each kept in a folder of its own.

    Attributes:
        out: the folder of all passes.
        progress: called after each part.
        jobs: processes that compute.
        in_jax: the share of batches that are computed in JAX too.
    """

    place: Suite
    out: str | Path | None
    progress: Callable[[runs.Progress], None] | None
    jobs: int
    in_jax: float

    def run(
        self, cases: Sequence[Case], name: str, batch: int, most_nodes: int | None
    ) -> dict[str, Verdict]:
        """Verdicts by key, of those that are kept already and of the others."""
        if not cases:
            return {}
        held = _beside_their_like(cases)
        kept = runs.run(
            _Pass(self.place, held, name, most_nodes, self.in_jax),
            len(held),
            identity=_identity(self.place, held, name, self.in_jax),
            out=self.out,
            batch=batch,
            executor=runs.Processes(self.jobs) if self.jobs > 1 else None,
            progress=self.progress,
        )
        return dict(zip([c.key for c in held], _verdicts(kept.columns), strict=True))


def _columns(verdicts: Sequence[Verdict]) -> dict[str, np.ndarray]:
    return {
        "status": np.array([v.status for v in verdicts], "U10"),
        "reason": np.array([v.reason[:_TEXT] for v in verdicts], f"U{_TEXT}"),
        "together": np.array([v.together for v in verdicts]),
        "seconds": np.array([v.seconds for v in verdicts]),
        "in_jax": np.array([v.in_jax for v in verdicts]),
    }


def _verdicts(columns: dict[str, np.ndarray]) -> list[Verdict]:
    held = (columns[field.name].tolist() for field in dataclasses.fields(Verdict))
    return [Verdict(*row) for row in zip(*held, strict=True)]


def _beside_their_like(cases: Sequence[Case]) -> list[Case]:
    """Cases in an order in which those that share a graph are beside each other; years with many
    cases first, so that as many as can be are done early."""
    many = Counter(case.period[:4] for case in cases)

    def place(case: Case) -> tuple[Any, ...]:
        law, year = law_of(case), case.period[:4]
        return (not case.reforms, case.reforms, -many[year], year, bool(law), law, case.key)

    return sorted(cases, key=place)


def _identity(place: Suite, cases: Sequence[Case], name: str, in_jax: float) -> str:
    """A name for what is computed: the country, the pass, this library's own code where it answers,
    and the cases."""
    ours = [] if name == "source" else [version("pejax"), _code(), in_jax]
    facts = [place.country.version, *ours]
    return f"{place.country.package}-{name}-{digest(json.dumps(facts), *map(repr, cases))[:16]}"


@functools.cache
def _code() -> str:
    """A digest of this library's own source: results of other code are not these."""
    files = sorted(Path(pejax.__file__).parent.rglob("*.py"))
    return digest(*(path.read_bytes() for path in files))[:16]
