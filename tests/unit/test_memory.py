"""The memory of this process."""

import sys
import weakref

import numpy as np
import pytest

from pejax.core._memory import peak_bytes, reclaim, reset_peak_bytes


class Held:
    """Something that refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_refers_to_itself_is_given_back():
    gone = weakref.ref(Held())
    reclaim()
    assert gone() is None


def test_the_peak_counts_what_was_held():
    before = peak_bytes()
    held = np.ones(2**25)
    assert peak_bytes() >= before and peak_bytes() >= held.nbytes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a peak anew")
def test_the_peak_is_counted_anew():
    held = np.ones(2**26)
    with_it = peak_bytes()
    del held
    reset_peak_bytes()
    assert peak_bytes() < with_it
