"""The architectures and the training recipes, as values.

Nothing here imports torch, so reading settings and drawing figure 3 need no torch.
"""

import math
from dataclasses import asdict
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.base.errors import UserError
from reportgen.base.size import Size

Width = Annotated[int, Field(ge=1)]
Removable = Literal[3, 4, 6, 7]
_FROZEN = ConfigDict(extra="forbid")

CONVOLUTIONS = (1, 2, 3, 4, 5)
CLASSIFIER = 8
POOLED = (1, 2, 5)  # layers that end in a 3x3 max pool of stride 2
NORMALISED = (1, 2)  # layers that end in contrast normalisation
UNIT = Size(1, 1)  # of the outputs of a fully connected layer


class LayerShape(NamedTuple):
    """One layer of an architecture, by arithmetic: figure 3's numbers and the layer's cost."""

    layer: int  # the paper's number, 1-8
    maps: int  # feature maps, or units of a fully connected layer
    filter: int  # side of the filters, input pixels of the layer; 0 in a fully connected layer
    stride: int
    padding: int
    convolved: Size  # of the maps after the convolution; 1 x 1 in a fully connected layer
    output: Size  # of the maps after pooling
    parameters: int  # weights and biases
    multiply_adds: int  # for one image


@dataclass(frozen=True, config=_FROZEN)
class Architecture:
    """The paper's net or a variant of it (Zeiler & Fergus 2013, figure 3 and tables 2-3).

    Layers keep the paper's numbers: a net without layers 3 and 4 has layers 1, 2, 5, 6, 7, 8.

    The paper does not print its paddings. With one pixel around layer 1 and none around layer 2, the maps of a 224 px
    image have exactly the paper's sizes (110, 55, 26, 13, 13, 13, 13, 6). The nets for small images have a larger
    `second_padding`; without it layers 3-5 would have only four rows.
    """

    name: str = "zeiler-fergus"
    first_filter: Annotated[int, Field(ge=1)] = 7  # pixels
    first_stride: Annotated[int, Field(ge=1)] = 2  # pixels
    first_padding: Annotated[int, Field(ge=0)] = 1  # pixels
    second_stride: Annotated[int, Field(ge=1)] = 2
    second_padding: Annotated[int, Field(ge=0)] = 0
    widths: tuple[Width, Width, Width, Width, Width] = (96, 256, 384, 384, 256)  # maps of layers 1-5
    fully_connected: tuple[Width, Width] = (4096, 4096)  # units of layers 6 and 7
    removed: tuple[Removable, ...] = ()  # layers left out, as in table 3
    normalisation: bool = True  # contrast normalisation after layers 1 and 2
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5  # in layers 6 and 7
    mean_image: bool = False  # the net first subtracts the mean of every pixel, as the paper does
    input_size: Annotated[Size, BeforeValidator(Size.of)] = Size(224, 224)  # of the crop, pixels
    classes: Annotated[int, Field(ge=1)] = 1000
    channels: Annotated[int, Field(ge=1)] = 3  # that it reads: the luminance, or red, green and blue

    def as_json(self) -> dict[str, Any]:
        """The values as a JSON document, from which a validator makes it again.

        Channels are left out where there are three, so that the files of nets that read colours stay as they were.
        """
        values = asdict(self) | {"input_size": self.input_size.said}
        if self.channels == 3:
            del values["channels"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @property
    def layers(self) -> tuple[int, ...]:
        """The paper's numbers of the layers this net has, ascending."""
        return tuple(number for number in range(1, CLASSIFIER + 1) if number not in self.removed)

    def shapes(self) -> list[LayerShape]:
        """Size and cost of every layer; a convolution's multiplications with padding count.

        Raises UserError if the image is too small for the net's strides.
        """
        rows: list[LayerShape] = []
        maps, size = self.channels, self.input_size
        for number in self.layers:
            if number in CONVOLUTIONS:
                row = self._convolution(number, maps, size)
                maps, size = row.maps, row.output
            else:
                units = self.classes if number == CLASSIFIER else self.fully_connected[number - 6]
                inputs = maps * size.area
                row = LayerShape(number, units, 0, 1, 0, UNIT, UNIT, inputs * units + units, inputs * units)
                maps, size = units, UNIT
            rows.append(row)
        return rows

    def _convolution(self, number: int, maps: int, size: Size) -> LayerShape:
        side, stride, padding = {
            1: (self.first_filter, self.first_stride, self.first_padding),
            2: (5, self.second_stride, self.second_padding),
        }.get(number, (3, 1, 1))
        convolved = Size(*((length + 2 * padding - side) // stride + 1 for length in size))
        # ceil mode: a last window that reaches beyond the edge counts if it starts inside the map
        pooled = Size(*(math.ceil((length - 3) / 2) + 1 if number in POOLED else length for length in convolved))
        if min(size) + 2 * padding < side or min(pooled) < 1:
            raise UserError(
                f"input size {self.input_size} px: too small for the net {self.name!r}, whose layer {number} would have "
                "no output: use larger images"
            )
        weights = side * side * maps * self.widths[number - 1]
        return LayerShape(
            layer=number,
            maps=self.widths[number - 1],
            filter=side,
            stride=stride,
            padding=padding,
            convolved=convolved,
            output=pooled,
            parameters=weights + self.widths[number - 1],
            multiply_adds=weights * convolved.area,
        )

    @property
    def parameters(self) -> int:
        """Weights and biases of the whole net."""
        return sum(row.parameters for row in self.shapes())

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds for one image, in convolutions and fully connected layers."""
        return sum(row.multiply_adds for row in self.shapes())


ZEILER_FERGUS = Architecture()
KRIZHEVSKY = Architecture(
    name="krizhevsky", first_filter=11, first_stride=4, first_padding=2, second_stride=1, second_padding=2
)
"""The "before" of figure 6, with dense connections (Zeiler & Fergus 2013, section 4.1)."""

OWN_NETS = {"zfnet": ZEILER_FERGUS, "krizhevsky": KRIZHEVSKY}
"""The nets that can be trained here, by their ``MODEL=`` names."""

SMALL = Architecture(
    name="small",
    second_padding=1,
    widths=(48, 128, 192, 192, 128),
    fully_connected=(256, 256),
    dropout=0.2,
    input_size=Size(88, 88),
    classes=12,
)
"""A narrow `ZEILER_FERGUS` that trains in minutes on two cores; its layers 3-5 have 5x5 maps."""


@dataclass(frozen=True, config=_FROZEN)
class TrainingSettings:
    """How a net is trained. The values here are the recipe `default`; `PAPER_RECIPE` is the paper's.

    The default differs from the paper in initialisation, schedule, weight decay and input scale, because the paper's
    recipe stays at chance when it trains for minutes on small images.
    """

    recipe: str = "default"
    epochs: Annotated[int, Field(ge=1)] = 12
    batch_size: Annotated[int, Field(ge=1)] = 32  # images
    optimiser: Literal["sgd", "adamw"] = "sgd"  # adamw has its own learning rate and weight decay: `ADAMW`
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2  # strong: the initial noise in layer 1 fades
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2  # in layers 6 and 7; replaces the architecture's
    schedule: Literal["cosine", "plateau"] = "cosine"
    warm_up: Annotated[float, Field(ge=0)] = 1.0  # epochs in which the rate rises linearly from 0
    watched: Literal["validation", "train"] = "validation"  # plateau: images whose error is watched
    patience: Annotated[int, Field(ge=1)] = 5  # plateau: epochs without a lower error before the rate falls
    anneal: Annotated[float, Field(gt=0, lt=1)] = 0.1  # plateau: factor by which the rate falls
    plateaus: Annotated[int, Field(ge=0)] = 0  # plateau: this many end the training; 0: it runs for `epochs`
    initialisation: Literal["default", "paper"] = "default"
    clip_rms: Annotated[float, Field(ge=0)] = 0.0  # largest RMS of a convolution filter after an update; 0: no clipping
    inputs: Literal["unit", "paper"] = "unit"  # unit variance per channel, or the paper's about -128..128
    mean: Literal["channel", "pixel"] = (
        "channel"  # what is subtracted: a mean of each channel, or the paper's of each pixel
    )
    crops: bool = True  # random crops and flips; False: the centre crop
    snapshots: tuple[Annotated[float, Field(gt=0)], ...] = ()  # epochs, fractions allowed; empty: `snapshot_epochs`
    early_snapshots: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.25, 0.5)  # epochs, besides `snapshot_epochs`
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"  # tf32 and bfloat16 are coarser; tf32: CUDA only
    seed: Annotated[int, Field(ge=0)] | None = None  # of weights, batches and crops; None: the run's, as of the images


PAPER_RECIPE = TrainingSettings(
    recipe="paper",
    epochs=70,
    batch_size=128,
    learning_rate=1e-2,
    momentum=0.9,
    weight_decay=0.0,  # the paper mentions none
    dropout=0.5,
    schedule="plateau",
    warm_up=0.0,
    initialisation="paper",
    clip_rms=0.1,
    inputs="paper",
    early_snapshots=(),
)
"""Zeiler & Fergus 2013, section 3.1. Its clipping radius belongs to inputs of about -128..128."""

UNTIL_LEARNED = TrainingSettings(
    dropout=0.0,
    schedule="plateau",
    watched="train",
    patience=3,
    anneal=0.3,
    plateaus=3,
    crops=False,
    early_snapshots=(),
)
"""The default recipe, but for its end: for nets that are compared, once their training images taught them all they could.

An epoch's error is that of the images it was trained on. The learning rate falls to 0.3 of it after an epoch without
error, or once three epochs in a row brought no lower one; when that has happened three times, training ends. Dropout, crops
and flips would keep the error from ever resting. Chosen by training error and time: docs/decisions/comparison-nets.md.
"""

ADAMW: dict[str, Any] = {"learning_rate": 1e-3, "weight_decay": 0.05}
"""What TRAINING_OPTIMISER=adamw changes in a recipe: the usual values for small nets with norms or attention."""

RECIPES = {recipe.recipe: recipe for recipe in (TrainingSettings(), PAPER_RECIPE)}

FIGURE_4_EPOCHS = (1, 2, 5, 10, 20, 30, 40, 64)


def snapshot_epochs(epochs: int) -> tuple[int, ...]:
    """Epochs after which a net is kept: figure 4's columns, in proportion if training is shorter, and always the last.

    >>> snapshot_epochs(64)
    (1, 2, 5, 10, 20, 30, 40, 64)
    >>> snapshot_epochs(12)
    (1, 2, 3, 4, 5, 6, 8, 12)
    """
    if epochs >= FIGURE_4_EPOCHS[-1]:
        return tuple(sorted({*FIGURE_4_EPOCHS, epochs}))
    kept: list[int] = []
    for epoch in FIGURE_4_EPOCHS:
        earliest = kept[-1] + 1 if kept else 1
        kept.append(max(earliest, round(epoch * epochs / FIGURE_4_EPOCHS[-1])))
    return (*(epoch for epoch in kept if epoch < epochs), epochs)


def learning_rate(settings: TrainingSettings, step: int, steps_per_epoch: int, errors: list[float]) -> float:
    """Learning rate of a step (steps count from 1), given the watched errors of the finished epochs.

    ``plateau``: multiplied by `anneal` at every plateau (the paper anneals "when the validation error plateaus").
    ``cosine``: half a cosine that would reach 0 one step after the last. Both rise linearly over `warm_up` epochs first.
    """
    rise = min(settings.warm_up, settings.epochs / 2) * steps_per_epoch
    if step <= rise:
        return settings.learning_rate * step / rise
    if settings.schedule == "plateau":
        return settings.learning_rate * settings.anneal ** plateaus(settings, errors)
    progress = (step - 1 - rise) / (settings.epochs * steps_per_epoch - rise)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * max(progress, 0.0)))


def ended(settings: TrainingSettings, errors: list[float]) -> bool:
    """Whether training is over, by its epochs or its plateaus, given the watched errors of the finished epochs."""
    return len(errors) >= settings.epochs or 0 < settings.plateaus <= plateaus(settings, errors)


def plateaus(settings: TrainingSettings, errors: list[float]) -> int:
    """How often `patience` epochs in a row brought no new lowest error.

    If plateaus end the training, the lowest error counts from the last fall of the rate; errors from before do not. Then
    an epoch with error 0 is a plateau by itself: no lower error can come.
    """
    lowest, waited, found = math.inf, 0, 0
    for error in errors:
        waited = 0 if error < lowest else waited + 1
        lowest = min(lowest, error)
        if waited == settings.patience or (settings.plateaus and error == 0):
            found, waited = found + 1, 0
            lowest = math.inf if settings.plateaus else lowest
    return found
