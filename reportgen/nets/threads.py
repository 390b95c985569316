"""How torch, numpy and scipy compute, set once at the beginning of a stage that uses them."""

import ctypes
import os
import sys

import cv2  # noqa: F401 (only libraries that are there can be told how many threads to use)
import scipy.linalg  # noqa: F401 (as above)
import torch
from threadpoolctl import threadpool_limits

from reportgen.settings.sections import Settings

# glibc's mallopt: parameters of malloc.h, and values
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT = 512 * 2**20  # bytes at the end of the heap that a process keeps
GROWN_BY = 64 * 2**20  # bytes
MAPPED = 0  # blocks with a mapping of their own, whose pages go back when they are freed


def threads(settings: Settings) -> int:
    """Threads of each stage: so many as the settings say, else one for each core of the machine.

    Half of that for the paper's nets on a CPU: their comparison nets and analyses are made two at a time, and nets so small take
    longer with twice the threads on cores that they share. A net's bytes depend on the number, so the rule lies here, with the code
    that a net's stamp counts.
    """
    device, model = settings.compute.device, settings.model
    paired = model.of_the_paper and not model.loaded
    alone = device not in ("auto", "cpu") or (device == "auto" and torch.cuda.is_available())
    return settings.cores if settings.compute.threads or alone or not paired else max(1, settings.cores // 2)


def prepare(settings: Settings) -> None:
    """Fix the number of threads, on which the order of sums depends, and keep CUDA from choosing kernels by their speed.

    On the CPU nothing else is needed for the same bits; `torch.use_deterministic_algorithms` makes training there
    several times slower and changes nothing.
    """
    keep_memory()
    torch.set_num_threads(threads(settings))
    threadpool_limits(threads(settings), "blas")  # of numpy's, scipy's and OpenCV's own libraries
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
