"""Kinds of files, told by what is in them: one table, so that one door opens them all."""

import importlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

_PROGRAM = "program.json"  # a member of the zip that a program is


class Kind(NamedTuple):
    """A kind of file of named arrays.

    Attributes:
        meant: what it holds, as messages say it.
        room: the module that knows it, imported when such a file is opened.
        name: of the class there, whose `from_arrays` makes it of the arrays.
    """

    meant: str
    room: str
    name: str

    def read(self, arrays: Mapping[str, np.ndarray]) -> object:
        """The thing in the arrays."""
        return getattr(importlib.import_module(self.room), self.name).from_arrays(arrays)


KINDS = {
    "pejax-forest": Kind("a forest", "pejax.impute", "Forest"),
    "pejax-imputers": Kind("a chain of forests", "pejax.impute", "FittedQRF"),
    "pejax-problem": Kind("a calibration problem", "pejax.calibrate", "TargetProblem"),
    "pejax-solution": Kind("a calibration's solution", "pejax.calibrate", "Solution"),
}
"""By the `format` in the header of their arrays."""


def kind_of(arrays: Mapping[str, np.ndarray]) -> Kind | None:
    """The kind of named arrays, if their header names one.

    >>> kind_of({"header": np.array('{"format": "pejax-forest"}')}).name
    'Forest'
    """
    try:
        header = json.loads(str(arrays["header"]))
    except (KeyError, json.JSONDecodeError):
        return None
    return KINDS.get(str(header.get("format"))) if isinstance(header, dict) else None


def is_program(path: Path) -> bool:
    """Whether a file is a program that `engine.Program.save` wrote, whatever its name."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return _PROGRAM in archive.namelist()
    except zipfile.BadZipFile:
        return False
