"""Where the training departs from the paper's protocol (Zeiler & Fergus 2013, section 3)."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reportgen.settings.recipes import PAPER_RECIPE, ZEILER_FERGUS


class Departure(NamedTuple):
    """One thing that the paper does otherwise."""

    what: str
    paper: str
    here: str


def departures(recipe: Mapping[str, Any], net: Mapping[str, Any], size: int | str, images: int) -> Iterator[Departure]:
    """Every difference between the paper's protocol and a training by `recipe` of the architecture `net`.

    `size`: of the stored images, pixels, as `Size.said`; `images`: training images.
    """
    crop = net["input_size"]
    if (size, crop) != (256, 224):
        yield Departure(
            "input", "crops of 224 px from images of 256 px", f"crops of {crop} px from images of {size} px"
        )
    if recipe["mean"] != "pixel":
        yield Departure(
            "mean that is subtracted", "of every pixel", "of every channel (TRAINING_MEAN=pixel for the paper's)"
        )
    if recipe["inputs"] != "paper":
        yield Departure("scale of the input", "about -128 to 128", "unit variance of every channel")
    yield Departure("crops in training", "ten fixed crops and their flips", _crops(recipe))
    yield Departure("accuracy", "mean over ten crops", "the centre crop; ten crops stand beside it")
    if not 1_200_000 <= images <= 1_400_000:
        yield Departure("training images", "1.3 million of 1,000 classes", f"{images:,} of {net['classes']:,} classes")
    yield from _differing(recipe)
    if recipe["schedule"] == "cosine":
        yield Departure(
            "learning rate",
            "0.01, lowered by hand when the validation error plateaus",
            f"{recipe['learning_rate']:g}, half a cosine",
        )
    elif recipe["learning_rate"] != PAPER_RECIPE.learning_rate:
        yield Departure("learning rate", f"{PAPER_RECIPE.learning_rate:g}", f"{recipe['learning_rate']:g}")
    if recipe["initialisation"] != "paper":
        yield Departure("initial weights", "deviation 0.01", "He's scale, rescaled to unit deviation on 200 images")
    if recipe["clip_rms"] != PAPER_RECIPE.clip_rms:
        here = f"at {recipe['clip_rms']:g}" if recipe["clip_rms"] else "no"
        yield Departure("clipping of the filters' RMS", f"at {PAPER_RECIPE.clip_rms:g}", here)
    yield from _shape(net)


def _crops(recipe: Mapping[str, Any]) -> str:
    return "one at random for each image and epoch, half of them mirrored" if recipe["crops"] else "the centre"


def _differing(recipe: Mapping[str, Any]) -> Iterator[Departure]:
    named = {
        "epochs": "epochs",
        "batch_size": "images in a batch",
        "momentum": "momentum",
        "weight_decay": "weight decay",
        "dropout": "dropout",
    }
    for name, what in named.items():
        paper = getattr(PAPER_RECIPE, name)
        if recipe[name] != paper:
            yield Departure(what, "none mentioned" if name == "weight_decay" else f"{paper:g}", f"{recipe[name]:g}")


def _shape(net: Mapping[str, Any]) -> Iterator[Departure]:
    paper = ZEILER_FERGUS
    if tuple(net["widths"]) != paper.widths:
        yield Departure("maps of layers 1-5", _list(paper.widths), _list(net["widths"]))
    if tuple(net["fully_connected"]) != paper.fully_connected:
        yield Departure("units of layers 6 and 7", _list(paper.fully_connected), _list(net["fully_connected"]))
    if net["second_padding"] != paper.second_padding:
        yield Departure(
            "padding of layer 2",
            "not printed; 0 px give its sizes",
            f"{net['second_padding']} px, for the smaller images",
        )


def _list(values: Any) -> str:
    return ", ".join(f"{value:,}" for value in values)
