"""Nets that are not the paper's and are trained here: what they are given, and how they begin."""

import inspect
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from reportgen.base.errors import UserError
from reportgen.nets.answers import answering, entry_of
from reportgen.nets.build import build, cannot_read, factory_of, make, show_first, unborn
from reportgen.nets.users_code import users_code
from reportgen.settings.sections import TIMM

COLOURS = 3
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
    input_size: int  # side of the crop, pixels

    @property
    def name(self) -> str:
        """The net, as ``MODEL=`` names it."""
        return self.description["model"]["name"]

    def drawn(self, generator: torch.Generator) -> nn.Module:
        """The untrained net, with initial weights of its own making that `generator` decides."""
        seed = int(torch.randint(2**62, (), generator=generator))
        with _drawing, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(self.description)

    def again(self, classes: int, crop: int) -> "OtherNet":
        """The same net for other images."""
        return other_net(self.name, classes, crop)


def check_other(name: str, crop: int) -> None:
    """Raise UserError where there is no such net, or it does not read images of that size."""
    _made(name, _arguments(name, ANY, crop), crop)


def other_net(name: str, classes: int, crop: int) -> OtherNet:
    """The net of that name for so many classes and images of `crop` pixels.

    torchvision's and timm's nets take ``num_classes``, a factory the argument that it has for it. Raises UserError where the
    net cannot be made, does not read such images, or does not give a number for each class.
    """
    arguments = _arguments(name, classes, crop)
    more, outputs = _made(name, arguments, crop)
    if outputs != (1, classes):
        raise UserError(
            f"MODEL={name}: it gives {'x'.join(map(str, outputs[1:]))} numbers for an image, but the images have {classes} "
            "classes: let the factory take their number as an argument num_classes"
        )
    return OtherNet({"model": {"name": name, "arguments": arguments, **more}}, classes, crop)


def _made(name: str, arguments: Mapping[str, Any], crop: int) -> tuple[dict[str, Any], tuple[int, ...]]:
    """What else the net's description says, and the shape of what it gives for one image."""
    net, shape = make(name, arguments), [COLOURS, crop, crop]
    first = {"first": shape} if unborn(net) else {}
    if first:
        show_first(net, name, shape)
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


def _arguments(name: str, classes: int, crop: int) -> dict[str, Any]:
    if ":" in name:
        return _of_factory(name, classes)
    found: dict[str, Any] = {"num_classes": classes}
    if name.startswith(TIMM):
        sized = {**found, "img_size": crop}  # transformers and the like have a size; convolutions know no such argument
        try:
            make(name, sized)
        except UserError as error:
            return found if "img_size" in str(error) else sized
        return sized
    if name.startswith("vit_"):
        found["image_size"] = crop
    elif name.startswith("maxvit"):
        found["input_size"] = (crop, crop)
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
