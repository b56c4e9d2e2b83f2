"""The frame around a command that computes: caches, progress, a manifest beside the results."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ._cache import use_compile_cache
from ._display import Display

if TYPE_CHECKING:
    import pandas as pd

    from ..io import Run


class Work(NamedTuple):
    """A run with its screen."""

    run: "Run"
    display: Display

    def write(self, name: str, frame: "pd.DataFrame") -> None:
        """Write a table into the run's folder as parquet and say where."""
        from .. import io

        path = io.save(frame, self.run.out / f"{name}.parquet")
        self.display.say(f"{path}: {len(frame):,} rows")


@contextlib.contextmanager
def work(
    command: str, out: Path, config: Mapping[str, Any], seed: int | None = None
) -> Iterator[Work]:
    """Run a command's block; `manifest.json` in `out` says what was run and how it ended."""
    from .. import io
    from ..core._validate import BadInputError, require

    if out.exists() and not out.is_dir():
        raise BadInputError(f"--out: {out} is a file. Name a folder.")
    display = Display()
    plain = {name: value for name, value in config.items() if value is not None and name != "out"}
    with io.Run(out, command, plain, seed, tell=display.tell) as run:
        require("pyarrow", "io")
        use_compile_cache()
        with display.working():
            yield Work(run, display)
