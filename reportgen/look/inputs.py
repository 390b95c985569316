"""What an analysis examines: a net, its layers and its images, opened from the artefacts of earlier stages."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int

from reportgen import probe
from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json
from reportgen.base.progress import track
from reportgen.data.annotations import Annotations
from reportgen.data.dataset import Dataset, Multilabel, Split, Transfer
from reportgen.data.labels import as_seen
from reportgen.data.reading import stored
from reportgen.data.several import right
from reportgen.data.transforms import Preprocessing, window
from reportgen.nets.device import resolve_device
from reportgen.nets.layers import PaperLayer, paper_layers
from reportgen.nets.others import OtherNet
from reportgen.nets.probabilities import Reading, probabilities
from reportgen.nets.snapshots import NET, load_net, snapshots
from reportgen.nets.world import ALONE, World
from reportgen.probe import Graph
from reportgen.probe.memory import by_batches
from reportgen.probe.record import Smooth
from reportgen.settings import variants

BATCH = {"cpu": 64, "cuda": 256}  # images forwarded at once, at most: with fewer, a GPU waits for Python
# On a CPU, what leaves the cache between two layers costs a tenth to a quarter of the time; with fewer images than these,
# torch takes other convolutions where there is one thread, and they are slower.
IN_CACHE, FEWEST = 2**25, 16  # bytes of the largest layer; images
Result = TypeVar("Result")
Opened = tuple[torch.nn.Module, Preprocessing]


class Judged(NamedTuple):
    """What a comparison net says of the images by which comparison nets are judged: of those that are known to show a class."""

    logits: Float[np.ndarray, "image class"]
    labels: Int[np.ndarray, "image *class"]  # `Split.targets`
    on: str  # which images these are
    reading: Reading = "softmax"

    @property
    def wrong(self) -> Float[np.ndarray, " image"]:
        """1 where the net is wrong."""
        return (~right(self.logits.argmax(axis=1), self.labels)).astype(np.float64)


@dataclass(frozen=True)
class Learned:
    """A net's results, as its stage wrote them."""

    numbers: dict[str, Any]
    logits: Float[np.ndarray, "image class"]  # validation images
    history: list[dict[str, Any]]  # an entry for each finished epoch; empty for a net that was not trained here
    judged: Judged | None = None  # of a comparison net

    @classmethod
    def open(cls, folder: Path, numbers: dict[str, Any]) -> "Learned":
        """Read the artefact of a net, whose numbers have been read already."""
        history = read_json(folder / "history.json")["epochs"] if (folder / "history.json").exists() else []
        arrays = read_arrays(folder / "predictions.npz")
        judged = None
        if "judged_logits" in arrays:
            judged = Judged(
                arrays["judged_logits"],
                arrays["judged_labels"],
                numbers["judged_on"],
                numbers.get("reading", "softmax"),
            )
        return cls(numbers, arrays["logits"], history, judged)


@dataclass(frozen=True)
class TrainedNet:
    """A net in its stage's folder or in memory; the functions load what is large when it is needed."""

    numbers: dict[str, Any]
    open_net: Callable[[], Opened]
    open_learned: Callable[[], Learned]
    snapshots: Mapping[float, Callable[[], Opened]] = field(default_factory=dict)  # by epoch, ascending

    @classmethod
    def in_folder(cls, folder: Path, numbers: dict[str, Any]) -> "TrainedNet":
        """The artefact of a stage that trained or loaded a net."""
        return cls(
            numbers,
            partial(load_net, folder / NET),
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
        """A net that lies in no folder; `kept`: the net as it was after some epochs."""
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

    The functions (`open_...`) load what is large or is missing in some runs; properties call each of them once. An
    analysis may open only what its line in the registry says it reads, because its stamp covers nothing else.
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
    batch_size: int | None = None  # images forwarded at once; None: the device's default
    workshop: Path | None = None  # a folder that survives a kill, for work that can be resumed
    training_seed: int = (
        0  # of the nets that an analysis trains itself; what it draws of the images does not depend on it
    )
    # The net without its weights, for so many classes; None where it is one of the paper's, or was not trained here.
    untrained: Callable[[int], OtherNet] | None = None
    cores: int = 1  # that may train small nets at the same time, each by itself
    nodes: tuple[str, ...] = ()  # the nodes that the user names as the paper's layers; empty: found by the rule
    # Channels, from 0, that are shown of images of many; empty: those that the net came with.
    shown: tuple[int, ...] = ()
    smooth: Smooth = "factor"  # what GELU, SiLU and their kind do with a projection (see `LayerSettings`)
    world: World = ALONE  # the processes that share the search

    @classmethod
    def open(
        cls,
        build: Path,
        device: str,
        workshop: Path | None = None,
        reads: Collection[str] | None = None,
        training_seed: int = 0,
        place: Callable[[str], Path] | None = None,
    ) -> "Inputs":
        """The artefacts in a build folder.

        `reads`: the stages whose artefacts may be opened, None: all of them. `place`: where the artefact of a stage lies, if
        not below `build` under the stage's name.
        """
        place = place or build.joinpath
        return cls(
            data=as_seen(Dataset.open(place("data")), place("net")),
            trained=TrainedNet.in_folder(place("net"), _numbers(place("net"))),
            device_name=device,
            open_annotations=partial(Annotations.open, place("annotations")),
            open_transfer=partial(Transfer.open, place("transfer")),
            open_multilabel=partial(Multilabel.open, place("multilabel")),
            open_compared=partial(_compared, place, reads),
            data_numbers=_numbers(place("data")),
            workshop=workshop,
            training_seed=training_seed,
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
        """A net and images in memory; `compared`: comparison nets, `kept`: the net as it was after some epochs."""
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

    @property
    def each_label(self) -> "Inputs":
        """The same inputs, with each validation and test image once for each class that it shows."""
        return replace(self, data=self.data.each_label) if self.data.several else self

    def at_epoch(self, epoch: float) -> "Inputs":
        """The same inputs with the net as it was after an epoch that has a snapshot; 0 is the untrained net."""
        return replace(self, epoch=epoch)

    def compared(self, variant: str, turn: int = 0) -> "Inputs | None":
        """The same images with a comparison net: `variant`, trained with the run's seed (`turn` 0) or a later one (1, 2, ...).

        None where this run has no such net.
        """
        other = self.open_compared(variant, turn)
        return None if other is None else replace(self, trained=other, epoch=None)

    @property
    def net_numbers(self) -> dict[str, Any]:
        """The numbers that the net's stage recorded."""
        return self.trained.numbers

    @cached_property
    def learned(self) -> Learned:
        """The net's results."""
        return self.trained.open_learned()

    @property
    def epochs(self) -> tuple[float, ...]:
        """The epochs that have a snapshot, in ascending order; 0 is the untrained net."""
        return tuple(self.trained.snapshots)

    @cached_property
    def annotations(self) -> Annotations:
        """Annotated objects and parts of the images, as far as they are known."""
        return self.open_annotations()

    @cached_property
    def transfer(self) -> Transfer | None:
        """Images of classes that the net was not trained on; None where the run has none."""
        return self.open_transfer()

    @cached_property
    def multilabel(self) -> Multilabel | None:
        """Images that show several objects at once; None where there are none."""
        return self.open_multilabel()

    @cached_property
    def probabilities(self) -> Float[np.ndarray, "image class"]:
        """The net's class probabilities for every validation image."""
        return self.as_probabilities(self.learned.logits)

    @property
    def reading(self) -> Reading:
        """How the net's outputs are to be read."""
        return self.net_numbers.get("reading", "softmax")

    def as_probabilities(self, outputs: Float[np.ndarray, "*place output"]) -> Float[np.ndarray, "*place class"]:
        """What the net gives, as probabilities of its classes."""
        return probabilities(outputs, self.reading)

    def layer(self, number: int) -> PaperLayer:
        """The paper's layer with that number; raises KeyError where the net has none."""
        found = {layer.number: layer for layer in self.layers}
        return found[number]

    @cached_property
    def device(self) -> torch.device:
        """The device that holds the net."""
        return resolve_device(self.device_name)

    @cached_property
    def batch(self) -> int:
        """How many images are forwarded at once."""
        if self.batch_size or self.device.type != "cpu":
            return self.batch_size or BATCH.get(self.device.type, BATCH["cpu"])
        largest = max(node.rows * math.prod(node.shape) for node in self.graph.nodes.values())
        return min(max(IN_CACHE // (largest * self.graph.input_type.itemsize), FEWEST), BATCH["cpu"])

    @cached_property
    def _opened(self) -> Opened:
        trained = self.trained
        net, preprocessing = trained.open_net() if self.epoch is None else trained.snapshots[self.epoch]()
        if self.shown and preprocessing.order == "ALL":
            preprocessing = replace(preprocessing, red_green_blue=self.shown)
        return net.to(self.device), preprocessing

    @property
    def net(self) -> torch.nn.Module:
        """The net, ready for the probe."""
        return self._opened[0]

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing that turns stored images into the net's input."""
        return self._opened[1]

    @cached_property
    def graph(self) -> Graph:
        """The net as the probe sees it."""
        shape = 1, self.preprocessing.channels, *self.preprocessing.crop
        return probe.trace(self.net, torch.zeros(shape, device=self.device))

    @property
    def loaded(self) -> bool:
        """Whether the net was trained elsewhere: then it has no history, and no snapshots but those the user gave."""
        return bool(self.net_numbers.get("loaded"))

    def no_projection(self, number: int) -> str:
        """Why the activations of a layer cannot be projected by the paper's rules; empty where they can."""
        return self.way(number).refusal

    def way(self, number: int) -> probe.Way:
        """How the activations of a layer are projected, and through what."""
        return probe.way_down(self.graph, self.layer(number).map, self.smooth)

    @cached_property
    def layers(self) -> tuple[PaperLayer, ...]:
        """The paper's layers of this net."""
        return paper_layers(self.graph, self.nodes)

    def batches(self, split: Split, indices: np.ndarray | None = None) -> Iterator[torch.Tensor]:
        """Images of a split as the net's input: centre crops, in order, in batches on the device."""
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
        """`function` applied to each batch; batches shrink if the GPU runs out of memory. `what`: words for the progress."""
        batches, images = self.batches(split, indices), len(split) if indices is None else len(indices)
        told = track(batches, what, images, step=self.batch) if what else batches
        return by_batches(function, told)

    def pixels(self, split: Split, index: int) -> np.ndarray:
        """The part of one image that the net sees, as RGB pixels: uint8 "row column 3"; in grey where it reads grey."""
        rows, columns = window(split.images.shape[1:3], self.preprocessing.crop)
        return self.preprocessing.shown(np.asarray(split.images[index, rows, columns]))


def _numbers(folder: Path) -> dict[str, Any]:
    return read_json(folder / DOCUMENT)["numbers"]


def _compared(
    place: Callable[[str], Path], reads: Collection[str] | None, variant: str, turn: int
) -> TrainedNet | None:
    """A comparison net; None where there is none or it may not be opened."""
    stage = variants.stage_name(variant, turn)
    if (reads is not None and stage not in reads) or not (place(stage) / DOCUMENT).exists():
        return None
    return TrainedNet.in_folder(place(stage), _numbers(place(stage)))
