"""Machine code is made once a key, in one piece where the process would run out of room."""

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


@pytest.mark.parametrize("room, in_one_piece", [(0.9, False), (0.2, True)])
def test_many_pieces_only_where_there_is_room(made, monkeypatch, room, in_one_piece):
    monkeypatch.setattr(_executables, "_room", lambda: room)
    asked = []
    (function,) = executables([job("a", asked)])
    one_piece = asked[0] is not None and "xla_cpu_parallel_codegen_split_count" in asked[0]
    assert one_piece == (in_one_piece and jax.default_backend() == "cpu")
    assert function(jnp.ones(3)).tolist() == [2, 2, 2]


def test_options_that_this_release_does_not_know_are_left_out(made, monkeypatch):
    kept = dict(_executables._ONE_PIECE)
    monkeypatch.setattr(_executables, "_ONE_PIECE", {**kept, "xla_cpu_no_such_option": 1})
    with pytest.warns(UserWarning, match="does not know xla_cpu_no_such_option: executables take"):
        known = _executables._one_piece.__wrapped__()
    assert "xla_cpu_no_such_option" not in known and known.items() <= kept.items()


def test_the_room_is_looked_at_again_while_compiling(made, monkeypatch):
    left = iter([0.9, 0.2])
    monkeypatch.setattr(_executables, "_room", lambda: next(left))
    monkeypatch.setattr(_executables, "_SELDOM", 2)
    asked = []
    executables([job(name, asked) for name in "abcd"])
    in_one_piece = sorted(options is not None for options in asked)
    assert in_one_piece == [False, False, *2 * [jax.default_backend() == "cpu"]]


def test_where_there_is_little_room_the_others_are_forgotten(made, monkeypatch):
    if jax.default_backend() != "cpu":
        pytest.skip("only the CPU's executables take mappings")
    asked = []
    executables([job("a", asked)])
    others = _executables.Prepared()
    others["a"] = 1
    left = iter([0.1, 0.5, 0.01, 0.01])
    monkeypatch.setattr(_executables, "_room", lambda: next(left))
    executables([job("b", asked)])
    assert [content for content, _ in _executables._MADE] == [("b",)] and not others
    with pytest.raises(MemoryError, match=r"vm\.max_map_count"):
        executables([job("c", asked)])


def test_what_cannot_be_compiled_raises_and_nothing_is_kept(made):
    def fails():
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        executables([job("a", []), Job(("b",), (SHAPE,), 0, fails)])
    assert not _executables._MADE


def test_a_process_knows_its_room():
    assert 0 < _executables._room() <= 1
