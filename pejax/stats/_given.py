"""What a statistic takes: arrays of numbers or truth values, lists of them, and pandas' columns."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from jaxtyping import ArrayLike, Bool, Int, Real


@runtime_checkable
class _Index(Protocol):
    def equals(self, other: object, /) -> bool: ...


@runtime_checkable
class Labelled(Protocol):
    """What pandas' columns have: a label a row."""

    @property
    def iloc(self) -> object: ...

    @property
    def index(self) -> _Index: ...


@runtime_checkable
class Table(Labelled, Protocol):
    """What pandas' tables have besides: labels of columns."""

    @property
    def columns(self) -> _Index: ...


Listed: TypeAlias = Sequence[float] | Labelled
"""One number a row in a list or a column."""

Rows: TypeAlias = Real[ArrayLike, " row"] | Bool[ArrayLike, " row"] | Listed
Others: TypeAlias = Real[ArrayLike, " other"] | Bool[ArrayLike, " other"] | Listed
Points: TypeAlias = Real[ArrayLike, " point"] | Listed
Levels: TypeAlias = Real[ArrayLike, " quantile"] | Listed
Groups: TypeAlias = Int[ArrayLike, " row"] | Sequence[int] | Labelled
Draws: TypeAlias = Real[ArrayLike, "row draw"] | Sequence[Sequence[float]] | Labelled
Scalar: TypeAlias = Real[ArrayLike, ""]

Values: TypeAlias = (
    Real[ArrayLike, "*shape"] | Bool[ArrayLike, "*shape"] | Listed | Sequence[Sequence[float]]
)
"""Numbers of any shape; columns that belong together have one shape."""

Lines: TypeAlias = Real[ArrayLike, "*#shape"] | Bool[ArrayLike, "*#shape"] | Listed
"""One number for all of a shape, or one for each."""
