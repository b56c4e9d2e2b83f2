"""The law's numbers as a program takes them: one vector, addressed by the country's own paths.

A pytree with a single array leaf. `jax.grad` with respect to it gives the same structure, whose
entries are derivatives; a reform is an edit that compiles nothing; `jax.vmap` runs over a stack
of them.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import shown
from ..core._digest import digest
from ..core._one_line import counted, listed, one_line
from ..core._transforms import is_traced
from ..core._validate import BadInputError, unknown
from ._unread import StructuralReformError, Unread, warn_that_nothing_changes
from .rules._calendar import law_days
from .rules._reform import Edit, read_reform

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class LeafInfo:
    """One entry of the vector: the law's value from `start` to `stop`, both days included.

    `era` is empty for values in force within the program's period. Those of another year are
    `"before"` or `"after"`; `"pinned"` ones a formula took from other rules, at a date at which
    the law has them.
    """

    path: str
    start: str
    stop: str
    era: str
    value: float
    label: str = ""
    unit: str = ""
    reference: str = ""

    @property
    def key(self) -> str:
        return f"{self.path}@{self.start}{'|' + self.era if self.era else ''}"


class ParameterIndex:
    """What each entry of the vector is; hashes by content.

    Args:
        static: values that decided the shape of the program.
        period: its first and last day.
        unread: what is known of the rest of the law.
    """

    def __init__(
        self,
        leaves: tuple[LeafInfo, ...],
        static: Mapping[str, Any],
        period: tuple[str, str],
        unread: Unread | None = None,
    ) -> None:
        self.leaves = leaves
        self.static = dict(static)
        self.period = period
        self.unread = Unread() if unread is None else unread
        content = [(leaf.path, leaf.start, leaf.stop, leaf.era) for leaf in leaves]
        self.digest = digest(json.dumps(content))

    @one_line
    def __repr__(self) -> str:
        return f"{counted(len(self.leaves), 'number')}, {self.period[0]} to {self.period[1]}"

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParameterIndex) and other.digest == self.digest

    @functools.cached_property
    def places(self) -> dict[str, tuple[int, ...]]:
        """Entries of each path within the period, in order of date."""
        within = {
            path: tuple(i for i in at if not self.leaves[i].era) for path, at in self.every.items()
        }
        return {path: at for path, at in within.items() if at}

    @functools.cached_property
    def every(self) -> dict[str, tuple[int, ...]]:
        """Entries of each path, those of other years included, in order of date."""
        found: dict[str, list[int]] = {}
        for i in sorted(range(len(self.leaves)), key=lambda i: self.leaves[i].start):
            found.setdefault(self.leaves[i].path, []).append(i)
        return {path: tuple(at) for path, at in found.items()}

    @functools.cached_property
    def position(self) -> dict[str, int]:
        """Entry of each parameter node's name."""
        return {leaf.key: i for i, leaf in enumerate(self.leaves)}


class Parameters(eqx.Module):
    """The numbers of a law, or their derivatives.

    `params[path]` is a scalar where the value is constant over the period, else one value for each
    of its dated intervals in the period. Values that the law reads for another year (last year's,
    say) are separate entries, which a reform moves if its dates cover them.

    >>> from pejax.testing import toy_program
    >>> params = toy_program().parameters
    >>> float(params.with_reform({"tax.rate": 0.25})["tax.rate"])
    0.25
    """

    values: Float[Array, "*reform leaf"]
    index: ParameterIndex = eqx.field(static=True)

    @one_line
    def __repr__(self) -> str:
        stack = self.values.shape[:-1]
        many = f"{stack[0]:,} stacked, " if stack else ""
        return f"{many}{counted(len(self.index.leaves), 'number')}: {listed(self.paths())}"

    def paths(self) -> list[str]:
        """Every path that the program reads within its period."""
        return list(self.index.places)

    def __getitem__(self, path: str) -> Float[Array, "..."]:
        at = self.index.places.get(path) if isinstance(path, str) else None
        if at is None:
            raise self._refusal(path)
        return self.values[..., at[0]] if len(at) == 1 else self.values[..., jnp.array(at)]

    def __contains__(self, path: str) -> bool:
        return isinstance(path, str) and path in self.index.places

    def with_reform(self, reform: Mapping[str, Any]) -> Parameters:
        """The law with some numbers changed, for every year that the program reads.

        Args:
            reform: PolicyEngine's own form: path to a number, or to `{dates: number}`. A date, as
                `2025` or `2025-01-01`, is from then on; `2025-01-01.2025-12-31` and `year:2025:1`
                end. A bare number holds from 2000 to 2099.

        Raises:
            UnknownNameError: a path that the law does not have, with the nearest ones.
            BadInputError: a parameter that the program does not read, a value that is no number.
            StructuralReformError: one of those, for what needs another compile: booleans, texts,
                lists, whatever switches a structural reform on, dates that split an interval.

        Warns:
            ReformWarning: the dates of a path miss all of its entries.
        """
        values = jnp.asarray(self.values)
        for path, edits in read_reform(reform).items():
            at = self._entries(path)
            moved = False
            for edit in edits:
                chosen = [i for i in at if self._covers(path, i, edit)]
                number = _number(path, edit.value, values)
                if chosen:
                    values, moved = values.at[..., jnp.array(chosen)].set(number), True
            if not moved:
                read = [(self.index.leaves[i].start, self.index.leaves[i].stop) for i in at]
                warn_that_nothing_changes(path, edits, self.index.period, read)
        return Parameters(values, self.index)

    def to_frame(self) -> pd.DataFrame:
        """One row an entry: path, dates, value, unit, label, reference."""
        import pandas as pd

        table = pd.DataFrame([dataclasses.asdict(leaf) for leaf in self.index.leaves])
        return table.assign(value=np.asarray(self.values).tolist())

    def total(self, path: str) -> Float[Array, ""]:
        """A gradient's entry as one number: the sum over the path's intervals."""
        return jnp.sum(jnp.atleast_1d(self[path]), axis=-1)

    def _entries(self, path: str) -> tuple[int, ...]:
        """Where a reform of a path may change something."""
        self.index.unread.fail_if_structural(path, self.index.static)
        if path not in self.index.every:
            raise self._refusal(path)
        return self.index.every[path]

    def _refusal(self, path: str) -> Exception:
        """Why there is no number of a path within the period."""
        if not isinstance(path, str):
            return unknown("parameter", path, self.index.every)
        if path in self.index.every:
            return BadInputError(
                f"{path} is read for other years than the program's alone: see to_frame()"
            )
        try:
            self.index.unread.fail_if_structural(path, self.index.static)
        except StructuralReformError as structural:
            return structural
        return self.index.unread.refusal(path, self.index.every)

    def _covers(self, path: str, place: int, edit: Edit) -> bool:
        """Whether an edit sets an interval; half of one is refused."""
        leaf = self.index.leaves[place]
        if not edit.meets(leaf.start, leaf.stop):
            return False
        if not edit.covers(leaf.start, leaf.stop):
            raise StructuralReformError(
                f"{path}: {edit.dates} covers only part of {leaf.start} to {leaf.stop}, for which "
                "the program has one number. Compile again: "
                "engine.compile(country.with_reform({...}))"
            )
        return True


def as_written(parameters: Parameters) -> dict[str, float]:
    """The numbers by key, those that no reform has changed as the law writes them: 0.062, not the
    nearest number of 32 bits."""
    leaves, held = parameters.index.leaves, np.asarray(parameters.values)
    written = np.array([leaf.value for leaf in leaves], np.float64)
    same = written.astype(held.dtype) == held
    values = np.where(same, written, held.astype(np.float64)).tolist()
    return {leaf.key: value for leaf, value in zip(leaves, values, strict=True)}


def _number(path: str, value: Any, values: Array) -> Array:
    """The new value, a number or an array of one for each stacked reform.

    Raises:
        StructuralReformError: what is no number.
        BadInputError: NaN, and numbers of another count than that of the stacked reforms.
    """
    if not _is_numeric(value):
        raise StructuralReformError(f"{path} is a number in this law; {shown(value)} is not")
    try:
        number = jnp.asarray(value, values.dtype)
    except OverflowError as problem:
        raise BadInputError(
            f"{path}: {shown(value)} is beyond {values.dtype}. inf stands for no limit"
        ) from problem
    stack = values.shape[:-1]
    if number.shape == stack:
        number = number[..., None]  # a number a reform, for each of its intervals
    if number.shape not in ((), (1,), (*stack, 1)):
        raise BadInputError(
            f"{path}: {shown(value)} of shape {number.shape}. Give one number, or one for each of "
            f"the stacked reforms, {stack}"
        )
    if not is_traced(number) and bool(jnp.isnan(number).any()):
        raise BadInputError(f"{path}: a reform to NaN. Give a number; inf stands for no limit")
    return number


def _is_numeric(value: Any) -> bool:
    """Whether a value is a number, or an array of numbers; booleans are none."""
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return jnp.issubdtype(value.dtype, np.integer) or jnp.issubdtype(value.dtype, np.floating)
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def index_of(
    leaves: Mapping[str, Any], static: Mapping[str, Any], period: Any, unread: Unread
) -> ParameterIndex:
    """Describe the leaves that a trace read."""
    described = tuple(
        LeafInfo(
            path=leaf.parameter.path,
            start=leaf.start,
            stop=leaf.stop,
            era=leaf.era,
            value=leaf.value,
            label=leaf.parameter.label,
            unit=leaf.parameter.unit,
            reference=leaf.parameter.reference,
        )
        for leaf in leaves.values()
    )
    return ParameterIndex(described, static, law_days(period), unread)
