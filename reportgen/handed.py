"""A net and images in memory, put where the stages find them: a module of the running process, and files in the build folder."""

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import nn

from reportgen.base.artifacts import digest, replace_folder, write_bytes, write_json
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.pipeline import holdings

MODULE = "in_memory"  # of the running process: MODEL=in_memory:ResNet
FOLDER = "in-memory"  # below the build folder


def switches_for(
    net: Any,
    images: Any,
    labels: Sequence[int] | None,
    classes: Sequence[str] | None,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    build: Path,
) -> dict[str, str]:
    """Write the net's weights and the images; the switches that name them. Arguments as of `reportgen.api.make_report`."""
    if not isinstance(net, nn.Module):
        raise UserError(f"net: a {type(net).__name__}, not a torch.nn.Module: give the net itself")
    pictures = _pictures(images)
    known = _labels(labels, len(pictures))
    names = _classes(classes, known)
    channels = {
        "PREPROCESSING_MEAN": _channels("mean", mean, pictures[0]),
        "PREPROCESSING_DEVIATION": _channels("deviation", deviation, pictures[0]),
    }
    kept = copy.deepcopy(net).cpu()
    kept.eval()  # which people's own may forget to give back
    shapes = {picture.shape[:2] for picture in pictures}
    size = Size(*shapes.pop()) if len(shapes) == 1 else Size.of(min(min(shape) for shape in shapes))
    holdings.enter(build, [FOLDER])
    folder = build / FOLDER
    with replace_folder(folder) as new:
        _write_images(new / "images", pictures, known)
        write_bytes(new / "net.safetensors", _weights(kept, pictures[0].shape[-1], size))
        write_json(new / "classes.json", names)
    module = ModuleType(MODULE)
    name = type(net).__name__
    setattr(module, name, lambda: copy.deepcopy(kept))
    sys.modules[MODULE] = module
    found = {
        "MODEL": f"{MODULE}:{name}",
        "WEIGHTS": str(folder / "net.safetensors"),
        "DATA": str(folder / "images"),
        "DATA_SIZE": str(size),
        "DATA_CROP": str(size),
    } | channels
    if known is not None:
        found["LABELS_ORDER"] = "numbers"
    if names:
        found["CLASSES"] = str(folder / "classes.json")
    return found


def _pictures(images: Any) -> list[np.ndarray]:
    """Every image as uint8 "row column channel"."""
    if isinstance(images, torch.Tensor):
        images = images.detach().cpu().numpy()
    found = [_picture(image, place) for place, image in enumerate(images)]
    if not found:
        raise UserError("images: none: give one or more")
    return found


def _picture(image: Any, place: int) -> np.ndarray:
    if isinstance(image, Image.Image):
        image = image.convert("L" if image.mode == "L" else "RGB")
    values = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or not {1, 3} & {values.shape[0], values.shape[-1]}:
        raise UserError(f"images: image {place} has the shape {values.shape}: give 1 or 3 channels, rows and columns")
    if values.shape[-1] not in (1, 3):
        values = np.moveaxis(values, 0, -1)
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if not np.issubdtype(values.dtype, np.floating):
        raise UserError(f"images: image {place} is of {values.dtype}: give uint8, 0 to 255, or floating-point, 0 to 1")
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise UserError(
            f"images: image {place} reaches from {values.min():.3g} to {values.max():.3g}: give 0 to 1, as before "
            "normalisation, and what is subtracted and divided by as mean= and deviation="
        )
    return np.round(values * 255).astype(np.uint8)


def _labels(labels: Sequence[int] | None, count: int) -> list[int] | None:
    if labels is None:
        return None
    known = [int(label) for label in labels]
    if len(known) != count:
        raise UserError(f"labels: {len(known)} for {count} images: give one for each image")
    if min(known) < 0:
        raise UserError(f"labels: {min(known)} is none: they count the net's outputs from 0")
    return known


def _classes(classes: Sequence[str] | None, labels: list[int] | None) -> list[str]:
    names = [str(name) for name in classes or ()]
    if names and labels and max(labels) >= len(names):
        raise UserError(
            f"classes: {len(names)} names, but a label is {max(labels)}: give a name for each of the net's outputs"
        )
    return names


def _channels(name: str, values: tuple[float, ...], picture: np.ndarray) -> str:
    channels = picture.shape[-1]
    if len(values) not in (1, channels):
        raise UserError(f"{name}: {len(values)} numbers for {channels} channels: give one, or one for each")
    return ",".join(str(float(value)) for value in (values * channels if len(values) == 1 else values))


def _weights(net: nn.Module, channels: int, size: Size) -> bytes:
    """The net's weights as a file, with a digest of what the net makes of noise: code has no other trace in memory."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, channels, size.rows, size.columns, generator=generator)
    try:
        with torch.no_grad():
            said = repr(copy.deepcopy(net)(noise))
    except Exception:  # the stage that follows the forward pass says what is wrong
        said = ""
    state = {name: value.detach().cpu().clone().contiguous() for name, value in net.state_dict().items()}
    return save(state, metadata={"made_of_noise": digest([repr(net), said])})


def _write_images(folder: Path, pictures: Sequence[np.ndarray], labels: list[int] | None) -> None:
    """Write every image as a PNG, in a folder for its class."""
    for place, picture in enumerate(pictures):
        home = folder if labels is None else folder / f"{labels[place]}"
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(home / f"{place:06d}.png")
