"""How torch computes, set once at the beginning of a stage that uses it."""

import ctypes
import os
import sys

import torch
from threadpoolctl import threadpool_limits

from reportgen.settings.sections import Settings

# glibc's mallopt: parameters of malloc.h, and values
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT = 512 * 2**20  # bytes at the end of the heap that a process keeps
GROWN_BY = 64 * 2**20  # bytes
MAPPED = 0  # blocks with a mapping of their own, whose pages go back when they are freed


def prepare(settings: Settings) -> None:
    """Fix the number of threads, on which the order of sums depends, and keep CUDA from choosing kernels by their speed.

    On the CPU nothing else is needed for the same bits; `torch.use_deterministic_algorithms` makes training there
    several times slower and changes nothing.
    """
    keep_memory()
    torch.set_num_threads(settings.threads)
    threadpool_limits(settings.threads, "blas")  # numpy's own
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def keep_memory() -> bool:
    """Let this process keep freed memory for its next tensors; whether the C library (glibc) takes such settings.

    By default glibc hands every large block back to the system when it is freed, and the next one costs a page fault for each of
    its pages: 23,000 a training step of the default net, a quarter of the step's processor time; of 64 photographs in SqueezeNet a
    quarter of the forward pass, if blocks above 32 MiB (the most that M_MMAP_THRESHOLD can say) still do. No number depends on it.
    Where the environment has settings of its own (MALLOC_TRIM_THRESHOLD_ and the like), nothing is changed.
    """
    if not sys.platform.startswith("linux") or any(
        name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ
    ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, or one that does nothing
    if mallopt is None:
        return False
    wanted = ((M_MMAP_MAX, MAPPED), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, GROWN_BY))
    return {mallopt(parameter, value) for parameter, value in wanted} == {1}
