"""The findings: what is written down, checked, and quoted by the README."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
from designs import Design, Grid

from pejax import io


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a run found: figures without the credit, the whole grid, derivatives at the law,
    soft headcounts, parity."""

    grid: Grid
    designs: tuple[Design, ...]
    without: Mapping[str, float]
    results: pd.DataFrame
    law: pd.DataFrame
    soft: pd.DataFrame
    parity: pd.DataFrame

    def at(self, design: str, **place: Any) -> pd.DataFrame:
        """Rows of a design at the law's own point, but for what `place` says; `None` is any."""
        chosen = self.results["design"] == design
        for name, value in (vars(self.grid.reference) | place).items():
            if value is not None:
                chosen &= self.results[name] == value
        return self.results[chosen]

    def checks(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """What a reader should know before believing the rest."""
        smooth = self.law.dropna(subset="relative_error")
        tolerance = config["derivatives"]["tolerance"]
        return {
            "derivatives_compared": len(smooth),
            "derivatives_beyond_tolerance": int((smooth["relative_error"] > tolerance).sum()),
            "largest_relative_error": float(smooth["relative_error"].max()),
            "amounts_compared": int(self.parity["rows"].sum()),
            "amounts_beyond_tolerance": int(self.parity["above_tolerance"].sum()),
            "largest_difference_in_dollars": float(self.parity["largest_difference"].max()),
        }

    def write(self, out: Path) -> None:
        """The tables as CSV, and `summary.md` with the figures that the README quotes."""
        tables = {
            "grid": self.results,
            "derivatives": self.law,
            "smoothing": self.soft,
            "parity": self.parity,
        }
        for name, table in tables.items():
            io.write_text(out / f"{name}.csv", table.to_csv(index=False, float_format="%.10g"))
        io.write_text(out / "summary.md", self.markdown())

    def markdown(self) -> str:
        """The figures that the README quotes."""
        parts = [
            ("By amount, at the law's phase-out", self._by_amount()),
            ("By phase-out, at the law's amount and refunds", self._by_phase_out()),
            ("Derivatives at the law", self._derivatives()),
            ("Soft headcounts", self._soft()),
            ("The source engine on a sample", self._parity()),
        ]
        held = self.without
        lead = (
            f"{held['children'] / 1e6:.1f} million children. Without any credit "
            f"{held['poor_children_without_credit'] / 1e6:.2f} million "
            f"({held['poverty_rate_without_credit']:.1f} %) would be poor and the gap "
            f"${_billions(held['poverty_gap_without_credit'])} bn.\n\n"
        )
        return lead + "\n".join(f"**{title}**\n\n{table}\n" for title, table in parts)

    def _by_amount(self) -> str:
        rows = [
            (
                design.title,
                f"{row.amount:,.0f}",
                _billions(row.cost),
                _billions(row.refunds),
                f"{row.poor_children / 1e6:.2f}",
                f"{row.poverty_rate:.1f}",
                _billions(row.poverty_gap),
                _millions(row.d_cost_d_amount),
                _millions(row.d_poverty_gap_d_amount),
            )
            for design in self.designs
            for row in _rows(self.at(design.name, amount=None))
        ]
        names = (
            "design", "amount, $", "cost, $bn", "of it refunds", "poor children, m", "%",
            "gap, $bn", "d cost/d amount, $m", "d gap/d amount, $m",
        )  # fmt: skip
        return _table(names, rows)

    def _by_phase_out(self) -> str:
        design = self.designs[0]
        rows = [
            (
                row.thresholds,
                f"{row.rate:g}",
                _billions(row.cost),
                f"{row.poor_children / 1e6:.2f}",
                _millions(row.d_cost_d_amount),
                _millions(row.d_cost_d_rate),
            )
            for row in _rows(self.at(design.name, rate=None, thresholds=None))
        ]
        names = (
            "thresholds", "rate, $ per $1,000", "cost, $bn", "poor children, m",
            "d cost/d amount, $m", "d cost/d rate, $m",
        )  # fmt: skip
        return _table(names, rows)

    def _derivatives(self) -> str:
        """Cost and gap side by side, in millions of dollars for one unit of the number."""
        keys = ["design", "path", "value", "step"]
        sides = [
            part.drop(columns="statistic").set_index(keys).add_prefix(f"{name}_")
            for name, part in self.law.groupby("statistic", sort=False)
        ]
        wide = pd.concat(sides, axis=1).reset_index()
        rows = [
            (
                row.design,
                f"`{row.path.removeprefix('gov.irs.credits.ctc.')}`",
                f"{row.value:g}",
                f"{row.step:g}",
                *(
                    _millions(getattr(row, f"{statistic}_{kind}"))
                    for statistic in ("cost", "poverty_gap")
                    for kind in ("derivative", "difference")
                ),
                _ratio(-row.poverty_gap_derivative, row.cost_derivative),
            )
            for row in _rows(wide)
        ]
        names = (
            "design", "number", "value", "step", "d cost, $m", "difference", "d gap, $m",
            "difference", "gap closed per $ of cost",
        )  # fmt: skip
        return _table(names, rows)

    def _soft(self) -> str:
        rows = [
            (
                row.design,
                f"{row.bandwidth:,.0f}",
                *(
                    f"{round(value):,}"
                    for value in (
                        row.exact, row.smoothed, row.bias, row.derivative, row.difference
                    )
                ),
            )
            for row in _rows(self.soft)
        ]  # fmt: skip
        names = (
            "design", "bandwidth, $", "exact count", "soft count", "bias", "soft: children per $",
            "exact: children per $",
        )  # fmt: skip
        return _table(names, rows)

    def _parity(self) -> str:
        rows = [
            (
                row.reform,
                f"`{row.variable}`",
                f"{row.rows:,}",
                f"{row.largest_difference:.2f}",
                f"{row.above_tolerance}",
            )
            for row in _rows(self.parity)
        ]
        names = ("reform", "variable", "rows", "largest difference, $", "beyond tolerance")
        return _table(names, rows)


def _table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; columns after the first are flush right where they hold numbers."""
    held = [list(row) for row in rows]
    names = list(names)
    numeric = [all(row[k][:1] in "-+0123456789" for row in held) for k in range(len(names))]
    lines = [names, ["---:" if number else "---" for number in numeric], *held]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _rows(frame: pd.DataFrame) -> list[SimpleNamespace]:
    return [SimpleNamespace(**{str(k): v for k, v in r.items()}) for r in frame.to_dict("records")]


def _billions(dollars: float) -> str:
    return f"{dollars / 1e9:.1f}"


def _millions(dollars: float) -> str:
    """Four digits; a true zero is a plain 0."""
    return f"{dollars / 1e6:.4g}" if dollars else "0"


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "–"
