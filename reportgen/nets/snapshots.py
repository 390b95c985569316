"""Nets in files that explain themselves, and the snapshots that training leaves behind."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from reportgen.base import foreign
from reportgen.base.artifacts import write_bytes
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.data.transforms import Preprocessing
from reportgen.nets.behaviour import in_channels_last
from reportgen.nets.build import build_from
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
        description = {"architecture": net.architecture.as_json()}
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
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is damaged ({error}): delete its folder, and reportgen makes it again") from None
    if "reportgen" not in metadata:
        raise UserError(f"{path} does not say which net it holds: reportgen did not write it")
    try:
        document: dict[str, Any] = foreign.parsed(metadata["reportgen"].encode(), dict[str, Any])
        net, preprocessing = build_from(path, document), Preprocessing.from_json(document["preprocessing"])
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:  # of no net that can be built
        raise UserError(
            f"{path} is damaged ({foreign.in_few_words(error)}): delete its folder, and reportgen makes it again"
        ) from None
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip()
        raise UserError(
            f"{path} does not fit its net: {first} Delete its folder, and reportgen makes it again"
        ) from None
    return in_channels_last(net).eval(), preprocessing


def interrupted(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The state of a training that was interrupted; None where there is none, or, and said, where the file is damaged."""
    if not path.exists():
        return None
    try:
        # A pipe, which torch would wait for, is no file.
        found = torch.load(path, map_location=device, weights_only=True) if path.is_file() else None
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
        found = None
    if isinstance(found, dict) and {"identity", "net", "optimiser", "history"} <= found.keys():
        return found
    say(f"warning: {path} is damaged: training begins anew")
    return None
