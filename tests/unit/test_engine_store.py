"""Executables on disk: found by another process, never trusted from a folder that others write."""

import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.engine.running import _executables, _store
from pejax.engine.running._executables import Job, executables
from pejax.engine.running._extent import Extent
from pejax.testing import toy_population, toy_program

SHAPE = jax.ShapeDtypeStruct((3,), jnp.float32)
RUN = """
import jax, numpy as np
jax.config.update("jax_compilation_cache_dir", {folder!r})
from pejax.engine.running import _executables
from pejax.testing import toy_population, toy_program
{before}
program = toy_program()
print(program(program.parameters, toy_population())["income_tax"].tolist())
"""
NO_LOWERING = """
def never(*_): raise AssertionError("compiled again")
_executables._store.Store.compile = never
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for JAX's cache, and a process that has compiled nothing yet."""
    monkeypatch.setattr(_executables, "_MADE", {})
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    return tmp_path / "pejax"


def job(content=("a",), lowered=None):
    function = jax.jit(lambda x: [x + 1])

    def lower():
        if lowered is not None:
            lowered.append(content)
        return function.lower(SHAPE)

    return Job(content, (SHAPE,), [0], lower)


def again(*jobs):
    """As in another process, which has nothing in memory."""
    _executables._MADE.clear()
    return executables(jobs)


def test_what_was_made_is_found_again_and_gives_the_same(folder):
    lowered = []
    (first,) = executables([job(lowered=lowered)])
    (found,) = again(job(lowered=lowered))
    assert lowered == [("a",)] and len(list(folder.iterdir())) == 1
    assert found(jnp.arange(3.0))[0].tolist() == first(jnp.arange(3.0))[0].tolist() == [1, 2, 3]


def test_another_process_neither_traces_nor_compiles(tmp_path):
    def run(before):
        text = RUN.format(folder=str(tmp_path), before=before)
        return subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, check=False
        )

    first = run("")
    second = run(NO_LOWERING)
    assert second.returncode == 0, second.stderr
    program = toy_program()
    expected = program(program.parameters, toy_population())["income_tax"]
    np.testing.assert_allclose(np.array(eval(second.stdout)), np.asarray(expected), rtol=1e-6)
    assert first.stdout == second.stdout


@pytest.mark.parametrize(
    "other",
    [("b",), ("a", Extent((("person", 4),))), ("a", None), ("a", 1), ("a", True)],
)
def test_other_content_is_another_file(folder, other):
    executables([job(), job(other)])
    assert len(list(folder.iterdir())) == 2


def test_the_order_of_a_set_is_nothing():
    both = [Extent((), frozenset(names)) for names in (["tax_unit", "family"], ["family"])]
    assert _store._plain(both[0]) == [[], ["family", "tax_unit"], []] != _store._plain(both[1])


def test_content_without_a_place_in_a_key_is_refused():
    with pytest.raises(TypeError, match=r"float 0\.5 has no place"):
        _store._plain(("a", 0.5))


def test_other_options_are_other_files(folder, monkeypatch):
    executables([job()])
    monkeypatch.setattr(_executables, "_options", lambda _: {"xla_embed_ir_in_executable": True})
    again(job())
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_file_is_said_and_made_again(folder):
    executables([job()])
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.warns(UserWarning, match="is damaged: compiling it again"):
        (made,) = again(job())
    assert made(jnp.zeros(3))[0].tolist() == [1, 1, 1]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_a_folder_that_others_can_write_is_not_read(folder):
    executables([job()])
    folder.chmod(0o777)
    lowered = []
    with pytest.warns(UserWarning, match="can be written by others"):
        again(job(lowered=lowered))
    assert lowered == [("a",)]


def test_a_folder_that_cannot_be_made_is_said(folder):
    folder.write_text("a file in its place")
    with pytest.warns(UserWarning, match="cannot be made"):
        (made,) = again(job())
    assert made(jnp.zeros(3))[0].tolist() == [1, 1, 1]


def test_a_full_disk_is_said_and_the_result_is_there(folder, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_store, "atomic_path", full)
    with pytest.warns(UserWarning, match=r"could not be written .*No space left"):
        (made,) = executables([job()])
    assert made(jnp.zeros(3))[0].tolist() == [1, 1, 1]


def test_code_that_cannot_be_written_is_said_and_the_result_is_there(folder, monkeypatch):
    def cannot(_):
        raise ValueError("Compilation does not support serialization")

    monkeypatch.setattr(_store.serialize_executable, "serialize", cannot)
    with pytest.warns(UserWarning, match="cannot be kept on disk: Compilation does not"):
        (made,) = executables([job()])
    assert made(jnp.zeros(3))[0].tolist() == [1, 1, 1] and not list(folder.iterdir())


def test_what_the_cache_of_jax_read_is_not_written_again(folder):
    """XLA drops the code of what it has read: such an executable would not run."""
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    executables([job()])
    for path in folder.iterdir():
        path.unlink()
    for _ in range(2):
        (made,) = again(job())
        assert made(jnp.zeros(3))[0].tolist() == [1, 1, 1]


def test_nothing_is_kept_without_a_folder_of_jax(folder, tmp_path):
    jax.config.update("jax_compilation_cache_dir", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        executables([job()])
    assert not folder.exists()
    for elsewhere in ("gs://bucket/cache",):
        jax.config.update("jax_compilation_cache_dir", elsewhere)
        assert _store.of_this_process(None) is None
