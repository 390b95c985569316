"""Gradients of a batch: by the parts that memory holds, and over the processes that share it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from reportgen.base.errors import UserError
from reportgen.nets.training import targets
from reportgen.nets.world import World
from reportgen.probe.memory import halved

FELT_OUT = 2  # steps of several processes; the second has the optimiser's momenta beside it


class Gradients:
    """Leaves a batch's gradients in a net's parameters; every process of `world` makes one, at the same time.

    What does not fit into a GPU's memory is computed by halves. DistributedDataParallel averages while gradients are
    being computed, so a process that had to start again would keep the others waiting. In the first steps, therefore, each
    process does its part by itself, in as many pieces as needed, and the processes average afterwards.
    """

    def __init__(self, net: nn.Module, bfloat16: bool, most: int, device: torch.device, world: World) -> None:
        self.net, self.bfloat16, self.device, self.world = net, bfloat16, device, world
        self.most = most  # images at once, as memory allows
        self.steps = 0
        self.model = net
        self.apart: Callable[[], AbstractContextManager[None]] = nullcontext
        if world.size > 1:
            gpus = [device] if device.type == "cuda" else None
            self.model = nn.parallel.DistributedDataParallel(net, device_ids=gpus)
            self.apart = self.model.no_sync

    def of(self, images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Gradients of the mean loss of a batch of `size` images, of which these are this process's part.

        Returns the batch's mean loss, and how many of its images are right. Raises UserError where memory that several
        processes had is no longer there.
        """
        self.steps += 1
        differentiate = partial(self.differentiate, images, labels, size)
        if self.world.size == 1 or self.steps <= FELT_OUT:
            found, self.most = halved(differentiate, self.most)
            for weights in self.net.parameters():
                if weights.grad is not None:  # a frozen weight has none
                    self.world.total(weights.grad)
        else:
            try:
                found = differentiate(self.most, averaged=True)
            except torch.OutOfMemoryError:
                raise UserError(
                    f"GPUS={self.world.size}: a GPU no longer has memory for {min(self.most, len(labels))} images at "
                    "once: run the same command again, which goes on after the last saved epoch, or lower "
                    "TRAINING_BATCH_SIZE, which all processes share"
                ) from None
        return self.world.total(found[0]), self.world.total(found[1])

    def differentiate(
        self, images: Tensor, labels: Tensor, size: int, most: int, averaged: bool = False
    ) -> tuple[Tensor, Tensor]:
        """What these images add to the gradients, the mean loss and the number that are right; `most` at once.

        With `averaged`, the gradients are those of all processes' images in the end.
        """
        self.net.zero_grad(set_to_none=True)
        loss, right = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        parts = list(zip(images.split(most), labels.split(most), strict=True))
        for turn, (some, true) in enumerate(parts, start=1):
            with nullcontext() if averaged and turn == len(parts) else self.apart():
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
                    logits = self.model(some)
                    part = targets.loss(logits, true) / size
                (part * self.world.size if averaged else part).backward()  # their mean is the batch's sum
            loss += part.detach()
            right += targets.right(logits.detach().argmax(1), true).sum()
        return loss, right
