"""Changes of an array in place: of the object, which other names may have; nodes never change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _array

if TYPE_CHECKING:
    from ._array import Traced


class InPlace:
    """The augmented assignments of an array, `x += y` and the like."""

    __slots__ = ()

    @property
    def lender(self: Any) -> str:
        """Whose array a view of this one is."""
        return self.owner or "another array, of which it is a view,"

    def fail_if_not_own(self: Any) -> None:
        """What a formula changes in place is its own array.

        Raises:
            Untraceable: the array of a variable or a link, and a view.
        """
        if self.owner is not None:
            raise _array.Untraceable(
                f"it changes the array of {self.owner} in place, which others read before or after:"
                " change a copy, x = x.copy()"
            )

    def become(self: Any, result: Traced) -> Traced:
        """Hold a result in this array's own type; of a single number, make another."""
        if not self.ndim:
            return result
        self.fail_if_not_own()
        if not np.can_cast(result.node.dtype, self.node.dtype, "same_kind"):
            raise TypeError(f"{result.node.dtype} in place of an array of {self.node.dtype}")
        if result.node.shape != self.node.shape:
            raise ValueError("an array of another shape in place of this one")
        self.node, self.mask = self.graph.astype(result.node, self.node.dtype), result.mask
        return self

    def __iadd__(self: Any, other: Any) -> Traced:
        return self.become(self + other)

    def __isub__(self: Any, other: Any) -> Traced:
        return self.become(self - other)

    def __imul__(self: Any, other: Any) -> Traced:
        return self.become(self * other)

    def __itruediv__(self: Any, other: Any) -> Traced:
        return self.become(self / other)

    def __ifloordiv__(self: Any, other: Any) -> Traced:
        return self.become(self // other)

    def __imod__(self: Any, other: Any) -> Traced:
        return self.become(self % other)

    def __ipow__(self: Any, other: Any) -> Traced:
        return self.become(self**other)

    def __iand__(self: Any, other: Any) -> Traced:
        return self.become(self & other)

    def __ior__(self: Any, other: Any) -> Traced:
        return self.become(self | other)

    def __ixor__(self: Any, other: Any) -> Traced:
        return self.become(self ^ other)
