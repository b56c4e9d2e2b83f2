"""The law's numbers as a program takes them: one vector, addressed by the country's own paths.

A pytree with a single array leaf. `jax.grad` with respect to it gives the same structure, whose
entries are derivatives; a reform is an edit that compiles nothing; `jax.vmap` runs over a stack
of them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from .._validate import BadInputError, PejaxError, unknown
from .rules._calendar import last_day
from .rules._law import read_reform

if TYPE_CHECKING:
    import pandas as pd


class StructuralReformError(PejaxError):
    """A reform changes the shape of the program: it needs a new compile."""


@dataclasses.dataclass(frozen=True)
class LeafInfo:
    """One entry of the vector: `[start, stop)` is when its value is in force.

    `era` is empty for values in force within the program's period.
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
    """What each entry of the vector is; hashes by content."""

    def __init__(
        self, leaves: tuple[LeafInfo, ...], static: Mapping[str, Any], period: tuple[str, str]
    ) -> None:
        self.leaves = leaves
        self.static = dict(static)
        self.period = period
        content = [(leaf.path, leaf.start, leaf.stop, leaf.era) for leaf in leaves]
        self.digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParameterIndex) and other.digest == self.digest

    @functools.cached_property
    def places(self) -> dict[str, tuple[int, ...]]:
        """Entries of each path within the period, in order of date."""
        found: dict[str, list[int]] = {}
        for i, leaf in enumerate(self.leaves):
            if not leaf.era:
                found.setdefault(leaf.path, []).append(i)
        return {
            path: tuple(sorted(at, key=lambda i: self.leaves[i].start))
            for path, at in found.items()
        }

    @functools.cached_property
    def position(self) -> dict[str, int]:
        """Entry of each parameter node's name."""
        return {leaf.key: i for i, leaf in enumerate(self.leaves)}


class Parameters(eqx.Module):
    """The numbers of a law, or their derivatives.

    `params[path]` is a scalar where the value is constant over the period, else one value for each
    of its dated intervals in the period. Values that the law reads outside the period (last
    year's, say) are separate entries that no reform of the period touches.

    >>> from pejax.testing import toy_program
    >>> params = toy_program().parameters
    >>> float(params.with_reform({"tax.rate": 0.25})["tax.rate"])
    0.25
    """

    values: Float[Array, "*reform leaf"]
    index: ParameterIndex = eqx.field(static=True)

    def paths(self) -> list[str]:
        """Every path that the program reads within its period."""
        return list(self.index.places)

    def __getitem__(self, path: str) -> Float[Array, "..."]:
        at = self._places(path)
        return self.values[..., at[0]] if len(at) == 1 else self.values[..., jnp.array(at)]

    def __contains__(self, path: str) -> bool:
        return path in self.index.places

    def with_reform(self, reform: Mapping[str, Any]) -> Parameters:
        """The law with some numbers changed.

        **Arguments:** `reform`, PolicyEngine's own form: path to a number, or to `{dates: number}`
        with dates such as `2025-01-01.2025-12-31`. A bare number holds for the whole period.

        **Raises:** `UnknownNameError` with the nearest paths; `BadInputError` for dates that
        split an interval or values that are not numbers; `StructuralReformError` for booleans,
        texts and lists, which decide the program's shape.
        """
        values = self.values
        for path, edits in read_reform(reform).items():
            at = self._places(path)
            for edit in edits:
                chosen = [i for i in at if self._covers(path, i, edit.start, edit.stop)]
                number = _number(path, edit.value, values.dtype)
                if chosen:
                    values = values.at[..., jnp.array(chosen)].set(number)
        return Parameters(values, self.index)

    def to_frame(self) -> pd.DataFrame:
        """One row an entry: path, dates, value, unit, label, reference."""
        import pandas as pd

        table = pd.DataFrame([dataclasses.asdict(leaf) for leaf in self.index.leaves])
        return table.assign(value=np.asarray(self.values).tolist())

    def total(self, path: str) -> Float[Array, ""]:
        """A gradient's entry as one number: the sum over the path's intervals."""
        return jnp.sum(jnp.atleast_1d(self[path]), axis=-1)

    def _places(self, path: str) -> tuple[int, ...]:
        places = self.index.places
        if path in places:
            return places[path]
        if path in self.index.static:
            raise StructuralReformError(
                f"{path} is {self.index.static[path]!r}: it decides the shape of the program. "
                "Compile again: engine.compile(country.with_reform({...}), ...)"
            )
        raise unknown("parameter", path, places)

    def _covers(self, path: str, place: int, start: str, stop: str | None) -> bool:
        """Whether an edit sets an interval; half of one is refused."""
        leaf = self.index.leaves[place]
        first, last = max(leaf.start, self.index.period[0]), leaf.stop
        end = "9999-12-31" if stop is None else stop
        if start > last or end < first:
            return False
        if start > first or end < last:
            raise BadInputError(
                f"{path}: {start} to {end} covers only part of {first} to {last}, for which the "
                "program has one number. Compile again: engine.compile(country.with_reform({...}))"
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


def _number(path: str, value: Any, dtype: Any) -> Array:
    """The new value, a number or an array of one for each stacked reform.

    **Raises:** `StructuralReformError` for what is no number; `BadInputError` for NaN.
    """
    if value is None or isinstance(value, bool | str | list | tuple):
        raise StructuralReformError(f"{path} is a number in this law; {value!r} is not")
    try:
        number = jnp.asarray(value, dtype)
    except TypeError as problem:
        raise StructuralReformError(
            f"{path} is a number in this law; {value!r} is not"
        ) from problem
    if not isinstance(number, Tracer) and bool(jnp.isnan(number).any()):
        raise BadInputError(f"{path}: a reform to NaN. Give a number; inf stands for no limit")
    return number


def index_of(leaves: Mapping[str, Any], static: Mapping[str, Any], period: Any) -> ParameterIndex:
    """Describe the leaves that a trace read."""
    first, last = str(period.start), last_day(period)
    described = []
    for leaf in leaves.values():
        p = leaf.parameter
        later = [start for start, _ in p.entries if start > leaf.start]
        stop = min([_day_before(later[0])] if later else [last], default=last)
        described.append(
            LeafInfo(
                path=p.path,
                start=leaf.start,
                stop=min(stop, last) if not leaf.era else stop,
                era=leaf.era,
                value=leaf.value,
                label=p.label,
                unit=p.unit,
                reference=p.reference,
            )
        )
    return ParameterIndex(tuple(described), static, (first, last))


def _day_before(date: str) -> str:
    import datetime

    return str(datetime.date.fromisoformat(date) - datetime.timedelta(days=1))
