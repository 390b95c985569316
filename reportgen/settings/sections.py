"""The settings, by section: each section is a frozen dataclass with its defaults. An analysis declares its own in its folder.

Nothing here imports torch.
"""

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.base.names import nearest
from reportgen.base.size import Size
from reportgen.settings.recipes import OWN_NETS, Architecture, TrainingSettings
from reportgen.settings.variants import BY_NAME, VARIANTS

STRICT = ConfigDict(extra="forbid")
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT)
class RunSettings:
    """Settings of the whole run."""

    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, config=STRICT)
class NoiseSettings:
    """How much training again would change what is measured."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1  # trainings that differ in the training seed alone
    file: str = ""  # that make noise wrote; empty: the one that the package brings for these settings, if there is one
    weights: tuple[str, ...] = ()  # further checkpoints of a loaded net, as other trainings of it


@dataclass(frozen=True, config=STRICT)
class ComputeSettings:
    """The device and threads that compute."""

    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    threads: Annotated[int, Field(ge=0, le=1024)] = 0  # of each stage on the CPU; 0: see `reportgen.nets.threads`


@dataclass(frozen=True, config=STRICT)
class MachineSettings:
    """How processes share the work: results do not depend on it, except for the last bits of trained nets."""

    gpus: Annotated[int, Field(ge=1, le=1024)] = (
        1  # processes that share training and search, each with a GPU, or on the CPU with DEVICE=cpu
    )


TIMM, FOLDER = "timm/", "hf/"  # how MODEL= begins for a net of timm, and for a folder that transformers wrote
WEIGHTS_END = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")  # how the names of files of weights end

NAMED_SETS = (  # torchvision's, by name
    *(
        "CIFAR10",
        "CIFAR100",
        "STL10",
        "SVHN",
        "MNIST",
        "FashionMNIST",
        "EMNIST",
        "Caltech101",
        "Caltech256",
        "Imagenette",
    ),
    *("OxfordIIITPet", "Flowers102", "Food101", "DTD", "EuroSAT", "GTSRB", "Places365", "StanfordCars", "FGVCAircraft"),
    "ImageNet",
)
NAMED_MULTILABEL = "VOC2012"  # torchvision's, whose images show several things: for TRANSFER= alone


def _at_least(least: int) -> AfterValidator:
    def check(size: Size) -> Size:
        if min(size) < least:
            raise ValueError(f"use {least} pixels or more")
        return size

    return AfterValidator(check)


def _two_or_none(values: tuple[float, ...]) -> tuple[float, ...]:
    if values and (len(values) != 2 or not math.isfinite(values[1] - values[0]) or values[0] == values[1]):
        raise ValueError("use two different numbers, black and white, as in 0,4095")
    return values


def _three_or_none(values: tuple[int, ...]) -> tuple[int, ...]:
    if len(values) not in (0, 3):
        raise ValueError("use the numbers of three channels, counted from 1, as in 4,3,2")
    return values


Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]  # Pillow's names


@dataclass(frozen=True, config=STRICT)
class DataSettings:
    """The images: the embedded scenes, the user's folder, or a torchvision data set."""

    source: str = "scenes"  # "scenes", a folder (an ImageFolder tree, with or without splits), or a torchvision set
    # Pixels, one number or rows x columns: an image is scaled until it covers them, then its middle is cut to them
    size: Annotated[Size, BeforeValidator(Size.of), _at_least(32)] = Size(96, 96)
    crop: Annotated[Size, BeforeValidator(Size.of), _at_least(24)] = Size(88, 88)  # pixels that the net reads, likewise
    train: Positive = 300  # scenes of each class
    val: Positive = 100
    test: Positive = 100
    transfer: Positive = 60  # scenes of each class that the net never sees
    judge: Positive = 250  # further scenes of each class, for judging comparison nets alone
    multi_train: Positive = 300  # scenes with several objects each, of all classes
    multi_test: Positive = 300
    val_share: Share = 0.15  # of a folder that has no val/ of its own
    test_share: Share = 0.15
    interpolation: Interpolation = "bicubic"  # by which pictures are scaled; of a loaded net, what its weights ask for
    # What is shown of transparent pixels: the ground that they are laid on, or (drop) their hidden colours. Empty: white,
    # and for a loaded net drop, as torchvision's ImageFolder reads them
    alpha: Literal["", "white", "black", "drop"] = ""
    range: Annotated[
        tuple[float, ...], AfterValidator(_two_or_none)
    ] = ()  # black and white of files of more than 8 bits
    # Of each image: 3 are red, green and blue, whatever the files hold; of more, or two, .npy and TIFF files hold them all
    channels: Annotated[int, Field(ge=2, le=512)] = 3
    # Which of these channels, counted from 1, are shown as red, green and blue; empty: the first three
    shown: Annotated[tuple[Positive, ...], AfterValidator(_three_or_none)] = ()
    pack: bool = (
        True  # store every image decoded; False: decode files on every reading, which is slower but takes no disk
    )

    @property
    def named(self) -> bool:
        """Whether `source` names a torchvision data set and not a folder of that name."""
        return self.source in NAMED_SETS and not Path(self.source).is_dir()

    @property
    def red_green_blue(self) -> tuple[int, ...]:
        """Which channels, counted from 0, the user wants to be shown as red, green and blue; empty: the usual ones."""
        return tuple(number - 1 for number in self.shown)


def _white(value: float | None) -> float | None:
    if value not in (None, 1, 255):
        raise ValueError("use 1 or 255")
    return value


Channels = tuple[float, ...]


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """The net: trained here, or loaded with its weights."""

    name: str = "zfnet"  # one of OWN_NETS, a torchvision classifier, timm/NAME, hf/FOLDER, or package.module:factory
    weights: str = ""  # a file, or DEFAULT or another torchvision name: the net is loaded; empty: the net is trained
    weights_key: str = ""  # what stands before the weights' names, where a file has several sets: state_dict_ema
    # How to read the net's outputs; sigmoid: each label by itself, and a net that is trained here learns them so. None: see
    # `Reading`
    outputs: Literal["softmax", "sigmoid", "logit"] | None = None
    entry: str = ""  # of a dictionary, tuple or dataclass that a loaded net returns: the name or number of its outputs
    patience: Annotated[float, Field(gt=0)] = (
        120  # seconds that a loaded net's own code may take to build it, or to run once
    )
    classes: str = ""  # a file with the names of a loaded net's classes, in its order
    snapshots: str = ""  # a folder with a loaded net's checkpoints, epoch-<number>.safetensors, .pt or .pth
    widths: tuple[Positive, Positive, Positive, Positive, Positive] = (96, 256, 384, 384, 256)  # maps of layers 1-5
    fully_connected: tuple[Positive, Positive] = (4096, 4096)  # units of layers 6 and 7
    second_padding: Annotated[int, Field(ge=0)] = 0  # pixels around layer 2's input; the paper's net has none

    @property
    def loaded(self) -> bool:
        """Whether the net comes with its weights and is not trained here."""
        return self.weights != "" or self.name.startswith(FOLDER)

    @property
    def of_the_paper(self) -> bool:
        """Whether the net is one of the paper's, of which variants can be compared."""
        return self.name in OWN_NETS


# Settings of trained nets alone, besides those of the sections training and compare.
OF_TRAINED_NETS = (("model", "widths"), ("model", "fully_connected"), ("model", "second_padding"))


class Scaled(NamedTuple):
    """How images are scaled for a net: settings of `DataSettings` by name."""

    size: Size
    crop: Size
    interpolation: Interpolation = "bicubic"


def usual_sizes(model: ModelSettings) -> Scaled:
    """How images are scaled for a loaded net whose weights do not say it: as is usual for ImageNet."""
    return Scaled(Size(256, 256), Size(224, 224))


@dataclass(frozen=True, config=STRICT)
class PreprocessingSettings:
    """A loaded net's input: (pixel / 255 * range - mean) / deviation. Empty: from its weights, else the usual for ImageNet.

    Of a net that is trained here, only the order is said, RGB or L: the rest is measured on its training images.
    """

    range: Annotated[float | None, AfterValidator(_white)] = None  # value of white before the mean is subtracted
    order: Literal["RGB", "BGR", "L"] | None = None  # of the channels; L: the luminance alone
    mean: Channels = ()  # in units of the range, in the net's order
    deviation: Channels = ()  # in units of the range, in the net's order


@dataclass(frozen=True, config=STRICT)
class LayerSettings:
    """Which nodes of this net are the paper's layers, and how their activations are projected."""

    nodes: tuple[
        str, ...
    ] = ()  # names of nodes for layers 1, 2, ..., or with numbers: 1=features.0; empty: docs/claims.md
    # What GELU, SiLU and their kind do with a signal on the way down, once it is rectified: multiply it by the unit's own
    # f(x) / x, or leave it (docs/decisions/projections-through-later-operations.md).
    smooth: Literal["factor", "rectified"] = "factor"


def _known_variant(name: str) -> str:
    if name not in BY_NAME:
        raise ValueError(f"no such variant '{name}'{nearest(name, BY_NAME)} ({', '.join(BY_NAME)} exist)")
    return name


@dataclass(frozen=True, config=STRICT)
class CompareSettings:
    """The comparison nets, which share one recipe and are compared only with each other."""

    images: Annotated[int, Field(ge=0)] = 60  # training images of each class, or as many as there are; 0: all
    epochs: Positive = 100  # the most: a net is done when its training error no longer falls
    paper_epochs: Positive = 3  # of the two nets with the recipe `paper`
    seeds: Positive = 1  # for the two unchanged architectures; the other variants are trained once
    variants: tuple[Annotated[str, AfterValidator(_known_variant)], ...] = tuple(item.name for item in VARIANTS)


@dataclass(frozen=True, config=STRICT)
class LabelSettings:
    """What the images show, where their folders do not say it as the net counts its classes."""

    file: str = ""  # a table of files, labels and, if it has such a column, splits; empty: folders are classes
    columns: tuple[str, ...] = ()  # what the table calls file, label, split; empty: told by their usual names
    # Between several labels in one cell of a table; none: a cell is one label; empty: told by what is there
    separator: Literal["", "|", ";", ",", "blank", "none"] = ""
    order: Literal["", "names", "natural", "numbers", "from-one"] = ""  # how a loaded net counts folders; empty: told


@dataclass(frozen=True, config=STRICT)
class AnnotationSettings:
    """Files that mark objects and parts; the embedded scenes bring their own."""

    parts: str = ""  # a COCO file with keypoints; its images are beside it, or in the data's folder
    masks: str = ""  # where the objects are: a COCO file, or a folder of pictures named as the images


@dataclass(frozen=True, config=STRICT)
class TransferSettings:
    """The data set on which the frozen features are tried."""

    # "scenes"; a folder, with one for each class or in PASCAL VOC's layout; or a torchvision set. Empty: scenes with DATA=scenes
    source: str = ""

    @property
    def named(self) -> bool:
        """Whether `source` names a torchvision data set and not a folder of that name."""
        return self.source in (*NAMED_SETS, NAMED_MULTILABEL) and not Path(self.source).is_dir()


@dataclass(frozen=True, config=STRICT)
class AtlasSettings:
    """The pages beside the report that show every map of every layer."""

    shows: Literal["none", "patches", "projections"] = (
        "patches"  # of each map's nine strongest; projections: beside the patches, which takes longer; none: no such pages
    )


SECTIONS: dict[str, type] = {
    "run": RunSettings,
    "noise": NoiseSettings,
    "compute": ComputeSettings,
    "machine": MachineSettings,
    "data": DataSettings,
    "labels": LabelSettings,
    "annotations": AnnotationSettings,
    "transfer": TransferSettings,
    "model": ModelSettings,
    "preprocessing": PreprocessingSettings,
    "layers": LayerSettings,
    "training": TrainingSettings,
    "compare": CompareSettings,
    "atlas": AtlasSettings,
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of a run, by section."""

    profile: str
    sections: Mapping[str, Any]
    switches: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)  # that gave these settings

    @property
    def run(self) -> RunSettings:
        return self.sections["run"]

    @property
    def noise(self) -> NoiseSettings:
        return self.sections["noise"]

    @property
    def transfer_source(self) -> str:
        """Where the images for the frozen features come from; the scenes bring their own. Empty: there are none."""
        return self.transfer.source or ("scenes" if self.data.source == "scenes" else "")

    @property
    def alpha(self) -> Literal["white", "black", "drop"]:
        """How cut-outs are read: as the settings say, else as torchvision reads them for a loaded net, else on white."""
        return self.data.alpha or ("drop" if self.model.loaded else "white")

    @property
    def several(self) -> bool:
        """Whether an image may show several labels, each of which the net says by itself."""
        return self.model.outputs == "sigmoid"

    @property
    def channels(self) -> int:
        """How many channels a net that is trained here reads: the luminance, or those that the images have."""
        return 1 if self.preprocessing.order == "L" else self.data.channels

    def architecture(self, classes: int, name: str = "") -> Architecture:
        """The net to train for so many classes; `name` chooses one of OWN_NETS in place of the settings' net."""
        model, base = self.model, OWN_NETS[name or self.model.name]
        return dataclasses.replace(
            base,
            second_padding=max(base.second_padding, model.second_padding),
            widths=model.widths,
            fully_connected=model.fully_connected,
            input_size=self.data.crop,
            classes=classes,
            channels=self.channels,
        )

    @property
    def cores(self) -> int:
        """The cores that the stages may use: so many as a stage was given threads, or all of the machine."""
        return self.compute.threads or os.cpu_count() or 1

    @property
    def training_seed(self) -> int:
        """The seed of weights, batches and crops."""
        return self.run.seed if self.training.seed is None else self.training.seed

    def but(self, section: str, **values: Any) -> "Settings":
        """The same settings with other values in one section."""
        changed = dataclasses.replace(self.sections[section], **values)
        return dataclasses.replace(self, sections={**self.sections, section: changed})

    @property
    def compute(self) -> ComputeSettings:
        return self.sections["compute"]

    @property
    def machine(self) -> MachineSettings:
        return self.sections["machine"]

    @property
    def data(self) -> DataSettings:
        return self.sections["data"]

    @property
    def labels(self) -> LabelSettings:
        return self.sections["labels"]

    @property
    def annotations(self) -> AnnotationSettings:
        return self.sections["annotations"]

    @property
    def transfer(self) -> TransferSettings:
        return self.sections["transfer"]

    @property
    def model(self) -> ModelSettings:
        return self.sections["model"]

    @property
    def preprocessing(self) -> PreprocessingSettings:
        return self.sections["preprocessing"]

    @property
    def layers(self) -> LayerSettings:
        return self.sections["layers"]

    @property
    def training(self) -> TrainingSettings:
        return self.sections["training"]

    @property
    def compare(self) -> CompareSettings:
        return self.sections["compare"]

    @property
    def atlas(self) -> AtlasSettings:
        return self.sections["atlas"]

    @property
    def words(self) -> list[str]:
        """The switches as words of a command, for another process."""
        return [f"{name}={value}" for name, value in self.switches.items()]

    def document(self, *names: str) -> dict[str, Any]:
        """The named sections as JSON-able values; all sections if none is named."""
        return {name: jsonable(asdict(self.sections[name])) for name in names or self.sections}


def jsonable(value: Any) -> Any:
    """The value with all tuples, nested ones too, as lists, as if it had been read back from JSON; sizes as `Size.said`."""
    if isinstance(value, Size):
        return value.said
    if isinstance(value, dict):
        return {key: jsonable(part) for key, part in value.items()}
    return [jsonable(part) for part in value] if isinstance(value, (list, tuple)) else value
