"""The main job from end to end: people, law, reform, weights, imputation, gradients, a sweep.

A script over public calls of the other rooms. Each step gives what the next ones need, with its
tables and facts; the page is drawn from these alone.
"""

from ._gradients import both_gradients as both_gradients
from ._imputation import impute_column as impute_column
from ._law import compile_law as compile_law, load_people as load_people, reform_law as reform_law
from ._run import Screen as Screen, run as run
from ._settings import REFORM as REFORM, Settings as Settings
from ._sweep import sweep_reforms as sweep_reforms
from ._weights import calibrate_weights as calibrate_weights
