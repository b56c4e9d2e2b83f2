"""Where the progress of a long run is written as it goes: JSON lines, TensorBoard, MLflow."""

import json
import os
from pathlib import Path
from typing import Any

from ..core._arguments import as_instance, as_path
from ..core._validate import BadInputError, require
from ..core.files._files import made_folder, plain, refused_if_unreadable, write_text
from ._method import Progress

_BEGUN = '{"epoch": '
_REPORT = "Give a Progress, as calibrate gives its progress=."


class JsonlLog:
    """A line of JSON for every report of progress, flushed at once.

    A run that goes on from a checkpoint repeats what was reported after it: those lines, and one
    that a kill cut short, are dropped first, so that every epoch has one line.

    Args:
        path: the file; its folder is made if it is not there.

    Raises:
        BadInputError: at the first report, a file of something else.

    >>> import tempfile
    >>> log = JsonlLog(Path(tempfile.mkdtemp()) / "log.jsonl")
    >>> log(Progress(10, 20, 0.5, 100.0, 80.0))
    >>> log.path.read_text()
    '{"epoch": 10, "epochs": 20, "loss": 0.5, "kept": 100.0, "effective_sample_size": 80.0}\\n'
    """

    def __init__(self, path: str | os.PathLike):
        self.path = as_path(path, "path")
        self._begun = False

    def __call__(self, at: Progress) -> None:
        as_instance(at, Progress, "at", _REPORT)
        if not self._begun:
            earlier = [line for line in _whole_lines(self.path) if line["epoch"] < at.epoch]
            write_text(self.path, "".join(json.dumps(line) + "\n" for line in earlier))
            self._begun = True
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(at._asdict()), allow_nan=False) + "\n")


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines that are one report each; the last may be cut short.

    Raises:
        BadInputError: another file, which must not be written over.
    """
    if not path.exists():
        return []
    with refused_if_unreadable(path, "log"):
        lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for k, line in enumerate(lines, start=1):
        report = _report(line)
        if report is not None:
            found.append(report)
        elif k < len(lines) or not _BEGUN.startswith(line[: len(_BEGUN)]):
            raise BadInputError(f"{path}, line {k}: no report of progress. Give another file.")
    return found


def _report(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "epoch" in found else None


class TensorBoardLog:
    """Loss, records kept and effective sample size as scalars of TensorBoard.

    Args:
        folder: of the event files; it is made if it is not there.

    Raises:
        BadInputError: a file is in the folder's place.
        ImportError: the extra `log` is missing.

    >>> import importlib.util, tempfile
    >>> from pejax.calibrate import Progress
    >>> if importlib.util.find_spec("tensorboardX"):  # of the extra `log`
    ...     TensorBoardLog(tempfile.mkdtemp())(Progress(1, 10, 0.5, 100.0, 80.0))
    """

    def __init__(self, folder: str | os.PathLike):
        writers = require("tensorboardX", "log")
        self._writer = writers.SummaryWriter(str(made_folder(as_path(folder, "folder"))))

    def __call__(self, at: Progress) -> None:
        for name, value in _scalars(at).items():
            self._writer.add_scalar(name, value, at.epoch)
        if at.epoch == at.epochs:
            self._writer.close()


class MLflowLog:
    """Loss, records kept and effective sample size as metrics of MLflow's active run.

    Raises:
        ImportError: the extra `log` is missing.

    >>> import importlib.util
    >>> from pejax.calibrate import Progress
    >>> if importlib.util.find_spec("mlflow"):  # of the extra `log`
    ...     MLflowLog()(Progress(1, 10, 0.5, 100.0, 80.0))
    """

    def __init__(self):
        self._mlflow = require("mlflow", "log")

    def __call__(self, at: Progress) -> None:
        self._mlflow.log_metrics(_scalars(at), step=at.epoch)


def _scalars(at: Progress) -> dict[str, float]:
    as_instance(at, Progress, "at", _REPORT)
    return {
        "loss": at.loss,
        "kept": at.kept,
        "effective_sample_size": at.effective_sample_size,
    }
