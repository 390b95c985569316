"""Pictures are drawn by several processes, any of which may be ended from outside."""

import os
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest

from reportgen.scenes.files import results_of


def end_this_process(number: int) -> int:
    if number == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_order() -> None:
    with results_of(abs, range(-50, 0), 2) as results:
        assert list(results) == list(range(50, 0, -1))


def test_the_end_of_one_process_ends_the_drawing() -> None:
    with pytest.raises(BrokenProcessPool), results_of(end_this_process, range(100), 2) as results:
        list(results)
