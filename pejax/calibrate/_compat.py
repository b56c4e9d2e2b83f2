"""The constructors and methods of two other packages, so that programs written for them run here.

Names and defaults are theirs. Where a formula of theirs has a known slip (a `+1` that makes the
loss of an exact fit positive), the formula is this library's.
"""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ..core._arguments import as_instance, as_number, as_seed, as_switch, as_whole, shown
from ..core._arrays import as_column, as_labels, as_numbers, keys_of
from ..core._types import Key
from ..core._validate import BadInputError, UnknownNameError, unknown
from ..gates import HardConcrete
from ._calibrate import calibrate
from ._loop import advanced
from ._method import optional
from ._solution import Solution
from .gradient._adam import Adam
from .gradient._l0 import L0, L0State
from .gradient._train import rounded
from .operators._operator import Operator
from .problem._labels import columns_of, in_order, index_of
from .problem._problem import TargetProblem, as_operator, goals_of
from .problem._screen import check_lengths, check_weights

if TYPE_CHECKING:
    import pandas as pd


class Calibration:
    """microcalibrate's constructor and methods over `Adam` and `L0`.

    The matrix is (unit, target), a DataFrame with the names of the targets as columns or an array.
    `calibrate()` sets `weights`, and `sparse_weights` with `regularize_with_l0=True`: records are
    chosen by gates at the price `l0_lambda` and reweighted on the support.

    Args:
        weights: base weights. A Series is matched with the DataFrame by its labels.
        targets: totals to meet; a Series as the weights are.
        target_names: one a target; the DataFrame's columns unless given.
        estimate_matrix: what each unit contributes to each target.
        epochs, learning_rate, dropout_rate: of the optimiser.
        noise_level: largest amount of uniform noise added to the base weights at the start.
        normalization_factor: the importance of each target in the loss.
        excluded_targets: names of targets that are reported and not fitted.
        regularize_with_l0: also choose records; twice the epochs, at `sparse_learning_rate`.
        l0_lambda, init_mean, temperature, sparse_learning_rate: of the gates.
        seed: of the noise, the dropout and the gates.

    >>> import pandas as pd
    >>> matrix = pd.DataFrame({"people": [1.0, 2.0], "rent": [0.0, 9.0]})
    >>> calibration = Calibration(np.array([5.0, 5.0]), np.array([16.0, 45.0]), noise_level=0.0,
    ...                           estimate_matrix=matrix, epochs=400, learning_rate=0.1)
    >>> _ = calibration.calibrate()
    >>> calibration.weights.round(1)
    array([6., 5.])
    """

    def __init__(
        self,
        weights: np.ndarray,
        targets: np.ndarray,
        target_names: Sequence[str] | None = None,
        estimate_matrix: "pd.DataFrame | np.ndarray | None" = None,
        *,
        epochs: int = 32,
        noise_level: float = 10.0,
        learning_rate: float = 1e-3,
        dropout_rate: float = 0.0,
        normalization_factor: np.ndarray | None = None,
        excluded_targets: Sequence[str] | None = None,
        l0_lambda: float = 5e-6,
        init_mean: float = 0.999,
        temperature: float = 0.5,
        sparse_learning_rate: float = 0.2,
        regularize_with_l0: bool = False,
        seed: int = 42,
    ):
        if estimate_matrix is None:
            raise BadInputError("Pass estimate_matrix=, what each unit contributes to each target.")
        if isinstance(excluded_targets, str):
            raise BadInputError(
                f"excluded_targets is one text. Give a list: [{excluded_targets!r}]."
            )
        seed = as_seed("seed")(seed)
        noise_level = _not_negative("noise_level", noise_level)
        learning_rate = as_number("learning_rate")(learning_rate)
        self._noise_level, self._key = noise_level, jax.random.key(seed)
        self._method = Adam(
            epochs=epochs, optimizer=optax.adam(learning_rate), ridge=0.0, dropout=dropout_rate
        )
        self._sparse_method = None
        if as_switch("regularize_with_l0")(regularize_with_l0):
            rate = as_number("sparse_learning_rate")(sparse_learning_rate)
            self._sparse_method = L0(
                l0_lambda=l0_lambda,
                epochs=2 * epochs,
                optimizer=optax.adam(rate),
                init_mean=init_mean,
                temperature=temperature,
            )
        columns = getattr(estimate_matrix, "columns", None)
        names = columns if target_names is None else target_names
        names = None if names is None else as_labels(names, "target_names")
        labelled = index_of(estimate_matrix) is not None
        matrix = estimate_matrix.T if labelled else as_numbers(estimate_matrix, "estimate_matrix").T
        if matrix.ndim != 2:
            raise BadInputError(
                f"estimate_matrix has {matrix.ndim} dimension(s); give a matrix (unit, target)."
            )
        known = (columns, names)
        importance = _excluded(excluded_targets, names, len(matrix))
        if normalization_factor is not None:
            given = in_order("normalization_factor", normalization_factor, known, "estimate_matrix")
            factor = as_column(given, "normalization_factor", "target")
            check_lengths(len(matrix), normalization_factor=factor, target_names=names)
            importance = importance * factor
        # What is excluded is so from the beginning: it must not stand for another.
        self.problem = TargetProblem(
            matrix,
            in_order("targets", targets, known, "estimate_matrix"),
            names=names,
            importance=importance,
        )
        self.weights = as_column(self.problem.by_unit("weights", weights), "weights", "unit")
        check_weights(self.weights, self.problem.n_units)
        self.sparse_weights: np.ndarray | None = None
        self.solution: Solution | None = None
        self.performance_df: pd.DataFrame | None = None

    def calibrate(self) -> "pd.DataFrame":
        """Fit the weights; the errors by target at the first and the last epoch."""
        base, noise_key = self.weights, jax.random.fold_in(self._key, 0)
        noise = self._noise_level * np.asarray(jax.random.uniform(noise_key, base.shape))
        self.solution = calibrate(self.problem, base + noise, self._method, key=self._key)
        self.weights = np.asarray(self.solution.check().weights, float)
        if self._sparse_method is not None:
            sparse = calibrate(self.problem, base, self._sparse_method, key=self._key).check()
            self.sparse_weights = np.asarray(sparse.weights, float)
        self.performance_df = _performance(self.solution)
        return self.performance_df

    def estimate(self, weights: np.ndarray | None = None) -> "pd.Series":
        """The totals under the weights."""
        import pandas as pd

        used: Any = self.weights if weights is None else weights
        totals = np.asarray(self.problem.estimates(used), float)
        return pd.Series(totals, index=list(self.problem.names))

    def summary(self) -> "pd.DataFrame":
        """Official target, final estimate and relative error by target."""
        if self.solution is None:
            raise BadInputError("Nothing has been calibrated yet. Call calibrate() first.")
        table = self.solution.report().targets
        value, estimate = table["target"], table["estimate"]
        shown = {
            "Metric": table["name"],
            "Official target": value,
            "Final estimate": estimate,
            # In units of the scale where the target is 0 and nothing can be divided by it.
            "Relative error": table["error"] * np.where(value < 0, -1.0, 1.0),
        }
        return type(table)(shown)


class SparseCalibrationWeights:
    """l0-python's calibration weights: gates times log-weights, fitted to a (target, unit) matrix.

    The loss is theirs: squared errors summed over targets, relative to |target| + 1 (where theirs
    divides by target + 1, which a target of -1 makes 0) or plain, plus `lambda_l0` times the
    expected number of records and `lambda_l2` times the squared weights. The weights are gated,
    evaluated with the temperature inside the gate, and not refitted; `L0` with a budget or a refit
    gives better ones.

    Args:
        n_features: number of units.
        beta, gamma, zeta: temperature and stretch of the gates.
        init_keep_prob, log_alpha_jitter_sd: where the gates start.
        init_weights: where the weights start, one number or one a unit; 1 unless given. Columns of
            a DataFrame are matched with a Series, and later ones with the first, by their labels.
        log_weight_jitter_sd: standard deviation of noise on the log-weights before each `fit`.
        seed: of the jitter and the gates; another one each time unless given.

    >>> gates = SparseCalibrationWeights(4, init_weights=2.0, seed=0)
    >>> gates.get_weights().shape
    (4,)
    """

    def __init__(
        self,
        n_features: int,
        beta: float = 2 / 3,
        gamma: float = -0.1,
        zeta: float = 1.1,
        *,
        init_keep_prob: float | np.ndarray = 0.5,
        init_weights: float | np.ndarray | None = None,
        log_weight_jitter_sd: float = 0.0,
        log_alpha_jitter_sd: float = 0.01,
        seed: int | None = None,
    ):
        start = 1.0 if init_weights is None else init_weights
        n_features = self.n_features = as_whole("n_features")(n_features)
        seed = optional(as_seed("seed"))(seed)
        self._jitter = _not_negative("log_weight_jitter_sd", log_weight_jitter_sd)
        self._key = jax.random.key(secrets.randbits(32) if seed is None else seed)
        self._drawn = 0
        given = [index_of(column) for column in (start, init_keep_prob)]
        self._units = next((index for index in given if index is not None), None)
        init_keep_prob = in_order("init_keep_prob", init_keep_prob, (self._units,), "init_weights")
        self._start = _start_of(start, n_features)
        with jax.enable_x64(True):
            gates = HardConcrete(
                n_features,
                init_keep_prob,
                beta,
                stretch=(gamma, zeta),
                evaluation="tempered",
                jitter=log_alpha_jitter_sd,
                key=jax.random.fold_in(self._key, 1),
            )
            self._theta, self._gates = jnp.zeros(n_features), gates

    def fit(
        self,
        M: Any,
        y: np.ndarray,
        *,
        lambda_l0: float = 0.01,
        lambda_l2: float = 0.0,
        lr: float = 0.01,
        epochs: int = 1000,
        loss_type: str = "mse",
        target_groups: np.ndarray | None = None,
        normalize_groups: bool = True,
        group_multipliers: dict[int, float] | None = None,
    ) -> "SparseCalibrationWeights":
        """Train from where the weights and gates are, and return this object."""
        if not isinstance(loss_type, str) or loss_type not in ("mse", "relative"):
            raise BadInputError(f"loss_type is {shown(loss_type)}; choose 'mse' or 'relative'.")
        lambda_l0, lambda_l2 = as_number("lambda_l0")(lambda_l0), as_number("lambda_l2")(lambda_l2)
        rate, epochs = as_number("lr")(lr), as_whole("epochs")(epochs)
        rows = (index_of(M),)
        y = as_column(in_order("y", y, rows, "M"), "y", "target")
        target_groups = in_order("target_groups", target_groups, rows, "M")
        normalize = as_switch("normalize_groups")(normalize_groups)
        importance = _group_weights(len(y), target_groups, normalize, group_multipliers)
        scale = np.abs(y) + 1 if loss_type == "relative" else np.ones_like(y)
        M = self._in_units(M)
        with jax.enable_x64(True):
            problem = TargetProblem(M, y, scale=scale, importance=importance)
            _check_features(problem.operator, self.n_features)
            # This library's loss is the mean where theirs is the sum: prices shrink alike.
            share = 1 / np.sum(problem.importance)
            method = L0(
                l0_lambda=lambda_l0 * share,
                l2=lambda_l2 * share * np.sum(self._start**2),
                epochs=epochs,
                optimizer=optax.adam(rate),
                refit=False,
            )
            key = self._next_key()
            noise = jax.random.normal(jax.random.fold_in(key, 2), self._theta.shape)
            started = self._theta + self._jitter * noise, self._gates, jnp.asarray(self._start)
            # In the matrix's own dtype: float32 moves half the bytes.
            dtype = problem.operator.dtype
            theta, gates, base = jax.tree.map(lambda x: x.astype(dtype), started)
            base = rounded(base)
            extra = len(base) - self.n_features
            theta, location = (jnp.pad(x, (0, extra)) for x in (theta, gates.log_alpha))
            optimiser = method.optimiser(self.n_features).init((theta, location))
            begun = L0State(theta, _located(gates, location), optimiser)
            last = advanced(method, goals_of(problem), method.descent(base, key, begun))
            theta, gates, _ = last.trained
            own = gates.log_alpha[: self.n_features]
            self._theta, self._gates = theta[: self.n_features], _located(gates, own)
        return self

    def get_weights(self, deterministic: bool = False) -> Float[np.ndarray, " unit"]:
        """The gated weights, with evaluated gates or with a draw of them: another each time."""
        deterministic = as_switch("deterministic")(deterministic)
        with jax.enable_x64(True):
            drawn = None if deterministic else self._gates.sample(key=self._next_key())
            gates = self._gates.mode() if drawn is None else drawn
            return np.asarray(self._start * np.exp(np.asarray(self._theta)) * np.asarray(gates))

    def _in_units(self, M: Any) -> Any:
        """A matrix with its columns in the order of the units, by the labels of both."""
        columns = columns_of(M)
        if columns is None:
            return M
        if self._units is None:
            self._units = columns
        import pandas as pd

        places = pd.Series(np.arange(len(columns)), index=columns)
        return M.iloc[:, np.asarray(in_order("M", places, (self._units,), "the units"))]

    def _next_key(self) -> Key:
        """A key that no draw has had; the same ones in turn for the same seed."""
        self._drawn += 1
        return jax.random.fold_in(self._key, self._drawn)

    def get_active_weights(self) -> dict[str, Int[np.ndarray, " kept"] | np.ndarray | int]:
        """Where the weights are not zero, what they are, and how many."""
        weights = self.get_weights(deterministic=True)
        indices = np.flatnonzero(weights)
        return {"indices": indices, "values": weights[indices], "count": len(indices)}

    def get_sparsity(self) -> float:
        """The share of units without weight."""
        return float(np.mean(self.get_weights(deterministic=True) == 0))

    def predict(self, M: Any) -> Float[Array, " target"]:
        """The totals under the evaluated weights."""
        operator = as_operator(self._in_units(M))
        _check_features(operator, self.n_features)
        return operator.mv(jnp.asarray(self.get_weights(deterministic=True)))


def _located(gates: HardConcrete, location: Float[Array, " item"]) -> HardConcrete:
    """Gates of the same shape at other locations, of any number: those of units that pad come and
    go."""
    return eqx.tree_at(lambda held: held.log_alpha, gates, location)


def _check_features(operator: Operator, n_features: int) -> None:
    """The matrix has a column for each unit."""
    if operator.shape[1] != n_features:
        raise BadInputError(
            f"M has {operator.shape[1]} columns, and n_features is {n_features}. Give a matrix "
            "(target, unit) with a column for each unit."
        )


def _excluded(
    excluded: Sequence[str] | None, names: Sequence[str] | None, n_targets: int
) -> Float[np.ndarray, " target"]:
    """An importance of 0 for targets that are excluded and of 1 for the others.

    Raises:
        UnknownNameError: a name that no target has; one that no unit supports is known.
    """
    known = [f"target_{row}" for row in range(n_targets)] if names is None else list(names)
    apart = set() if excluded is None else set(as_labels(excluded, "excluded_targets"))
    for name in apart - set(known):
        raise unknown("target", name, known)
    return np.array([0.0 if name in apart else 1.0 for name in known])


def _group_weights(
    n_targets: int,
    groups: np.ndarray | None,
    normalize: bool,
    multipliers: dict[int, float] | None,
) -> Float[np.ndarray, " target"]:
    """The importance of each target: one over its group's size, times the group's multiplier."""
    if groups is None:
        if multipliers is not None:
            raise BadInputError("group_multipliers were given without target_groups. Pass both.")
        return np.ones(n_targets)
    refusal = f"target_groups is {shown(groups)}. Give one group a target."
    given = keys_of(groups, "target_groups", refusal)
    check_lengths(n_targets, target_groups=given)
    sizes = Counter(given)
    weights = {label: 1 / size if normalize else 1.0 for label, size in sizes.items()}
    if multipliers is not None:
        as_instance(multipliers, Mapping, "group_multipliers", "Give group to factor.")
    for label, factor in (multipliers or {}).items():
        if label not in sizes:
            raise UnknownNameError(f"No target is of group {label}. Use one of {list(sizes)}.")
        weights[label] *= _not_negative(f"group_multipliers[{label!r}]", factor)
    return np.array([weights[label] for label in given])


def _not_negative(name: str, value: Any) -> float:
    found = as_number(name)(value)
    if found < 0:
        raise BadInputError(f"{name} is {found}; give a number of at least 0.")
    return found


def _start_of(given: Any, n_features: int) -> Float[np.ndarray, " unit"]:
    """Where weights start: one for all, or one a unit."""
    found = as_numbers(given, "init_weights").astype(float)
    if found.ndim and found.shape != (n_features,):
        raise BadInputError(
            f"init_weights has shape {found.shape} for {n_features} units; give one number, or one"
            " a unit."
        )
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if bad.size:
        raise BadInputError(
            f"init_weights[{bad[0]}] is {found.ravel()[bad[0]]}; give numbers of at least 0."
        )
    return np.broadcast_to(found, (max(n_features, 0),))


def _performance(solution: Solution) -> "pd.DataFrame":
    """microcalibrate's table of errors, at the first and the last epoch."""
    import pandas as pd

    table, losses = solution.report().targets, solution.loss_history
    parts = []
    for epoch, column in ((0, "base_estimate"), (-1, "estimate")):
        error = table[column] - table["target"]
        part = {
            "epoch": epoch % max(solution.steps, 1),
            "loss": np.nan if losses is None else losses[epoch],
            "target_name": table["name"],
            "target": table["target"],
            "estimate": table[column],
            "error": error,
            "abs_error": error.abs(),
            "rel_abs_error": table[column.replace("estimate", "error")].abs(),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
