"""Array aliases over one vocabulary of dimension names.

`person tax_unit household group` are rows of an entity, `target unit` rows and columns of a
calibration, `tree node leaf feature quantile` belong to a forest, `bracket` to a rate scale and
`reform` to a sweep.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, PRNGKeyArray, Shaped

Key: TypeAlias = PRNGKeyArray
Scalar: TypeAlias = Float[Array, ""]

PersonLinks: TypeAlias = Int[Array, " person"]
PersonColumn: TypeAlias = Shaped[Array, " person"]
HouseholdWeights: TypeAlias = Float[Array, " household"]

# One value a row of some entity; the dimension has no name because one call may mix entities.
Column: TypeAlias = Shaped[Array, "_"]
Number: TypeAlias = Num[Array, "_"]
Mask: TypeAlias = Bool[Array, "_"]
Index: TypeAlias = Int[Array, "_"]

HostColumn: TypeAlias = Shaped[np.ndarray, "_"]
HostIndex: TypeAlias = Int[np.ndarray, "_"]

UnitWeights: TypeAlias = Float[Array, " unit"]
TargetVector: TypeAlias = Float[Array, " target"]
EstimateMatrix: TypeAlias = Float[Array, "target unit"]
