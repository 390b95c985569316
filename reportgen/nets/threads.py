"""How torch computes, set once at the beginning of a stage that uses it."""

import os

import torch

from reportgen.settings.sections import ComputeSettings


def prepare(settings: ComputeSettings) -> None:
    """Fix the number of threads, on which the order of sums depends, and keep CUDA from choosing kernels by their speed.

    On the CPU nothing else is needed for the same bits; `torch.use_deterministic_algorithms` makes training there
    several times slower and changes nothing.
    """
    torch.set_num_threads(settings.threads or os.cpu_count() or 1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
