"""What an analysis examines: a net, its layers and its images, opened from the artefacts of earlier stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reportgen.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.data.annotations import Annotations
from reportgen.data.dataset import Dataset, Split, Transfer
from reportgen.data.labels import as_seen

if TYPE_CHECKING:
    import torch

    from reportgen.data.transforms import Preprocessing
    from reportgen.nets.layers import PaperLayer
    from reportgen.probe import Graph

BATCH = 64  # images forwarded at once


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
    batch: int = BATCH
    workshop: Path | None = None  # a folder that outlives a kill, for what can be resumed
    nodes: tuple[str, ...] = ()  # what the user says the paper's layers are; empty: the rule

    @classmethod
    def open(cls, build: Path, device: str, workshop: Path | None = None) -> Inputs:
        """Open the artefacts of the data and net stages in a build folder."""
        data = read_json(build / "data" / DOCUMENT)["numbers"]
        net = read_json(build / "net" / DOCUMENT)["numbers"]
        images = as_seen(Dataset.open(build / "data"), build / "net")
        return cls(build, images, data, net, device, workshop=workshop)

    @classmethod
    def of(
        cls,
        net: torch.nn.Module,
        preprocessing: Preprocessing,
        data: Dataset,
        annotations: Annotations | None = None,
        transfer: Transfer | None = None,
        batch: int = BATCH,
    ) -> Inputs:
        """A net and images that lie in no build folder."""
        made = cls(Path(), data, {}, {}, str(next(net.parameters()).device), batch=batch)
        known = {"_opened": (net.eval(), preprocessing), "annotations": annotations, "transfer": transfer}
        made.__dict__.update(known)  # what the cached properties would open
        return made

    def at_epoch(self, epoch: float) -> Inputs:
        """The same, with the net as it was after an epoch of which there is a snapshot; 0 is the untrained net."""
        return replace(self, epoch=epoch)

    @property
    def net_folder(self) -> Path:
        """The artefact of the net stage."""
        return self.build / "net"

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
        logits = read_arrays(self.net_folder / "predictions.npz")["logits"].astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def layer(self, number: int) -> PaperLayer:
        """The paper's layer of that number; raises KeyError where the net has none."""
        found = {layer.number: layer for layer in self.layers}
        return found[number]

    @cached_property
    def device(self) -> torch.device:
        """Where the net lives."""
        from reportgen.device import resolve_device

        return resolve_device(self.device_name)

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

    def no_projection(self, layer: PaperLayer) -> str:
        """Why a layer's activations cannot be projected by the paper's rules; empty where they can."""
        from reportgen import probe

        return probe.refusal(self.graph, layer.map)

    @cached_property
    def layers(self) -> tuple[PaperLayer, ...]:
        """The paper's layers of this net."""
        from reportgen.nets.layers import paper_layers

        return paper_layers(self.graph, self.nodes)

    def batches(self, split: Split, indices: np.ndarray | None = None) -> Iterator[torch.Tensor]:
        """Images of a split as the net reads them: centre crops, in order, in batches on the device."""
        chosen = np.arange(len(split)) if indices is None else indices
        for start in range(0, len(chosen), self.batch):
            yield self.preprocessing.centre(split.images[chosen[start : start + self.batch]]).to(self.device)

    def pixels(self, split: Split, index: int) -> np.ndarray:
        """What the net sees of one image, as RGB pixels: uint8 "row column 3"."""
        margin = (split.images.shape[1] - self.preprocessing.crop) // 2
        inside = slice(margin, margin + self.preprocessing.crop)
        return np.asarray(split.images[index, inside, inside])
