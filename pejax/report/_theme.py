"""How it all looks: an accent, a contrast, greys, dark text on white, the page's typeface."""

INK = "#24292f"
MUTED = "#57606a"
GREY = "#9aa3ad"
PALE = "#dfe4e9"
FAINT = "#eef1f4"
ACCENT = "#1f5a92"
CONTRAST = "#c0562f"
LIGHT = "#8db4d8"
SERIES = (ACCENT, CONTRAST, GREY, LIGHT, "#6b4c8a", "#b8952f")
"""Colours of series in order; a seventh has the first one's again."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SIZE = 13
"""Of the letters in figures, in pixels."""
