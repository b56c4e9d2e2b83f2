"""Rounds of random calls until the time is up; a find names the seed that finds it again."""

import itertools
import time
import warnings
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from pejax import PejaxError

EXAMPLES = 50  # a round


def told_or_answered(call: Callable[[], Any]) -> Any:
    """What a call gives; None where it refuses with a message. Any other error is a find."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except PejaxError as refusal:
            assert str(refusal).strip(), "a refusal without a word"
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
