"""Which device does the work."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from reportgen import distributed
from reportgen.errors import UserError
from reportgen.progress import say

MULTIPLYING: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)


def resolve_device(name: str) -> torch.device:
    """The device called ``auto`` (a CUDA GPU if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Of the processes that torchrun started each has a GPU of its own. On a GPU this process computes exactly from now on
    (see `exact`).

    Raises UserError where there is no such device here. ``mps`` is taken only by name, with a warning: untested.
    """
    device = _found(name)
    if device.type == "cuda":
        exact()
    return device


def exact() -> None:
    """Let CUDA multiply whole single-precision numbers, from now on.

    By itself torch lets convolutions drop 13 of their 23 bits (TF32).
    """
    for kind in MULTIPLYING:
        kind.allow_tf32 = False


@contextmanager
def tf32() -> Iterator[None]:
    """Meanwhile CUDA may multiply in TF32: several times faster, and coarser."""
    with ExitStack() as stack:
        for kind in MULTIPLYING:
            stack.callback(setattr, kind, "allow_tf32", kind.allow_tf32)
            kind.allow_tf32 = True
        yield


def _found(name: str) -> torch.device:
    if name in ("auto", "cuda") and distributed.started() and torch.cuda.is_available():
        torch.cuda.set_device(distributed.local_rank())  # NCCL asks for it
        return torch.device("cuda", distributed.local_rank())
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "mps" and torch.backends.mps.is_available():
        say("DEVICE=mps: nobody has tested this; compare with DEVICE=cpu before you trust it")
        return torch.device("mps")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    numbered = [f"cuda:{index}" for index in range(gpus)]
    if name in numbered or (name == "cuda" and gpus):
        return torch.device(name)
    here = ["auto", "cpu", *numbered]
    if torch.backends.mps.is_available():
        here.append("mps")
    raise UserError(f"DEVICE={name}: there is no such device here: use {', '.join(here)}")
