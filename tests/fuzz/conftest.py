"""What every fuzz test takes."""

import pytest
from _fuzz_rounds import until_the_time_is_up


@pytest.fixture
def rounds(request):
    """Runs a check on random examples for this test's share of the minutes."""
    option = request.config.getoption
    seconds = 60 * option("--fuzz-minutes") / len(request.session.items)
    return lambda check, *strategies: until_the_time_is_up(
        check,
        strategies,
        first=option("--fuzz-seed"),
        seconds=seconds,
        name=request.node.originalname,
    )
