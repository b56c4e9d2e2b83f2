"""Imputation: quantile forests as arrays, read and drawn from in JAX, chained over survey data."""

from ._metrics import (
    compare as compare,
    crps as crps,
    pinball as pinball,
    wasserstein as wasserstein,
    weighted_cdf as weighted_cdf,
    weighted_mean as weighted_mean,
    weighted_quantile as weighted_quantile,
)
from .forest._bags import Bags as Bags
from .forest._forest import Forest as Forest
from .forest._soft import SoftForest as SoftForest, soften as soften
from .forest._stages import SignForest as SignForest
from .forest._trees import Trees as Trees
from .readout._all_values import AllValues as AllValues
from .readout._readout import LeafMean as LeafMean, Readout as Readout, SingleValue as SingleValue
from .sequential._chain import chain as chain
from .sequential._columns import CategoryColumn as CategoryColumn, NumberColumn as NumberColumn
from .sequential._fitted import FittedQRF as FittedQRF
from .sequential._imputer import Imputer as Imputer
from .sequential._qrf import QRF as QRF
