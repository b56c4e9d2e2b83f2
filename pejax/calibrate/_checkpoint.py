"""Checkpoints of a long run: all that its next epoch depends on, beside what was asked.

A folder holds `identity.json`, the settings of the method in words and digests of everything else
that decides the weights, and `steps/`, the last two states as orbax writes them: whole or not at
all. A run that is killed at any moment goes on from the last of them and ends with the weights of a
run that never was.
"""

import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..core._digest import Part, digest
from ..core._fingerprint import fingerprint
from ..core._types import Key
from ..core._validate import BadInputError, PejaxError, require
from ..core.files._files import made_folder, write_json
from ..core.files._npz import digest_of
from ._method import Start
from .problem._problem import TargetProblem

_IDENTITY, _STEPS = "identity.json", "steps"
_SETTING = "setting of the method"
_SEAL = "digest"
_FORM = "2"  # of what is saved of a state
_KEPT = 2
_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


class CheckpointError(PejaxError):
    """A checkpoint could not be written, or none can be read; earlier ones stay usable."""


class Checkpoints:
    """The checkpoints of one run, in a folder of its own.

    Args:
        folder: made if it is not there.
        identity: what the weights depend on, by name; as `identity_of` gives it.

    Raises:
        BadInputError: the folder holds another run's checkpoints, or something else.
        ImportError: the extra `flax`, which brings orbax, is missing.
    """

    def __init__(self, folder: str | os.PathLike, identity: Mapping[str, str]):
        require("orbax.checkpoint", "flax")
        import orbax.checkpoint as ocp

        self._folder = Path(folder).resolve()
        _claim(self._folder, dict(identity))
        options = ocp.CheckpointManagerOptions(
            max_to_keep=_KEPT, enable_async_checkpointing=False, cleanup_tmp_directories=True
        )
        self._manager = ocp.CheckpointManager(self._folder / _STEPS, options=options)
        self._save, self._restore = ocp.args.StandardSave, ocp.args.StandardRestore

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    def latest(self, state: Any) -> Any:
        """The last state that can be read, in the structure of a given one; None for a new run.

        Raises:
            CheckpointError: there are checkpoints and none can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for step in steps:
            try:
                return self._read(step, state)
            except _UNREADABLE as problem:
                reason = str(problem).partition("\n")[0]
                warnings.warn(f"The checkpoint of epoch {step} is damaged: {reason}", stacklevel=2)
        if steps:
            raise CheckpointError(
                f"None of the checkpoints in {self._folder} can be read. Delete the folder to "
                "begin anew."
            )
        return None

    def _read(self, step: int, state: Any) -> Any:
        plain, rest = eqx.partition(_without_keys(state), eqx.is_array)
        leaves, structure = jax.tree.flatten(plain)
        found = self._manager.restore(step, args=self._restore(_sealed(_named(leaves))))
        _fail_if_changed(found)
        held = [jnp.asarray(found[name], leaf.dtype) for name, leaf in _named(leaves).items()]
        plain = eqx.combine(jax.tree.unflatten(structure, held), rest)
        return jax.tree.map(lambda now, old: old if _is_key(old) else now, plain, state)

    def save(self, state: Any) -> None:
        """Write a state, and let go of all but the last two.

        Raises:
            CheckpointError: it cannot be written; the disk is full, for example.
        """
        leaves = jax.tree.leaves(eqx.filter(_without_keys(state), eqx.is_array))
        step = int(state.steps)
        try:
            self._manager.save(step, args=self._save(_sealed(_named(leaves))))
            self._manager.wait_until_finished()
        except (OSError, ValueError) as problem:
            last = max((s for s in self._manager.all_steps() if s < step), default=None)
            usable = "nothing was saved before" if last is None else f"epoch {last} stays usable"
            raise CheckpointError(
                f"The checkpoint of epoch {step} could not be written to {self._folder} "
                f"({shutil.disk_usage(self._folder).free:,} bytes free): "
                f"{str(problem).partition(chr(10))[0]}; {usable}. Make room and run it again."
            ) from problem


def identity_of(
    method: Any,
    problem: TargetProblem,
    base_weights: Float[np.ndarray, " unit"],
    key: Key | None,
    start: Start | None,
) -> dict[str, str]:
    """All that the weights of a run depend on: the method in words too, the rest as digests.

    An optimiser says nothing of its rate in words; its fingerprint does.
    """
    import importlib.metadata

    held = None if key is None else np.asarray(jax.random.key_data(key))
    version = f"pejax {importlib.metadata.version('pejax')}, jax {jax.__version__}"
    return {
        "method": re.sub(r" at 0x[0-9a-f]+", "", repr(method)),
        _SETTING: fingerprint(method),
        "targets": _digest((problem.values, problem.scale, problem.importance)),
        "matrix": _digest(problem.operator),
        "base weights": _digest(base_weights),
        "start": _digest(None if start is None else start.weights),
        "key": _digest(held),
        "version": version,
        "form": _FORM,
    }


def _digest(tree: Any) -> str:
    parts: list[Part] = []
    for leaf in jax.tree.leaves(tree):
        array = np.ascontiguousarray(leaf)
        parts += [f"{array.dtype}{array.shape}", array]
    return digest(*parts)


def _is_key(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _without_keys(state: Any) -> Any:
    """The state without its PRNG key, which stays what it was: the identity has a digest of it."""
    return jax.tree.map(lambda leaf: 0 if _is_key(leaf) else leaf, state)


def _named(leaves: list[Any]) -> dict[str, np.ndarray]:
    return {f"leaf {k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}


def _sealed(tree: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays with a digest of theirs: orbax notices damage to its index, not to values."""
    seal = np.frombuffer(bytes.fromhex(digest_of("", tree)), np.uint8)
    return {**tree, _SEAL: seal.copy()}


def _fail_if_changed(found: Mapping[str, Any]) -> None:
    held = {name: np.asarray(value) for name, value in found.items() if name != _SEAL}
    if _sealed(held)[_SEAL].tolist() != np.asarray(found[_SEAL]).tolist():
        raise ValueError("its values differ from what was saved (the digest does not match)")


def _claim(folder: Path, identity: dict[str, str]) -> None:
    """Make the folder this run's, or raise if it is another's."""
    path = folder / _IDENTITY
    if not path.exists():
        if any(made_folder(folder).iterdir()):
            raise BadInputError(f"{folder} holds something other than checkpoints. Give another.")
        write_json(path, identity)
        return
    try:
        known = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as problem:
        raise CheckpointError(
            f"{path} is damaged ({problem}). Delete the folder to begin anew."
        ) from problem
    other = [name for name, value in identity.items() if known.get(name) != value]
    if "method" in other:  # its words say what its fingerprint does
        other = [name for name in other if name != _SETTING]
    if other:
        raise BadInputError(
            f"{folder} holds the checkpoints of a run with another {', '.join(other)}"
            f"{_what(other[0], known, identity)}. Give another folder, or delete it."
        )


def _what(name: str, known: Mapping[str, str], asked: Mapping[str, str]) -> str:
    """The difference itself, where it is said in words."""
    if name not in ("method", "version"):
        return ""
    return f" ({known.get(name)}, where {asked[name]} was asked for)"
