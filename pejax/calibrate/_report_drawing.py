"""Line drawings as inline SVG: no script, no font to fetch, as small as what they show."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..report._theme import ACCENT, GREY, INK, PALE

WIDTH, HEIGHT = 720, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 26, 34, 50


class Axis(NamedTuple):
    """A range, labels at some of its places, and what it measures."""

    title: str
    low: float
    high: float
    ticks: Mapping[float, str]

    def share(self, places: ArrayLike) -> np.ndarray:
        """How far along the range places are, those beyond its ends at them."""
        along = (np.asarray(places, float) - self.low) / (self.high - self.low)
        return np.clip(along, 0.0, 1.0)


class Line(NamedTuple):
    """A line through points, named in the legend unless the name is empty."""

    name: str
    x: ArrayLike
    y: ArrayLike
    colour: str = ACCENT
    dashed: bool = False


def share_axis(title: str, high: float = 1.0) -> Axis:
    """An axis of shares from 0 to `high`, with three to seven labels in percent.

    >>> list(share_axis("share of units", 0.34).ticks.values())
    ['0 %', '10 %', '20 %', '30 %']
    """
    steps = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
    step = next((step for step in steps if high / step <= 6), steps[-1])
    ticks = [k * step for k in range(int(high / step + 1e-9) + 1)]
    return Axis(title, 0.0, high, {tick: f"{100 * tick:.3g} %" for tick in ticks})


def drawing(lines: Sequence[Line], x: Axis, y: Axis, caption: str) -> str:
    """Lines in a frame with the sentence that says what they show, as an HTML figure."""
    parts = [*_grid(x, y), *(_polyline(line, x, y) for line in lines), *_legend(lines)]
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" '
        f'aria-label="{html.escape(caption)}" font-size="13" fill="{INK}">{"".join(parts)}</svg>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _across(share: np.ndarray) -> np.ndarray:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _up(share: np.ndarray) -> np.ndarray:
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _grid(x: Axis, y: Axis) -> Iterable[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for tick, label in y.ticks.items():
        place = f"{float(_up(y.share(tick))):.1f}"
        yield f'<path d="M{_LEFT} {place}H{right}" stroke="{PALE}"/>'
        yield _text(label, _LEFT - 7, place, "end", ' dominant-baseline="middle"')
    for tick, label in x.ticks.items():
        place = f"{float(_across(x.share(tick))):.1f}"
        yield f'<path d="M{place} {bottom}v5" stroke="{GREY}"/>'
        yield _text(label, place, bottom + 19, "middle")
    yield f'<path d="M{_LEFT} {bottom}H{right}" stroke="{GREY}"/>'
    yield _text(x.title, (_LEFT + right) / 2, HEIGHT - 8, "middle")
    yield _text(y.title, _LEFT, 14, "start")


def _polyline(line: Line, x: Axis, y: Axis) -> str:
    places = zip(_across(x.share(line.x)), _up(y.share(line.y)), strict=True)
    points = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
    dash = ' stroke-dasharray="4 4"' if line.dashed else ""
    return (
        f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>'
    )


def _legend(lines: Sequence[Line]) -> Iterable[str]:
    """Right to left along the top, the last line outermost."""
    end = WIDTH - _RIGHT
    for line in reversed([line for line in lines if line.name]):
        yield _text(line.name, end, 14, "end")
        end -= 7 * len(line.name) + 8
        yield f'<path d="M{end - 20} 10H{end}" stroke="{line.colour}" stroke-width="2"/>'
        end -= 36


def _text(words: str, x: float | str, y: float | str, anchor: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{html.escape(words)}</text>'
