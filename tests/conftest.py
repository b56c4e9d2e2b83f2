"""Fixtures that every tier shares."""

import jax
import pytest


@pytest.fixture
def x64():
    """Run one test in float64; the library itself never flips the switch."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def key():
    """A fixed PRNG key."""
    return jax.random.key(0)
