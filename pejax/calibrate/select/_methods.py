"""Ways to choose an exact number of records, each with weights solved for on those alone."""

import abc
from typing import Literal

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from ...core._arguments import as_number, as_switch, as_whole, shown
from ...core._validate import BadInputError
from .._method import Method, Outcome, RunOptions, Start, optional
from ..dual._methods import DualMethod, Entropy
from ..dual._support import Sample, check_budget, on_support
from ..gradient._l0 import L0
from ..problem._problem import TargetProblem
from ._cube import cube, generator
from ._designs import largest, sampford, simple_random, systematic
from ._inclusion import inclusion_probabilities
from ._strata import leverage, strata_of

FASTEST, _TRAVEL = 0.5, 160.0  # rate of the gates, where targets are more than records
_FAINT = 0.01  # of the mean gated weight: the least that a record kept starts from
_LEAST = 1e-6  # of the mean contribution


class Selection(Method):
    r"""An exact number of records, and weights for them that meet the targets.

    The whole file is calibrated first, unless `start` is a solution for it; then `budget` records
    are drawn, and `solver` solves for their weights again, from the weights that make the draw
    unbiased.

    Args:
        budget: records to keep, exactly; all others get weight 0.
        solver: the distance method for the whole file and for the records kept.

    Raises:
        BadInputError: a budget below 1, above the number of records with weight, or below that of
            the targets of an exact solver; no key.

    >>> from pejax.calibrate import Largest
    >>> isinstance(Largest(100), Selection), Largest(100).chooses
    (True, True)
    """

    budget: int = eqx.field(static=True, converter=as_whole("budget"))
    solver: DualMethod = eqx.field(default=Entropy(), kw_only=True)

    def __check_init__(self):
        if self.budget < 1:
            raise BadInputError(f"budget is {self.budget}; keep at least 1 record.")
        if not isinstance(self.solver, DualMethod):
            raise BadInputError(
                f"solver is {shown(self.solver)}; give Entropy(), Logit() or another."
            )

    @property
    def chooses(self) -> bool:
        return True

    def met_within(self, problem: TargetProblem) -> float | None:
        return self.solver.met_within(problem)

    @abc.abstractmethod
    def sample(
        self, problem: TargetProblem, weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Sample:
        """Choose among records with calibrated weights, by a key that is there."""

    def run(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Outcome:
        check_budget(self.budget, base_weights, problem, self.solver.exact)
        options.key_of(f"{type(self).__name__} draws")
        weights = self._whole(problem, base_weights, options.start)
        sample = self.sample(problem, weights, options)
        return on_support(problem, sample, len(weights), self.solver)

    def _whole(
        self,
        problem: TargetProblem,
        base: Float[np.ndarray, " unit"],
        start: Start | None,
    ) -> Float[np.ndarray, " unit"]:
        """Weights of the whole file, none negative and enough of them above 0."""
        if start is not None:
            start.fail_if_other(base)
            found = np.where(base > 0, start.weights, 0.0)
        else:
            found = np.asarray(self.solver.run(problem, base, RunOptions()).weights)
        traces = 1e-9 * np.mean(base) * (base > 0)
        return np.maximum(np.where(np.isfinite(found), found, base), traces)


class Cube(Selection):
    r"""Balanced sampling: a draw that keeps the totals of the whole file as nearly as it can.

    Records are kept with probability in proportion to :math:`w\,\ell^{\gamma/2}`, where
    :math:`\ell` is what a record of weight 1 contributes to the squared errors; the flights of the
    cube method then draw so that the leading directions of the contributions stay in balance,
    within the finest areas first, then in those above, then over all (`docs/calibrators.md`).

    Below the number of targets no weights can meet them all. By default the cube then keeps some
    `candidates` for each record and the gates of `L0` choose among those, with a warning;
    `progress` and `checkpoint` of `calibrate` are then the gates'.

    Args:
        budget, solver: as in `Selection`.
        leverage: :math:`\gamma`: at 0 records are kept in proportion to their weight, which leaves
            the weights most equal; at 1 the rare records that carry a total are kept for certain.
        hybrid: whether gates choose in the end; when the budget is below the number of targets
            unless given.
        epochs, learning_rate: of the gates; the rate is 160 / epochs unless given, at most 0.5.
        candidates: of the gates, for each record that they keep.

    Raises:
        BadInputError: as in `Selection`; a leverage outside of [0, 2]; epochs, a rate or candidates
            with which no gates can choose.

    Warns:
        BudgetWarning: the budget is below the number of targets.

    References:
        Deville and Tillé (2004), "Efficient balanced sampling: the cube method", Biometrika 91(4).
        Deville and Tillé (2005), "Variance approximation under balanced sampling", Journal of
        Statistical Planning and Inference 128(2).

    >>> import jax
    >>> from pejax.calibrate import TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0, 1.0, 1.0]], [6.0])
    >>> solution = calibrate(problem, [1.0, 2.0, 2.0, 1.0], Cube(2), key=jax.random.key(0))
    >>> int((solution.weights > 0).sum())
    2
    """

    leverage: float = eqx.field(
        static=True, default=0.6, kw_only=True, converter=as_number("leverage")
    )
    hybrid: bool | None = eqx.field(
        static=True, default=None, kw_only=True, converter=optional(as_switch("hybrid"))
    )
    epochs: int = eqx.field(static=True, default=400, kw_only=True, converter=as_whole("epochs"))
    learning_rate: float | None = eqx.field(
        static=True, default=None, kw_only=True, converter=optional(as_number("learning_rate"))
    )
    candidates: int = eqx.field(
        static=True, default=4, kw_only=True, converter=as_whole("candidates")
    )

    def __check_init__(self):
        _check_leverage(self.leverage)
        if self.candidates < 2:
            raise BadInputError(f"candidates is {self.candidates}; leave the gates 2 at least.")
        _ = self._gates

    def keeps_checkpoints(self, problem: TargetProblem) -> bool:
        return self._is_hybrid(problem)

    def sample(
        self, problem: TargetProblem, weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Sample:
        sizes, key = weights * _tempered(problem, self.leverage), options.key_of("Cube draws")
        hybrid = self._is_hybrid(problem)
        available = int(np.count_nonzero(sizes))
        count = min(self.candidates * self.budget, available) if hybrid else self.budget
        found = cube(weights, sizes, count, lambda p, k: strata_of(problem, p, k), key)
        if not hybrid:
            return found
        own = options._replace(key=jax.random.fold_in(key, 1), start=None)
        return self._gated(problem, found, own)

    def _is_hybrid(self, problem: TargetProblem) -> bool:
        return self.budget < problem.n_targets if self.hybrid is None else self.hybrid

    @property
    def _gates(self) -> L0:
        if self.epochs < 1:
            raise BadInputError(f"epochs is {self.epochs}; give at least 1.")
        rate = self.learning_rate
        rate = min(FASTEST, _TRAVEL / self.epochs) if rate is None else rate
        return L0(self.budget, epochs=self.epochs, learning_rate=rate)

    def _gated(self, problem: TargetProblem, candidates: Sample, options: RunOptions) -> Sample:
        """The budget's worth of candidates whose gates are the most open, with gated weights."""
        fewer = problem.with_operator(problem.operator.take(units=candidates.units))
        chosen = self._gates.trained(fewer, candidates.weights, options)
        kept = self._gates.support(chosen, candidates.weights)
        weights = np.maximum(chosen.gated[kept], _FAINT * chosen.gated[kept].mean())
        weights = weights * (candidates.weights.sum() / weights.sum())
        return Sample(candidates.units[kept], weights)


class PPS(Selection):
    r"""Records drawn with probability in proportion to their weight, or weight and leverage.

    Args:
        budget, solver: as in `Selection`.
        leverage: as in `Cube`.
        design: `"systematic"`, spread evenly over the order of the records; or `"sampford"`, in
            which the order makes no difference.

    Raises:
        BadInputError: as in `Cube`; another design.

    >>> import jax
    >>> from pejax.calibrate import TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0, 1.0]], [6.0])
    >>> solution = calibrate(problem, [1.0, 2.0, 3.0], PPS(2), key=jax.random.key(0))
    >>> int((solution.weights > 0).sum())
    2
    """

    leverage: float = eqx.field(
        static=True, default=0.0, kw_only=True, converter=as_number("leverage")
    )
    design: Literal["systematic", "sampford"] = eqx.field(
        static=True, default="systematic", kw_only=True
    )

    def __check_init__(self):
        _check_leverage(self.leverage)
        if not isinstance(self.design, str) or self.design not in ("systematic", "sampford"):
            raise BadInputError(
                f"design is {shown(self.design)}; choose 'systematic' or 'sampford'."
            )

    def sample(
        self, problem: TargetProblem, weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Sample:
        sizes = weights * _tempered(problem, self.leverage)
        inclusion = inclusion_probabilities(sizes, self.budget)
        draw = systematic if self.design == "systematic" else sampford
        kept = draw(inclusion, generator(options.key_of("PPS draws")))
        return Sample(kept, weights[kept] / inclusion[kept])


class Random(Selection):
    """A simple random sample: every record with weight as likely as any other.

    >>> import jax
    >>> from pejax.calibrate import TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0, 1.0]], [6.0])
    >>> solution = calibrate(problem, [1.0, 2.0, 3.0], Random(2), key=jax.random.key(0))
    >>> int((solution.weights > 0).sum())
    2
    """

    def sample(
        self, problem: TargetProblem, weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Sample:
        return simple_random(weights, self.budget, generator(options.key_of("Random draws")))


class Largest(Selection):
    """The records of the largest calibrated weights.

    >>> import jax
    >>> from pejax.calibrate import TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0, 1.0]], [6.0])
    >>> solution = calibrate(problem, [1.0, 2.0, 3.0], Largest(2), key=jax.random.key(0))
    >>> np.flatnonzero(solution.weights).tolist()
    [1, 2]
    """

    def sample(
        self, problem: TargetProblem, weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Sample:
        return largest(weights, self.budget)


def _check_leverage(leverage: float) -> None:
    if not 0 <= leverage <= 2:
        raise BadInputError(f"leverage is {leverage}; give a number from 0 to 2.")


def _tempered(problem: TargetProblem, power: float) -> Float[np.ndarray, " unit"]:
    """What a record contributes, to a power; a record that contributes nothing may be kept too."""
    if not power:
        return np.ones(problem.n_units)
    found = leverage(problem)
    return np.maximum(found, _LEAST * found.mean()) ** (power / 2)
