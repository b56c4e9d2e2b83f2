"""Array aliases over one vocabulary of dimension names.

`person tax_unit household group` are rows of an entity, `target unit` rows and columns of a
calibration, `tree node leaf feature quantile` belong to a forest, `bracket` to a rate scale and
`reform` to a sweep.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Int, PRNGKeyArray, Shaped

Key: TypeAlias = PRNGKeyArray

# One value a row of some entity; the dimension has no name because one call may mix entities.
HostColumn: TypeAlias = Shaped[np.ndarray, "_"]
HostIndex: TypeAlias = Int[np.ndarray, "_"]
