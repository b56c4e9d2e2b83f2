"""The figures of a report, each from arrays by name. Units belong into the axis titles."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._theme import ACCENT, CONTRAST, GREY, INK, PALE, SERIES, blank

Labels = Iterable[Any]
Series = Mapping[str, ArrayLike]


def bars(labels: Labels, series: Series, x_title: str, y_title: str) -> Any:
    """A group of bars a label."""
    figure = blank(x_title, y_title)
    for (name, values), colour in zip(series.items(), SERIES, strict=False):
        figure.add_bar(x=_texts(labels), y=_plain(values), name=name, marker_color=colour)
    figure.update_layout(barmode="group", showlegend=len(series) > 1)
    figure.update_xaxes(type="category")
    return figure


def shares(labels: Labels, series: Series, x_title: str, y_title: str) -> Any:
    """Stacked shares of a whole: gains, no change, losses, in this order."""
    figure = blank(x_title, y_title)
    for (name, values), colour in zip(series.items(), (ACCENT, PALE, CONTRAST), strict=False):
        figure.add_bar(x=_texts(labels), y=_plain(values), name=name, marker_color=colour)
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return figure


def ranked(labels: Labels, values: ArrayLike, x_title: str) -> Any:
    """Horizontal bars, the first on top; negative ones in the contrast colour."""
    numbers = np.asarray(values, float)
    names = _texts(labels)
    figure = blank(x_title, "", height=90 + 24 * len(names))
    colours = np.where(numbers < 0, CONTRAST, ACCENT).tolist()
    figure.add_bar(
        y=names,
        x=numbers.tolist(),
        orientation="h",
        marker_color=colours,
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont_size=12)
    return figure


def dots(labels: Labels, series: Series, x_title: str, *, reference: float | None = None) -> Any:
    """A row a label with a dot a series, joined by a thin line: before and after."""
    names = _texts(labels)
    figure = blank(x_title, "", height=90 + 22 * len(names))
    stacked = np.array([np.asarray(values, float) for values in series.values()])
    for row, label in enumerate(names):
        ends = [float(stacked[:, row].min()), float(stacked[:, row].max())]
        figure.add_scatter(
            x=ends, y=[label, label], mode="lines", line={"color": PALE, "width": 3},
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    for (name, values), colour in zip(series.items(), (GREY, ACCENT, CONTRAST), strict=False):
        figure.add_scatter(
            x=_plain(values), y=names, mode="markers", name=name,
            marker={"color": colour, "size": 9},
        )  # fmt: skip
    if reference is not None:
        figure.add_vline(x=reference, line={"color": INK, "width": 1})
    figure.update_yaxes(autorange="reversed", tickfont_size=12)
    return figure


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    x_title: str,
    y_title: str,
    *,
    log_x: bool = False,
    steps: bool = False,
    x_format: str | None = None,
) -> Any:
    """A line a series of shares, each with its own points."""
    figure = blank(x_title, y_title)
    shape = "hv" if steps else "linear"
    for (name, (x, y)), colour in zip(series.items(), SERIES, strict=False):
        figure.add_scatter(
            x=_plain(x), y=_plain(y), mode="lines", name=name,
            line={"color": colour, "width": 2, "shape": shape},
        )  # fmt: skip
    figure.update_layout(showlegend=len(series) > 1)
    figure.update_xaxes(tickformat=x_format)
    figure.update_yaxes(tickformat=".0%")
    if log_x:
        figure.update_xaxes(type="log", dtick=1)
    return figure


def histogram(edges: ArrayLike, series: Series, x_title: str, y_title: str) -> Any:
    """Outlines of shares by bin, the bins the same for all series, on a logarithmic axis."""
    figure = blank(x_title, y_title)
    left = np.asarray(edges, float)
    for (name, heights), colour in zip(series.items(), SERIES, strict=False):
        ended = np.append(np.asarray(heights, float), 0.0)
        figure.add_scatter(
            x=left.tolist(), y=ended.tolist(), mode="lines", name=name,
            line={"color": colour, "width": 2, "shape": "hv"},
        )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1, tickformat=",")
    figure.update_yaxes(tickformat=".0%")
    return figure


def scatter(
    x: ArrayLike, y: ArrayLike, names: Labels, x_title: str, y_title: str, *, line: bool = False
) -> Any:
    """A dot a record, named when pointed at; with `line`, the diagonal of equality."""
    figure = blank(x_title, y_title)
    figure.add_scatter(
        x=_plain(x), y=_plain(y), text=_texts(names), mode="markers", showlegend=False,
        marker={"color": ACCENT, "size": 7, "opacity": 0.75},
    )  # fmt: skip
    if line:
        low = float(min(np.min(x), np.min(y)))
        high = float(max(np.max(x), np.max(y)))
        figure.add_scatter(
            x=[low, high], y=[low, high], mode="lines", line={"color": GREY, "width": 1},
            showlegend=False, hoverinfo="skip",
        )  # fmt: skip
    return figure


def _plain(values: ArrayLike) -> list[float]:
    return np.asarray(values, float).tolist()


def _texts(labels: Labels) -> list[str]:
    return [str(label) for label in labels]
