"""Executables on disk, so that another process need neither trace nor compile them.

They lie beside what JAX itself keeps, in `pejax` under `jax_compilation_cache_dir`, if that is set.
The name of a file is a digest of the segment's content, the shapes, this package's emitter, the
versions of JAX, the compiler's options and the machine: whatever changes makes another file. The
files are machine code wrapped by JAX in a pickle, to be trusted like a program. So they are read
only from a folder in which nobody but this user can write.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import platform
import stat
import threading
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from jax.experimental import serialize_executable

from ...core._digest import digest
from ...core.files._files import atomic_path

_DIGEST_BYTES = 32


@dataclasses.dataclass(frozen=True)
class Store:
    """A folder of executables.

    Attributes:
        folder: private to this user.
        made_with: a digest of what made them besides their own content.
    """

    folder: Path
    made_with: str

    def read(self, content: Any, trees: tuple[Any, Any]) -> Any:
        """The executable of some content, or None if there is none that can be used."""
        path = self._path(content)
        try:
            held = path.read_bytes()
        except FileNotFoundError:
            return None
        if _seal(held[_DIGEST_BYTES:]) != held[:_DIGEST_BYTES]:
            warnings.warn(f"{path} is damaged: compiling it again", stacklevel=2)
            return None
        return serialize_executable.deserialize_and_load(held[_DIGEST_BYTES:], *trees)

    def compile(self, lowered: Any, options: Any, content: Any, trees: tuple[Any, Any]) -> Any:
        """Compile, and keep the executable."""
        hits = _hits()
        made = lowered.compile(compiler_options=options)
        if hits == _hits():  # XLA cannot write again what JAX's own cache has read
            self._write(content, trees, made)
        return made

    def _write(self, content: Any, trees: tuple[Any, Any], made: Any) -> None:
        """Keep an executable; say so where the disk is full or its code cannot be written."""
        try:
            held, *found = serialize_executable.serialize(made)
            if tuple(found) != trees:
                raise ValueError(f"it takes and gives {found}, not {trees}")
        except (ValueError, NotImplementedError) as problem:
            warnings.warn(f"machine code cannot be kept on disk: {problem}", stacklevel=2)
            return
        path = self._path(content)
        try:
            with atomic_path(path) as temporary:
                temporary.write_bytes(_seal(held) + held)
        except OSError as problem:
            warnings.warn(f"{path} could not be written ({problem})", stacklevel=2)

    def _path(self, content: Any) -> Path:
        text = json.dumps([self.made_with, _plain(content)])
        return self.folder / f"{digest(text)}.xla"


def _seal(held: bytes) -> bytes:
    return bytes.fromhex(digest(held))


def of_this_process(options: Mapping[str, Any] | None) -> Store | None:
    """Where JAX is set to keep what it compiles, if it is, and if no one else can write there."""
    setting = jax.config.values
    chosen = setting["jax_compilation_cache_dir"]
    if not chosen or "://" in chosen or not setting["jax_enable_compilation_cache"]:
        return None
    folder = Path(chosen) / "pejax"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        warnings.warn(f"{folder} cannot be made ({problem}): nothing is kept", stacklevel=2)
        return None
    if not _private(folder):
        warnings.warn(
            f"{folder} belongs to somebody else or can be written by others: machine code is "
            "neither read from it nor written to it. Choose another jax_compilation_cache_dir",
            stacklevel=2,
        )
        return None
    _listen()
    content = json.dumps([*_machine(), dict(options or {}), setting["jax_enable_x64"]])
    return Store(folder, digest(content))


_HIT = "/jax/compilation_cache/cache_hits"
_COUNT = threading.local()


@functools.cache
def _listen() -> None:
    """Count, in every thread, what JAX's own cache finds."""
    jax.monitoring.register_event_listener(
        lambda event, **_: setattr(_COUNT, "hits", _hits() + 1) if event == _HIT else None
    )


def _hits() -> int:
    return getattr(_COUNT, "hits", 0)


def _private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True  # a user's own folders are private on Windows
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@functools.cache
def emitter() -> str:
    """A digest of the code that turns segments into JAX."""
    return digest(*(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))


@functools.cache
def _machine() -> tuple[str, ...]:
    """What decides, besides the content of a segment, which machine code it becomes."""
    device = jax.devices()[0]
    return (
        emitter(),
        version("jax"),
        version("jaxlib"),
        os.environ.get("XLA_FLAGS", ""),
        device.platform,
        device.device_kind,
        str(device.client.platform_version),
        platform.machine(),
        _processor(),
    )


def _processor() -> str:
    """The processor's name and instruction sets, where the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    kinds = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in text.splitlines() if line.startswith(kinds)}))


def _plain(content: Any) -> Any:
    """The same content in JSON's own types, whatever order sets have in this process."""
    if isinstance(content, jax.ShapeDtypeStruct):
        return [list(content.shape), str(content.dtype)]
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return [_plain(getattr(content, f.name)) for f in dataclasses.fields(content)]
    if isinstance(content, frozenset):
        return sorted(content)
    if isinstance(content, tuple | list):
        return [_plain(one) for one in content]
    if content is None or isinstance(content, bool | int | str):
        return content
    raise TypeError(f"{type(content).__name__} {content!r} has no place in a key")
