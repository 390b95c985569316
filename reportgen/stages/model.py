"""The model stage: a net that was trained elsewhere, with its weights, before any image is looked at."""

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from reportgen import probe
from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.nets.build import build, in_one_line
from reportgen.nets.checkpoints import fit, read_state
from reportgen.nets.loading import Loaded, load
from reportgen.nets.snapshots import NET, save_net, snapshot_path
from reportgen.pipeline.work import Work
from reportgen.probe import Graph

LEAST_CLASSES = 2
COLOURS = 3


def make(work: Work, folder: Path) -> None:
    """Write the net and its snapshots as `reportgen.nets.snapshots.load_net` opens them, and what is known of them."""
    model, data = work.settings.model, work.settings.data
    loaded = load(model, work.settings.preprocessing, data.crop)
    graph = trace(model.name, loaded.net, data.crop, loaded.preprocessing.channels)
    outputs = _outputs(model.name, graph)
    if loaded.classes and len(loaded.classes) != outputs:
        said_by = f"CLASSES={model.classes}" if model.classes else f"WEIGHTS={model.weights}"
        raise UserError(f"{said_by}: {len(loaded.classes)} classes, but the net {model.name} has {outputs}")
    save_net(loaded.net, loaded.preprocessing, folder / NET, loaded.description)
    epochs = list(_snapshots(Path(model.snapshots), loaded, folder, model.name)) if model.snapshots else []
    numbers = {
        "name": model.name,
        "weights": loaded.weights,
        "parameters": sum(value.numel() for value in loaded.net.parameters()),
        "multiply_adds": multiply_adds(graph),
        "preprocessing": loaded.preprocessing.as_json(),
        "preprocessing_from": loaded.preprocessing_from,
        "snapshots": sorted(epochs),
        "outputs": outputs,
        "unfollowed": graph.unfollowed,
    }
    write_json(folder / DOCUMENT, {"numbers": numbers, "classes": [asdict(entry) for entry in loaded.classes]})


def trace(name: str, net: torch.nn.Module, crop: int, channels: int = COLOURS) -> Graph:
    """The net as the probe sees it; raises UserError where it does not take one image of this size."""
    try:
        graph = probe.trace(net, torch.zeros(1, channels, crop, crop))
    except probe.ProbeError as error:
        raise UserError(f"MODEL={name}: {error}") from None
    except Exception as error:  # whatever the user's forward pass raises
        first = next((module for module in net.modules() if isinstance(module, torch.nn.Conv2d)), None)
        if first is not None and first.in_channels != channels:
            raise UserError(
                f"MODEL={name}: its first convolution takes {first.in_channels} channels, images have {COLOURS}: give a "
                "factory that wraps the net and turns red, green and blue into what it reads"
            ) from None
        raise UserError(
            f"MODEL={name}: it cannot read {crop} px images, DATA_CROP={crop} ({in_one_line(error)})"
        ) from None
    if graph.unfollowed:
        say(f"  {graph.unfollowed}: no projections, and every image is run by itself, whole")
    return graph


def _outputs(name: str, graph: Graph) -> int:
    """How many classes the net tells apart; raises UserError where it does not give a logit for each of several."""
    try:
        shape = graph.shape(graph.output)
    except probe.ProbeError:
        raise UserError(
            f"MODEL={name}: it returns several things: return the logits alone, from a factory that wraps the net"
        ) from None
    if shape == ():
        raise UserError(
            f"MODEL={name}: of one image it loses the axis of the batch: write flatten(1) where it says squeeze()"
        )
    if len(shape) != 1:
        raise UserError(f"MODEL={name}: it gives {shape} for an image, not one number for each class")
    if shape[0] < LEAST_CLASSES:
        raise UserError(
            f"MODEL={name}: it gives one number for an image: give one for each class, of yes or no "
            "torch.cat([-x, x], 1) / 2 of the number x"
        )
    return shape[0]


def multiply_adds(graph: Graph) -> int:
    """Multiplications with an addition that one image costs, in convolutions and fully connected layers."""
    total = 0
    for node in graph.nodes.values():
        if node.kind in ("conv2d", "linear"):
            places = node.shape[1] * node.shape[2] if node.spatial else 1
            total += places * node.operation.settings["weight"]().numel()
    return total


def _snapshots(source: Path, loaded: Loaded, folder: Path, name: str) -> Iterator[float]:
    """Keep every checkpoint of the user's folder as a snapshot; gives the epochs."""
    found = {
        path: re.fullmatch(r"epoch-(\d+(?:\.\d+)?)\.(safetensors|pt|pth)", path.name)
        for path in sorted(source.iterdir())
    }
    named = {path: float(match[1]) for path, match in found.items() if match}
    if not named:
        raise UserError(f"SNAPSHOTS={source}: no checkpoints in it: name them epoch-1.pt, epoch-2.safetensors, ...")
    for path, epoch in named.items():
        net = build(loaded.description)
        fit(net, read_state(path, f"SNAPSHOTS={path}"), name, f"SNAPSHOTS={path}")
        save_net(net.eval(), loaded.preprocessing, snapshot_path(folder, epoch), loaded.description)
        yield epoch
