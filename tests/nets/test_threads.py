"""Memory that a process keeps: fewer page faults, the same numbers, and what the environment says stays."""

import resource
import sys

import pytest
from runs import REPOSITORY, python

from reportgen.nets import threads

FAULTS = """
import resource, sys, torch
from reportgen.nets.threads import keep_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
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
    found = {}
    for how in ("keep", "leave"):
        done = python("-c", FAULTS, how, cwd=REPOSITORY)
        assert done.returncode == 0, done.stderr
        total, faults = done.stdout.split()
        found[how] = (total, int(faults))
    assert found["keep"][0] == found["leave"][0]
    touched = 5 * 2 * 2**26 / resource.getpagesize()  # pages that the step's tensors fill, of 64 MiB each
    assert found["keep"][1] < touched / 20  # how many the other has depends on the kernel's huge pages


def test_settings_of_the_environment_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not threads.keep_memory()
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not threads.keep_memory()
