"""Survey weights that meet known totals: problems, methods, diagnostics, derivatives."""

from ._calibrate import calibrate as calibrate
from ._cautions import (
    CalibrationWarning as CalibrationWarning,
    Caution as Caution,
    Thresholds as Thresholds,
)
from ._checkpoint import CheckpointError as CheckpointError
from ._compat import (
    Calibration as Calibration,
    SparseCalibrationWeights as SparseCalibrationWeights,
)
from ._diagnostics import (
    binding_share as binding_share,
    effective_sample_size as effective_sample_size,
    gini as gini,
    lorenz_curve as lorenz_curve,
    negative_share as negative_share,
    records_kept as records_kept,
    relative_error as relative_error,
    squared_relative_loss as squared_relative_loss,
    weight_ratio as weight_ratio,
)
from ._iterative import IterativeMethod as IterativeMethod
from ._logs import JsonlLog as JsonlLog, MLflowLog as MLflowLog, TensorBoardLog as TensorBoardLog
from ._method import (
    Method as Method,
    Progress as Progress,
    Solved as Solved,
    all_of as all_of,
)
from ._report import Report as Report
from ._solution import Solution as Solution
from ._solve import calibrated_weights as calibrated_weights, solve as solve
from .dual._methods import (
    Entropy as Entropy,
    Linear as Linear,
    Logit as Logit,
    Raking as Raking,
    TruncatedLinear as TruncatedLinear,
)
from .dual._support import BudgetWarning as BudgetWarning
from .gradient._adam import Adam as Adam
from .gradient._l0 import L0 as L0
from .gradient._losses import (
    CappedError as CappedError,
    Huber as Huber,
    Loss as Loss,
    SquaredError as SquaredError,
)
from .operators._dense import DenseOperator as DenseOperator
from .operators._geography import GeographyOperator as GeographyOperator
from .operators._operator import Operator as Operator
from .operators._sharded import ShardedOperator as ShardedOperator
from .operators._sparse import SparseOperator as SparseOperator
from .problem._geography import (
    geography_operator as geography_operator,
    geography_problem as geography_problem,
)
from .problem._matrix import build_problem as build_problem
from .problem._problem import Goals as Goals, TargetProblem as TargetProblem
from .problem._screen import Refusal as Refusal
from .problem._sums import Adjustment as Adjustment
from .problem._targets import load_targets as load_targets
from .select._compare import Comparison as Comparison, compare_selections as compare_selections
from .select._methods import (
    PPS as PPS,
    Cube as Cube,
    Largest as Largest,
    Random as Random,
    Selection as Selection,
)
