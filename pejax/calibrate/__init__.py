"""Survey weights that meet known totals: problems, methods, diagnostics, derivatives."""

from ._adam import Adam as Adam
from ._calibrate import calibrate as calibrate
from ._compat import (
    Calibration as Calibration,
    SparseCalibrationWeights as SparseCalibrationWeights,
)
from ._diagnostics import (
    effective_sample_size as effective_sample_size,
    negative_share as negative_share,
    records_kept as records_kept,
    relative_error as relative_error,
    squared_relative_loss as squared_relative_loss,
    weight_ratio as weight_ratio,
)
from ._dual_methods import (
    Entropy as Entropy,
    Linear as Linear,
    Logit as Logit,
    Raking as Raking,
    calibrated_weights as calibrated_weights,
)
from ._l0 import L0 as L0, BudgetWarning as BudgetWarning
from ._matrix import build_problem as build_problem
from ._method import Method as Method, Progress as Progress
from ._operators import DenseOperator as DenseOperator, Operator as Operator
from ._problem import TargetProblem as TargetProblem
from ._screen import Refusal as Refusal
from ._solution import Report as Report, Solution as Solution
from ._sparse import SparseOperator as SparseOperator
from ._targets import load_targets as load_targets
