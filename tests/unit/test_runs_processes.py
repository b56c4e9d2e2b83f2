"""Jobs on several processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import _runs_work as work
import numpy as np
import pytest

from pejax import BadInputError, PejaxError, runs


def test_results_are_those_of_this_process(tmp_path):
    found = runs.run(work.squares, 9, batch=2, executor=runs.Processes(2), out=tmp_path)
    assert found.columns["square"].tolist() == [i**2 for i in range(9)]
    assert os.getpid() not in found.columns["by"]
    again = runs.run(work.squares, 9, executor=runs.Processes(2), out=tmp_path)
    np.testing.assert_array_equal(again.columns["by"], found.columns["by"])  # nothing is done anew


def test_an_item_that_fails_is_a_row():
    found = runs.run(work.failing, 6, batch=3, executor=runs.Processes(2))
    assert found.reasons == {3: "ValueError: not [3]"}
    np.testing.assert_array_equal(found.columns["square"], [0, 1, 4, np.nan, 16, 25])


def test_nothing_to_do_starts_no_process():
    assert list(runs.Processes(2).map(work.squares, [])) == []


def test_what_cannot_be_sent_is_refused():
    with pytest.raises(BadInputError, match="compute cannot be sent to another process"):
        runs.run(lambda items: {"x": items}, 2, executor=runs.Processes(2))
    with pytest.raises(BadInputError, match="workers is 0"):
        runs.Processes(0)


def test_a_process_that_ends_is_told():
    with pytest.raises(PejaxError, match=r"ended before its time.*go on with fewer workers"):
        runs.run(work.leaving, 2, executor=runs.Processes(2))


JOB = """
import sys
sys.path.insert(0, {here!r})
import _runs_work as work
from pejax import runs
if __name__ == "__main__":
    runs.run(work.Waiting({folder!r}), 2, batch=1, executor=runs.Processes(2))
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks the system who is alive")
def test_processes_end_with_the_one_that_started_them(tmp_path):
    """However it ends: here it is killed."""
    script, folder = tmp_path / "job.py", tmp_path / "working"
    folder.mkdir()
    script.write_text(JOB.format(here=str(Path(__file__).parent), folder=str(folder)))
    parent = subprocess.Popen([sys.executable, str(script)])
    workers = _until(lambda: [p.name for p in folder.iterdir()], lambda held: len(held) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _until(lambda: [w for w in workers if _is_alive(w)], lambda held: not held) == []


def _until(look, enough):
    for _ in range(600):
        found = look()
        if enough(found):
            break
        time.sleep(0.1)
    return found


def _is_alive(process):
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
