"""How figures look: one accent, one contrast, greys; thin axes; the page's own typeface."""

from typing import Any

from ..core._validate import require

INK = "#24292f"
GREY = "#9aa3ad"
PALE = "#dfe4e9"
ACCENT = "#1f5a92"
CONTRAST = "#c0562f"
LIGHT = "#8db4d8"
SERIES = (ACCENT, CONTRAST, GREY, LIGHT)
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def blank(x_title: str, y_title: str, *, height: int = 340) -> Any:
    """An empty figure with labelled axes."""
    go = require("plotly.graph_objects", "viz")
    figure = go.Figure()
    axis = {
        "gridcolor": "#eef1f4",
        "linecolor": GREY,
        "zerolinecolor": GREY,
        "ticks": "outside",
        "tickcolor": GREY,
        "ticklen": 4,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 13}},
    }
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 36, "b": 10},
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": FONT, "size": 13, "color": INK},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": None},
        hoverlabel={"font": {"family": FONT}},
        bargap=0.28,
    )
    figure.update_xaxes(**axis, title_text=x_title)
    figure.update_yaxes(**axis, title_text=y_title)
    return figure
