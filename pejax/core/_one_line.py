"""How values show themselves: one line that a person can read."""

import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def one_line(describe: Callable[[T], str]) -> Callable[[T], str]:
    """A `__repr__` of the class's name with what `describe` says in brackets.

    A pytree may hold anything in the place of its arrays, None after `equinox.filter` for one;
    then there is nothing to describe, and dots stand for it.
    """

    @functools.wraps(describe)
    def shown(self: T) -> str:
        try:
            said = describe(self)
        except (AttributeError, TypeError, IndexError):
            said = "..."
        return f"{type(self).__name__}({said})"

    return shown


def counted(number: int, noun: str) -> str:
    """A number of things in words.

    >>> counted(1, "target"), counted(18_000, "target")
    ('1 target', '18,000 targets')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first few names, and how many follow.

    >>> listed(["age", "state", "income", "rent"])
    'age, state, income and 1 more'
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
