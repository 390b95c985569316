"""``kill -9`` at any moment, then the same command: the bytes of an undisturbed run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from runs import REPOSITORY, Run, bytes_of, reportgen


@pytest.mark.parametrize("kills", [3, pytest.param(9, marks=pytest.mark.slow)])
def test_killed_runs_end_in_the_bytes_of_an_undisturbed_one(kills: int, tiny: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SOURCE_DATE_EPOCH": "0"}
    moments = rng.uniform(0.0, 5.0, kills)  # seconds after it began with a stage
    for seconds in moments:
        running = subprocess.Popen(
            [sys.executable, "-m", "reportgen", "run", "PROFILE=tiny"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert running.stderr is not None
        running.stderr.readline()
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        running.stderr.close()
    done = reportgen("run", "PROFILE=tiny", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("report", "build"):
        undisturbed, killed = bytes_of(tiny.home / name), bytes_of(tmp_path / name)
        assert set(killed) == set(undisturbed), moments
        assert [path for path in killed if killed[path] != undisturbed[path]] == [], moments
