"""A calibration problem: an estimate matrix, the totals it should meet, and what was set aside."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ...core._arguments import as_instance, as_number, shown
from ...core._arrays import as_array, as_labels, as_numbers, as_numbers_of_either, items_of
from ...core._formerly import former_names
from ...core._one_line import listed, one_line
from ...core._validate import BadInputError, UnknownNameError, unknown
from ...core.files._modules import StoredFields
from .._diagnostics import relative_error
from ..operators._accumulate import target_dtype
from ..operators._dense import DenseOperator
from ..operators._operator import Operator
from ..operators._sharded import ShardedOperator
from ..operators._sparse import SparseOperator
from . import _labels, _screen, _twins
from ._columns import TargetColumns, read_columns
from ._screen import Refusal
from ._sums import Adjustment

# Host arrays stay numpy float64 until compiled code takes them in the dtype of the day.
TargetVector: TypeAlias = Float[Array, " target"] | Float[np.ndarray, " target"]


def as_operator(matrix: Any) -> Operator:
    """An operator as it is, a scipy matrix or BCOO as a `SparseOperator`, anything else dense."""
    if isinstance(matrix, Operator):
        return matrix
    if hasattr(matrix, "tocsr") or hasattr(matrix, "indices"):
        return SparseOperator(matrix)
    return DenseOperator(matrix.to_numpy() if hasattr(matrix, "to_numpy") else matrix)


@former_names(weights="importance")
class TargetProblem(eqx.Module, StoredFields):
    r"""Targets :math:`y` that weights :math:`w` should meet: :math:`A w \approx y`.

    Building one is the host edge: broken input raises, and a target that no weights can meet, or
    that repeats another, is moved to `refused` with its reason. What is left is a plain pytree
    for compiled code; `with_values` and `with_operator` rebuild it there without a check.

    Args:
        operator: the estimate matrix of shape (target, unit): an `Operator`, an array, a scipy
            sparse matrix, a BCOO, or a DataFrame.
        values: the targets, finite, in their own units. A Series, here and below, is matched by
            its labels with the rows of a DataFrame or with `names`.
        names: one a target, all different; the labels of the DataFrame or the Series, or
            `target_0`, `target_1`, ... unless given.
        scale: what an error of 1 means for each target, positive, in its unit;
            :math:`|y|` unless given, and for a target of 0 what its row can move at the weights
            that the other targets suggest.
        groups: a label a target, for reports and holdouts.
        importance: of each target in the loss, at least 0; 1 unless given. A target of importance
            0 is reported and not fitted.
        levels: a label a target, such as district, state or nation, for reports.
        sources: where each target was published, for reports.
        tolerance: the error, in units of the scale, within which each target counts as met; 1 %
            unless given. It is for reports: no method stops at it.
        refused: targets set aside before, carried along.
        adjusted: targets whose value was changed before, carried along.
        units: labels of the matrix's columns, by which Series of weights are matched; those of the
            DataFrame, if it is one, unless given.

    Raises:
        BadInputError: NaN or infinite values or contributions, lengths that disagree, a scale that
            is not positive, a negative importance or tolerance, a name used twice, labels that do
            not match.

    >>> problem = TargetProblem(
    ...     [[1.0, 1.0], [0.0, 5.0], [0.0, 0.0]], [10.0, 20.0, 3.0], names=["all", "rent", "none"])
    >>> problem.names, problem.refused
    (('all', 'rent'), (Refusal(name='none', value=3.0, reason='no unit contributes to it'),))
    """

    _format: ClassVar = ("pejax-problem", 2)

    operator: Operator
    values: TargetVector
    scale: TargetVector
    importance: TargetVector
    tolerance: TargetVector
    names: tuple[str, ...] = eqx.field(static=True)
    groups: tuple[str, ...] | None = eqx.field(static=True)
    levels: tuple[str, ...] | None = eqx.field(static=True)
    sources: tuple[str, ...] | None = eqx.field(static=True)
    refused: tuple[Refusal, ...] = eqx.field(static=True)
    adjusted: tuple[Adjustment, ...] = eqx.field(static=True)
    units: _labels.Labels | None = eqx.field(static=True)

    def __init__(
        self,
        operator: Any,
        values: Any,
        *,
        names: Sequence[str] | None = None,
        scale: Any = None,
        groups: Sequence[str] | None = None,
        importance: Any = None,
        levels: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        tolerance: Any = None,
        refused: Sequence[Refusal] = (),
        adjusted: Sequence[Adjustment] = (),
        units: Any = None,
    ):
        of_rows, of_units = _labels.index_of(operator), _labels.columns_of(operator)
        operator = as_operator(operator)
        given = {"values": values, "scale": scale, "importance": importance, "tolerance": tolerance}
        given |= {"groups": groups, "levels": levels, "sources": sources}
        columns, extent = read_columns(operator, of_rows, names, given)
        aside, decided = _set_aside(operator, columns, extent)
        kept = np.setdiff1d(np.arange(operator.shape[0]), list(aside))
        _screen.check_any_left(kept, aside)
        left = columns._replace(importance=decided).take(kept)
        _screen.check_importance(left.importance, left.names)
        _screen.check_tolerance(left.tolerance, left.names)
        self.operator = operator.take(targets=kept) if aside else operator
        self.names, self.values, self.scale = left.names, left.values, left.scale
        self.importance, self.tolerance = left.importance, left.tolerance
        self.groups, self.levels, self.sources = left.labels
        of_units = of_units if units is None else _labels.units_of(units, self.operator.shape[1])
        self.units = None if of_units is None else _labels.Labels(of_units)
        self.refused = (
            *_all_of(refused, Refusal, "refused"),
            *(aside[row] for row in sorted(aside)),
        )
        self.adjusted = tuple(_all_of(adjusted, Adjustment, "adjusted"))

    @property
    def unanswered(self) -> tuple[Refusal, ...]:
        """Those set aside that nothing answers for: no repeats, and none that the caller let go."""
        return tuple(one for one in self.refused if not isinstance(one, _screen.Waived))

    @one_line
    def __repr__(self) -> str:
        refused = f", {len(self.refused):,} refused" if self.refused else ""
        return f"{listed(self.names)}{refused}; {self.operator!r}"

    @property
    def n_targets(self) -> int:
        """The number of targets left."""
        return self.operator.shape[0]

    @property
    def n_units(self) -> int:
        """The number of units the weights are for."""
        return self.operator.shape[1]

    def with_values(self, values: Float[Array, " target"]) -> "TargetProblem":
        """The same problem with other targets and the same scale; traceable.

        Raises:
            BadInputError: another number of values, or what are no numbers. Unlike at the door, a
                value that is missing or infinite, or that no weights can meet, is taken.
        """
        ordered = _labels.in_order("values", values, (self.names,), "the problem")
        given = as_numbers_of_either(ordered, "values")
        if given.shape[-1:] != (self.n_targets,):
            raise BadInputError(
                f"values has shape {given.shape}, and there are {self.n_targets} targets. Give one"
                " a target."
            )
        return eqx.tree_at(lambda problem: problem.values, self, given)

    def with_operator(self, operator: Operator) -> "TargetProblem":
        """The same targets with another matrix of the same shape; traceable, unchecked."""
        as_instance(operator, Operator, "operator", "Give a DenseOperator(matrix), or another.")
        return eqx.tree_at(lambda problem: problem.operator, self, operator)

    def shard(self, mesh: jax.sharding.Mesh, axis: str | None = None) -> "TargetProblem":
        """The same problem with its units spread over a mesh's devices; see `ShardedOperator`."""
        return self.with_operator(ShardedOperator(self.operator, mesh, axis))

    def index(self, name: str) -> int:
        """The row of a target.

        Raises:
            UnknownNameError: no target has that name; the nearest names are suggested, and the
                reason is given when the target was set aside.
        """
        if isinstance(name, str) and name in self.names:
            return self.names.index(name)
        reasons = {refusal.name: refusal.reason for refusal in self.refused}
        if isinstance(name, str) and name in reasons:
            raise UnknownNameError(
                f"Target {name!r} was set aside: {reasons[name]}. Use one of problem.names."
            )
        raise unknown("target", name, self.names)

    def hold_out(self, names: Sequence[str]) -> "TargetProblem":
        """The same problem with some targets reported and not fitted (importance 0).

        A target that was set aside for one of them stays aside. Give an `importance` of 0 when the
        problem is made, and it is not.
        """
        if isinstance(names, str):
            raise BadInputError(f"names is {names!r}, one text. Give a list of names: [{names!r}].")
        importance = np.array(self.importance, float)
        rows = {name: row for row, name in enumerate(self.names)}
        held_out = as_labels(names, "names")
        importance[[rows[name] if name in rows else self.index(name) for name in held_out]] = 0.0
        _screen.check_importance(importance, self.names)
        return eqx.tree_at(lambda problem: problem.importance, self, importance)

    def balanced(self, by: Literal["groups", "levels"] = "groups") -> "TargetProblem":
        """The same problem with as much importance for each group, or level, as for any other.

        Within one, importance stays in proportion; the sum of all stays what it was. A group none
        of whose targets is fitted stays so.

        Raises:
            BadInputError: a problem without such labels, or another word for them.
        """
        if not isinstance(by, str) or by not in ("groups", "levels"):
            raise BadInputError(f"by is {shown(by)}; choose 'groups' or 'levels'.")
        labels = self.groups if by == "groups" else self.levels
        if labels is None:
            raise BadInputError(f"The problem has no {by}. Give {by}= when it is made.")
        importance = np.asarray(self.importance, float)
        _, place = np.unique(labels, return_inverse=True)
        held = np.bincount(place, importance)
        share = importance.sum() / np.count_nonzero(held)
        factor = np.divide(share, held, out=np.zeros_like(held), where=held > 0)
        return eqx.tree_at(lambda problem: problem.importance, self, importance * factor[place])

    def downweighted(self, weights: Float[Array, " unit"], delta: float = 0.02) -> "TargetProblem":
        r"""The same problem with less importance for targets that these weights miss by far.

        Importance is multiplied by Huber's weight :math:`\min(1, \delta / |e_t|)` of each target's
        error. Public figures that contradict the rest then pull on it with bounded strength: solved
        again, and again from the first problem at the weights of the last solution, it ends at the
        weights that minimise Huber's loss in the place of squares (with the ridge a share of the
        importance that is left). One or two rounds are most of it.

        Args:
            weights: one a unit, such as those of a solution of this problem.
            delta: the error, in units of the scale, up to which a target keeps its importance.

        Raises:
            BadInputError: weights of another number, or not finite; `delta` not above 0.

        >>> problem = TargetProblem([[1.0, 0.0], [0.0, 1.0]], [10.0, 10.0])
        >>> problem.downweighted(jnp.array([10.1, 14.0])).importance.round(6).tolist()
        [1.0, 0.05]

        References:
            Holland and Welsch (1977), "Robust regression using iteratively reweighted
            least-squares", Communications in Statistics A6(9).
        """
        bound = as_number("delta")(delta)
        if not bound > 0:
            raise BadInputError(f"delta is {delta}; give a relative error above 0.")
        weights = self.by_unit("weights", weights)
        _screen.check_weights(as_numbers(weights, "weights"), self.n_units)
        size = np.abs(np.asarray(self.errors(weights), float))
        kept = np.divide(bound, size, out=np.ones_like(size), where=size > bound)
        importance = np.asarray(self.importance, float) * kept
        return eqx.tree_at(lambda problem: problem.importance, self, importance)

    def by_unit(self, what: str, given: Any) -> Any:
        """A column of units in the order of the matrix, by the labels of both if they have them.

        Args:
            what: the column's name, for the message.
            given: a Series, or anything else, which is handed back as it is.

        Raises:
            BadInputError: labels that are not those of the matrix's columns.
        """
        known = None if self.units is None else self.units.index
        return _labels.in_order(what, given, (known,), "the estimate matrix")

    def estimates(self, weights: ArrayLike) -> Float[Array, " target"]:
        r"""The estimates :math:`A w`."""
        given = as_array(self.by_unit("weights", weights), "weights")
        _screen.check_shape(given, self.n_units)
        return self.operator.mv(given)

    def errors(self, weights: ArrayLike) -> Float[Array, " target"]:
        r"""The signed errors of the estimates in units of the scale, :math:`(A w - y)/s`."""
        values = jnp.asarray(self.values, target_dtype())
        scale = jnp.asarray(self.scale, target_dtype())
        return relative_error(self.estimates(weights), values, scale)


def _all_of(given: Any, kind: type, name: str) -> list[Any]:
    """The entries of a list, all of a class."""
    fix = f"Give a list of {kind.__name__}."
    entries = items_of(given, f"{name} is {shown(given)}. {fix}")
    return [as_instance(one, kind, f"{name}[{k}]", fix) for k, one in enumerate(entries)]


def _set_aside(
    operator: Operator, columns: TargetColumns, extent: _screen.Extent
) -> tuple[dict[int, Refusal], Float[np.ndarray, " target"]]:
    """Rows that no weights can meet, or that repeat another; the importance of all with theirs."""
    aside = _screen.unreachable(extent, columns.values, columns.names, columns.importance)
    # A target that is not fitted takes the place of none, and none takes its.
    skip = np.isin(np.arange(len(columns.names)), list(aside)) | (columns.importance == 0)
    asked = _twins.Asked(columns.values, columns.scale, columns.importance, columns.names)
    merged = _twins.merged_twins(_twins.clusters(operator, skip), asked)
    return aside | merged.aside, merged.importance


class Goals(NamedTuple):
    """What compiled code needs of a problem: no names, so that a renamed one is not recompiled.

    >>> goals_of(TargetProblem([[1.0, 1.0]], [4.0])).values.tolist()
    [4.0]
    """

    operator: Operator
    values: Float[Array, " target"]
    scale: Float[Array, " target"]
    importance: Float[Array, " target"]


def goals_of(problem: TargetProblem) -> Goals:
    """The numbers of a problem in the target dtype; traceable."""
    dtype = target_dtype()
    columns = (problem.values, problem.scale, problem.importance)
    return Goals(problem.operator, *(_as(x, dtype) for x in columns))


def _as(x: Any, dtype: jnp.dtype) -> Any:
    """An array of JAX stays one; others wait on the host for the program that takes them."""
    return x.astype(dtype) if isinstance(x, jax.Array) else np.asarray(x, dtype)
