"""Pieces of a page on how its results came about."""

from collections.abc import Mapping
from typing import TypedDict, cast

from ._page import paragraph, table


class _Step(TypedDict):
    name: str
    seconds: float | None
    peak_bytes: int | None


class _Facts(TypedDict):
    """What is read of a manifest."""

    steps: list[_Step]
    versions: dict[str, str | None]
    data_digest: str | None
    cores: int
    device: str
    dtype: str
    python: str
    seed: int | None
    started: str


def run_pieces(manifest: Mapping[str, object]) -> list[str]:
    """The steps of a run with time and memory, and what it ran on.

    Args:
        manifest: as it stands in a run's `manifest.json`, or `Manifest.to_dict()` of `pejax.io`.

    >>> import tempfile
    >>> from pejax import io
    >>> with io.Run(tempfile.mkdtemp(), "count", seed=3) as run, run.step("add"):
    ...     pass
    >>> pieces = run_pieces(run.manifest.to_dict())
    >>> "seed 3" in pieces[1], pieces[0].count("<tr>")
    (True, 2)
    """
    import pandas as pd

    facts = cast(_Facts, manifest)
    ended = [step for step in facts["steps"] if step["seconds"] is not None]
    steps = pd.DataFrame(
        {
            "step": [step["name"] for step in ended],
            "seconds": [step["seconds"] for step in ended],
            "peak memory, GB": [(step["peak_bytes"] or 0) / 1e9 for step in ended],
        }
    )
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items() if v)
    digest = facts["data_digest"]
    return [
        table(steps, "", {"seconds": ",.1f", "peak memory, GB": ".2f"}),
        paragraph(
            f"On {facts['cores']} cores ({facts['device']}), {facts['dtype']}, Python"
            f" {facts['python']}, seed {facts['seed']}, {facts['started']}. {versions}."
            + (f" Data digest {digest[:16]}." if digest else "")
        ),
    ]
