"""What a command shows while it works: the step under way, the steps done, what they found."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd


class Display:
    """Lines on the terminal; in a pipe or a log the same lines without the moving part."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self._status = self.console.status("")

    @contextlib.contextmanager
    def working(self) -> Iterator["Display"]:
        """Show the moving line while the block runs."""
        with self._status:
            yield self

    def tell(self, line: str) -> None:
        """A line of `pejax.io.Run`: a step that starts (it ends in dots) or one that ended."""
        if line.endswith("..."):
            self._status.update(f"[bold]{line}")
            if not self.console.is_terminal:
                self.console.print(line, soft_wrap=True)
        else:
            self.console.print(f"[bold]{line}", soft_wrap=True)

    def progress(self, line: str) -> None:
        """Where a long step is; only the moving line changes."""
        self._status.update(f"[bold]{line}")

    def say(self, line: str) -> None:
        """Something a step found."""
        self.console.print(f"  {line}", soft_wrap=True, markup=False)

    def table(self, frame: "pd.DataFrame", rows: int = 12) -> None:
        """The first rows of a table."""
        shown = Table(box=None, pad_edge=False, header_style="dim")
        for name in frame.columns:
            number = frame[name].dtype.kind in "fiu"
            shown.add_column(str(name), justify="right" if number else "left", overflow="fold")
        for record in frame.head(rows).itertuples(index=False):
            shown.add_row(*(_cell(value) for value in record))
        self.console.print(shown)


def _cell(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
