"""Imputation: quantile forests as arrays, read and drawn from in JAX, chained over survey data."""

from ._all_values import AllValues as AllValues
from ._chain import chain as chain
from ._columns import CategoryColumn as CategoryColumn
from ._columns import NumberColumn as NumberColumn
from ._fitted import FittedQRF as FittedQRF
from ._forest import Forest as Forest
from ._imputer import Imputer as Imputer
from ._metrics import compare as compare
from ._metrics import crps as crps
from ._metrics import pinball as pinball
from ._metrics import wasserstein as wasserstein
from ._metrics import weighted_cdf as weighted_cdf
from ._metrics import weighted_mean as weighted_mean
from ._metrics import weighted_quantile as weighted_quantile
from ._qrf import QRF as QRF
from ._readout import LeafMean as LeafMean
from ._readout import Readout as Readout
from ._readout import SingleValue as SingleValue
from ._trees import Trees as Trees
