"""The YAML parameter files of an installed country package, which is not imported."""

import datetime
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core._validate import BadInputError, require
from ._installed import installed_folder


class ParameterFiles:
    """Files of parameters, read once each and addressed by dotted paths.

    Args:
        folder: the branch of the tree of parameters below which paths begin.
        branch: the path of that branch, as the files themselves write it before a path.
        package: whose files they are, and `extra`, the extra of pejax that brings it; for messages.
    """

    def __init__(self, folder: Path, branch: str = "", package: str = "", extra: str = ""):
        self._folder, self._package, self._extra = folder, package, extra
        self.root = f"{branch}." if branch else ""
        self._read = functools.cache(self._load)

    @classmethod
    def of(cls, package: str, branch: str, extra: str) -> "ParameterFiles":
        """A branch of the parameters of an installed package.

        Raises:
            MissingExtraError: the package is not installed; the message is the `pip install`.
        """
        folder = installed_folder(package, extra) / "parameters" / Path(*branch.split("."))
        return cls(folder, branch, package.replace("_", "-"), extra)

    def node(self, path: str) -> Any:
        """A parameter, wherever along the path its file ends and its keys begin.

        Raises:
            BadInputError: no file along the path.
        """
        parts = path.split(".")
        for end in range(len(parts), 0, -1):
            file = self._folder.joinpath(*parts[:end]).with_suffix(".yaml")
            if file.exists():
                node = self._read(file)
                for key in parts[end:]:
                    node = node[key]
                return node
        raise BadInputError(
            f"The installed {self._package} has no figure {self.root}{path}. Install the version"
            f' that pejax was written for: pip install "pejax[{self._extra}]"'
        )

    def value(self, node: Mapping[Any, Any], period: int) -> float:
        """The figure in force at a year's start, uprated from its last date by the node's index."""
        figures = dated(node)
        last, start = max(figures), start_of(period)
        value = in_force(figures, start)
        return value * self._uprating(node, last, start) if start > last else value

    def growth(self, index: str, since: datetime.date, until: datetime.date) -> float:
        """By how much an index has grown between two dates; 1 where it knows neither."""
        figures = dated(self.node(index))
        if since < min(figures):
            return 1.0
        return in_force(figures, until) / in_force(figures, since)

    def _uprating(
        self, node: Mapping[Any, Any], last: datetime.date, until: datetime.date
    ) -> float:
        uprating = node.get("metadata", {}).get("uprating")
        if uprating is None:
            return 1.0
        if isinstance(uprating, dict):
            last = max(last, uprating.get("start_instant", last))
            uprating = uprating["parameter"]
        return self.growth(uprating.removeprefix(self.root), last, until)

    def _load(self, file: Path) -> Any:
        yaml = require("yaml", self._extra)
        return yaml.safe_load(file.read_text(encoding="utf-8"))


def dated(node: Mapping[Any, Any]) -> dict[datetime.date, float]:
    """A node's figures by date; each is a number, or a mapping with the number as `value`."""
    entries = {k: v for k, v in node.get("values", node).items() if isinstance(k, datetime.date)}
    return {k: float(v["value"] if isinstance(v, dict) else v) for k, v in entries.items()}


def in_force(figures: Mapping[datetime.date, float], when: datetime.date) -> float:
    """The figure of the last date that is not later; before all of them, the first."""
    known = [date for date in figures if date <= when]
    return figures[max(known)] if known else figures[min(figures)]


def start_of(period: int) -> datetime.date:
    """The first day of a year, or of the nearest year that a calendar has."""
    return datetime.date(min(max(period, datetime.MINYEAR), datetime.MAXYEAR), 1, 1)
