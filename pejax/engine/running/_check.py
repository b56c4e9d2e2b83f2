"""A program checks itself: what it computes is compared with its own graph in numpy.

Between the graph and a result lie passes that are not to change any value: strata on their own
rows, links in order, padding, emission. The first time that a program runs on people of some kind,
a sample with a household of every kind goes through the very executables that ran, and through
numpy.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ...core._validate import PejaxError
from .._inputs import host_arrays
from ..graph._interpret import Interpreter
from ..graph._node import Node, reachable
from ..graph._structure import name_of
from ._sample import Sample, sample_of, unpadded

if TYPE_CHECKING:
    from ._runtime import Evaluation

_NOISE = 4.0
"""Units in the last place by which a shaken interpreter moves every result."""

_ROUNDINGS = 64
"""Units in the last place that two computations of one value may be apart."""

_SHOWN = 5


class SelfCheckError(PejaxError):
    """A program computes something else than the law's own graph.

    Attributes:
        variable: the first output that differs.
        rows: of the population, where it does.
        found, expected: the program's values there and numpy's.
        culprit: the pass without which the difference disappears.
    """

    variable: str
    rows: np.ndarray
    found: np.ndarray
    expected: np.ndarray
    culprit: str


@dataclasses.dataclass(frozen=True)
class Check:
    """One comparison of a program with its graph in numpy.

    Attributes:
        households: in the sample.
        kinds: pairs of stratum and number of persons that it holds.
        values: compared.
        seconds: that it took.
        rounded: rows that the float width decides: (variable, row, program, numpy). There numpy
            itself gives the program's value when its results are moved by their last digits.

    >>> from pejax.testing import toy_population, toy_program
    >>> people, program = toy_population(), toy_program()
    >>> _ = program(program.parameters, people)
    >>> program.report.checks[0].households
    4
    """

    households: int
    kinds: int
    values: int
    seconds: float
    rounded: tuple[tuple[str, int, float, float], ...] = ()


@dataclasses.dataclass(eq=False)
class Checker:
    """What a program has checked already, and what it found.

    Attributes:
        checks: where every comparison is noted.
    """

    checks: list[Check]
    seen: MutableMapping[Any, dict[Any, frozenset[tuple[int, int]]]] = dataclasses.field(
        default_factory=weakref.WeakKeyDictionary
    )
    busy: bool = False

    def __call__(self, evaluation: Evaluation, theta: Any, moved: Sequence[Any]) -> None:
        """Compare an evaluation that is about to run with numpy, on people of kinds not seen yet.

        Raises:
            SelfCheckError: a difference that no rounding explains.
        """
        if self.busy or not evaluation.runtime.roots:
            return
        start = time.perf_counter()
        of_runtime, key = self.seen.setdefault(evaluation.runtime, {}), evaluation.made_for
        seen = of_runtime.get(key, frozenset())
        sample = sample_of(
            evaluation.population, evaluation.extent, evaluation.runtime.strata, seen
        )
        if sample is None:
            return
        self.busy = True
        try:
            count, rounded = _compared(evaluation, theta, moved, sample)
        finally:
            self.busy = False
        of_runtime[key] = seen | sample.kinds
        households = sample.counts[evaluation.population.schema.household]
        seconds = time.perf_counter() - start
        self.checks.append(Check(households, len(sample.kinds), count, seconds, rounded))


def _compared(
    evaluation: Evaluation, theta: Any, moved: Sequence[Any], sample: Sample
) -> tuple[int, tuple[tuple[str, int, float, float], ...]]:
    """How many values were compared, and those that rounding decides."""
    mine = _Values(evaluation, theta, moved, sample)
    found, expected = mine.compiled(), mine.expected
    far = {
        i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if mine.apart(a, b).any()
    }
    rounded: list[tuple[str, int, float, float]] = []
    for i, reached in _reached(mine, sorted(far), found).items():
        wrong = mine.apart(found[i], expected[i])
        if (wrong & ~reached).any():
            raise _error(mine, i, found[i], expected[i], wrong & ~reached)
        rounded += mine.listed(i, found[i], expected[i], wrong)
    return sum(np.size(v) for v in found), tuple(rounded)


class _Values:
    """The roots' values on a sample, by the compiled program and by numpy."""

    def __init__(
        self, evaluation: Evaluation, theta: Any, moved: Sequence[Any], sample: Sample
    ) -> None:
        self.evaluation, self.theta, self.moved, self.sample = evaluation, theta, moved, sample
        self.roots = evaluation.runtime.roots
        self.graph = self.roots[0].graph
        self.arrays = host_arrays(sample.population)

    @property
    def across(self) -> dict[str, Any]:
        """Values of inputs that are not the population's own."""
        nodes = self.evaluation.runtime.inputs
        moved = dict(
            zip([str(n.attr("name")) for n in self.evaluation.moving], self.moved, strict=True)
        )
        given = {
            n: self.evaluation.inputs[nodes[n].index]
            for n in self.evaluation.across
            if n not in moved
        }
        return {**given, **moved}

    def compiled(self, **how: Any) -> list[np.ndarray]:
        """The program's values; `how`, with which passes."""
        found = self.evaluation.on_sample(self.sample.population, self.arrays, self.across, **how)
        values = jax.device_get(found.forward(self.theta, found.moved)[0])
        return [self._real(root, v) for root, v in zip(self.roots, values, strict=True)]

    def alone(self, i: int) -> _Values:
        """Those of one root."""
        one = _alone(self.evaluation, self.roots[i])
        moved = {n.index: v for n, v in zip(self.evaluation.moving, self.moved, strict=True)}
        return _Values(one, self.theta, [moved[n.index] for n in one.moving], self.sample)

    def _real(self, root: Node, value: Any) -> np.ndarray:
        entity = self.graph.entity_of.get(root.shape[0]) if root.ndim else None
        return np.asarray(value if entity is None else value[: self.sample.counts[entity]])

    @functools.cached_property
    def expected(self) -> list[np.ndarray]:
        """The graph's values."""
        return self.numpy(range(len(self.roots)))

    def numpy(
        self,
        some: Sequence[int],
        kind: Callable[..., Interpreter] = Interpreter,
        written: bool = False,
        **how: Any,
    ) -> list[np.ndarray]:
        """The graph's values of some roots, by their places.

        Args:
            kind, how: what computes them.
            written: whether with the law's numbers as it writes them: 0.3, not the nearest number
                of 32 bits.
        """
        if not some:
            return []
        across = {n: np.asarray(v) for n, v in self.across.items()}
        own = [n for n in self.evaluation.runtime.inputs if n not in across]
        inputs = {**unpadded(self.arrays, own, self.sample.counts), **across}
        sizes = {n: self.sample.counts[e] for e, n in self.graph.sizes.items()}
        theta = np.asarray(self.theta, np.float64)
        numbers = {name: float(theta[i]) for name, i in self.evaluation.runtime.position.items()}
        if written:
            numbers |= {n: v for n, v in self._written.items() if self._is_as_near(v, numbers[n])}
        found = kind(inputs, sizes, numbers, **how).all([self.roots[i] for i in some])
        return [np.asarray(v) for v in found]

    @functools.cached_property
    def _written(self) -> dict[str, float]:
        """The law's numbers as it writes them, by name."""
        live = reachable(list(self.roots))
        return {name_of(n): float(n.shadow) for n in live if n.op == "parameter"}

    def _is_as_near(self, written: float, number: float) -> bool:
        """Whether a number is the nearest one to another that the program's law can hold."""
        return float(np.asarray(self.theta).dtype.type(written)) == number

    def apart(self, found: np.ndarray, expected: np.ndarray) -> np.ndarray:
        """Where two values differ by more than a few roundings of their own."""
        if expected.dtype.kind != "f":
            return np.asarray(found.astype(np.int64) != expected.astype(np.int64))
        a, b = found.astype(np.float64), expected.astype(np.float64)
        limit = _ROUNDINGS * np.finfo(self.evaluation.runtime.dtype).eps
        with np.errstate(all="ignore"):
            close = np.abs(a - b) <= limit * np.maximum(np.abs(b), 1.0)
        return np.asarray(~(close | (a == b) | (np.isnan(a) & np.isnan(b))))

    def name(self, i: int) -> str:
        names = self.evaluation.runtime.names
        return names[i] if i < len(names) else self.roots[i].origin or self.roots[i].op

    def rows(self, i: int, wrong: np.ndarray) -> np.ndarray:
        """Rows of the population; a single value has none."""
        root = self.roots[i]
        entity = self.graph.entity_of.get(root.shape[0]) if root.ndim else None
        return np.flatnonzero(wrong) if entity is None else self.sample.rows[entity][wrong]

    def listed(
        self, i: int, found: np.ndarray, expected: np.ndarray, wrong: np.ndarray
    ) -> Iterable[tuple[str, int, float, float]]:
        pairs = zip(found[wrong].astype(float), expected[wrong].astype(float), strict=True)
        rows = self.rows(i, np.atleast_1d(wrong)).tolist()
        return [(self.name(i), row, a, b) for row, (a, b) in zip(rows, pairs, strict=True)]


def _alone(evaluation: Evaluation, root: Node) -> Evaluation:
    """The same evaluation of one root with what it needs, its nodes where they are computed now."""
    runtime = dataclasses.replace(evaluation.runtime, roots=(root,), names=(), check=None)
    vars(runtime)["homes"] = evaluation.runtime.homes
    pairs = zip(evaluation.moving, evaluation.moved, strict=True)
    moving = [(n, v) for n, v in pairs if name_of(n) in runtime.inputs]
    return dataclasses.replace(
        evaluation,
        runtime=runtime,
        moving=tuple(n for n, _ in moving),
        moved=tuple(v for _, v in moving),
        across=tuple(n for n in evaluation.across if n in runtime.inputs),
    )


# ---- what rounding decides


class Shaken(Interpreter):
    """Numpy with every rounded result moved by a few units in its last place: at random, or all of
    them one way, which reaches every ceiling and floor that is at its border.

    Args:
        seed: of the moves; those of `scale` -1 are the opposite ones.
        whole: whether whole numbers are moved too.
        way: 1 away from zero, -1 towards it, 0 at random.
    """

    def __init__(
        self,
        *given: Any,
        seed: int,
        dtype: Any,
        whole: bool,
        way: int = 0,
        scale: int = 1,
        **how: Any,
    ) -> None:
        super().__init__(*given, **how)
        self._rng = np.random.default_rng(seed)
        self._unit = scale * _NOISE * np.finfo(dtype).eps
        self._whole, self._way = whole, way

    def run(self, node: Node, args: list[Any]) -> Any:
        value = super().run(node, args)
        if node.op not in _ROUNDED or np.result_type(value).kind != "f":
            return value
        with np.errstate(all="ignore"):
            noise = self._way * self._unit * np.sign(value) if self._way else self._random(value)
            exact = (np.trunc(value) == value) & (not self._whole)
            moved = np.where(exact, value, value * (1 + noise))
        kind = np.result_type(value)
        return float(moved) if isinstance(value, float) else moved.astype(kind)[()]

    def _random(self, value: Any) -> np.ndarray | np.floating:
        return self._unit * self._rng.uniform(-1.0, 1.0, np.shape(value))


_ROUNDED = {
    "add", "subtract", "multiply", "divide", "power", "float_power", "sqrt", "exp", "log", "log10",
    "square", "remainder", "floor_divide", "sum", "prod", "mean", "cumsum", "segment_sum", "interp",
    "astype", "parameter",
}  # fmt: skip


def _reached(
    mine: _Values, far: Sequence[int], found: Sequence[np.ndarray]
) -> dict[int, np.ndarray]:
    """For each root that differs, the rows in which other roundings give the program's value; no
    more of them are tried than it takes."""
    low, high, reached = {}, {}, {i: np.zeros(found[i].shape, bool) for i in far}
    wrong = {i: mine.apart(found[i], mine.expected[i]) for i in far}
    for way in _roundings(mine.evaluation.runtime.dtype):
        left = [i for i in far if (wrong[i] & ~reached[i]).any()]
        for i, values in zip(left, mine.numpy(left, **way), strict=True):
            value = values.astype(np.float64)
            low[i] = np.asarray(np.fmin(low.get(i, value), value))
            high[i] = np.asarray(np.fmax(high.get(i, value), value))
            reached[i] = _between(mine, low[i], high[i], found[i])
    return reached


def _roundings(dtype: str) -> Iterator[dict[str, Any]]:
    """Ways to compute the graph in numpy that differ in last digits alone."""
    yield from ({"floats": "float32"}, {"floats": "float64"}, {"written": True})
    wide = "float64" if dtype == "float64" else None  # float32 would not feel the moves
    shaken = {"kind": Shaken, "dtype": dtype, "floats": wide}
    for seed, whole, scale in itertools.product(range(4), (False, True), (1, -1)):
        yield {**shaken, "seed": seed, "whole": whole, "scale": scale}
    yield from ({**shaken, "seed": 0, "whole": True, "way": way} for way in (-1, 1))


def _between(mine: _Values, low: np.ndarray, high: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether a value lies in what other roundings reach, or at an end of it: as near as a
    difference of amounts of that size is rounded."""
    value, size = found.astype(np.float64), np.maximum(np.abs(low), np.abs(high))
    room = _ROUNDINGS * np.finfo(mine.evaluation.runtime.dtype).eps * np.maximum(size, 1.0)
    inside = (low - room <= value) & (value <= high + room) & (low < high)
    return np.asarray(inside | ~mine.apart(value, low) | ~mine.apart(value, high))


# ---- what is to blame


PASSES: Mapping[str, Mapping[str, Any]] = {
    "machine code that was kept": {"kept": False},
    "the law of a stratum on its own rows": {"kept": False, "apart": False},
    "the order of links": {"kept": False, "apart": False, "ordered": False},
}
"""What can be left out, each with those before it."""


def _error(
    mine: _Values, i: int, found: np.ndarray, expected: np.ndarray, wrong: np.ndarray
) -> SelfCheckError:
    culprit = _culprit(mine, i, expected, wrong)
    rows, name = mine.rows(i, np.atleast_1d(wrong)), mine.name(i)
    pairs = zip(rows[:_SHOWN], np.atleast_1d(found[wrong]), np.atleast_1d(expected[wrong]))  # noqa: B905
    shown = ", ".join(f"row {row}: {a} instead of {b}" for row, a, b in pairs)
    error = SelfCheckError(
        f"the program's {name} is not what the law's own graph gives in {int(wrong.sum())} of "
        f"{wrong.size} rows of a sample ({shown}). To blame: {culprit}. Please report it. "
        "engine.compile(..., check=False) goes on without the comparison, with these values"
    )
    error.variable, error.rows, error.culprit = name, rows, culprit
    error.found, error.expected = found[wrong], expected[wrong]
    return error


def _culprit(mine: _Values, i: int, expected: np.ndarray, wrong: np.ndarray) -> str:
    """The pass without which the program is right; else the emission in JAX itself.

    Only what the root needs is compiled again: a whole law would take more machine code, several
    times over, than a process can hold.
    """
    one = mine.alone(i)
    for name, how in PASSES.items():
        (again,) = one.compiled(**how)
        if not (mine.apart(again, expected) & wrong).any():
            return name
    return "the operations' meaning in JAX"
