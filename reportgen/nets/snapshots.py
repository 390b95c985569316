"""Nets in files that explain themselves, and the snapshots that training leaves behind."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from reportgen.base.artifacts import write_bytes
from reportgen.base.errors import UserError
from reportgen.data.transforms import Preprocessing
from reportgen.nets.build import build
from reportgen.nets.zfnet import ZFNet

NET = "net.safetensors"  # the file of a net in the artefact of the stage that made it
SNAPSHOTS = "snapshots"


def snapshot_path(folder: Path, epoch: float | int) -> Path:
    """Where the net of an epoch is kept: ``epoch-003.safetensors``, or ``epoch-000.25.safetensors`` early on."""
    whole = int(epoch)
    fraction = f"{epoch - whole:.4f}".rstrip("0")[1:].rstrip(".") if epoch != whole else ""
    return folder / SNAPSHOTS / f"epoch-{whole:03d}{fraction}.safetensors"


def snapshots(folder: Path) -> dict[float, Path]:
    """The nets kept in `folder`, by epoch, ascending."""
    paths = (folder / SNAPSHOTS).glob("epoch-*.safetensors")
    return dict(sorted((float(path.stem.removeprefix("epoch-")), path) for path in paths))


def save_net(
    net: nn.Module,
    preprocessing: Preprocessing,
    path: Path,
    description: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """Write a net with its description and preprocessing, so that the file explains itself (safetensors).

    `description` says how `reportgen.nets.build.build` makes a net that is not ours; `more` is for whoever reads it.
    """
    weights: dict[str, torch.Tensor] = {}
    places: set[int] = set()
    for name, value in net.state_dict().items():
        tensor = value.detach().cpu().contiguous()
        weights[name] = tensor.clone() if tensor.data_ptr() in places else tensor  # safetensors refuses shared memory
        places.add(tensor.data_ptr())
    if description is None:
        assert isinstance(net, ZFNet)
        description = {"architecture": asdict(net.architecture)}
    document = {**description, "preprocessing": preprocessing.as_json(), **more}
    # one entry: with several, safetensors writes them in an order that differs from run to run
    metadata = {"reportgen": json.dumps(document, sort_keys=True)}
    write_bytes(path, safetensors.torch.save(weights, metadata))


def load_net(path: Path) -> tuple[nn.Module, Preprocessing]:
    """Read what `save_net` wrote: the net on the CPU in channels_last memory, in evaluation mode.

    Raises UserError for a file that is damaged, that something else wrote, or whose weights do not fit its net.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}): delete its folder, and reportgen makes it again") from None
    if "reportgen" not in metadata:
        raise UserError(f"{path} does not say which net it holds: reportgen did not write it")
    document = json.loads(metadata["reportgen"])
    net = build(document)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip()
        raise UserError(
            f"{path} does not fit its net: {first} Delete its folder, and reportgen makes it again"
        ) from None
    return net.to(memory_format=torch.channels_last).eval(), Preprocessing.from_json(document["preprocessing"])
