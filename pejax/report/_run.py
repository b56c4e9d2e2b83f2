"""Pieces of a page on how its results came about."""

from collections.abc import Mapping
from typing import TypedDict, cast

from ..core._arguments import as_instance, as_number, as_text, as_whole, shown
from ..core._arrays import items_of
from ..core._validate import BadInputError
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


_OPEN = {"seconds": None, "peak_bytes": None}  # a step that has not ended


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

    facts = _checked(manifest)
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


def _checked(manifest: object) -> _Facts:
    """What is read, each of its kind."""
    given = as_instance(manifest, Mapping, "manifest", "Give Manifest.to_dict() of pejax.io.")
    for name in _Facts.__annotations__:
        if name not in given:
            raise BadInputError(f"manifest has no {name!r}. Give Manifest.to_dict() of pejax.io.")
    for name in ("device", "dtype", "python", "started"):
        as_text(given[name], name)
    if given["data_digest"] is not None:
        as_text(given["data_digest"], "data_digest")
    as_instance(given["versions"], Mapping, "versions", "Give versions by package.")
    for name, version in given["versions"].items():
        as_text(name if version is None else version, f"the version of {name}")
    as_whole("cores")(given["cores"])
    if given["seed"] is not None:
        as_whole("seed")(given["seed"])
    steps = items_of(given["steps"], f"steps is {shown(given['steps'])}. Give a list of steps.")
    told = []
    for k, step in enumerate(steps):
        held = as_instance(step, Mapping, f"steps[{k}]", "Give a name, seconds and peak_bytes.")
        told.append({**_OPEN, **held})
        as_text(held.get("name"), f"the name of steps[{k}]")
        for name in ("seconds", "peak_bytes"):
            if held.get(name) is not None:
                as_number(f"{name} of steps[{k}]")(held[name])
    return cast(_Facts, {**given, "steps": told})
