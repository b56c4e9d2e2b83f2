"""Any value in the place of any argument: a refusal that says why, or an answer in numbers."""

import numpy as np
import pytest
from _fuzz_faces import FACES, replaced
from _fuzz_junk import JUNK, every_kind
from _fuzz_rounds import told_or_answered
from hypothesis import strategies as st

from pejax import calibrate as cal

pytestmark = pytest.mark.usefixtures("unchecked")


@st.composite
def calls(draw):
    """A face, and one of its arguments replaced."""
    face = draw(st.sampled_from(sorted(FACES)))
    argument = draw(st.sampled_from(sorted(FACES[face][1])))
    return face, argument, draw(JUNK)


def _check(call):
    face, argument, value = call
    found = told_or_answered(replaced(face, argument, value))
    if isinstance(found, cal.Solution):
        assert np.isfinite(np.asarray(found.weights)).all()


@pytest.mark.fuzz
def test_any_value_in_the_place_of_any_argument(rounds):
    rounds(_check, calls())


@pytest.mark.parametrize("face", sorted(FACES))
def test_every_kind_of_value_in_the_place_of_every_argument(face):
    finds = []
    for argument in FACES[face][1]:
        for shown, value in every_kind():
            try:
                _check((face, argument, value))
            except Exception as problem:
                finds.append(f"{face}({argument}={shown}): {type(problem).__name__}: {problem}")
    assert not finds, "\n".join(finds)
