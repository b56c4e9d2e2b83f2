"""Long runs: killed and resumed, refused where the checkpoint is another's, logged as they go."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import types
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

pytest.importorskip("orbax.checkpoint")

from pejax import calibrate as cal
from pejax.calibrate import _checkpoint
from pejax.core._validate import BadInputError

KEY = jax.random.key(3)
RUN = """
import sys
import jax, numpy as np
from pejax import calibrate as cal
sys.path.insert(0, {tests!r})
from test_calibrate_checkpoint import parts, method
problem, base = parts()
told = cal.all_of(cal.JsonlLog({folder!r} + "/log.jsonl"), lambda at: print(at.epoch, flush=True))
found = cal.calibrate(
    problem, base, method(), key=jax.random.key(3), progress=told,
    checkpoint={folder!r} + "/states",
)
np.save({folder!r} + "/weights.npy", np.asarray(found.weights))
"""


def parts(units=20_000, targets=6):
    rng = np.random.default_rng(0)
    X = rng.gamma(0.5, 1.0, (targets, units)).astype(np.float32)
    base = rng.gamma(3.0, 10.0, units)
    return cal.TargetProblem(X, X @ base * rng.lognormal(0, 0.1, targets)), base


def method(**settings):
    return cal.L0(500, **{"epochs": 2_000, **settings})


def solve(folder=None, chosen=None, key=KEY, **options):
    problem, base = parts(units=300)
    chosen = cal.L0(40, epochs=60) if chosen is None else chosen
    return cal.calibrate(problem, base, chosen, key=key, checkpoint=folder, **options)


def test_ten_kills_at_random_moments_change_no_bit(tmp_path):
    script = RUN.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    compiled_once = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    moments, reached = random.Random(0), []
    command = [sys.executable, "-c", script]
    for _ in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=compiled_once) as run:
            first = run.stdout.readline()  # nothing is printed once the run has come to its end
            time.sleep(moments.uniform(0.0, 0.4))
            run.send_signal(signal.SIGKILL)
        reached.append(int(first or 2_000))
    assert len(set(reached)) > 3 and reached == sorted(reached)  # every run went on from the last
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=compiled_once)
    problem, base = parts()
    unbroken = np.asarray(cal.calibrate(problem, base, method(), key=KEY).weights)
    np.testing.assert_array_equal(np.load(tmp_path / "weights.npy"), unbroken)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    epochs = [json.loads(line)["epoch"] for line in lines]
    assert epochs == list(range(100, 2_001, 100))


@pytest.mark.parametrize("chosen", [cal.L0(40, epochs=60), cal.Adam(epochs=60)])
def test_a_run_with_checkpoints_gives_the_weights_of_one_without(tmp_path, chosen):
    plain = solve(chosen=chosen)
    for _ in range(2):  # the second finds everything done
        kept = solve(tmp_path / "states", chosen)
        np.testing.assert_array_equal(kept.weights, plain.weights)
        np.testing.assert_array_equal(kept.loss_history, plain.loss_history)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"chosen": cal.L0(41, epochs=60)}, "another method .*L0\\(.*where.*"),
        ({"key": jax.random.key(4)}, "another key"),
    ],
)
def test_another_run_s_checkpoints_are_refused(tmp_path, change, what):
    solve(tmp_path / "states")
    with pytest.raises(BadInputError, match=what):
        solve(tmp_path / "states", **change)
    np.testing.assert_array_equal(solve(tmp_path / "states").weights, solve().weights)


def test_optimisers_that_read_alike_are_told_apart(tmp_path):
    rates = [cal.Adam(epochs=40, optimizer=optax.adam(rate)) for rate in (0.1, 0.2)]
    solve(tmp_path / "states", rates[0])
    with pytest.raises(BadInputError, match="another setting of the method"):
        solve(tmp_path / "states", rates[1])
    again = cal.Adam(epochs=40, optimizer=optax.adam(0.1))
    solve(tmp_path / "states", again)


def test_another_problem_or_version_is_named(tmp_path, monkeypatch):
    solve(tmp_path / "states")
    problem, base = parts(units=300)
    other = problem.with_values(np.asarray(problem.values) * 2)
    chosen = cal.L0(40, epochs=60)
    with pytest.raises(BadInputError, match="with another targets"):
        cal.calibrate(other, base, chosen, key=KEY, checkpoint=tmp_path / "states")
    with pytest.raises(BadInputError, match="with another base weights"):
        cal.calibrate(problem, 2 * base, chosen, key=KEY, checkpoint=tmp_path / "states")
    monkeypatch.setattr(jax, "__version__", "0.1")
    with pytest.raises(BadInputError, match=r"another version \(.*where .*jax 0\.1 was asked"):
        solve(tmp_path / "states")


def test_folders_that_hold_something_else_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(BadInputError, match=r"mine\.txt is a file"):
        solve(tmp_path / "mine.txt")
    with pytest.raises(BadInputError, match="holds something other than checkpoints"):
        solve(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_methods_of_seconds_have_none(tmp_path):
    with pytest.raises(BadInputError, match="Entropy keeps no checkpoints; L0, Adam and"):
        solve(tmp_path / "states", cal.Entropy())
    with pytest.raises(BadInputError, match=r"Cube keeps no checkpoints.*a Cube with gates do"):
        solve(tmp_path / "states", cal.Cube(40))


class Interrupted(Exception):
    """What a user's callback raises."""


def stop_at(epoch):
    def progress(at):
        if at.epoch >= epoch:
            raise Interrupted

    return progress


def test_a_cube_s_gates_tell_where_they_are_and_go_on(tmp_path):
    chosen, told = cal.Cube(40, hybrid=True, epochs=60), []
    with pytest.raises(Interrupted):
        solve(tmp_path / "states", chosen, progress=cal.all_of(told.append, stop_at(33)))
    assert [at.epoch for at in told] == list(range(3, 34, 3))
    assert all(40 <= at.kept <= 160 for at in told)
    again = []
    found = solve(tmp_path / "states", chosen, progress=again.append)
    assert [at.epoch for at in again] == list(range(33, 61, 3))
    np.testing.assert_array_equal(found.weights, solve(chosen=chosen).weights)
    with pytest.raises(BadInputError, match=r"with another base weights|with another matrix"):
        solve(tmp_path / "states", chosen, key=jax.random.key(4))


def test_a_damaged_state_is_passed_over_and_said(tmp_path):
    folder = tmp_path / "states"
    with pytest.raises(Interrupted):
        solve(folder, progress=stop_at(33))
    steps = sorted((folder / "steps").iterdir(), key=lambda path: int(path.name))
    assert [path.name for path in steps] == ["27", "30"]
    for path in (steps[-1] / "default").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    with pytest.warns(UserWarning, match="checkpoint of epoch 30 is damaged"):
        found = solve(folder)
    np.testing.assert_array_equal(found.weights, solve().weights)


class State(NamedTuple):
    a: jax.Array
    key: jax.Array
    steps: jax.Array


def test_a_state_with_a_changed_bit_is_passed_over(tmp_path):
    """Orbax itself looks at its index alone: values that changed would go on in silence."""
    state = State(jnp.arange(3_000) * 1.37, KEY, jnp.asarray(5))
    with _checkpoint.Checkpoints(tmp_path / "states", {"run": "1"}) as kept:
        kept.save(state)
    files = [p for p in (tmp_path / "states" / "steps").rglob("*") if p.is_file()]
    data = max(files, key=lambda path: path.stat().st_size)  # the values; the rest is an index
    kept, rng, said = data.read_bytes(), random.Random(0), []
    for _ in range(12):
        changed = bytearray(kept)
        changed[rng.randrange(len(kept))] ^= 1
        data.write_bytes(changed)
        with (
            _checkpoint.Checkpoints(tmp_path / "states", {"run": "1"}) as held,
            warnings.catch_warnings(record=True) as told,
        ):
            warnings.simplefilter("always")
            try:
                np.testing.assert_array_equal(held.latest(state).a, state.a)
            except cal.CheckpointError:
                said += [str(warning.message) for warning in told]
    assert len(said) > 6 and any("the digest does not match" in text for text in said)


def test_where_nothing_can_be_read_it_says_so(tmp_path):
    folder = tmp_path / "states"
    with pytest.raises(Interrupted):
        solve(folder, progress=stop_at(33))
    for text in ("{", "[1]", "3"):
        (folder / "identity.json").write_text(text)
        with pytest.raises(cal.CheckpointError, match=r"identity\.json is damaged"):
            solve(folder)


def test_a_full_disk_is_named_and_the_state_before_stays_usable(tmp_path, monkeypatch):
    folder, full = tmp_path / "states", []
    save = _checkpoint.Checkpoints.save

    def until_full(self, state):
        if state.steps >= 30 and not full:
            full.append(int(state.steps))

            def fail(*args, **kwargs):
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(self._manager, "save", fail)
        save(self, state)

    monkeypatch.setattr(_checkpoint.Checkpoints, "save", until_full)
    with pytest.raises(
        cal.CheckpointError, match=r"epoch 30 could not be .*No space left.*epoch 27 stays usable"
    ):
        solve(folder)
    assert full == [30]
    np.testing.assert_array_equal(solve(folder).weights, solve().weights)


def test_a_log_has_every_epoch_once(tmp_path):
    log = cal.JsonlLog(tmp_path / "log.jsonl")
    for epoch in (10, 20, 30):
        log(cal.Progress(epoch, 40, 1.0, 2.0, 3.0))
    with log.path.open("a") as file:
        file.write('{"epoch": 40, "lo')
    again = cal.JsonlLog(log.path)
    for epoch in (30, 40):
        again(cal.Progress(epoch, 40, 0.5, float("nan"), 3.0))
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [10, 20, 30, 40]
    assert lines[2]["loss"] == 0.5 and lines[3]["kept"] is None


def test_tensorboard_gets_its_scalars(tmp_path):
    pytest.importorskip("tensorboardX")
    log = cal.TensorBoardLog(tmp_path / "events")
    log(cal.Progress(20, 40, 1.0, 2.0, 3.0))
    log(cal.Progress(40, 40, 0.5, 2.0, 3.0))
    (events,) = (tmp_path / "events").iterdir()
    assert b"effective_sample_size" in events.read_bytes()
    with pytest.raises(BadInputError, match="is a file"):
        cal.TensorBoardLog(events)


def test_mlflow_gets_its_metrics(monkeypatch):
    logged = []
    tracking = types.ModuleType("mlflow")
    tracking.log_metrics = lambda metrics, step: logged.append((step, metrics))
    monkeypatch.setitem(sys.modules, "mlflow", tracking)
    cal.MLflowLog()(cal.Progress(10, 40, 1.0, 2.0, 3.0))
    assert logged == [(10, {"loss": 1.0, "kept": 2.0, "effective_sample_size": 3.0})]
