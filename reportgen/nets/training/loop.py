"""Training: the paper's recipe and a modern one, with snapshots, which can be killed and resumed at any moment.

Every random choice of an epoch comes from the seed and the epoch's number, and the learning rate from the history, so
the state to keep between epochs is weights, momenta and history.
"""

import io
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from reportgen.base.artifacts import digest, remove_leftovers, write_bytes, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import track
from reportgen.base.size import Sides
from reportgen.data.decoding import Images
from reportgen.data.reading import stored
from reportgen.data.several import answerable
from reportgen.data.transforms import Preprocessing, measured
from reportgen.nets.build import build
from reportgen.nets.device import tf32
from reportgen.nets.others import OtherNet
from reportgen.nets.snapshots import SNAPSHOTS, interrupted, load_net, save_net, snapshot_path, snapshots
from reportgen.nets.training import targets
from reportgen.nets.training.batches import Batches, Split
from reportgen.nets.training.gradients import Gradients
from reportgen.nets.training.history import Epoch, History
from reportgen.nets.training.optimiser import optimiser
from reportgen.nets.world import ALONE, World
from reportgen.nets.zfnet import RESCALED_ON, ZFNet, initialise
from reportgen.probe.fetching import Fetched
from reportgen.probe.layouts import AnyLayout
from reportgen.probe.memory import by_batches
from reportgen.settings.recipes import Architecture, TrainingSettings, ended, learning_rate, snapshot_epochs

CHECKPOINT = "checkpoint.pt"
HISTORY = "history.json"
EVALUATION_BATCH = 128  # images
KEEPING = 0.1  # share of the time that a training may spend on saving the state from which it would resume


class Diverged(UserError):
    """The loss is no longer finite; the folder keeps what the earlier epochs left."""

    def __init__(self, message: str, epoch: int) -> None:
        super().__init__(message)
        self.epoch = epoch  # the one that was not finished, counted from 1


def input_preprocessing(
    settings: TrainingSettings, images: Images, crop: Sides, channels: int = 3, red_green_blue: tuple[int, ...] = ()
) -> Preprocessing:
    """The preprocessing that a recipe needs, its mean (and deviation) measured on the training images.

    Of one channel it is the luminance; `red_green_blue`: which are shown of channels that are no colours.
    """
    paper = settings.inputs == "paper"
    order: Literal["RGB", "L", "ALL"] = "L" if channels == 1 else "RGB" if channels == 3 else "ALL"
    return measured(images, crop, 255.0 if paper else 1.0, not paper, order, red_green_blue)


def mean_image(
    images: Images, preprocessing: Preprocessing, batch: int = 256
) -> Float[torch.Tensor, "channel crop_row crop_column"]:
    """The mean of every pixel over the centre crops of images, in the units in which the net reads them."""
    total = torch.zeros(preprocessing.channels, *preprocessing.crop, dtype=torch.float64)
    for start in range(0, len(images), batch):
        total += preprocessing.centre(images[start : start + batch]).double().sum(dim=0)
    return (total / len(images)).float()


@dataclass(frozen=True)
class Plan:
    """A training: which net, on which images, how, and where."""

    architecture: Architecture | OtherNet
    training: Split
    validation: Split
    preprocessing: Preprocessing
    recipe: TrainingSettings
    seed: int
    device: torch.device
    folder: Path  # where it is kept meanwhile
    world: World = ALONE  # the processes that train it together
    validated: bool = True  # after each epoch; False: only where the schedule depends on the validation images

    @property
    def net(self) -> Architecture | OtherNet:
        """What is trained: the paper's architecture with the recipe's dropout and mean, or a net as it is."""
        if isinstance(self.architecture, OtherNet):
            return self.architecture
        return replace(self.architecture, dropout=self.recipe.dropout, mean_image=self.recipe.mean == "pixel")


def train(plan: Plan, given_up: Event | None = None) -> History:
    """Train a net, or go on from the last epoch that an earlier call with the same plan kept in its folder.

    Writes ``history.json``, ``checkpoint.pt`` and ``snapshots/epoch-003.safetensors`` (`snapshots` lists them; 000 is
    the untrained net, the last one the result), each whole or not at all. A finished epoch is kept at once, or, where
    that would take more than a tenth of the time, together with later ones: a kill costs the current epoch
    and at most ten times as long as saving takes. On a CPU with the same number of threads an interrupted training ends
    in the same weights, bit for bit, as an uninterrupted one. The recipe's dropout replaces the architecture's. The
    call replaces what another plan left in the folder. Once another thread sets `given_up`, training stops
    after the current epoch.

    The processes of `world` train one net: each takes its part of every batch, and the gradients are averaged; the
    first of them writes. The result is that of one process alone, except for rounding, and for dropout, which each
    process draws itself.

    Raises Diverged where the loss is no longer finite, UserError where a split is empty, a label has no class, or the
    device cannot multiply in TF32.
    """
    _check(plan)
    recipe = plan.recipe
    if recipe.precision == "tf32" and plan.device.type != "cuda":
        raise UserError(
            "TRAINING_PRECISION=tf32: only a CUDA GPU has it, and there is none: leave it out, or use bfloat16"
        )
    run = _Run(plan)
    history = run.resume()
    with nullcontext() if recipe.precision == "float32" else tf32():
        try:
            while not (ended(recipe, history.errors(recipe)) or (given_up and given_up.is_set())):
                number = len(history.epochs) + 1
                history = History((*history.epochs, run.epoch(number, history)))
                if number < recipe.epochs and ended(recipe, history.errors(recipe)):
                    run.save_snapshot(number)  # it is the last after all
                run.keep(history)
        except (UserError, OSError, KeyboardInterrupt):
            run.save()
            raise
        run.save()
    return history


def unmade(net: Architecture | OtherNet) -> nn.Module:
    """The net, its weights meaningless."""
    return build(net.description) if isinstance(net, OtherNet) else ZFNet(net)


def described(net: Architecture | OtherNet) -> dict[str, Any]:
    """The description with which a file explains itself."""
    return dict(net.description) if isinstance(net, OtherNet) else {"architecture": net.as_json()}


def finished(plan: Plan) -> tuple[nn.Module, History]:
    """The net as the last finished epoch of `train` left it, on the CPU, with its history.

    For a training that diverged: before the first epoch is finished, that is the untrained net.
    """
    path = plan.folder / CHECKPOINT
    if not path.exists():
        untrained, _ = load_net(snapshot_path(plan.folder, 0))
        return untrained, History()
    net = unmade(plan.net).to(memory_format=torch.channels_last)
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    net.load_state_dict(checkpoint["net"])
    return net.eval(), History.from_json(json.loads(checkpoint["history"]))


def _check(plan: Plan) -> None:
    for name, split in (("training", plan.training), ("validation", plan.validation)):
        if len(split.images) == 0:
            raise UserError(f"training: there are no {name} images: check the data set")
        if split.targets.ndim > 1:
            if split.targets.shape[1] != plan.architecture.classes:
                raise UserError(
                    f"training: the {name} images may show {split.targets.shape[1]} classes, but the net "
                    f"{plan.architecture.name!r} has {plan.architecture.classes}: make them agree"
                )
            continue
        lowest, highest = int(split.targets.min()), int(split.targets.max())
        if lowest < 0 or highest >= plan.architecture.classes:
            raise UserError(
                f"training: the {name} labels run from {lowest} to {highest}, but the net {plan.architecture.name!r} has "
                f"{plan.architecture.classes} classes: make them agree"
            )


class _Run:
    """One training: the net and its optimiser, and where they are kept."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        recipe = plan.recipe
        self.identity = {
            "architecture": plan.net.as_json(),
            "settings": asdict(recipe),
            "preprocessing": plan.preprocessing.as_json(),
            "seed": plan.seed,
            "labels": digest(np.ascontiguousarray(plan.training.targets).tobytes()),
        }
        self.net = unmade(plan.net).to(memory_format=torch.channels_last).to(plan.device)
        self.optimiser = optimiser(self.net, recipe)
        least = 2 if isinstance(plan.net, OtherNet) else 1  # batch norm cannot be trained on one image
        self.batches = Batches(plan.training, plan.preprocessing, recipe, plan.device, plan.world, least)
        self.finished: tuple[History, Any, Any] | None = None  # the last epoch, net and optimiser, if not on disk yet
        self.saved, self.saving = monotonic(), 0.0  # when, and how long it took
        kept = recipe.snapshots or (*recipe.early_snapshots, *snapshot_epochs(recipe.epochs))
        self.snapshot_steps = {  # where several fall on one step, the latest names it
            max(1, round(epoch * len(self.batches))): epoch
            for epoch in sorted({*kept, recipe.epochs})
            if epoch <= recipe.epochs
        }

    def resume(self) -> History:
        """Load the last finished epoch; where there is none, make and keep the untrained net."""
        folder = self.plan.folder
        checkpoint = interrupted(folder / CHECKPOINT, self.plan.device)
        self.plan.world.gather(None)  # all have read it before the first may remove it
        if self.writes:
            for leftovers in (folder, folder / SNAPSHOTS):
                remove_leftovers(leftovers)
        if checkpoint is None or checkpoint["identity"] != digest(self.identity):
            history = self.begin()
        else:
            self.net.load_state_dict(checkpoint["net"])
            self.optimiser.load_state_dict(checkpoint["optimiser"])
            history = History.from_json(json.loads(checkpoint["history"]))
            if self.writes:
                write_json(folder / HISTORY, history.as_json())  # a kill may have come before the snapshot was written
                self.forget_snapshots_after(len(history.epochs))
        recipe, device = self.plan.recipe, self.plan.device
        self.gradients = Gradients(self.net, recipe.precision == "bfloat16", recipe.batch_size, device, self.plan.world)
        return history

    def forget_snapshots_after(self, epochs: int) -> None:
        """Remove the snapshots of epochs that are trained again: the new training may end elsewhere."""
        steps = {epoch: step for step, epoch in self.snapshot_steps.items()}
        for epoch, path in snapshots(self.plan.folder).items():
            if steps.get(epoch, epoch * len(self.batches)) > epochs * len(self.batches):
                path.unlink()

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self.plan.world.rank == 0

    def begin(self) -> History:
        """Remove what another training left, and make the untrained net."""
        plan = self.plan
        if self.writes:
            for stale in (plan.folder / CHECKPOINT, plan.folder / HISTORY, *snapshots(plan.folder).values()):
                stale.unlink(missing_ok=True)
        generator = generator_for(plan.seed, "initial weights")
        if isinstance(plan.net, OtherNet):
            self.net.load_state_dict(plan.net.drawn(generator).state_dict())
        else:
            self.initialise_as_the_paper(generator, plan.net)
        self.save_snapshot(0)
        return History()

    def initialise_as_the_paper(self, generator: torch.Generator, architecture: Architecture) -> None:
        """Draw the initial weights of one of the paper's nets."""
        plan = self.plan
        assert isinstance(self.net, ZFNet)
        chosen = torch.randperm(len(plan.training.images), generator=generator)[:RESCALED_ON].sort().values.numpy()
        images = plan.preprocessing.centre(plan.training.images[chosen])
        if architecture.mean_image:
            self.net.mean_image.mean.copy_(mean_image(plan.training.images, plan.preprocessing))
        initialise(self.net, plan.recipe.initialisation, generator, images.to(plan.device))

    def keep(self, history: History) -> None:
        """Keep a finished epoch: on disk, or in memory where that would take more than `KEEPING` of the time."""
        if not self.writes:
            return
        self.finished = history, self.net.state_dict(), self.optimiser.state_dict()
        if monotonic() - self.saved >= self.saving / KEEPING:
            self.save()
        else:
            self.finished = history, *map(_copied, self.finished[1:])

    def save(self) -> None:
        """Write the last finished epoch. The checkpoint counts: the history beside it is written again on resuming."""
        if self.finished is None:
            return
        began = monotonic()
        history, net, optimiser = self.finished
        buffer = io.BytesIO()
        document = {"identity": digest(self.identity), "history": json.dumps(history.as_json())}
        torch.save({**document, "net": net, "optimiser": optimiser}, buffer)
        write_bytes(self.plan.folder / CHECKPOINT, buffer.getvalue())
        write_json(self.plan.folder / HISTORY, history.as_json())
        self.finished, self.saved = None, monotonic()
        self.saving = self.saved - began

    def save_snapshot(self, epoch: float | int) -> None:
        """Keep the net as it is now."""
        if self.writes:
            plan = self.plan
            save_net(self.net, plan.preprocessing, snapshot_path(plan.folder, epoch), described(plan.net))

    def epoch(self, number: int, history: History) -> Epoch:
        """Train on every image once, then evaluate."""
        plan, recipe = self.plan, self.plan.recipe
        self.net.train()
        generator = generator_for(plan.seed, "epoch", number)
        errors = history.errors(recipe)
        loss_sum = correct = torch.zeros((), device=plan.device)
        clipped = {name: torch.zeros((), device=plan.device) for name, _ in _convolutions(self.net)}
        done = (number - 1) * len(self.batches)
        what = f"epoch {number} of {recipe.epochs}"
        batches = track(self.batches.epoch(generator), what, total=len(plan.training.images), step=recipe.batch_size)
        rate, taken = 0.0, None
        with _seeded_dropout(generator, plan.device, plan.world.rank):
            for step, (images, true, size) in enumerate(batches, start=1):
                rate = learning_rate(recipe, done + step, len(self.batches), errors)
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                loss, right = self.step(images, true, size)
                self.check(taken)  # the step before: reading this one's loss would keep a GPU waiting
                taken = _Step(number, f"step {step} of {len(self.batches)}", rate, Fetched(loss))
                for name, share in clip_filters(self.net, recipe.clip_rms).items():
                    clipped[name] += share
                loss_sum = loss_sum + loss * size
                correct = correct + right
                if done + step in self.snapshot_steps:
                    self.check(taken)
                    self.save_snapshot(self.snapshot_steps[done + step])
        self.check(taken)
        validation_loss, validation_accuracy = self.validate(number, rate) if self.validated else (None, None)
        if not (self.validated or self.gives_numbers()):
            self.stop(number, "its end", rate)
        return Epoch(
            epoch=number,
            learning_rate=rate,
            train_loss=loss_sum.item() / len(plan.training.images),
            train_accuracy=correct.item() / int(answerable(plan.training.targets).sum()),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            clipped={name: total.item() / len(self.batches) for name, total in clipped.items()}
            if recipe.clip_rms
            else {},
        )

    @property
    def validated(self) -> bool:
        """Whether the net is asked about the validation images after each epoch."""
        recipe = self.plan.recipe
        return self.plan.validated or (recipe.schedule == "plateau" and recipe.watched == "validation")

    def gives_numbers(self) -> bool:
        """Whether the net's outputs for a few training images are finite: no loss says so of an epoch's last step."""
        plan = self.plan
        some = np.arange(min(len(plan.training.images), plan.recipe.batch_size))
        return bool(np.isfinite(evaluate(self.net, plan.training, plan.preprocessing, plan.device, chosen=some)).all())

    def validate(self, number: int, rate: float) -> tuple[float, float]:
        """Loss on the validation images, and accuracy on those that show a class; stops where the loss is not finite."""
        plan = self.plan
        logits = torch.from_numpy(
            evaluate(self.net, plan.validation, plan.preprocessing, plan.device, world=plan.world)
        )
        true = torch.from_numpy(np.array(plan.validation.targets, dtype=np.int64))
        loss = targets.loss(logits.double(), true).item() / len(true)
        if not math.isfinite(loss):
            self.stop(number, "its end, on the validation images", rate)
        shown = torch.from_numpy(answerable(plan.validation.targets))
        return loss, targets.right(logits.argmax(1), true)[shown].double().mean().item()

    def step(self, images: Tensor, true: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """One update by this process's part of a batch of `size` images.

        Returns the whole batch's mean loss before it, and how many of its images were right.
        """
        found = self.gradients.of(images, true, size)
        self.optimiser.step()
        return found

    def check(self, step: "_Step | None") -> None:
        """Stop where a step's loss is not finite."""
        if step is not None and not math.isfinite(step.loss.read()[0].item()):
            self.stop(step.epoch, step.where, step.rate)

    def stop(self, epoch: int, where: str, rate: float) -> None:
        """Say that training diverged."""
        raise Diverged(
            f"training: the loss is no longer finite at epoch {epoch}, {where}, learning rate {rate:.3g}: "
            f"lower TRAINING_LEARNING_RATE (for instance to {self.plan.recipe.learning_rate / 3:.1g}) and train again",
            epoch,
        )


def _copied(state: Any) -> Any:
    """A copy of what `state_dict` gave, on the CPU, because a GPU's memory may be full."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: _copied(value) for name, value in state.items()}
    return [_copied(value) for value in state] if isinstance(state, list) else state


@dataclass(frozen=True)
class _Step:
    """An update whose loss is not known yet."""

    epoch: int
    where: str
    rate: float
    loss: Fetched


def generator_for(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator on the CPU for one purpose: its own stream for every seed and purpose."""
    words = [seed % 2**64, *(digest([seed, *purpose]).encode())]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))


@contextmanager
def _seeded_dropout(generator: torch.Generator, device: torch.device, rank: int) -> Iterator[None]:
    """Dropout draws from the global generator: give it a seed, another in each process, and put it back afterwards."""
    seed = int(torch.randint(2**62, (), generator=generator)) + rank
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def clip_filters(net: nn.Module, radius: float) -> dict[str, Tensor]:
    """Rescale, in place, every convolution filter whose RMS exceeds `radius` to that RMS (section 3.1).

    Returns, per convolution, the share of its filters that were rescaled. Other filters keep their bits. With `radius`
    0 nothing is done.
    """
    shares = {}
    for name, conv in _convolutions(net) if radius > 0 else ():
        rms = conv.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
        conv.weight.mul_((radius / rms).clamp(max=1))  # a factor of exactly 1 changes nothing
        shares[name] = (rms > radius).float().mean()
    return shares


def _convolutions(net: nn.Module) -> list[tuple[str, nn.Conv2d]]:
    return [(name, module) for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


@torch.no_grad()
def evaluate(
    net: nn.Module,
    split: Split,
    preprocessing: Preprocessing,
    device: torch.device,
    batch: int = EVALUATION_BATCH,
    ten_crops: bool = False,
    world: World = ALONE,
    chosen: Int[np.ndarray, " image"] | None = None,
    sigmoid: bool = False,
) -> Float[np.ndarray, "image class"]:
    """Logits of a net, which is on `device`, for the `chosen` images of a split, or all: of the centre crop, or of the paper's ten.

    Of ten crops, the logarithm of the mean of their probabilities, by a softmax or, with `sigmoid`, each by itself. The
    net's mode is put back. The processes of `world` share the batches; each of them gets all logits.
    """

    def of(pixels: UInt8[Tensor, "image row column stored"]) -> Float[np.ndarray, "image class"]:
        if not ten_crops:
            return net(preprocessing.centre(pixels)).float().cpu().numpy()
        crops = preprocessing.ten(pixels)
        outputs = net(crops.flatten(0, 1).contiguous(memory_format=torch.channels_last)).float()
        outputs = functional.logsigmoid(outputs) if sigmoid else outputs.log_softmax(1)
        return (outputs.unflatten(0, crops.shape[:2]).logsumexp(1) - math.log(10)).cpu().numpy()

    training = net.training
    net.eval()
    try:
        numbers = np.arange(len(split.images)) if chosen is None else chosen
        parts = world.share([numbers[start : start + batch] for start in range(0, len(numbers), batch)])
        pixels = track(stored(split.images, parts, device), "evaluating", sum(map(len, parts)), step=batch)
        with AnyLayout():
            return np.concatenate(world.collect(list(by_batches(of, pixels))))
    finally:
        net.train(training)
