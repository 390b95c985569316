"""What an analysis examines: a net, its layers and its images, opened from the artefacts of earlier stages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.progress import track
from reportgen.data.annotations import Annotations
from reportgen.data.dataset import Dataset, Split, Transfer
from reportgen.data.labels import as_seen
from reportgen.data.transforms import inner
from reportgen.look.probabilities import softmax
from reportgen.nets.world import ALONE, World
from reportgen.settings import variants

if TYPE_CHECKING:
    import torch

    from reportgen.data.transforms import Preprocessing
    from reportgen.nets.layers import PaperLayer
    from reportgen.probe import Graph

BATCH = {"cpu": 64, "cuda": 256}  # images forwarded at once: few keep a GPU waiting for Python
Result = TypeVar("Result")


@dataclass(frozen=True)
class Learned:
    """What the training of a comparison net came to."""

    numbers: dict[str, Any]
    logits: Float[np.ndarray, "image class"]  # validation images
    train_right: Bool[np.ndarray, " train_image"]  # some training images, or all: whether the net gets them right
    history: list[dict[str, Any]]  # one entry for each finished epoch

    @classmethod
    def open(cls, folder: Path) -> Learned:
        """Read the artefact of a comparison net."""
        arrays = read_arrays(folder / "predictions.npz")
        numbers = read_json(folder / DOCUMENT)["numbers"]
        history = read_json(folder / "history.json")["epochs"]
        return cls(numbers, arrays["logits"], arrays["train_right"], history)


@dataclass(frozen=True)
class Inputs:
    """The net and the data of a run. Torch is imported when the net is asked for.

    An analysis may open what its line in the registry says it reads, and nothing else: its stamp holds no more.
    """

    build: Path
    data: Dataset
    data_numbers: dict[str, Any]
    net_numbers: dict[str, Any]
    device_name: str
    epoch: float | None = None  # None: the trained net
    batch_size: int | None = None  # images forwarded at once; None: as many as the device likes
    workshop: Path | None = None  # a folder that outlives a kill, for what can be resumed
    stage: str = "net"  # that trained the net
    reads: Collection[str] | None = None  # the stages whose artefacts may be opened; None: all that there are
    planted: Mapping[tuple[str, int], Inputs] = field(default_factory=dict)  # comparison nets that lie in no folder
    nodes: tuple[str, ...] = ()  # what the user says the paper's layers are; empty: the rule
    world: World = ALONE  # the processes that share the search

    @classmethod
    def open(
        cls, build: Path, device: str, workshop: Path | None = None, reads: Collection[str] | None = None
    ) -> Inputs:
        """Open the artefacts of the data and net stages in a build folder."""
        data = read_json(build / "data" / DOCUMENT)["numbers"]
        net = read_json(build / "net" / DOCUMENT)["numbers"]
        images = as_seen(Dataset.open(build / "data"), build / "net")
        return cls(build, images, data, net, device, workshop=workshop, reads=reads)

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
        compared: Mapping[tuple[str, int], Inputs] | None = None,
    ) -> Inputs:
        """A net and images that lie in no build folder."""
        numbers = learned.numbers if learned else {}
        device = str(next(net.parameters()).device)
        made = cls(Path(), data, {}, numbers, device, batch_size=batch, planted=compared or {})
        known: dict[str, Any] = {"_opened": (net.eval(), preprocessing)}
        known |= {"annotations": annotations, "transfer": transfer, **({"learned": learned} if learned else {})}
        made.__dict__.update(known)  # what the cached properties would open
        return made

    def at_epoch(self, epoch: float) -> Inputs:
        """The same, with the net as it was after an epoch of which there is a snapshot; 0 is the untrained net."""
        return replace(self, epoch=epoch)

    def compared(self, variant: str, turn: int = 0) -> Inputs | None:
        """The same images with a comparison net: that variant, trained with the `turn`-th seed counted from the run's own.

        None where this run has no such net.
        """
        if (variant, turn) in self.planted:
            return self.planted[variant, turn]
        stage = variants.stage_name(variant, turn)
        document = self.build / stage / DOCUMENT
        if (self.reads is not None and stage not in self.reads) or not document.exists():
            return None
        return replace(self, stage=stage, net_numbers=read_json(document)["numbers"], epoch=None, planted={})

    @property
    def net_folder(self) -> Path:
        """The artefact of the stage that trained the net."""
        return self.build / self.stage

    @cached_property
    def learned(self) -> Learned:
        """What training came to, as the stage of a comparison net wrote it."""
        return Learned.open(self.net_folder)

    @cached_property
    def epochs(self) -> tuple[float, ...]:
        """The epochs of which there is a snapshot, ascending; 0 is the untrained net."""
        from reportgen.nets.snapshots import snapshots

        return tuple(snapshots(self.net_folder))

    @cached_property
    def annotations(self) -> Annotations:
        """Objects and parts of the images, where they are known."""
        return Annotations.open(self.build / "annotations")

    @cached_property
    def transfer(self) -> Transfer | None:
        """Images of classes that the net was not trained on; None where there are none."""
        return Transfer.open(self.build / "transfer")

    @cached_property
    def probabilities(self) -> np.ndarray:
        """What the net says of every validation image, as the net stage wrote it: "image class", in [0, 1]."""
        return softmax(read_arrays(self.net_folder / "predictions.npz")["logits"])

    def layer(self, number: int) -> PaperLayer:
        """The paper's layer of that number; raises KeyError where the net has none."""
        found = {layer.number: layer for layer in self.layers}
        return found[number]

    @cached_property
    def device(self) -> torch.device:
        """Where the net lives."""
        from reportgen.nets.device import resolve_device

        return resolve_device(self.device_name)

    @cached_property
    def batch(self) -> int:
        """How many images are forwarded at once."""
        return self.batch_size or BATCH.get(self.device.type, BATCH["cpu"])

    @cached_property
    def _opened(self) -> tuple[torch.nn.Module, Preprocessing]:
        from reportgen.nets.snapshots import load_net, snapshot_path

        path = self.net_folder / "net.safetensors"
        net, preprocessing = load_net(path if self.epoch is None else snapshot_path(self.net_folder, self.epoch))
        return net.to(self.device), preprocessing

    @property
    def net(self) -> torch.nn.Module:
        """The net, ready to be looked into."""
        return self._opened[0]

    @property
    def preprocessing(self) -> Preprocessing:
        """What turns stored images into what the net reads."""
        return self._opened[1]

    @cached_property
    def graph(self) -> Graph:
        """The net as the probe sees it."""
        import torch

        from reportgen import probe

        crop = self.preprocessing.crop
        return probe.trace(self.net, torch.zeros(1, 3, crop, crop, device=self.device))

    @property
    def loaded(self) -> bool:
        """Whether the net was trained elsewhere: without a history, and without snapshots unless some were given."""
        return bool(self.net_numbers.get("loaded"))

    def no_projection(self, number: int) -> str:
        """Why the activations of a layer cannot be projected by the paper's rules; empty where they can."""
        from reportgen import probe

        return probe.refusal(self.graph, self.layer(number).map)

    @cached_property
    def layers(self) -> tuple[PaperLayer, ...]:
        """The paper's layers of this net."""
        from reportgen.nets.layers import paper_layers

        return paper_layers(self.graph, self.nodes)

    def batches(self, split: Split, indices: np.ndarray | None = None) -> Iterator[torch.Tensor]:
        """Images of a split as the net reads them: centre crops, in order, in batches on the device."""
        from reportgen.data.reading import stored

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
        from reportgen.probe.memory import by_batches

        batches, images = self.batches(split, indices), len(split) if indices is None else len(indices)
        return by_batches(function, track(batches, what, images, step=self.batch) if what else batches)

    def pixels(self, split: Split, index: int) -> np.ndarray:
        """What the net sees of one image, as RGB pixels: uint8 "row column 3"."""
        inside = inner(split.images.shape[1], self.preprocessing.crop)
        return np.asarray(split.images[index, inside, inside])
