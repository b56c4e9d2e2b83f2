"""Weighted statistics, each defined once: distributions, inequality, poverty, change, scores.

Every function is pure and works under `jit`, `vmap` and `grad`. Arguments come as values, then
weights; without weights each value counts once. A whole weight is that many copies of its value.

Outside of a trace arguments are checked and reckoned with on the host in float64. What is missing,
infinite, empty or of another shape is refused by name and row, and so are negative weights and
weights that are all zero. Results are in JAX's default float type. Inside of a trace, where nothing
can be raised, a function gives what its formula gives, in the wider of the argument's type and
JAX's default float: of weights that are all zero a mean is NaN. No number is cast to a narrower
type: weights of 1.9 beside whole values stay 1.9.

Whole numbers are compared, ranked and subtracted with all their digits, also those above 2^24 in a
trace. Sums and shares are of floats there: with JAX's 64-bit types off they have seven digits.
"""

from ._change import (
    Change as Change,
    direction_of_change as direction_of_change,
    winners_and_losers as winners_and_losers,
)
from ._distribution import (
    cdf as cdf,
    effective_sample_size as effective_sample_size,
    mean as mean,
    quantile as quantile,
    total as total,
)
from ._groups import (
    deciles as deciles,
    mean_by_group as mean_by_group,
    total_by_group as total_by_group,
)
from ._inequality import (
    gini as gini,
    lorenz_curve as lorenz_curve,
    top_share as top_share,
)
from ._poverty import (
    is_poor as is_poor,
    poverty_gap as poverty_gap,
    poverty_rate as poverty_rate,
    poverty_severity as poverty_severity,
    shortfall as shortfall,
)
from ._scores import (
    crps as crps,
    pinball as pinball,
    wasserstein as wasserstein,
)
