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

Column: TypeAlias = Shaped[Array, " row"]  # one value a row of some entity
Number: TypeAlias = Num[Array, " row"]
Mask: TypeAlias = Bool[Array, " row"]
Index: TypeAlias = Int[Array, " row"]

HostColumn: TypeAlias = Shaped[np.ndarray, " row"]
HostIndex: TypeAlias = Int[np.ndarray, " row"]

UnitWeights: TypeAlias = Float[Array, " unit"]
TargetVector: TypeAlias = Float[Array, " target"]
EstimateMatrix: TypeAlias = Float[Array, "target unit"]
