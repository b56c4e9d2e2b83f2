"""Imputation: quantile forests as arrays, read and drawn from in JAX, chained over survey data."""

from ._all_values import AllValues as AllValues
from ._bags import Bags as Bags
from ._chain import chain as chain
from ._columns import CategoryColumn as CategoryColumn, NumberColumn as NumberColumn
from ._fitted import FittedQRF as FittedQRF
from ._forest import Forest as Forest
from ._imputer import Imputer as Imputer
from ._metrics import (
    compare as compare,
    crps as crps,
    pinball as pinball,
    wasserstein as wasserstein,
    weighted_cdf as weighted_cdf,
    weighted_mean as weighted_mean,
    weighted_quantile as weighted_quantile,
)
from ._qrf import QRF as QRF
from ._readout import LeafMean as LeafMean, Readout as Readout, SingleValue as SingleValue
from ._soft import SoftForest as SoftForest, soften as soften
from ._stages import SignForest as SignForest
from ._trees import Trees as Trees
