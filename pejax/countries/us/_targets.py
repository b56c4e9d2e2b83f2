"""Targets read from the figures that the installed policyengine-us ships; it is not imported."""

from collections.abc import Iterator
from typing import Any

from .._yaml import ParameterFiles, dated, in_force, start_of
from ._figures import (
    AGI_BANDS,
    AGI_INDEX,
    AGI_VARIABLE,
    FIGURES,
    RESIDENTS,
    RESIDENTS_BY_STATE,
    Figure,
)
from ._package import CALIBRATION, calibration_files
from ._states import FIPS, STATES


def installed_targets(period: int) -> list[dict[str, Any]]:
    """The target table's rows for a year, figures of other years moved as their file says."""
    files = calibration_files()
    rows: list[dict[str, Any]] = []
    for figure in FIGURES:
        rows += _state_rows(files, figure, period) if figure.by_state else []
        rows += [] if figure.by_state else [_national_row(files, figure, period)]
    rows = _parts_raked(rows)
    return [*rows, *_resident_rows(files, period), *_band_rows(files, period)]


def _row(node: str, variable: str, statistic: str, entity: str, **more: Any) -> dict[str, Any]:
    agency = node.split(".")[1]
    row = {"name": node.removeprefix("gov."), "variable": variable, "entity": entity}
    row |= {"statistic": statistic, "geo_level": "nation", "geo_id": "US", "group": agency}
    return row | {"source": f"policyengine-us {CALIBRATION}.{node}"} | more


def _national_row(files: ParameterFiles, figure: Figure, period: int) -> dict[str, Any]:
    value = files.value(files.node(figure.node), period)
    return _row(*figure[:4], value=value, period=period)


def _state_rows(files: ParameterFiles, figure: Figure, period: int) -> Iterator[dict[str, Any]]:
    node = files.node(figure.node)
    for postal, fips in FIPS.items():
        if postal in node:
            row = _row(*figure[:4], value=files.value(node[postal], period), period=period)
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


def _resident_rows(files: ParameterFiles, period: int) -> Iterator[dict[str, Any]]:
    """Residents by state: the state's share of the file's figures times the national figure.

    Some releases file the 51 counts of the 2020 Census under the wrong states (California with
    Tennessee's). Then the counts are taken as the Census itself files them, and `source` says so.
    """
    node = files.node(RESIDENTS_BY_STATE)
    filed = {state: files.value(node[state.postal], period) for state in STATES}
    census = {state: float(state.census_2020) for state in STATES}
    misfiled = filed != census and sorted(filed.values()) == sorted(census.values())
    counts = census if misfiled else filed
    residents = files.value(files.node(RESIDENTS), period)
    note = ", its 51 counts filed by state as in the 2020 Census" if misfiled else ""
    for state, count in counts.items():
        value = residents * count / sum(counts.values())
        row = _row(RESIDENTS_BY_STATE, "people", "count", "person", value=value, period=period)
        row["name"] += f".{state.postal}"
        row["source"] += f"{note}, times the national figure over their sum"
        yield row | {"geo_level": "state", "geo_id": f"{state.fips:02d}"}


def _band_rows(files: ParameterFiles, period: int) -> Iterator[dict[str, Any]]:
    """Returns and income by band of adjusted gross income.

    The file moves the amounts to the year and not the edges of the bands, which would put the mean
    of most bands outside them. Here the edges move too, with income per resident.
    """
    until = start_of(period)
    for node, statistic in AGI_BANDS:
        brackets = files.node(node)["brackets"]
        since = max(dated(files.node(AGI_BANDS[1][0])["brackets"][0]["amount"]))
        per_head = files.growth(AGI_INDEX, since, until) / files.growth(RESIDENTS, since, until)
        edges = [in_force(dated(bracket["threshold"]), until) for bracket in brackets]
        moved = [edges[0], *(edge * per_head for edge in edges[1:]), None]
        for place, bracket in enumerate(brackets):
            value = files.value(bracket["amount"], period)
            row = _row(node, AGI_VARIABLE, statistic, "tax_unit", value=value, period=period)
            row["name"] += f".{edges[place]:.0f}"
            row["source"] += f", band edges times {per_head:.4f} (income per resident)"
            band = {"domain": AGI_VARIABLE, "lower": moved[place], "upper": moved[place + 1]}
            yield row | band
