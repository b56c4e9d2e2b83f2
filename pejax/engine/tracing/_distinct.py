"""The distinct names of an array, which a formula goes through one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ._array import Traced, Untraceable


class DistinctNames:
    """The distinct names of an array, to go through: all that may occur, whoever the people are.

    Which of them do occur, and so how many and in which places, is a matter of the population.
    """

    def __init__(self, names: Traced) -> None:
        self.__dict__["_all"] = Traced(names.node, names.vocabulary, names.mask)  # as they are now

    def __iter__(self) -> Iterator[str]:
        return iter(np.array(sorted(self._all.names)))

    def __contains__(self, name: Any) -> bool:
        here = self._all.lookup(lambda names: names == getattr(name, "name", str(name)))
        return bool(Traced(here, mask=self._all.mask).any())

    def __getattr__(self, name: str) -> Any:
        raise _Uncounted

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise _Uncounted

    __len__ = __getitem__ = __array__ = __eq__ = __ne__ = __add__ = __radd__ = _refuse


class _Uncounted(Untraceable, TypeError):
    """Python's `list` asks for a length, and goes on without one after a `TypeError`."""

    def __str__(self) -> str:
        return (
            "numpy.unique of names, but for a loop over them or a test with `in`: "
            "which names there are, and how many, is known only with the population"
        )
