"""The experiment's picture: a small SVG, made of text."""

from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd

SERIES = (("#9aa3ad", 6.0), ("#1f5a92", 2.2), ("#c0562f", 2.2))  # the first shows under the others
INK, RULE = "#24292f", "#dfe4e9"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"
WIDTH, HEIGHT = 940, 412
PANEL = (370, 262)  # pixels of a plot's area
TICKS = 5

Points = Sequence[tuple[float, float]]


class Panel:
    """A plot's area at a place, with linear axes: turns data into SVG elements."""

    def __init__(self, left: float, top: float, x: Iterable[float], y: Iterable[float]) -> None:
        self.left, self.top = left, top
        self.x, self.y = _ticks(x), _ticks(y)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point."""
        return (
            self.left + PANEL[0] * (x - self.x[0]) / (self.x[-1] - self.x[0]),
            self.top + PANEL[1] * (1 - (y - self.y[0]) / (self.y[-1] - self.y[0])),
        )

    def axes(self, title: str, x_title: str, x_unit: str, y_unit: str) -> list[str]:
        bottom, right = self.top + PANEL[1], self.left + PANEL[0]
        drawn = [_text(self.left, self.top - 34, title, weight=600, size=14)]
        for value in self.y:
            height = self.at(self.x[0], value)[1]
            drawn.append(_line([(self.left, height), (right, height)], RULE, 1))
            drawn.append(_text(self.left - 8, height + 4, y_unit.format(value), anchor="end"))
        for value in self.x:
            place = self.at(value, self.y[0])[0]
            drawn.append(_text(place, bottom + 18, x_unit.format(value), anchor="middle"))
        middle = self.left + PANEL[0] / 2
        return [*drawn, _text(middle, bottom + 40, x_title, anchor="middle")]

    def line(self, points: Points, colour: str, width: float) -> str:
        return _line([self.at(*p) for p in points], colour, width)

    def dots(self, points: Points, colour: str, *, hollow: bool = False) -> list[str]:
        fill = "white" if hollow else colour
        return [
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{3 if hollow else 3.6}' fill='{fill}' "
            f"stroke='{colour}' stroke-width='1.2'/>"
            for x, y in (self.at(*p) for p in points)
        ]


def draw(grid: pd.DataFrame, titles: dict[str, str], law: dict[str, float | str]) -> str:
    """Poverty against the amount, and against cost, by design.

    Args:
        grid: with `design`, `amount`, `rate`, `thresholds`, `cost` (billions) and `poverty_rate`
            (per cent); `titles` of the designs.
        law: its `rate` and `thresholds`.
    """
    amounts = Panel(56, 76, grid["amount"], grid["poverty_rate"])
    costs = Panel(526, 76, grid["cost"], grid["poverty_rate"])
    body = amounts.axes("Children in poverty, %", "amount a child", "${:,.0f}", "{:g}")
    body += costs.axes("… against the credit's yearly cost", "cost, $ billion", "{:,.0f}", "{:g}")
    at_law = (grid["rate"] == law["rate"]) & (grid["thresholds"] == law["thresholds"])
    for number, (design, (colour, width)) in enumerate(zip(titles, SERIES, strict=False)):
        mine = grid["design"] == design
        line, others = grid[mine & at_law], grid[mine & ~at_law]
        by_amount = list(zip(line["amount"], line["poverty_rate"], strict=True))
        by_cost = list(zip(line["cost"], line["poverty_rate"], strict=True))
        beside = list(zip(others["cost"], others["poverty_rate"], strict=True))
        body += [amounts.line(by_amount, colour, width), *amounts.dots(by_amount, colour)]
        body += costs.dots(beside, colour, hollow=True)
        body += [costs.line(by_cost, colour, width), *costs.dots(by_cost, colour)]
        body += _legend(56 + 290 * number, titles[design], colour)
    note = "Lines and full dots: the law's own phase-out. Hollow dots: the others of the grid."
    body.append(_text(56, HEIGHT - 6, note, size=11.5))
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' {FONT}>"
    back = f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>"
    return "\n".join([head, back, *body, "</svg>", ""])


def _legend(x: float, title: str, colour: str) -> list[str]:
    swatch = f"<circle cx='{x + 5}' cy='14' r='5' fill='{colour}'/>"
    return [swatch, _text(x + 16, 18, title, size=13)]


def _line(points: Points, colour: str, width: float) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='{width}'/>"


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", size: float = 12, weight: int = 400
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' "
        f"font-weight='{weight}' fill='{INK}'>{escape(words)}</text>"
    )


def _ticks(values: Iterable[float]) -> list[float]:
    """About `TICKS` round numbers that enclose the values."""
    held = list(values)
    low, high = min(held), max(held)
    rough = (high - low) / TICKS or 1.0
    size = 10.0 ** (len(str(int(rough))) - 1) if rough >= 1 else 0.1
    step = next(size * m for m in (1, 2, 2.5, 5, 10, 20) if size * m >= rough)
    first, last = int(low // step), int(-(-high // step))
    return [k * step for k in range(first, max(last, first + 1) + 1)]
