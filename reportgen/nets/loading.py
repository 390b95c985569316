"""Loading a net that was trained elsewhere: the module, its weights, what it reads, and what its classes are called."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reportgen.base.errors import UserError
from reportgen.data.classes import ClassName, read_classes
from reportgen.data.transforms import Channels, Preprocessing
from reportgen.nets.build import build, make
from reportgen.nets.checkpoints import classes_of_head, fit, read_state
from reportgen.nets.presets import Preset, download, preset, preset_of_file
from reportgen.nets.sizes import names_a_file, own_document
from reportgen.settings.recipes import OWN_NETS
from reportgen.settings.sections import ModelSettings, PreprocessingSettings

IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FACTORY = "factory"  # WEIGHTS=factory: those that the user's factory gives its net


@dataclass(frozen=True)
class Loaded:
    """A net with its weights, and everything that is known about it without an image."""

    net: nn.Module  # in eval(), on the CPU
    description: dict[str, Any]  # how `reportgen.nets.build.build` makes it again
    preprocessing: Preprocessing
    weights: str  # where they came from, as the report names them
    classes: tuple[ClassName, ...]  # empty: nobody says
    preprocessing_from: str  # who says what the net reads, as the report names it


def load(model: ModelSettings, given: PreprocessingSettings, crop: int) -> Loaded:
    """Build the net and load its weights; raises UserError, one line, for whatever is wrong with either."""
    named = read_classes(Path(model.classes), f"CLASSES={model.classes}") if model.classes else ()
    if model.name in OWN_NETS:
        return _own(model, given, crop, named)
    arguments: dict[str, Any] = {}
    preset_: Preset | None = None
    if model.weights == FACTORY and ":" in model.name:
        net, label = make(model.name, arguments), "the factory's own"
    elif names_a_file(model.weights) or ":" in model.name:
        preset_ = None if ":" in model.name else preset_of_file(model.name, model.weights)
        net, arguments = _fitted(model, preset_.arguments if preset_ else {})
        label = Path(model.weights).name
        if preset_ and arguments.get("num_classes", len(preset_.classes)) != len(preset_.classes):
            preset_ = None  # trained further, on other classes
    else:
        preset_ = preset(model.name, model.weights)
        net, arguments, label = make(model.name, preset_.arguments), preset_.arguments, preset_.label
        fit(net, download(model.name, model.weights), model.name, f"WEIGHTS={model.weights}")
    net.eval()
    preprocessing, said_by = _preprocessing(preset_, given, crop, _reads_grey(net, crop))
    classes = named or tuple(ClassName(name) for name in (preset_.classes if preset_ else ()))
    description = {"model": {"name": model.name, "arguments": arguments}}
    return Loaded(net, description, preprocessing, label, classes, said_by)


def _fitted(model: ModelSettings, arguments: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """The net with the weights of a file; a torchvision net takes as many classes as its last layer has there."""
    said_by = f"WEIGHTS={model.weights}"
    state = read_state(_file(model.weights), said_by)
    net = make(model.name, arguments)
    count = classes_of_head(net, state) if ":" not in model.name else None
    if count is not None:
        arguments = {**arguments, "num_classes": count}
        net = make(model.name, arguments)
    fit(net, state, model.name, said_by)
    return net, arguments


def _file(weights: str) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise UserError(f"WEIGHTS={weights}: no such file: give a .safetensors, .pt or .pth file")
    return path


def _own(model: ModelSettings, given: PreprocessingSettings, crop: int, named: tuple[ClassName, ...]) -> Loaded:
    """A net that an earlier run of reportgen trained: its file says everything."""
    path = _file(model.weights)
    document = own_document(path)
    is_ = next((name for name, base in OWN_NETS.items() if base.name == document["architecture"]["name"]), model.name)
    if is_ != model.name:
        raise UserError(f"WEIGHTS={path}: this net is a {is_}: give MODEL={is_}")
    own = Preprocessing.from_json(document["preprocessing"])
    if crop != own.crop:
        raise UserError(f"DATA_CROP={crop}: the net in {path} reads {own.crop} px: leave DATA_CROP out")
    net = build(document)
    fit(net, read_state(path, f"WEIGHTS={path}"), model.name, f"WEIGHTS={path}")
    classes = named or tuple(ClassName(name) for name in document.get("classes", ()))
    description = {"architecture": document["architecture"]}
    return Loaded(net.eval(), description, _overridden(own, given), path.name, classes, "its file says so")


def _reads_grey(net: nn.Module, crop: int) -> bool:
    """Whether the net reads one channel: its first convolution does, and nothing before that turns three into one."""
    first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.in_channels != 1:
        return False
    try:
        with torch.inference_mode():
            net(torch.zeros(1, 3, crop, crop))
    except Exception:  # whatever the user's forward pass raises
        return True
    return False


def _preprocessing(
    preset_: Preset | None, given: PreprocessingSettings, crop: int, grey: bool
) -> tuple[Preprocessing, str]:
    """What the net reads, and where that is known from."""
    for name in ("mean", "deviation"):
        values = getattr(given, name)
        if values and len(values) != (1 if grey else 3):
            wanted = "one number" if grey else "three numbers"
            said = ",".join(f"{value:g}" for value in values)
            raise UserError(
                f"PREPROCESSING_{name.upper()}={said}: the net reads {'grey' if grey else 'colours'}: give {wanted}"
            )
    if given.order and (given.order == "L") != grey:
        reads = "one channel: leave it out, or give L" if grey else "three channels: give RGB or BGR"
        raise UserError(f"PREPROCESSING_ORDER={given.order}: the net reads {reads}")
    mean, deviation = (preset_.mean, preset_.deviation) if preset_ else (IMAGENET_MEAN, IMAGENET_DEVIATION)
    usual = Preprocessing(crop, mean=mean, deviation=deviation)
    if grey:
        usual = Preprocessing(crop, order="L", mean=(average(mean),), deviation=(average(deviation),))
    stated = [key for key, value in asdict(given).items() if value not in (None, ())]
    if stated:
        return _overridden(usual, given), "the settings say so: " + ", ".join(stated)
    usually = "ImageNet's usual values were taken" + (", averaged over the colours" if grey else "")
    return usual, f"{preset_.label} says so" if preset_ else f"nobody says so: {usually}"


def average(values: Channels) -> float:
    """One number for a net that reads grey, of those of red, green and blue."""
    return round(sum(values) / len(values), 4)


def _overridden(usual: Preprocessing, given: PreprocessingSettings) -> Preprocessing:
    """The usual values, overridden by the settings; usual means and deviations are converted to the set range and order."""
    white, order = given.range or usual.range, given.order or usual.order
    turn = 1 if order == usual.order else -1

    def channels(asked: tuple[float, ...], values: Channels) -> Channels:
        return asked or tuple(value * white / usual.range for value in values[::turn])

    return Preprocessing(
        crop=usual.crop,
        range=white,
        order=order,
        mean=channels(given.mean, usual.mean),
        deviation=channels(given.deviation, usual.deviation),
    )
