"""Ways to choose records, side by side at the same budget."""

import importlib
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ...core._arguments import as_instance, as_seed, as_text, as_whole, shown
from ...core._arrays import as_names, items_of
from ...core._formerly import formerly
from ...core._results import Result
from ...core._validate import BadInputError, unknown
from ...core.files._files import write_text
from .._calibrate import calibrate
from .._method import Method
from .._solution import Solution
from ..dual._methods import DualMethod, Entropy
from ..dual._support import BudgetWarning
from ..gradient._l0 import L0
from ..problem._problem import TargetProblem
from ._methods import FASTEST, PPS, Cube, Largest, Random, Selection

if TYPE_CHECKING:
    import pandas as pd

_HELD_OUT = "held out, mean"


class Comparison(NamedTuple):
    """What several ways to choose records came to.

    `runs` has a row a run: method and seed; seconds, the first of a method with compiling; records
    kept; effective sample size; the largest weight over the mean of those kept; and the mean and
    95th percentile of the absolute errors in units of the scale, of all fitted targets and by
    level, and the mean by group of those held out. Row 0 is the whole file. An error above 1 counts
    as 1 in means of targets held out: such a target is missed, however far.

    >>> import pandas as pd
    >>> Comparison(pd.DataFrame({"method": ["cube"], "seed": [0]})).runs["method"].tolist()
    ['cube']
    """

    runs: "pd.DataFrame"

    def table(self) -> "pd.DataFrame":
        """The mean over seeds, a row a method."""
        return self.runs.drop(columns=["seed", "result"]).groupby("method", sort=False).mean()

    def spread(self) -> "pd.DataFrame":
        """The standard deviation over seeds, a row a method; NaN for one seed."""
        return self.runs.drop(columns=["seed", "result"]).groupby("method", sort=False).std()

    def figure(self) -> Any:
        """The mean error of the fitted and of the held-out targets, a row a method.

        A `pejax.report.Chart`, which a notebook shows.
        """
        return _pages().selection_chart(self.table())

    def write(self, path: str | os.PathLike, title: str = "Choices of records") -> Path:
        """Write table and figure as one page of HTML.

        Returns:
            The path.
        """
        return write_text(
            path, _pages().selection_page(self.table(), len(self.runs) - 1, as_text(title, "title"))
        )


def _pages() -> ModuleType:
    """The room of pages, which is above this one and opens where a page is asked for."""
    return importlib.import_module("pejax.report")


@formerly(names={"w0": "base_weights"})
def compare_selections(
    problem: TargetProblem,
    base_weights: Float[np.ndarray, " unit"] | Any,
    budget: int,
    methods: Mapping[str, Method] | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    held_out: Sequence[str] = (),
    solver: DualMethod | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Comparison:
    """Choose the same number of records in several ways, each with several seeds.

    The whole file is calibrated once; every `Selection` starts from that.

    Args:
        problem: the targets.
        base_weights: one a unit.
        budget: records that each method keeps.
        methods: by name; unless given, the cube, its hybrid with gates, `L0`, sampling in
            proportion to weight, to weight and leverage, simple random sampling, and the largest
            weights.
        seeds: of the keys.
        held_out: groups of targets that are reported and not fitted.
        solver: the distance method for the whole file, and of the methods unless they are given;
            `Entropy()` unless given.
        progress: called with method and seed before each run.

    Raises:
        BadInputError: no such group, a method that keeps another number of records, or what
            `calibrate` raises.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.gamma(1.0, 1.0, (4, 300))
    >>> problem = TargetProblem(X, X.sum(axis=1) * [1.0, 1.1, 0.9, 1.0])
    >>> methods = {"cube": Cube(40), "random": Random(40)}
    >>> found = compare_selections(problem, np.ones(300), 40, methods, seeds=[0])
    >>> found.runs[["method", "records"]].values.tolist()
    [['whole file', 300], ['cube', 40], ['random', 40]]
    """
    import pandas as pd

    as_instance(problem, TargetProblem, "problem", "Give a TargetProblem(matrix, values).")
    solver = Entropy() if solver is None else solver
    as_instance(solver, DualMethod, "solver", "Give Entropy(), Logit() or another.")
    budget, seeds = as_whole("budget")(budget), _seeds(seeds)
    held_out = as_names(held_out, "held_out")
    if progress is not None and not callable(progress):
        raise BadInputError(f"progress is {shown(progress)}. Give a function.")
    asked = problem.hold_out(_members(problem, held_out)) if held_out else problem
    methods = _every_way(budget, solver) if methods is None else _named(methods)
    _check_budgets(methods, budget)
    since = time.perf_counter()
    whole = calibrate(asked, base_weights, solver)
    rows = [_row("whole file", 0, whole, time.perf_counter() - since)]
    for name, method in methods.items():
        for seed in seeds:
            if progress is not None:
                progress(name, seed)
            start = whole if isinstance(method, Selection) else None
            since = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BudgetWarning)  # the table tells
                key = jax.random.key(seed)
                found = calibrate(asked, base_weights, method, key=key, start=start)
            rows.append(_row(name, seed, found, time.perf_counter() - since))
    return Comparison(pd.DataFrame(rows))


def _every_way(budget: int, solver: DualMethod) -> dict[str, Method]:
    return {
        "cube": Cube(budget, solver=solver, hybrid=False),
        "cube, then gates": Cube(budget, solver=solver, hybrid=True),
        "L0": L0(budget, ridge=solver.ridge, learning_rate=FASTEST),
        "PPS": PPS(budget, solver=solver),
        "PPS with leverage": PPS(budget, solver=solver, leverage=0.6),
        "random": Random(budget, solver=solver),
        "largest weights": Largest(budget, solver=solver),
    }


def _named(methods: Any) -> dict[str, Method]:
    """Methods by name."""
    as_instance(methods, Mapping, "methods", "Give name to method.")
    return {
        as_text(name, "a name of methods"): as_instance(
            method, Method, f"methods[{name!r}]", "Give a method, such as Cube(100)."
        )
        for name, method in methods.items()
    }


def _seeds(given: Any) -> list[int]:
    """Whole numbers, one at least."""
    seeds = items_of(given, f"seeds is {shown(given)}. Give a list of whole numbers.")
    if not seeds:
        raise BadInputError("seeds is empty. Give at least one.")
    return [as_seed(f"seeds[{k}]")(seed) for k, seed in enumerate(seeds)]


def _check_budgets(methods: Mapping[str, Method], budget: int) -> None:
    for name, method in methods.items():
        own = getattr(method, "budget", None)
        if own != budget:
            raise BadInputError(f"{name!r} keeps {own} records; give all methods {budget:,}.")


def _members(problem: TargetProblem, groups: Sequence[str]) -> list[str]:
    known = problem.groups or ()
    for group in groups:
        if group not in known:
            raise unknown("group", group, sorted(set(known)))
    return [name for name, own in zip(problem.names, known, strict=True) if own in groups]


def _row(name: str, seed: int, solution: Solution, seconds: float) -> dict[str, Any]:
    """What one run came to."""
    errors = np.abs(solution.errors())
    weights = np.asarray(solution.weights, float)
    kept = weights[weights != 0]
    problem = solution.problem
    fitted = np.asarray(problem.importance) > 0
    found = {
        "method": name,
        "seed": seed,
        "result": Result.of(solution.result).name,
        "seconds": seconds,
        "records": len(kept),
        "effective sample size": weights.sum() ** 2 / (weights @ weights),
        "largest weight": kept.max() / kept.mean(),
        **_errors("fitted", errors[fitted]),
    }
    for level in dict.fromkeys(problem.levels or ()):
        found |= _errors(level, errors[fitted & (np.array(problem.levels) == level)])
    if not fitted.all():
        missed = np.minimum(errors, 1.0)
        found[_HELD_OUT] = missed[~fitted].mean()
        found["held out, median"] = np.median(missed[~fitted])
        for group in dict.fromkeys(problem.groups or ()):
            own = ~fitted & (np.array(problem.groups) == group)
            found |= {f"{group} held out, mean": missed[own].mean()} if own.any() else {}
    return found


def _errors(of: str, errors: Float[np.ndarray, " some"]) -> dict[str, float]:
    if not errors.size:
        return {}
    return {f"{of}, mean": errors.mean(), f"{of}, p95": np.quantile(errors, 0.95)}
