"""Other processes that hold something while a test looks on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runs import REPOSITORY

HOLDING = """
from pathlib import Path
from reportgen.base.working import alone
with alone(Path("stamps/lock"), "BUILD=build"):"""


@contextmanager
def another(program: str, cwd: Path, first: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs this program, once it has printed a line; it is killed at the end."""
    running = subprocess.Popen(
        [*first, sys.executable, "-c", f"{program}\n    print('there', flush=True)\n    import time\n    time.sleep(60)"],
        cwd=cwd, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    try:
        if running.stdout.readline() != "there\n":
            pytest.skip(f"this machine does not run {first}")
        yield running
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        running.stdout.read()  # until the last process that holds it has ended: of a container, not only its outer one
        time.sleep(0.1)  # it lets go of its other files after that
        running.stdout.close()
