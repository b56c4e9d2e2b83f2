"""Result codes inside and outside compiled code."""

import jax
import jax.numpy as jnp
import pytest

from pejax.core._results import Result, SolveError


def test_a_code_travels_through_compiled_code():
    @jax.jit
    def solve(x):
        return jnp.where(jnp.isnan(x), Result.nonfinite.array, Result.successful.array)

    assert Result.of(solve(1.0)) is Result.successful
    assert Result.of(solve(jnp.nan)) is Result.nonfinite


def test_the_worst_of_several_is_their_maximum():
    codes = jnp.stack([Result.successful.array, Result.stalled.array])
    assert Result.of(codes.max()) is Result.stalled


@pytest.mark.parametrize("result", Result)
def test_every_code_has_text_and_failures_a_remedy(result):
    assert result.text.endswith(".")
    assert bool(result.remedy) == (result is not Result.successful)
    assert Result.describe(int(result)).startswith(result.text)


def test_check_raises_the_text_and_the_remedy():
    Result.check(Result.successful.array)
    with pytest.raises(SolveError, match="Widen the bounds"):
        Result.check(Result.infeasible.array)


def test_names_of_the_codes():
    names = {result.name for result in Result}
    assert names == {"successful", "max_steps_reached", "infeasible", "nonfinite", "stalled"}
