"""Rounds of random calls until the time is up; a find names the seed that finds it again."""

import functools
import itertools
import time
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from pejax import PejaxError

EXAMPLES = 50  # a round


class OfTheCaller(Exception):
    """What a function that the caller gave raises, which is the caller's and no find."""


def of_the_caller(value: Any) -> Any:
    """A function whose errors are told from the library's; any other value as it is."""
    if not callable(value):
        return value

    @functools.wraps(value, updated=())
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return value(*args, **kwargs)
        except Exception as problem:
            raise OfTheCaller from problem

    return function


def told_or_answered(call: Callable[[], Any]) -> Any:
    """What a call gives; None where it refuses with a message, or a function of the caller fails.

    Any other error is a find.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except PejaxError as refusal:
            assert str(refusal).strip(), "a refusal without a word"
            return None
        except OfTheCaller:
            return None


def until_the_time_is_up(
    check: Callable[..., None],
    strategies: tuple[Any, ...],
    *,
    first: int,
    seconds: float,
    name: str,
) -> None:
    """Rounds of examples, each from a seed of its own that counts up from the first."""
    end = time.monotonic() + seconds
    for number in itertools.count(first):
        try:
            _round(check, strategies, number)
        except BaseException as find:
            find.add_note(f"Found again by: make fuzz SEED={number} ONLY={name}")
            raise
        if time.monotonic() >= end:
            return


def _round(check: Callable[..., None], strategies: tuple[Any, ...], number: int) -> None:
    same = settings(
        max_examples=EXAMPLES,
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(same(given(*strategies)(check)))()
