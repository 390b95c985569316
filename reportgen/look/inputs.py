"""What an analysis examines: a net, its layers and its images, opened from the artefacts of earlier stages."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float

from reportgen import probe
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.progress import track
from reportgen.data.annotations import Annotations
from reportgen.data.dataset import Dataset, Multilabel, Split, Transfer
from reportgen.data.labels import as_seen
from reportgen.data.reading import stored
from reportgen.data.transforms import Preprocessing, inner
from reportgen.look.probabilities import softmax
from reportgen.nets.device import resolve_device
from reportgen.nets.layers import PaperLayer, paper_layers
from reportgen.nets.snapshots import load_net, snapshots
from reportgen.nets.world import ALONE, World
from reportgen.probe import Graph
from reportgen.probe.memory import by_batches
from reportgen.settings import variants

BATCH = {"cpu": 64, "cuda": 256}  # images forwarded at once: few keep a GPU waiting for Python
Result = TypeVar("Result")
Opened = tuple[torch.nn.Module, Preprocessing]


@dataclass(frozen=True)
class Learned:
    """A net's results, as its stage wrote them beside it."""

    numbers: dict[str, Any]
    logits: Float[np.ndarray, "image class"]  # validation images
    history: list[dict[str, Any]]  # one entry for each finished epoch; none for a net that was not trained here

    @classmethod
    def open(cls, folder: Path, numbers: dict[str, Any]) -> "Learned":
        """Read the artefact of a net, whose numbers are known already."""
        history = read_json(folder / "history.json")["epochs"] if (folder / "history.json").exists() else []
        return cls(numbers, read_arrays(folder / "predictions.npz")["logits"], history)


@dataclass(frozen=True)
class TrainedNet:
    """A net as its stage left it in a folder, or as it is given in memory; the functions open what is heavy."""

    numbers: dict[str, Any]
    open_net: Callable[[], Opened]
    open_learned: Callable[[], Learned]
    snapshots: Mapping[float, Callable[[], Opened]] = field(default_factory=dict)  # by epoch, ascending

    @classmethod
    def in_folder(cls, folder: Path, numbers: dict[str, Any]) -> "TrainedNet":
        """The artefact of a stage that trained or loaded a net."""
        return cls(
            numbers,
            partial(load_net, folder / "net.safetensors"),
            partial(Learned.open, folder, numbers),
            {epoch: partial(load_net, path) for epoch, path in snapshots(folder).items()},
        )

    @classmethod
    def in_memory(
        cls,
        net: torch.nn.Module,
        preprocessing: Preprocessing,
        learned: Learned | None = None,
        kept: Mapping[float, torch.nn.Module] | None = None,
    ) -> "TrainedNet":
        """A net that lies in no folder, with the nets of some of its epochs."""
        known = learned or Learned({}, np.zeros((0, 0)), [])
        then = {epoch: partial(_given, early.eval(), preprocessing) for epoch, early in (kept or {}).items()}
        return cls(known.numbers, partial(_given, net.eval(), preprocessing), lambda: known, then)


def _given(net: torch.nn.Module, preprocessing: Preprocessing) -> Opened:
    return net, preprocessing


def _nothing_marked() -> Annotations:
    return Annotations(None, None)


def _no_transfer() -> Transfer | None:
    return None


def _no_multilabel() -> Multilabel | None:
    return None


def _none_compared(variant: str, turn: int) -> TrainedNet | None:
    return None


@dataclass(frozen=True)
class Inputs:
    """The net and the images of a run: in a build folder (`open`), or in memory (`of`).

    The functions open what is heavy, or is not there in every run; the properties call them, once. An analysis may
    open what its line in the registry says it reads, and nothing else: its stamp holds no more.
    """

    data: Dataset
    trained: TrainedNet
    device_name: str = "cpu"
    open_annotations: Callable[[], Annotations] = _nothing_marked
    open_transfer: Callable[[], Transfer | None] = _no_transfer
    open_multilabel: Callable[[], Multilabel | None] = _no_multilabel
    open_compared: Callable[[str, int], TrainedNet | None] = _none_compared
    data_numbers: dict[str, Any] = field(default_factory=dict)
    epoch: float | None = None  # None: the trained net
    batch_size: int | None = None  # images forwarded at once; None: as many as the device likes
    workshop: Path | None = None  # a folder that outlives a kill, for what can be resumed
    nodes: tuple[str, ...] = ()  # what the user says the paper's layers are; empty: the rule
    world: World = ALONE  # the processes that share the search

    @classmethod
    def open(
        cls, build: Path, device: str, workshop: Path | None = None, reads: Collection[str] | None = None
    ) -> "Inputs":
        """The artefacts in a build folder; `reads`: the stages whose artefacts may be opened, None: all that there are."""
        return cls(
            data=as_seen(Dataset.open(build / "data"), build / "net"),
            trained=TrainedNet.in_folder(build / "net", _numbers(build / "net")),
            device_name=device,
            open_annotations=partial(Annotations.open, build / "annotations"),
            open_transfer=partial(Transfer.open, build / "transfer"),
            open_multilabel=partial(Multilabel.open, build / "multilabel"),
            open_compared=partial(_compared, build, reads),
            data_numbers=_numbers(build / "data"),
            workshop=workshop,
        )

    @classmethod
    def of(
        cls,
        net: torch.nn.Module,
        preprocessing: Preprocessing,
        data: Dataset,
        annotations: Annotations | None = None,
        transfer: Transfer | None = None,
        batch: int | None = None,
        learned: Learned | None = None,
        compared: Mapping[tuple[str, int], "Inputs"] | None = None,
        kept: Mapping[float, torch.nn.Module] | None = None,
        multilabel: Multilabel | None = None,
    ) -> "Inputs":
        """A net and images in memory, with comparison nets and the nets of some epochs."""
        beside = {name: other.trained for name, other in (compared or {}).items()}
        return cls(
            data=data,
            trained=TrainedNet.in_memory(net, preprocessing, learned, kept),
            device_name=str(next(net.parameters()).device),
            open_annotations=lambda: annotations or _nothing_marked(),
            open_transfer=lambda: transfer,
            open_multilabel=lambda: multilabel,
            open_compared=lambda variant, turn: beside.get((variant, turn)),
            batch_size=batch,
        )

    def at_epoch(self, epoch: float) -> "Inputs":
        """The same, with the net as it was after an epoch of which there is a snapshot; 0 is the untrained net."""
        return replace(self, epoch=epoch)

    def compared(self, variant: str, turn: int = 0) -> "Inputs | None":
        """The same images with a comparison net: that variant, trained with the `turn`-th seed counted from the run's own.

        None where this run has no such net.
        """
        other = self.open_compared(variant, turn)
        return None if other is None else replace(self, trained=other, epoch=None)

    @property
    def net_numbers(self) -> dict[str, Any]:
        """What the net's stage says about it."""
        return self.trained.numbers

    @cached_property
    def learned(self) -> Learned:
        """The net's results."""
        return self.trained.open_learned()

    @property
    def epochs(self) -> tuple[float, ...]:
        """The epochs of which there is a snapshot, ascending; 0 is the untrained net."""
        return tuple(self.trained.snapshots)

    @cached_property
    def annotations(self) -> Annotations:
        """Objects and parts of the images, where they are known."""
        return self.open_annotations()

    @cached_property
    def transfer(self) -> Transfer | None:
        """Images of classes that the net was not trained on; None where there are none."""
        return self.open_transfer()

    @cached_property
    def multilabel(self) -> Multilabel | None:
        """Images that show several objects at once; None where there are none."""
        return self.open_multilabel()

    @cached_property
    def probabilities(self) -> Float[np.ndarray, "image class"]:
        """The net's answer for every validation image."""
        return softmax(self.learned.logits)

    def layer(self, number: int) -> PaperLayer:
        """The paper's layer of that number; raises KeyError where the net has none."""
        found = {layer.number: layer for layer in self.layers}
        return found[number]

    @cached_property
    def device(self) -> torch.device:
        """Where the net lives."""
        return resolve_device(self.device_name)

    @cached_property
    def batch(self) -> int:
        """How many images are forwarded at once."""
        return self.batch_size or BATCH.get(self.device.type, BATCH["cpu"])

    @cached_property
    def _opened(self) -> Opened:
        trained = self.trained
        net, preprocessing = trained.open_net() if self.epoch is None else trained.snapshots[self.epoch]()
        return net.to(self.device), preprocessing

    @property
    def net(self) -> torch.nn.Module:
        """The net, ready for the probe."""
        return self._opened[0]

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns stored images into what the net reads."""
        return self._opened[1]

    @cached_property
    def graph(self) -> Graph:
        """The net as the probe sees it."""
        crop = self.preprocessing.crop
        return probe.trace(self.net, torch.zeros(1, 3, crop, crop, device=self.device))

    @property
    def loaded(self) -> bool:
        """Whether the net was trained elsewhere: without a history, and without snapshots unless some were given."""
        return bool(self.net_numbers.get("loaded"))

    def no_projection(self, number: int) -> str:
        """Why the activations of a layer cannot be projected by the paper's rules; empty where they can."""
        return probe.refusal(self.graph, self.layer(number).map)

    @cached_property
    def layers(self) -> tuple[PaperLayer, ...]:
        """The paper's layers of this net."""
        return paper_layers(self.graph, self.nodes)

    def batches(self, split: Split, indices: np.ndarray | None = None) -> Iterator[torch.Tensor]:
        """Images of a split as the net reads them: centre crops, in order, in batches on the device."""
        chosen = np.arange(len(split)) if indices is None else indices
        parts = [chosen[start : start + self.batch] for start in range(0, len(chosen), self.batch)]
        for pixels in stored(split.images, parts, self.device):
            yield self.preprocessing.centre(pixels)

    def each(
        self,
        function: Callable[[torch.Tensor], Result],
        split: Split,
        indices: np.ndarray | None = None,
        what: str = "",
    ) -> Iterator[Result]:
        """`function` of each batch of images; of smaller ones once the GPU has no memory for one. `what`: to be shown."""
        batches, images = self.batches(split, indices), len(split) if indices is None else len(indices)
        return by_batches(function, track(batches, what, images, step=self.batch) if what else batches)

    def pixels(self, split: Split, index: int) -> np.ndarray:
        """What the net sees of one image, as RGB pixels: uint8 "row column 3"."""
        inside = inner(split.images.shape[1], self.preprocessing.crop)
        return np.asarray(split.images[index, inside, inside])


def _numbers(folder: Path) -> dict[str, Any]:
    return read_json(folder / DOCUMENT)["numbers"]


def _compared(build: Path, reads: Collection[str] | None, variant: str, turn: int) -> TrainedNet | None:
    """A comparison net of a build folder, where there is one that may be opened."""
    stage = variants.stage_name(variant, turn)
    if (reads is not None and stage not in reads) or not (build / stage / DOCUMENT).exists():
        return None
    return TrainedNet.in_folder(build / stage, _numbers(build / stage))
