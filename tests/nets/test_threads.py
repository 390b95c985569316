"""Memory that a process keeps: fewer page faults, the same numbers, and what the environment says stays."""

import resource
import sys

import pytest
from runs import REPOSITORY, python

from reportgen.nets import threads

FAULTS = """
import resource, torch
from reportgen.nets.threads import keep_memory
torch.set_num_threads(1)
assert keep_memory()
def step():
    return sum(float((torch.ones(2**24) * number).sum()) for number in range(5))
for _ in range(5):  # the heap grows once more where a small block lies in its way
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(step(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not threads.keep_memory(), reason="only glibc has these settings")
def test_memory_that_is_kept_costs_no_page_faults_and_changes_no_number() -> None:
    done = python("-c", FAULTS, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    total, faults = done.stdout.split()
    assert float(total) == 2**24 * (0 + 1 + 2 + 3 + 4)
    touched = 5 * 2 * 2**26 / resource.getpagesize()  # pages that the step's tensors fill, of 64 MiB each
    assert int(faults) < touched / 20  # how many there are without it depends on the kernel's huge pages


def test_settings_of_the_environment_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not threads.keep_memory()
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not threads.keep_memory()
