"""Which device does the work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from reportgen.base import torchrun
from reportgen.base.errors import UserError
from reportgen.base.progress import say


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
    _multiply("ieee")


@contextmanager
def tf32() -> Iterator[None]:
    """Meanwhile CUDA may multiply in TF32: several times faster, and coarser. Afterwards it is exact."""
    _multiply("tf32")
    try:
        yield
    finally:
        exact()


def _multiply(precision: str) -> None:
    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    cudnn.allow_tf32 = matmul.allow_tf32 = precision == "tf32"
    # The newer switches, too: otherwise others can overrule these. Alone, reading the older would fail.
    for kind in (cudnn.conv, cudnn.rnn, matmul):
        kind.fp32_precision = precision


def _found(name: str) -> torch.device:
    if name in ("auto", "cuda") and torchrun.started() and torch.cuda.is_available():
        torch.cuda.set_device(torchrun.local_rank())  # NCCL asks for it
        return torch.device("cuda", torchrun.local_rank())
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
