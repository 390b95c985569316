"""Loading a net that was trained elsewhere: the module, its weights, what it reads, and what its classes are called."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.base.size import Sides, Size
from reportgen.data.class_lists import ClassList, read_classes
from reportgen.data.classes import ClassName
from reportgen.data.transforms import Channels, Preprocessing, usually_shown
from reportgen.nets import zoo
from reportgen.nets.answers import answering, entry_of
from reportgen.nets.build import COLOURS, born, build_from, make
from reportgen.nets.checkpoints import classes_of_head, fit, read_state
from reportgen.nets.presets import Preset, download, preset, preset_of_file
from reportgen.nets.sizes import names_a_file, own_document
from reportgen.nets.users_code import users_code
from reportgen.settings.recipes import OWN_NETS
from reportgen.settings.sections import FOLDER, TIMM, ModelSettings, PreprocessingSettings

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FACTORY = "factory"  # WEIGHTS=factory: those that the user's factory gives its net


@dataclass(frozen=True)
class Loaded:
    """A net with its weights, and everything that is known about it without an image."""

    net: nn.Module  # in eval(), on the CPU
    description: dict[str, Any]  # how `reportgen.nets.build.build` makes it again
    preprocessing: Preprocessing
    weights: str  # where they came from, as the report names them
    classes: ClassList  # empty: nobody says
    preprocessing_from: str  # who says what the net reads, as the report names it


def load(
    model: ModelSettings,
    given: PreprocessingSettings,
    crop: Sides,
    channels: int = COLOURS,
    red_green_blue: tuple[int, ...] = (),
) -> Loaded:
    """Build the net and load its weights; raises UserError, one line, for whatever is wrong with either.

    `channels`: of the images; `red_green_blue`: which of them are shown as these, where they are no colours.
    """
    crop = Size.of(crop)
    named = read_classes(Path(model.classes), f"CLASSES={model.classes}") if model.classes else None
    if model.name in OWN_NETS:
        return _own(model, given, crop, named, channels, red_green_blue)
    arguments: dict[str, Any] = {}
    preset_: Preset | None = None
    if model.name.startswith((TIMM, FOLDER)):
        preset_ = zoo.preset(model.name)
        given_file = names_a_file(model.weights) and model.weights
        arguments = preset_.arguments if preset_ else {}
        if given_file:
            net, arguments, first, key = _fitted(model, arguments, crop, channels)
            label = Path(model.weights).name + (f", {key}" if key else "")
            if preset_ and arguments.get("num_classes") not in (None, len(preset_.classes)):
                preset_ = replace(preset_, classes=())  # trained further, on other classes
        else:
            net, first, label = make(model.name, arguments), {}, preset_.label if preset_ else model.name
            fit(net, zoo.weights(model.name), model.name, f"WEIGHTS={model.weights}")
    elif model.weights == FACTORY and ":" in model.name:
        net, first = born(model.name, arguments, crop, channels)
        label = "the factory's own"
    elif names_a_file(model.weights) or ":" in model.name:
        preset_ = None if ":" in model.name else preset_of_file(model.name, model.weights)
        net, arguments, first, key = _fitted(model, preset_.arguments if preset_ else {}, crop, channels)
        label = Path(model.weights).name + (f", {key}" if key else "")
        if preset_ and arguments.get("num_classes", len(preset_.classes)) != len(preset_.classes):
            preset_ = None  # trained further, on other classes
    else:
        preset_ = preset(model.name, model.weights)
        net, first = make(model.name, preset_.arguments), {}
        arguments, label = preset_.arguments, preset_.label
        fit(net, download(model.name, model.weights), model.name, f"WEIGHTS={model.weights}")
    net.eval()
    if channels == COLOURS and _reads_grey(net, model, crop):
        channels = 1
    net, entry = _answering(net, model, (channels, *crop))
    preprocessing, said_by = _preprocessing(preset_, given, crop, channels, red_green_blue)
    classes = named or ClassList(preset_.classes if preset_ else ())
    description = {"model": {"name": model.name, "arguments": arguments, **first, **entry}}
    return Loaded(net, description, preprocessing, label, classes, said_by)


def _fitted(
    model: ModelSettings, arguments: dict[str, Any], crop: Size, channels: int
) -> tuple[nn.Module, dict[str, Any], dict[str, Any], str]:
    """The net with the weights of a file; a torchvision net takes as many classes as its last layer has there.

    With its arguments, what its description says of a first image, and which of several sets of weights was taken.
    """
    said_by = f"WEIGHTS={model.weights}"
    state = read_state(_file(model.weights), said_by)
    net, first = born(model.name, arguments, crop, channels)
    count = classes_of_head(net, state, model.weights_key, said_by) if ":" not in model.name else None
    if count is not None:
        arguments = {**arguments, "num_classes": count}
        net = make(model.name, arguments)
    try:
        found = fit(net, state, model.name, said_by, model.weights_key)
    except UserError as error:
        translated = zoo.in_timms_words(model.name, Path(model.weights)) if model.name.startswith(TIMM) else None
        if translated is not None:
            net = make(model.name, {})
            found = fit(net, translated, model.name, said_by)
            return net, {}, {}, "in the names of whoever published them"
        if not first:
            raise
        raise UserError(
            f"{error}; its lazy layers took their sizes from DATA_CROP={crop}: give that of its training"
        ) from None
    return net, arguments, first, found.key


def _answering(net: nn.Module, model: ModelSettings, shape: tuple[int, int, int]) -> tuple[nn.Module, dict[str, str]]:
    """The net, which returns its outputs alone, and what its description says of it, where it returned more."""
    try:
        with users_code(f"MODEL={model.name}", "running one image"), torch.no_grad():
            answer = net(torch.zeros(1, *shape))
    except UserError:
        raise
    except Exception:  # the stage that follows its forward pass says what is wrong
        return net, {}
    name = entry_of(answer, model.entry, f"MODEL={model.name}")
    if not name:
        return net, {}
    say(f"  MODEL={model.name}: it returns several things: read as its outputs is the entry {name}")
    return answering(net, name), {"entry": name}


def _file(weights: str) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise UserError(
            f"WEIGHTS={weights}: no such file: give a .safetensors, .pt or .pth file, or DEFAULT (the library's own)"
        )
    return path


def _own(
    model: ModelSettings,
    given: PreprocessingSettings,
    crop: Size,
    named: ClassList | None,
    channels: int,
    red_green_blue: tuple[int, ...],
) -> Loaded:
    """A net that an earlier run of reportgen trained: its file says everything."""
    path = _file(model.weights)
    document = own_document(path)
    is_ = next((name for name, base in OWN_NETS.items() if base.name == document["architecture"]["name"]), model.name)
    if is_ != model.name:
        raise UserError(f"WEIGHTS={path}: this net is a {is_}: give MODEL={is_}")
    if document.get("outputs") == "sigmoid" != model.outputs:
        raise UserError(f"WEIGHTS={path}: the net says each label by itself: give OUTPUTS=sigmoid")
    own = Preprocessing.from_json(document["preprocessing"])
    if crop != own.crop:
        raise UserError(f"DATA_CROP={crop}: the net in {path} reads {own.crop} px: leave DATA_CROP out")
    reads = own.channels if own.order == "ALL" else COLOURS
    if channels != reads:
        raise UserError(f"DATA_CHANNELS={channels}: the net in {path} reads images of {reads} channels: give that")
    if red_green_blue:
        own = replace(own, red_green_blue=red_green_blue)
    try:
        net = build_from(path, document)
    except ValueError as error:
        raise UserError(f"WEIGHTS={path}: {error}: give a net.safetensors as reportgen wrote it") from None
    fit(net, read_state(path, f"WEIGHTS={path}"), model.name, f"WEIGHTS={path}", model.weights_key)
    classes = named or ClassList(tuple(ClassName(name) for name in document.get("classes", ())))
    description = {"architecture": document["architecture"]}
    return Loaded(net.eval(), description, _overridden(own, given), path.name, classes, "its file says so")


def _reads_grey(net: nn.Module, model: ModelSettings, crop: Size) -> bool:
    """Whether the net reads one channel: its first convolution does, and nothing before that turns three into one."""
    first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.in_channels != 1:
        return False
    try:
        with users_code(f"MODEL={model.name}", "running one image"), torch.inference_mode():
            net(torch.zeros(1, COLOURS, *crop))
    except UserError:
        raise
    except Exception:  # whatever the user's forward pass raises
        return True
    return False


def _preprocessing(
    preset_: Preset | None,
    given: PreprocessingSettings,
    crop: Size,
    channels: int,
    red_green_blue: tuple[int, ...],
) -> tuple[Preprocessing, str]:
    """What the net reads, and where that is known from; `channels`: that it reads, of one the luminance."""
    grey = channels == 1
    for name in ("mean", "deviation"):
        values = getattr(given, name)
        if values and len(values) != channels:
            reads = {1: "grey", 3: "colours"}.get(channels, f"{channels} channels")
            wanted = {1: "one number", 3: "three numbers"}.get(channels, f"{channels} numbers")
            said = ",".join(f"{value:g}" for value in values)
            raise UserError(f"PREPROCESSING_{name.upper()}={said}: the net reads {reads}: give {wanted}")
    if given.order and (given.order == "L") != grey:
        reads = "one channel: leave it out, or give L" if grey else "three channels: give RGB or BGR"
        raise UserError(f"PREPROCESSING_ORDER={given.order}: the net reads {reads}")
    usual = Preprocessing(crop, mean=IMAGENET_MEAN, deviation=IMAGENET_DEVIATION)
    if channels not in (1, COLOURS):
        mean, deviation = ((average(values),) * channels for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        shown = red_green_blue or usually_shown(channels)
        usual = Preprocessing(crop, 1.0, "ALL", mean, deviation, shown)
    elif preset_ is not None:
        usual = Preprocessing(crop, preset_.range, preset_.order, preset_.mean, preset_.deviation)
    if grey:
        mean, deviation = (average(usual.mean),), (average(usual.deviation),)
        usual = replace(usual, order="L", mean=mean, deviation=deviation)
    stated = [key for key, value in asdict(given).items() if value not in (None, ())]
    if stated:
        return _overridden(usual, given), "the settings say so: " + ", ".join(stated)
    usually = "ImageNet's usual values were taken" + (", averaged over the colours" if channels != COLOURS else "")
    return usual, f"{preset_.label} says so" if preset_ and channels in (1, COLOURS) else f"nobody says so: {usually}"


def average(values: Channels) -> float:
    """One number for a net that reads grey, of those of red, green and blue."""
    return round(sum(values) / len(values), 4)


def _overridden(usual: Preprocessing, given: PreprocessingSettings) -> Preprocessing:
    """The usual values, overridden by the settings; usual means and deviations are converted to the set range and order."""
    white, order = given.range or usual.range, given.order or usual.order
    if given.mean and max(given.mean) > white:
        said = ",".join(f"{value:g}" for value in given.mean)
        raise UserError(
            f"PREPROCESSING_MEAN={said}: brighter than white, which is PREPROCESSING_RANGE={white:g}: give PREPROCESSING_RANGE=255 if "
            "the net reads 0 to 255, else the mean in units of the range"
        )
    turn = 1 if order == usual.order else -1

    def channels(asked: tuple[float, ...], values: Channels) -> Channels:
        return asked or tuple(value * white / usual.range for value in values[::turn])

    return replace(
        usual,
        range=white,
        order=order,
        mean=channels(given.mean, usual.mean),
        deviation=channels(given.deviation, usual.deviation),
    )
