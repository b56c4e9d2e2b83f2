"""Sparse calibration: gates choose the records, a refit gives them weights."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ...core._arguments import as_number, as_switch, as_whole, shown
from ...core._one_line import counted, one_line
from ...core._segment import segment_sum
from ...core._validate import BadInputError
from ...gates import HardConcrete, Schedule, geometric_schedule
from .._drive import driven
from .._loop import solved
from .._method import Outcome, RunOptions, Solved, optional
from ..dual._methods import Entropy
from ..dual._support import TRACE, Sample, check_budget, on_support
from ..operators._accumulate import total
from ..problem._labels import Labels, index_of
from ..problem._problem import Goals, TargetProblem
from ._train import (
    Descent,
    EpochLog,
    GradientMethod,
    Moment,
    ending,
    loss_and_pull,
    moved,
    n_records,
)

_DESCENT = 0.6  # share of the epochs over which the budget shrinks from all records to its end
_LOGIT_RANGE = 12.0  # log alpha is kept within, so that a gate can always come back
_ROUNDS = 12  # of Newton's method for the shift that holds the count


def _number_or_schedule(name: str) -> Callable[[Any], Any]:
    number = as_number(name)
    return lambda value: value if callable(value) else number(value)


class Groups(eqx.Module):
    """The group of each unit, counted from 0; of units with labels if a Series said them."""

    of_unit: Int[np.ndarray, " unit"]
    units: Labels | None = eqx.field(static=True, default=None)

    @one_line
    def __repr__(self) -> str:
        return counted(len(self.of_unit), "label")

    @classmethod
    def of(cls, labels: Any) -> "Groups":
        """Number a list of labels.

        Raises:
            BadInputError: no list, or labels that cannot be compared with each other.
        """
        if isinstance(labels, Groups):
            return labels
        try:
            held = np.asarray(labels)
        except (TypeError, ValueError):
            held = np.zeros(())
        if held.ndim != 1 or held.dtype.kind not in "OUSbiu":
            raise BadInputError(f"groups is {shown(labels)}. Give a list with one label a unit.")
        try:
            number = np.unique(held, return_inverse=True)[1].astype(np.int32)
        except TypeError as problem:
            raise BadInputError(
                "groups mixes types. Give labels that are all text or all whole numbers."
            ) from problem
        index = index_of(labels)
        return cls(number, None if index is None else Labels(index))

    def in_order_of(self, problem: TargetProblem) -> "Groups":
        """The groups in the order of a problem's units.

        Raises:
            BadInputError: another number of units, or other labels.
        """
        if len(self.of_unit) != problem.n_units:
            raise BadInputError(
                f"groups has {len(self.of_unit)} labels for {problem.n_units} records. Give one "
                "a record."
            )
        if self.units is None:
            return self
        import pandas as pd

        labelled = pd.Series(self.of_unit, self.units.index)
        return Groups(np.asarray(problem.by_unit("groups", labelled)))


def _at(value: Any, epoch: Int[Array, ""] | int) -> Any:
    """A setting at an epoch: itself, or what its schedule says."""
    return value(epoch) if callable(value) else value


class L0State(NamedTuple):
    theta: Float[Array, " unit"]
    gates: HardConcrete
    optimiser: Any


class Trained(NamedTuple):
    """What the epochs end with: the gates' locations, the weights behind them, the losses."""

    log_alpha: Float[np.ndarray, " unit"]
    gated: Float[np.ndarray, " unit"]
    losses: Float[np.ndarray, " epoch"]


class L0(GradientMethod):
    r"""A chosen number of records, and weights for them that meet the targets.

    Gates :math:`z` (`gates.HardConcrete`) multiply the weights, :math:`w = w_0 e^\theta z`, and

    .. math:: \overline{e^2} + \lambda\, E\Big[\sum_i 1(z_i > 0)\Big]
              + \lambda_2\, \overline{e^{2\theta}}

    is minimised over :math:`\theta` and the gates' :math:`\log\alpha`. With `l0_lambda` the price
    :math:`\lambda` of a record is fixed and the support is whatever stays open. With `budget` the
    price is set anew in every epoch: a common shift of all :math:`\log\alpha` holds the expected
    count on a path from all records down to the budget, and at the end exactly the `budget` records
    with the most open gates are kept.

    Gated weights fit poorly by themselves. `refit` replaces them by `Entropy` weights on the
    support, from base weights scaled up to the original total.

    Args:
        budget: records to keep, exactly.
        l0_lambda: the price of a record, instead of a budget; a number or a schedule.
        groups: a label a record, such as the household that its clones share, or its area. A
            Series is matched with the problem's units by its labels.
        group_lambda: the price of a group of which any record is kept, beside the budget or the
            price of a record: few groups, each with many records, instead of many with few.
        epochs: steps of the optimiser.
        loss: of an error, as in `Adam`; for choosing the records, not for the refit.
        learning_rate, optimizer: as in `Adam`; a gate that starts open needs `epochs *
            learning_rate` of some 20 to shut. Thousands of targets are met far better at five
            times the default rate, a hundred worse.
        refit: solve for weights on the support; `False` returns the gated weights.
        ridge: of the refit.
        l2: :math:`\lambda_2`, which keeps the weights behind shut gates from growing.
        init_mean, temperature: of the gates; the temperature is a number or a schedule
            (`gates.geometric_schedule`).

    Raises:
        BadInputError: neither or both of `budget` and `l0_lambda`; a budget above the number of
            records with weight; a setting out of its range; no key.

    Warns:
        BudgetWarning: the budget is below the number of targets.

    References:
        Louizos, Welling and Kingma (2018), "Learning sparse neural networks through L0
        regularization", ICLR.

    >>> import jax
    >>> from pejax.calibrate import calibrate
    >>> problem = TargetProblem([[1.0, 1.0, 1.0, 1.0]], [8.0])
    >>> method = L0(budget=2, epochs=20)
    >>> solution = calibrate(problem, [1.0] * 4, method, key=jax.random.key(0))
    >>> int((solution.weights > 0).sum())
    2
    """

    budget: int | None = eqx.field(
        static=True, default=None, converter=optional(as_whole("budget"))
    )
    l0_lambda: float | Schedule | None = eqx.field(
        static=True,
        default=None,
        kw_only=True,
        converter=optional(_number_or_schedule("l0_lambda")),
    )
    groups: Groups | None = eqx.field(default=None, kw_only=True, converter=optional(Groups.of))
    group_lambda: float = eqx.field(
        static=True, default=0.0, kw_only=True, converter=as_number("group_lambda")
    )
    epochs: int = eqx.field(static=True, default=300, kw_only=True, converter=as_whole("epochs"))
    refit: bool = eqx.field(static=True, default=True, kw_only=True, converter=as_switch("refit"))
    ridge: float = eqx.field(static=True, default=1e-4, kw_only=True, converter=as_number("ridge"))
    l2: float = eqx.field(static=True, default=1e-4, kw_only=True, converter=as_number("l2"))
    init_mean: float = eqx.field(
        static=True, default=0.999, kw_only=True, converter=as_number("init_mean")
    )
    temperature: float | Schedule = eqx.field(
        static=True, default=2 / 3, kw_only=True, converter=_number_or_schedule("temperature")
    )

    def __check_init__(self):
        if (self.budget is None) == (self.l0_lambda is None):
            raise BadInputError("Give either budget=, a number of records, or l0_lambda=.")
        if self.budget is not None and self.budget < 1:
            raise BadInputError(f"budget is {self.budget}; keep at least 1 record.")
        if not (self.l0_lambda is None or callable(self.l0_lambda) or self.l0_lambda >= 0):
            raise BadInputError(f"l0_lambda is {self.l0_lambda}; give a number of at least 0.")
        if not self.group_lambda >= 0:
            raise BadInputError(f"group_lambda is {self.group_lambda}; give at least 0.")
        if (self.groups is None) != (self.group_lambda == 0):
            raise BadInputError("Give groups= and group_lambda= together, or neither.")
        if not self.l2 >= 0:
            raise BadInputError(f"l2 is {self.l2}; give a number of at least 0.")
        Entropy(ridge=self.ridge)
        HardConcrete(1, self.init_mean, _at(self.temperature, 0))

    @property
    def chooses(self) -> bool:
        return True

    @property
    def drawing(self) -> str:
        return "L0 draws its gates"

    def for_problem(self, problem: TargetProblem) -> "L0":
        if self.groups is None:
            return self
        return dataclasses.replace(self, groups=self.groups.in_order_of(problem))

    def run(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Outcome:
        """As `finish`, but the refit sees no records but those that are kept."""
        if self.budget is not None:
            check_budget(self.budget, base_weights, problem, exact=False)
        chosen = self.trained(problem, base_weights, options)
        end = ending(chosen.losses)
        if not self.refit:
            return Outcome(jnp.asarray(chosen.gated), end, self.epochs, chosen.losses)
        units = self.support(chosen, base_weights)
        sample = Sample(units, base_weights[units] * base_weights.sum() / base_weights[units].sum())
        found = on_support(problem, sample, problem.n_units, Entropy(ridge=self.ridge))
        result = jnp.maximum(found.result, end)
        return Outcome(found.weights, result, self.epochs, chosen.losses)

    def finish(self, problem: Goals, state: Descent) -> Solved:
        """The refit, with weights of 0 for the records that are dropped."""
        gated, end = self.weights(problem, state), ending(state.losses)
        if not self.refit:
            return Solved(gated, end, state.steps)
        base = state.base[: len(gated)]
        kept = self._kept(base, state.trained.gates.log_alpha[: len(gated)], gated)
        start = jnp.where(kept, base, 0)
        start = start * (total(base) / total(start)).astype(base.dtype)
        refit = solved(Entropy(ridge=self.ridge), problem, start, None)
        weights = jnp.where(kept, jnp.maximum(refit.weights, TRACE * start), 0)
        return Solved(weights, jnp.maximum(refit.result, end), state.steps)

    def _kept(
        self, base: Float[Array, " unit"], location: Array, gated: Float[Array, " unit"]
    ) -> Bool[Array, " unit"]:
        """As `support`, inside compiled code."""
        if self.budget is None:
            return gated > 0
        opened = jnp.where(base > 0, location, -jnp.inf)
        heaviest_first = jnp.lexsort((-base, -opened))
        return jnp.zeros(len(base), bool).at[heaviest_first[: self.budget]].set(True)

    def trained(
        self, problem: TargetProblem, base_weights: Float[np.ndarray, " unit"], options: RunOptions
    ) -> Trained:
        """The gates and the gated weights after all epochs.

        Raises:
            BadInputError: no key.
        """
        _, goals, state = driven(self, problem, base_weights, options)
        location = state.trained.gates.log_alpha[: problem.n_units]
        gated, losses = self.weights(goals, state), state.losses
        return Trained(np.asarray(location), np.asarray(gated), np.asarray(losses))

    def weighed(self, base: Float[Array, " unit"], trained: L0State) -> Float[Array, " unit"]:
        return base * jnp.exp(trained.theta) * trained.gates.mode()

    def support(
        self, chosen: Trained, base: Float[np.ndarray, " unit"]
    ) -> Int[np.ndarray, " kept"]:
        """The records to keep, in order: the most open gates, or every gate that is not shut."""
        if self.budget is None:
            kept = np.flatnonzero(chosen.gated)
            if not kept.size:
                raise BadInputError(f"l0_lambda={self.l0_lambda} shut every gate. Lower it.")
            return kept
        opened = np.where(base > 0, chosen.log_alpha, -np.inf)
        heaviest_first = np.lexsort((-base, -opened))
        return np.sort(heaviest_first[: self.budget])

    def begin(
        self, base: Float[Array, " unit"], theta: Float[Array, " unit"] | None = None
    ) -> L0State:
        gates = HardConcrete(base.shape[0], self.init_mean, _at(self.temperature, 0))
        gates = jax.tree.map(lambda x: x.astype(base.dtype), gates)
        theta = jnp.zeros_like(base) if theta is None else theta
        optimiser = self.optimiser(len(theta))
        return L0State(theta, gates, optimiser.init((theta, gates.log_alpha)))

    def epoch(
        self, goals: Goals, base: Float[Array, " unit"], state: L0State, at: Moment
    ) -> tuple[L0State, EpochLog]:
        theta, gates, optimiser = state
        if callable(self.temperature):
            gates = gates.with_temperature(_at(self.temperature, at.epoch))
        key = at.own_key()

        def gated(theta, log_alpha):
            return base * jnp.exp(theta) * gates.with_location(log_alpha).sample(key=key)

        weights, pull_back = jax.vjp(gated, theta, gates.log_alpha)
        loss, pull = loss_and_pull(goals, weights, self.loss)
        theta_slope, gate_slope = pull_back(pull)
        theta_slope += 2 * self.l2 * jnp.exp(2 * theta) / jnp.sum(base > 0)
        if self.l0_lambda is not None or self.groups is not None:
            price = jax.grad(lambda location: self._price(gates.with_location(location), at.epoch))
            gate_slope += price(gates.log_alpha)
        parameters = (theta, gates.log_alpha)
        updates, optimiser = self.optimiser(n_records(goals)).update(
            (theta_slope, gate_slope), optimiser, parameters
        )
        theta, location = moved(parameters, updates)
        gates = self._within_budget(goals, gates.with_location(location), base, at.epoch)
        kept = jnp.sum(jnp.where(base > 0, gates.open_probability(), 0.0))
        return L0State(theta, gates, optimiser), EpochLog(loss, kept)

    def _price(self, gates: HardConcrete, epoch: Int[Array, ""]) -> Float[Array, ""]:
        """What the records that are expected to be kept cost, and the groups they are of."""
        price = 0.0 if self.l0_lambda is None else _at(self.l0_lambda, epoch)
        cost = price * gates.penalty()
        if self.groups is None:
            return cost
        groups = jnp.asarray(self.groups.of_unit)
        shut = gates.shut_log_probability()[: len(groups)]
        shut = segment_sum(shut, groups, len(groups))
        return cost - self.group_lambda * jnp.sum(jnp.expm1(shut))

    def _within_budget(
        self,
        goals: Goals,
        gates: HardConcrete,
        base: Float[Array, " unit"],
        epoch: Int[Array, ""],
    ) -> HardConcrete:
        """The gates shifted together so that their expected count does not exceed the epoch's."""
        if self.budget is None:
            return gates
        descent = max(1, math.ceil(_DESCENT * self.epochs))
        path = geometric_schedule(n_records(goals), self.budget, descent)
        location = jnp.clip(gates.log_alpha, -_LOGIT_RANGE, _LOGIT_RANGE)
        shift = _shift_to_count(gates.with_location(location), base > 0, path(epoch + 1))
        return gates.with_location(location - shift)


def _shift_to_count(
    gates: HardConcrete, counted: Array, count: Float[Array, ""]
) -> Float[Array, ""]:
    """The least shift of all log alpha, at least 0, at which no more than `count` are expected.

    Newton's method on the expected count, kept inside the bracket that it narrows. An epoch moves
    the shift little, so a few rounds find it.
    """

    def narrow(_, state):
        shift, low, high = state
        shifted = gates.with_location(gates.log_alpha - shift)
        open_ = jnp.where(counted, shifted.open_probability(), 0.0)
        excess = (jnp.sum(open_) - count).astype(shift.dtype)
        low, high = jnp.where(excess > 0, shift, low), jnp.where(excess > 0, high, shift)
        slope = jnp.sum(open_ * (1 - open_))
        step = shift + excess / jnp.maximum(slope, jnp.finfo(slope.dtype).tiny)
        inside = (step > low) & (step < high)
        return jnp.where(inside, step, (low + high) / 2), low, high

    zero = jnp.zeros((), gates.log_alpha.dtype)
    bracket = (zero, zero, zero + 3 * _LOGIT_RANGE)
    shift = jax.lax.fori_loop(0, _ROUNDS, narrow, bracket)[0]
    everyone = jnp.sum(jnp.where(counted, gates.open_probability(), 0.0))
    return jnp.where(everyone > count, shift, zero)
