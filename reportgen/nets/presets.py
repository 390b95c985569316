"""What torchvision says about its own weights, and where it keeps them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.error import URLError

import torch
from PIL import Image

from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.base.size import Size
from reportgen.data.classes import ClassName
from reportgen.data.transforms import Channels
from reportgen.nets.checkpoints import State
from reportgen.settings.recipes import OWN_NETS
from reportgen.settings.sections import Interpolation, Scaled


@dataclass(frozen=True)
class Preset:
    """What is said about a net's own weights by whoever publishes them."""

    label: str  # "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    size: Size  # pixels: images are scaled until they cover this
    crop: Size
    mean: Channels
    deviation: Channels
    classes: tuple[ClassName, ...]
    arguments: dict[str, Any]  # of the constructor
    range: float = 1.0
    order: Literal["RGB", "BGR"] = "RGB"
    interpolation: Interpolation = "bicubic"

    @property
    def scaled(self) -> Scaled:
        """How images are scaled for it."""
        return Scaled(self.size, self.crop, self.interpolation)


def known_interpolation(said: object) -> Interpolation:
    """What a publisher calls an interpolation: by name, or by Pillow's number; bicubic, where it is none or any."""
    names: tuple[Interpolation, ...] = get_args(Interpolation)
    known: dict[object, Interpolation] = {name: name for name in names}
    known |= {int(Image.Resampling[name.upper()]): name for name in names}
    return known.get(said, "bicubic")


def classifiers() -> list[str]:
    """The names of torchvision's classifiers."""
    import torchvision  # takes seconds, and the nets of our own do without it

    return torchvision.models.list_models(module=torchvision.models)


def check_classifier(name: str) -> None:
    """Raise UserError with the nearest name where torchvision has no such classifier."""
    known = classifiers()
    if name not in known:
        near = nearest(name, [*OWN_NETS, *known])
        raise UserError(
            f"MODEL={name}: no such net{near} ({', '.join(OWN_NETS)}, torchvision's {len(known)} classifiers, or your own "
            "as package.module:factory)"
        )


def preset(name: str, weights: str) -> Preset:
    """What torchvision says of weights of that name; raises UserError with the names that there are."""
    import torchvision  # takes seconds: not where only names are needed

    check_classifier(name)
    known = torchvision.models.get_model_weights(name)
    member = weights.rpartition(".")[2]
    if member not in known.__members__:
        there = ", ".join(known.__members__) or "none: torchvision has no weights for it"
        raise UserError(f"WEIGHTS={weights}: no such weights of {name}{nearest(member, known.__members__)} ({there})")
    entry = known[member]
    transforms = entry.transforms()
    arguments: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        arguments["transform_input"] = True  # as torchvision builds them for these weights
    if name.startswith("vit_"):
        arguments["image_size"] = transforms.crop_size[0]
    return Preset(
        label=str(entry),
        size=Size.of(max(transforms.resize_size[0], transforms.crop_size[0])),
        crop=Size.of(transforms.crop_size[0]),
        mean=tuple(transforms.mean),
        deviation=tuple(transforms.std),
        classes=tuple(ClassName(name) for name in entry.meta["categories"]),
        arguments=arguments,
        interpolation=known_interpolation(transforms.interpolation.value),
    )


def preset_of_file(name: str, weights: str) -> Preset | None:
    """What torchvision says of a file of weights, if it is one of its own by its name, which ends in a checksum."""
    import torchvision  # takes seconds: not where only names are needed

    check_classifier(name)
    known = torchvision.models.get_model_weights(name)
    for member, entry in known.__members__.items():
        if entry.url.rpartition("/")[2] == Path(weights).name:
            return preset(name, member)
    return None


def download(name: str, weights: str) -> State:
    """torchvision's weights, from torch hub's folder or the network; raises UserError that says which file is wanted."""
    import torchvision  # takes seconds: not where only names are needed

    entry = torchvision.models.get_model_weights(name)[weights.rpartition(".")[2]]
    file, folder = entry.url.rpartition("/")[2], Path(torch.hub.get_dir()) / "checkpoints"
    try:
        return dict(entry.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True))
    except (URLError, OSError, RuntimeError) as error:
        reason = str(getattr(error, "reason", error)).strip().split("\n")[0]
        raise UserError(
            f"WEIGHTS={weights}: {file} cannot be downloaded from {entry.url.split('/')[2]} ({reason}): put it into {folder}, "
            f"or give WEIGHTS=path/to/{file}"
        ) from None
