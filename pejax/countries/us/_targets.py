"""Targets read from the figures that the installed policyengine-us ships; it is not imported."""

import datetime
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core._validate import BadInputError, missing_extra, require
from ._figures import (
    AGI_BANDS,
    AGI_INDEX,
    AGI_VARIABLE,
    FIGURES,
    RESIDENTS,
    RESIDENTS_BY_STATE,
    Figure,
)
from ._states import FIPS, STATES

_ROOT = "calibration."


def installed_rows(period: int) -> list[dict[str, Any]]:
    """The target table's rows for a year, figures of other years moved as their file says."""
    shelf = _Shelf(_folder())
    rows: list[dict[str, Any]] = []
    for figure in FIGURES:
        rows += _state_rows(shelf, figure, period) if figure.by_state else []
        rows += [] if figure.by_state else [_national_row(shelf, figure, period)]
    rows = _parts_raked(rows)
    return [*rows, *_resident_rows(shelf, period), *_band_rows(shelf, period)]


class _Shelf:
    """The calibration folder's YAML files, read once each, addressed by dotted node."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._read = functools.cache(self._load)

    def node(self, path: str) -> Any:
        """A parameter, wherever along the path its file ends and its keys begin."""
        parts = path.split(".")
        for end in range(len(parts), 0, -1):
            file = self.folder.joinpath(*parts[:end]).with_suffix(".yaml")
            if file.exists():
                node = self._read(file)
                for key in parts[end:]:
                    node = node[key]
                return node
        raise BadInputError(
            f"The installed policyengine-us has no figure {_ROOT}{path}. Install the version that "
            'pejax was written for: pip install "pejax[us]"'
        )

    def value(self, node: dict[str, Any], period: int) -> float:
        """The figure in force at a year's start, uprated from its last date by the node's index."""
        figures = _dated(node)
        last = max(figures)
        start = datetime.date(period, 1, 1)
        known = [date for date in figures if date <= start]
        value = figures[max(known)] if known else figures[min(figures)]
        return value * self._growth(node, last, start) if start > last else value

    def growth(self, index: str, since: datetime.date, until: datetime.date) -> float:
        """By how much an index has grown between two dates; 1 where it knows neither."""
        figures = _dated(self.node(index))
        if since < min(figures):
            return 1.0
        return _at(figures, until) / _at(figures, since)

    def _growth(self, node: dict[str, Any], last: datetime.date, until: datetime.date) -> float:
        uprating = node.get("metadata", {}).get("uprating")
        if uprating is None:
            return 1.0
        if isinstance(uprating, dict):
            last = max(last, uprating.get("start_instant", last))
            uprating = uprating["parameter"]
        return self.growth(uprating.removeprefix(_ROOT), last, until)

    def _load(self, file: Path) -> Any:
        yaml = require("yaml", "us")
        return yaml.safe_load(file.read_text(encoding="utf-8"))


def _folder() -> Path:
    spec = importlib.util.find_spec("policyengine_us")
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra("policyengine_us", "us")
    return Path(spec.submodule_search_locations[0]) / "parameters" / "calibration"


def _dated(node: dict[str, Any]) -> dict[datetime.date, float]:
    """A node's figures by date; each is a number, or a mapping with the number as `value`."""
    entries = {k: v for k, v in node.get("values", node).items() if isinstance(k, datetime.date)}
    return {k: float(v["value"] if isinstance(v, dict) else v) for k, v in entries.items()}


def _at(figures: dict[datetime.date, float], when: datetime.date) -> float:
    known = [date for date in figures if date <= when]
    return figures[max(known)] if known else figures[min(figures)]


def _row(node: str, variable: str, statistic: str, entity: str, **more: Any) -> dict[str, Any]:
    agency = node.split(".")[1]
    row = {"name": node.removeprefix("gov."), "variable": variable, "entity": entity}
    row |= {"statistic": statistic, "geo_level": "nation", "geo_id": "US", "group": agency}
    return row | {"source": f"policyengine-us {_ROOT}{node}"} | more


def _national_row(shelf: _Shelf, figure: Figure, period: int) -> dict[str, Any]:
    value = shelf.value(shelf.node(figure.node), period)
    return _row(*figure[:4], value=value, period=period)


def _state_rows(shelf: _Shelf, figure: Figure, period: int) -> Iterator[dict[str, Any]]:
    node = shelf.node(figure.node)
    for postal, fips in FIPS.items():
        if postal in node:
            row = _row(*figure[:4], value=shelf.value(node[postal], period), period=period)
            name = f"{row['name']}.{postal}"
            yield row | {"name": name, "geo_level": "state", "geo_id": f"{fips:02d}"}


def _parts_raked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, parts scaled so that they add up to the row of their sum where every part has one.

    The Budget Office publishes a sum for the year, the tax statistics its parts for an earlier one.
    """
    national = {row["variable"]: row for row in rows if row["geo_level"] == "nation"}
    for variable, whole in national.items():
        parts = [national.get(name) for name in variable.split("+")]
        if len(parts) > 1 and all(parts):
            factor = whole["value"] / sum(part["value"] for part in parts if part)
            for part in parts:
                if part:
                    part["value"] *= factor
                    part["source"] += f", times {factor:.4f} to add up to {whole['name']}"
    return rows


def _resident_rows(shelf: _Shelf, period: int) -> Iterator[dict[str, Any]]:
    """Residents by state: the state's share of the file's figures times the national figure.

    Some releases file the 51 counts of the 2020 Census under the wrong states (California with
    Tennessee's). Then the counts are taken as the Census itself files them, and `source` says so.
    """
    node = shelf.node(RESIDENTS_BY_STATE)
    filed = {state: shelf.value(node[state.postal], period) for state in STATES}
    census = {state: float(state.census_2020) for state in STATES}
    misfiled = filed != census and sorted(filed.values()) == sorted(census.values())
    counts = census if misfiled else filed
    residents = shelf.value(shelf.node(RESIDENTS), period)
    note = ", its 51 counts filed by state as in the 2020 Census" if misfiled else ""
    for state, count in counts.items():
        value = residents * count / sum(counts.values())
        row = _row(RESIDENTS_BY_STATE, "people", "count", "person", value=value, period=period)
        row["name"] += f".{state.postal}"
        row["source"] += f"{note}, times the national figure over their sum"
        yield row | {"geo_level": "state", "geo_id": f"{state.fips:02d}"}


def _band_rows(shelf: _Shelf, period: int) -> Iterator[dict[str, Any]]:
    """Returns and income by band of adjusted gross income.

    The file moves the amounts to the year and not the edges of the bands, which would put the mean
    of most bands outside them. Here the edges move too, with income per resident.
    """
    until = datetime.date(period, 1, 1)
    for node, statistic in AGI_BANDS:
        brackets = shelf.node(node)["brackets"]
        since = max(_dated(shelf.node(AGI_BANDS[1][0])["brackets"][0]["amount"]))
        per_head = shelf.growth(AGI_INDEX, since, until) / shelf.growth(RESIDENTS, since, until)
        edges = [_at(_dated(bracket["threshold"]), until) for bracket in brackets]
        moved = [edges[0], *(edge * per_head for edge in edges[1:]), None]
        for place, bracket in enumerate(brackets):
            value = shelf.value(bracket["amount"], period)
            row = _row(node, AGI_VARIABLE, statistic, "tax_unit", value=value, period=period)
            row["name"] += f".{edges[place]:.0f}"
            row["source"] += f", band edges times {per_head:.4f} (income per resident)"
            band = {"domain": AGI_VARIABLE, "lower": moved[place], "upper": moved[place + 1]}
            yield row | band
