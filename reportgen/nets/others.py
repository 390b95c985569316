"""Nets that are not the paper's and are trained here: what they are given, and how they begin."""

import inspect
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from reportgen.base.errors import UserError
from reportgen.base.size import Sides, Size
from reportgen.nets.answers import answering, entry_of
from reportgen.nets.build import COLOURS, born, build, cannot_read, factory_of, make
from reportgen.nets.users_code import users_code
from reportgen.settings.sections import TIMM

ANY = 2  # classes, where only the net itself is tried
CLASSES = (
    "num_classes",
    "classes",
    "n_classes",
    "nclasses",
    "num_class",
    "nb_classes",
    "num_labels",
    "n_out",
    "out_features",
)
_drawing = threading.Lock()  # initial weights are drawn from torch's one generator


@dataclass(frozen=True)
class OtherNet:
    """A net that is not the paper's, as a training needs it."""

    description: Mapping[str, Any]  # how `reportgen.nets.build.build` makes it
    classes: int
    input_size: Size  # of the crop, pixels
    channels: int = COLOURS  # that it reads

    @property
    def name(self) -> str:
        """The net, as ``MODEL=`` names it."""
        return self.description["model"]["name"]

    def as_json(self) -> dict[str, Any]:
        """The values as a JSON document."""
        values = {**asdict(self), "input_size": self.input_size.said}
        if self.channels == COLOURS:
            del values["channels"]
        return values

    def drawn(self, generator: torch.Generator) -> nn.Module:
        """The untrained net, with initial weights of its own making that `generator` decides."""
        seed = int(torch.randint(2**62, (), generator=generator))
        with _drawing, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(self.description)


def other_net(name: str, classes: int, crop: Sides, channels: int = COLOURS) -> OtherNet:
    """The net of that name for so many classes and images of that size.

    torchvision's and timm's nets take ``num_classes``, a factory the argument that it has for it. Raises UserError where the
    net cannot be made, does not read such images, or does not give a number for each class.
    """
    crop = Size.of(crop)
    arguments = _arguments(name, classes, crop, channels)
    more, outputs = _made(name, arguments, crop, channels)
    if outputs != (1, classes):
        raise UserError(
            f"MODEL={name}: it gives {'x'.join(map(str, outputs[1:]))} numbers for an image, but the images have {classes} "
            "classes: let the factory take their number as an argument num_classes"
        )
    return OtherNet({"model": {"name": name, "arguments": arguments, **more}}, classes, crop, channels)


def _made(name: str, arguments: Mapping[str, Any], crop: Size, channels: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    """What else the net's description says, and the shape of what it gives for one image."""
    net, first = born(name, arguments, crop, channels)
    shape = [channels, *crop]
    try:
        with users_code(f"MODEL={name}", "running one image"), torch.no_grad():
            answer = net.eval()(torch.zeros(1, *shape))
            entry = entry_of(answer, "", f"MODEL={name}")
            outputs = answering(net, entry)(torch.zeros(1, *shape))
    except UserError:
        raise
    except Exception as error:
        raise cannot_read(net, name, shape, error) from None
    return {**first, **({"entry": entry} if entry else {})}, tuple(outputs.shape)


def _arguments(name: str, classes: int, crop: Size, channels: int) -> dict[str, Any]:
    if ":" in name:
        return _of_factory(name, classes)
    found: dict[str, Any] = {"num_classes": classes}
    if name.startswith(TIMM):
        found |= {"in_chans": channels} if channels != COLOURS else {}
        # Transformers and the like have a size; convolutions know no such argument.
        sized = {**found, "img_size": crop.rows if crop.square else tuple(crop)}
        try:
            make(name, sized)
        except UserError as error:
            return found if "img_size" in str(error) else sized
        return sized
    if name.startswith("vit_"):
        if not crop.square:
            raise UserError(f"DATA_CROP={crop}: MODEL={name} reads squares alone: give one number")
        found["image_size"] = crop.rows
    elif name.startswith("maxvit"):
        found["input_size"] = tuple(crop)
    elif name in ("googlenet", "inception_v3"):
        found |= {"aux_logits": False, "init_weights": True}
    return found


def _of_factory(name: str, classes: int) -> dict[str, Any]:
    factory = factory_of(name)
    if isinstance(factory, nn.Module):
        return {}
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}
    taken = next((word for word in CLASSES if word in parameters), None)
    if taken is None and any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        taken = CLASSES[0]
    return {taken: classes} if taken else {}
