"""Survey weights that meet known totals: problems, methods, diagnostics, derivatives."""

from ._calibrate import calibrate as calibrate
from ._dual_methods import Entropy as Entropy
from ._dual_methods import Linear as Linear
from ._dual_methods import Logit as Logit
from ._dual_methods import Raking as Raking
from ._dual_methods import calibrated_weights as calibrated_weights
from ._method import Method as Method
from ._method import Progress as Progress
from ._operators import DenseOperator as DenseOperator
from ._operators import Operator as Operator
from ._problem import TargetProblem as TargetProblem
from ._screen import Refusal as Refusal
from ._solution import Report as Report
from ._solution import Solution as Solution
from ._sparse import SparseOperator as SparseOperator
