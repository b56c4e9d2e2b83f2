"""How a long job lives: items by number, shards on disk, resume, progress, failures as rows."""

from ._executor import Columns as Columns, Executor as Executor, Items as Items, Local as Local
from ._processes import Processes as Processes
from ._progress import Progress as Progress
from ._run import Outcome as Outcome, run as run
from ._sweep import sweep as sweep
