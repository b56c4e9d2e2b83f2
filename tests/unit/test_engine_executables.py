"""Machine code is made once a key, in one piece where the process would run out of room."""

import functools

import jax
import jax.numpy as jnp
import pytest

from pejax.engine.running import _executables
from pejax.engine.running._executables import Job, executables

SHAPE = jax.ShapeDtypeStruct((3,), jnp.float32)


def job(content, asked):
    """What compiles `x + 1`, and notes the options it was compiled with."""

    class Lowered:
        def compile(self, compiler_options):
            asked.append(compiler_options)
            lowered = jax.jit(lambda x: x + 1).lower(SHAPE)
            return lowered.compile(compiler_options=compiler_options)

    return Job((content,), (SHAPE,), 0, Lowered)


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(_executables, "_MADE", {})
    monkeypatch.setattr(_executables._store, "of_this_process", lambda _: None)


def test_equal_content_is_made_once(made):
    asked = []
    first, again, other = executables([job("a", asked), job("a", asked), job("b", asked)])
    assert len(asked) == 2 and first is again and other is not first
    assert executables([job("b", asked)]) == [other] and len(asked) == 2
    assert first(jnp.zeros(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("room, in_one_piece", [(10_000, False), (100, True)])
def test_many_pieces_only_where_there_is_room(made, monkeypatch, room, in_one_piece):
    monkeypatch.setattr(_executables, "_room", lambda: room)
    asked = []
    (function,) = executables([job("a", asked)], pieces=70)
    one_piece = asked[0] is not None and "xla_cpu_use_fusion_emitters" in asked[0]
    assert one_piece == (in_one_piece and jax.default_backend() == "cpu")
    assert function(jnp.ones(3)).tolist() == [2, 2, 2]


def test_a_process_knows_its_room():
    held = [functools.partial(_executables._room)() for _ in range(2)]
    assert all(room > 1_000 for room in held)
