"""Writing files so that an interrupted run leaves nothing half-written."""

import contextlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from .._arguments import as_path
from .._validate import BadInputError, PejaxError


def made_folder(path: str | os.PathLike) -> Path:
    """The folder, made with those above it where they are not there.

    Raises:
        BadInputError: a file is in its way.

    >>> import tempfile
    >>> made_folder(f"{tempfile.mkdtemp()}/a/b").is_dir()
    True
    """
    path = as_path(path, "path")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as problem:
        inner = (path, *path.parents)
        file = next(place for place in inner if place.exists() and not place.is_dir())
        fix = "Give another folder, or move the file."
        raise BadInputError(f"{path} cannot be a folder: {file} is a file. {fix}") from problem
    return path


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A neighbour of `path`, to be written, that takes its place when the block succeeds.

    When the block raises, the neighbour is removed and what was at `path` stays.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("done")
    >>> (folder / "a.txt").read_text()
    'done'
    """
    path = as_path(path, "path")
    if path.is_dir():
        raise BadInputError(f"{path} is a folder. Give the path of a file.")
    made_folder(path.parent)
    temporary = _neighbour(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def refused_if_unreadable(path: str | os.PathLike, kind: str) -> Iterator[None]:
    """Say of a file that cannot be read as what its name says that it is none.

    Readers of other packages raise whatever they like over a file that is damaged. Where there is
    no file, or no leave to read it, the system's own error says so.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, PejaxError):
        raise
    except IsADirectoryError as problem:
        raise BadInputError(f"{path} is a folder. Give the path of a {kind}.") from problem
    except Exception as problem:
        reason = str(problem).partition("\n")[0]
        raise BadInputError(
            f"{path} is no readable {kind} ({reason}). Save it again, or copy it again from where"
            " it is whole."
        ) from problem


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """A new folder beside `path` that takes its place, with all its files, when the block succeeds.

    A folder cannot be exchanged in one system call; the old one is moved aside first and deleted
    last, so that at every moment one whole folder exists.
    """
    path = as_path(path, "path")
    if path.is_file() or not path.name:
        raise BadInputError(f"{path} is no folder of its own. Give the path of a folder.")
    made_folder(path.parent)
    temporary, old = _neighbour(path), _neighbour(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | os.PathLike, text: str) -> Path:
    """Write a text file in one step.

    >>> import tempfile
    >>> write_text(f"{tempfile.mkdtemp()}/a.txt", "done").read_text()
    'done'
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | os.PathLike, payload: object) -> Path:
    """Write JSON in one step.

    Arrays become lists, NaN and infinities `null` (JSON has neither), and what JSON cannot say
    becomes its `str`.

    >>> import tempfile
    >>> write_json(f"{tempfile.mkdtemp()}/a.json", {"x": float("nan")}).read_text().split()
    ['{', '"x":', 'null', '}']
    """
    return write_text(path, json.dumps(plain(payload), indent=2, allow_nan=False) + "\n")


def plain(value: object) -> object:
    """The same value in JSON's own types.

    >>> plain({"a": np.arange(2), 3: float("nan"), "path": Path("x")})
    {'a': [0, 1], '3': None, 'path': 'x'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "__array__"):
        return plain(np.asarray(value).tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _neighbour(path: Path) -> Path:
    return path.with_name(f".{path.stem}-{uuid.uuid4().hex[:12]}{path.suffix}")
